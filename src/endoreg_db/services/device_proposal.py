"""A device profile proposed for a recording that is not imported: for who sets a device up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from endoreg_db.deid.client import run_proposal
from endoreg_db.deid.messages import FoundDevice, ProposeTask
from endoreg_db.errors import DeidentificationError, SourceMissingError, SourceUnreadableError
from endoreg_db.services import proposals, registry
from endoreg_db.services.store import Store
from endoreg_db.storage.durable import storage_errors
from endoreg_db.storage.workspace import Workspace

_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_PICTURE = 64 * 1024 * 1024  # bytes; an 8K picture has less


@dataclass(frozen=True, slots=True)
class DeviceProposal:
    """What is proposed."""

    found: FoundDevice
    toml: str
    fits: str | None  # name of a registered profile that fits already
    picture: bytes | None  # PNG that shows the patient's identity; None: not asked for


def propose_device(store: Store, source: Path, *, picture: bool) -> DeviceProposal:
    """Propose a device profile for a recording; nothing is stored.

    Args:
        store: where the cell may work.
        source: the recording.
        picture: whether a picture of the recording with the boxes is wanted.

    Raises:
        SourceMissingError, SourceUnreadableError: there is no such file.
        UnknownDeviceError: there is no one moving picture in it.
        MediaImportError: see :func:`run_proposal`.
    """
    _check_readable(source)
    with Workspace(store.folder, uuid4()) as workspace:
        # By a link, because the cell takes and quotes no path that is not plain text.
        link = workspace.folder / "source"
        with storage_errors(link):
            link.symlink_to(source.absolute())
        known = tuple(processor.profile for processor in registry.processors())
        task = ProposeTask(str(link), str(workspace.folder), known, picture)
        answer = run_proposal(task, lambda _: None, name=str(source))
        drawn = None if answer.picture is None else _untrusted_picture(Path(answer.picture))
    toml = proposals.as_toml(proposals.as_data(answer.found))
    return DeviceProposal(answer.found, toml, answer.fits, drawn)


def _check_readable(source: Path) -> None:
    try:
        with source.open("rb"):
            return
    except FileNotFoundError:
        raise SourceMissingError(f"Video file not found: {source}") from None
    except OSError as error:
        raise SourceUnreadableError(f"{source} cannot be read: {error.strerror or error}") from error


def _untrusted_picture(path: Path) -> bytes:
    """What the cell has drawn: bounded, and at least in name a PNG. It is never decoded here."""
    with storage_errors(path), path.open("rb") as file:
        content = file.read(_MAX_PICTURE + 1)
    if len(content) > _MAX_PICTURE or not content.startswith(_PNG):
        raise DeidentificationError("The picture of the proposal is not what it should be")
    return content
