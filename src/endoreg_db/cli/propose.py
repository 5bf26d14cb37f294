"""``endoreg device propose``: a first device profile, from a recording."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endoreg_db.cli.output import Output, printable, shell_word
from endoreg_db.errors import ConfigurationError

if TYPE_CHECKING:
    from endoreg_db.services.device_proposal import DeviceProposal


def propose_device(
    output: Output,
    recording: Annotated[
        Path,
        typer.Argument(metavar="FILE", readable=False, help="A recording of the device.", show_default=False),
    ],
    profile_file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.toml", help="Write the profile here, a new file."),
    ] = None,
    picture_file: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE.png",
            help="Also draw the boxes into a picture of the recording, a new file. It shows who it is!",
        ),
    ] = None,
) -> None:
    """Propose a device profile: where the moving image is, and what is written around it.

    Nothing is imported and nothing registered. Check the boxes, best with --picture, correct them,
    set confirmed = true, and register the profile with `endoreg device add`.
    """
    for path in (profile_file, picture_file):
        _refuse_existing(path)
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.services.device_proposal import propose_device as propose

    proposal = propose(store, recording, picture=picture_file is not None)
    if profile_file is not None:
        _write_new(profile_file, proposal.toml.encode(), mode=0o644)
    if picture_file is not None and proposal.picture is not None:
        _write_new(picture_file, proposal.picture, mode=0o600)
    output.result(_as_json(proposal, profile_file, picture_file), _as_text(proposal, profile_file))
    if not output.flags.as_json:
        # On standard error: standard output may hold the profile itself.
        for note in _notes(proposal, picture_file):
            output.error_line(note)


def _as_json(
    proposal: DeviceProposal, profile_file: Path | None, picture_file: Path | None
) -> dict[str, Any]:
    return {
        "profile": proposal.found.profile.as_dict(),
        "toml": proposal.toml,
        "fits": proposal.fits,
        "output": None if profile_file is None else str(profile_file),
        "picture": None if picture_file is None else str(picture_file),
    }


def _as_text(proposal: DeviceProposal, profile_file: Path | None) -> str:
    if profile_file is None:
        return proposal.toml.rstrip("\n")
    add = f"endoreg device add {shell_word(profile_file)}"
    return f"Proposed: {printable(profile_file)}\n    Check it, then: {add}"


def _notes(proposal: DeviceProposal, picture_file: Path | None) -> list[str]:
    notes = []
    if proposal.fits is not None:
        notes.append(f"The registered profile {printable(proposal.fits)} fits this recording already.")
    if picture_file is not None:
        name = printable(picture_file)
        notes.append(f"{name} shows the patient's identity; only you can read it. Remove it after use.")
    return notes


def _refuse_existing(path: Path | None) -> None:
    if path is not None and (path.exists() or path.is_symlink()):
        raise ConfigurationError(f"{path} exists already", advice="Name a file that does not exist yet.")


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that does not exist yet, for nobody else's eyes from its first byte on."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}", advice="Name a place that can be written."
        ) from error
