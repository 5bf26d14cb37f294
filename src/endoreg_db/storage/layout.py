"""The data folder: which room lies where, and the proof that it is the folder it should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from endoreg_db.errors import ConfigurationError, StorageFailedError
from endoreg_db.storage.durable import fsync_folder, make_private_folder, storage_errors, write_durably
from endoreg_db.storage.keys import KEY_FILE, PSEUDONYM_KEY_FILE, load_or_create_key

_MARKER_NAME: Final = ".endoreg"
_MARKER_TEXT: Final = b"EndoReg Intake data folder, layout 1. Its presence proves that the disk is mounted.\n"
_NOT_MOUNTED: Final = (
    "Mount the disk or share that holds the data folder. If this is a restored backup, restore it whole, "
    "with its hidden files and its keys."
)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Everything that the intake keeps, below one root on one file system.

    A marker file in the root tells the data folder from the empty mount point of a disk that is not
    there: without it, originals would silently be written to the wrong disk and under a new key.
    """

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file of a single machine."""
        return self.root / "endoreg.sqlite3"

    @property
    def keys(self) -> Path:
        """Key material; never in the same backup as the vault."""
        return self.root / "keys"

    @property
    def vault(self) -> Path:
        """Encrypted originals, by content."""
        return self.root / "vault"

    @property
    def published(self) -> Path:
        """De-identified, verified files, by UUID."""
        return self.root / "published"

    @property
    def tmp(self) -> Path:
        """One folder for each running attempt; nothing in it outlives its attempt."""
        return self.root / "tmp"

    @property
    def locks(self) -> Path:
        """Lock files of sources whose own folder is read-only."""
        return self.root / "locks"

    @property
    def proposals(self) -> Path:
        """Proposed device profiles, by UUID of the record; made when the first one is written."""
        return self.root / "proposals"

    @property
    def pieces(self) -> Path:
        """Encrypted pieces of interrupted imports, by content; made when the first one is kept."""
        return self.root / "pieces"

    def attempt_folder(self, attempt_id: UUID | int) -> Path:
        """Where the attempt writes what is not finished; see :meth:`make_attempt_folder`."""
        return self.tmp / str(attempt_id)

    def attempt_folders(self) -> Iterator[Path]:
        """The folders that attempts, live or dead, have in ``tmp``; for recovery.

        Raises:
            StorageFailedError: the folder cannot be read.
        """
        with storage_errors(self.tmp):
            folders = sorted(path for path in self.tmp.iterdir() if path.is_dir())
        yield from folders

    def holds_media(self) -> bool:
        """Whether anything has been stored or published here.

        Raises:
            StorageFailedError: a folder cannot be read.
        """
        with storage_errors(self.root):
            rooms = (room for room in self.vault.iterdir() if room.is_dir())
            return any(any(room.iterdir()) for room in (self.published, *rooms))

    def prepare(self, *, first_start: bool = True) -> None:
        """Make the data folder ready for use: at the first start make it, later check it.

        Idempotent, and safe where many processes start at once. The marker is written last, so
        its presence says that the rooms and the key are there to stay.

        Not guaranteed: a root that is missing or empty cannot be told from the place where a disk is
        not mounted. A caller with a database elsewhere that holds records already says so with
        ``first_start=False``.

        Args:
            first_start: whether a missing or empty root may become a new data folder.

        Raises:
            ConfigurationError: the root holds other files and no marker, or no marker although this
                is not the first start, or it has lost its key or a room that cannot be made anew.
            InsufficientStorageError: the disk or the quota is full.
            StorageFailedError: the root cannot be read or written.
        """
        with storage_errors(self.root):
            if self._has_marker() or not self._may_become_ours():
                self._check_rooms()
            elif first_start:
                self._make_rooms()
            else:
                raise ConfigurationError(
                    f"{self.root} is not the data folder that the records belong to: it is empty",
                    advice=_NOT_MOUNTED,
                )

    def make_attempt_folder(self, attempt_id: UUID | int) -> Path:
        """Make the attempt's own, private folder; existing is fine.

        Raises:
            StorageFailedError: the data folder is gone (its disk was unmounted since the start), or
                cannot be written.
            InsufficientStorageError: the disk or the quota is full.
        """
        with storage_errors(self.root):
            if not self._has_marker():
                raise StorageFailedError(f"The data folder {self.root} is gone", advice=_NOT_MOUNTED)
        folder = self.attempt_folder(attempt_id)
        make_private_folder(folder)
        return folder

    @property
    def _marker(self) -> Path:
        return self.root / _MARKER_NAME

    @property
    def _rooms(self) -> tuple[Path, ...]:
        return (self.keys, self.vault, self.published, self.tmp, self.locks)

    def _has_marker(self) -> bool:
        return self._marker.is_file()

    def _may_become_ours(self) -> bool:
        """Whether the root is missing, empty, or a first start that did not get to its marker.

        Raises:
            ConfigurationError: it holds something else, and still has no marker.
        """
        foreign = self._foreign_files()
        if foreign is None:
            return True
        if self._has_marker():  # another process has finished the first start meanwhile
            return False
        raise ConfigurationError(
            f"{self.root} holds other files ({foreign.relative_to(self.root)}) and is not a data folder",
            advice=f"Set ENDOREG_DATA_DIR to an empty folder, or: {_NOT_MOUNTED}",
        )

    def _foreign_files(self) -> Path | None:
        """One thing in the root that a first start cannot have left there; hidden files do not count."""
        if not self.root.exists():
            return None
        rooms = set(self._rooms)
        for path in sorted(self.root.iterdir()):
            if path.name.startswith(".") or path.name == "lost+found":
                continue
            if path not in rooms:
                return path
            for inner in path.iterdir():
                if inner.name not in (KEY_FILE, PSEUDONYM_KEY_FILE) and not inner.name.startswith("."):
                    return inner
        return None

    def _make_rooms(self) -> None:
        missing = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_root_private()
        for folder in {self.root, *missing}:
            # A parent that we may not list is none that this start has written to.
            if os.access(folder.parent, os.R_OK):
                fsync_folder(folder.parent)
        for room in self._rooms:
            make_private_folder(room)
        load_or_create_key(self.keys)
        load_or_create_key(self.keys, PSEUDONYM_KEY_FILE)
        fsync_folder(self.keys)  # the keys may be a second old, and made by a process that died
        write_durably(self._marker, _MARKER_TEXT)

    def _make_root_private(self) -> None:
        if self.root.stat().st_mode & 0o077 == 0:
            return
        try:
            self.root.chmod(0o700)
        except PermissionError as error:
            raise ConfigurationError(
                f"The data folder {self.root} is open to others, and belongs to another user",
                advice="Give it to the user that runs the intake, or set ENDOREG_DATA_DIR to another folder.",
            ) from error

    def _check_rooms(self) -> None:
        lost = [room for room in (self.keys, self.vault, self.published) if not room.is_dir()]
        if not (self.keys / KEY_FILE).is_file():
            lost.append(self.keys / KEY_FILE)
        if lost:
            raise ConfigurationError(
                f"The data folder has lost {', '.join(map(os.fspath, lost))}; nothing was made in its place",
                advice="Restore it from the backup: without it, stored originals cannot be read.",
            )
        for room in (self.tmp, self.locks):
            if not room.is_dir():
                make_private_folder(room)
