"""Finished pieces of imports that were interrupted, encrypted until the next attempt takes them over.

Below ``pieces/<SHA-256 of the recording>/``::

    <name>.sealed     sealed for this recording and name: SHA-256 of the packets (32 bytes), then the note
    ab/cdef….enc      the packets, stored as the vault stores an original

The packets come first and the note last, so that a note means that all of the piece is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endoreg_db.errors import CorruptStoreError
from endoreg_db.storage.durable import (
    make_private_folder,
    remove_folder_durably,
    storage_errors,
    write_durably,
)
from endoreg_db.storage.keys import MasterKey
from endoreg_db.storage.sealing import Sealer
from endoreg_db.storage.vault import Vault

_SUFFIX: Final = ".sealed"
_CONTENT: Final = re.compile(r"[0-9a-f]{64}")
_DIGEST_SIZE: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class SealedPieces:
    """Keeps pieces below ``folder``, which is made when the first one is kept.

    Not guaranteed: a piece may be gone or damaged at any time; it only saves the time to make it again.
    """

    folder: Path
    key: MasterKey

    def folder_of(self, content: str) -> Path:
        """Where the pieces of a recording lie, if there are any.

        Raises:
            ValueError: ``content`` is not 64 lower-case hexadecimal digits; the call is wrong.
        """
        if not _CONTENT.fullmatch(content):
            raise ValueError(f"not a SHA-256 in hexadecimal: {content!r}")
        return self.folder / content

    @staticmethod
    def is_content(name: str) -> bool:
        """Whether a folder of that name may hold pieces."""
        return _CONTENT.fullmatch(name) is not None

    def put(self, content: str, packets: Path, sha256: str, note: bytes, temp_folder: Path) -> bool:
        """Keep a piece under the name of its file of packets; one of that name is replaced.

        Args:
            content: SHA-256 (hex) of the recording.
            packets: the file; it stays.
            sha256: (hex) that it must have.
            note: what is to be known about it.
            temp_folder: where the encrypted bytes lie until they are complete; on the same file system.

        Returns:
            False if the file has other bytes; then nothing was kept.

        Raises:
            SourceMissingError, SourceUnreadableError: the file is gone, or changed while it was read.
            InsufficientStorageError: the disk or the quota is full.
            StorageFailedError: the data folder cannot be written.
        """
        folder = self.folder_of(content)
        make_private_folder(self.folder)
        make_private_folder(folder)
        vault = self._vault(content)
        ingested = vault.ingest(packets, temp_folder)
        try:
            if ingested.sha256 != sha256:
                return False
            vault.keep(ingested)
        finally:
            ingested.temp_path.unlink(missing_ok=True)
        sealed = Sealer(self.key).seal(bytes.fromhex(sha256) + note, _context(content, packets.stem))
        write_durably(folder / f"{packets.stem}{_SUFFIX}", sealed, temp_folder=temp_folder)
        return True

    def names(self, content: str) -> list[str]:
        """Of the pieces that are kept of a recording, in order.

        Raises:
            StorageFailedError: the folder cannot be read.
        """
        folder = self.folder_of(content)
        with storage_errors(folder):
            there = [*folder.iterdir()] if folder.exists() else []
        return sorted(path.stem for path in there if path.suffix == _SUFFIX)

    def read(self, content: str, name: str, target: Path) -> bytes:
        """Write a piece's packets to ``target``, durably and for this user only; returns its note.

        Raises:
            CorruptStoreError: it is gone, was changed, or is another recording's or another piece.
            ConfigurationError: it was encrypted with another key.
            InsufficientStorageError: there is no room for ``target``.
            StorageFailedError: a file cannot be read or written.
        """
        sha256, note = self._unsealed(content, name)
        self._vault(content).extract(sha256, target)
        return note

    def forget(self, content: str, name: str) -> None:
        """Remove one piece. A power cut may bring it back; :meth:`remove` is the last word.

        Raises:
            StorageFailedError: it cannot be removed.
        """
        path = self._note_path(content, name)
        try:
            packets = self._vault(content).path_of(self._unsealed(content, name)[0])
        except CorruptStoreError:
            packets = None  # it goes with the folder
        with storage_errors(path):
            path.unlink(missing_ok=True)
            if packets is not None:
                packets.unlink(missing_ok=True)

    def remove(self, content: str) -> None:
        """Remove all pieces of a recording, durably; none is fine, and costs one look.

        Raises:
            StorageFailedError: something cannot be removed.
        """
        folder = self.folder_of(content)
        if folder.exists():
            remove_folder_durably(folder)

    def folders(self) -> Iterator[Path]:
        """Everything that lies beside the pieces of one recording, also what is not the intake's.

        Raises:
            StorageFailedError: the folder cannot be read.
        """
        with storage_errors(self.folder):
            yield from sorted(self.folder.iterdir()) if self.folder.exists() else []

    def _vault(self, content: str) -> Vault:
        return Vault(self.folder_of(content), self.key)

    def _note_path(self, content: str, name: str) -> Path:
        return self.folder_of(content) / f"{name}{_SUFFIX}"

    def _unsealed(self, content: str, name: str) -> tuple[str, bytes]:
        """SHA-256 (hex) of a piece's packets, and its note."""
        path = self._note_path(content, name)
        with storage_errors(path):
            try:
                sealed = path.read_bytes()
            except FileNotFoundError as error:
                raise CorruptStoreError(f"The piece {path} is gone") from error
        told = Sealer(self.key).unseal(sealed, _context(content, name))
        if len(told) < _DIGEST_SIZE:
            raise CorruptStoreError(f"The piece {path} is damaged")
        return told[:_DIGEST_SIZE].hex(), told[_DIGEST_SIZE:]


def _context(content: str, name: str) -> str:
    return f"piece {name} of {content}"
