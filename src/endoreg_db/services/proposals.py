"""Proposed device profiles: data in the record, and a TOML file for the person who checks it.

The record is what counts; the file can be written again from it, and holds places in a picture,
never what is written there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import FoundDevice
from endoreg_db.deid.profiles import profile_from_dict, to_toml
from endoreg_db.storage.durable import make_private_folder, remove_durably, write_durably
from endoreg_db.storage.layout import DataFolder

_SUFFIX = ".toml"
_HEAD = (
    "Proposed from the picture of a recording; nobody has checked it yet.",
    "Check the image box (what is kept) and every text box, give it a name and a title, and set",
    "confirmed = true. Then: endoreg device add FILE.toml",
    "Boxes are x, y, width, height in pixels.",
)


def path_of(folder: DataFolder, record: UUID) -> Path:
    """Where the proposal of a record lies, if it has one."""
    return folder.proposals / f"{record}{_SUFFIX}"


def as_data(found: FoundDevice) -> dict[str, Any]:
    """The proposal as the record holds it."""
    unclear = [[box.x, box.y, box.width, box.height] for box in found.unclear]
    return {"profile": found.profile.as_dict(), "unclear": unclear}


def as_toml(data: dict[str, Any]) -> str:
    """The proposal as a file for a person.

    Raises:
        ConfigurationError: it is no proposal.
    """
    unclear = [Box(*place) for place in data["unclear"]]
    return to_toml(profile_from_dict(data["profile"]), head=_HEAD, unclear=unclear)


def write(folder: DataFolder, record: UUID, data: dict[str, Any]) -> Path:
    """Write a record's proposal to its file, durably; an older one is replaced.

    Raises:
        InsufficientStorageError, StorageFailedError: see :func:`write_durably`.
    """
    make_private_folder(folder.proposals)
    path = path_of(folder, record)
    write_durably(path, as_toml(data).encode())
    return path


def remove(folder: DataFolder, record: UUID) -> None:
    """Remove the file of a proposal that no record names any more; a missing one is fine."""
    path = path_of(folder, record)
    if path.exists():
        remove_durably(path)


def files(folder: DataFolder) -> list[Path]:
    """All files of proposals."""
    return sorted(folder.proposals.glob(f"*{_SUFFIX}"))
