"""The vault: encrypted originals, each stored once under the SHA-256 of its content.

The content ``abcdef…`` lies in ``ab/cdef….enc``; what is in that file is told in
:mod:`~endoreg_db.storage.vault_file`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from endoreg_db.errors import CorruptStoreError
from endoreg_db.storage.durable import (
    link_durably,
    make_private_folder,
    move_durably,
    new_file,
    remove_durably,
    require_room,
    storage_errors,
    write_durably,
)
from endoreg_db.storage.keys import MasterKey
from endoreg_db.storage.source import OnBytes, steady_source
from endoreg_db.storage.vault_file import decrypt, encrypt, encrypted_size

_SUFFIX: Final = ".enc"
_ADDRESS: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Ingested:
    """A source that was read once: hashed, and encrypted into a file that is not kept yet."""

    sha256: str  # hexadecimal, of the source's bytes
    size: int  # bytes, of the source
    temp_path: Path  # the encrypted, durable bytes; the caller keeps or removes it


@dataclass(frozen=True, slots=True)
class Vault:
    """Stores originals below ``folder``, encrypted with keys derived from ``key``.

    Not guaranteed: two processes may keep and remove the same content at once only if something else
    (the lease) orders them.
    """

    folder: Path
    key: MasterKey

    def ingest(self, source: Path, temp_folder: Path, *, on_bytes: OnBytes | None = None) -> Ingested:
        """Hash and encrypt ``source`` into a new file in ``temp_folder``, in one read.

        Afterwards the encrypted bytes are durable; :meth:`keep` gives them their place. On any error
        nothing is left in ``temp_folder``.

        Raises:
            SourceMissingError: there is no file.
            SourceUnreadableError: it is no regular file, cannot be read, or changed while it was read.
            InsufficientStorageError: there is no room in ``temp_folder``.
            StorageFailedError: the encrypted file cannot be written.
        """
        # In this order, so that a source that turns out to have changed leaves no encrypted file.
        with new_file(temp_folder) as (target, temp), steady_source(source) as origin:
            require_room(temp_folder, encrypted_size(origin.size))
            sha256 = encrypt(origin, target, self.key, on_bytes)
        return Ingested(sha256, origin.size, temp)

    def keep(self, ingested: Ingested) -> bool:
        """Give what was ingested its place. Afterwards it is durable there and the temp file is gone.

        Returns:
            True if this call stored it; False if the content was there already. Of several processes
            that keep the same content at once, one gets True.

        Not guaranteed: of a file that was there only the size is checked; :meth:`verify` reads it. One
        of the wrong size is replaced. On an error the temp file stays, for another try.

        Raises:
            InsufficientStorageError: the disk or the quota is full.
            StorageFailedError: the vault cannot be written.
            ConfigurationError: the temp file lies on another file system than the vault.
        """
        target = self.path_of(ingested.sha256)
        if not _holds_anything(target.parent):  # a folder is made durable before anything is put into it
            make_private_folder(target.parent)
        stored = link_durably(ingested.temp_path, target)
        if not stored and not self._has_size(target, encrypted_size(ingested.size)):
            move_durably(ingested.temp_path, target)
            return True
        with storage_errors(ingested.temp_path):
            # Not durably: a second name that a power cut brings back is cleared with its attempt.
            ingested.temp_path.unlink(missing_ok=True)
        return stored

    def put_file(self, path: Path, temp_folder: Path) -> str:
        """Ingest and keep ``path``; returns its SHA-256.

        Raises what the two raise, and then leaves nothing in ``temp_folder``.
        """
        ingested = self.ingest(path, temp_folder)
        try:
            self.keep(ingested)
        finally:
            ingested.temp_path.unlink(missing_ok=True)
        return ingested.sha256

    def path_of(self, sha256: str) -> Path:
        """Where the content is, or would be, stored.

        Raises:
            ValueError: ``sha256`` is not 64 lower-case hexadecimal digits; the call is wrong.
        """
        if not _ADDRESS.fullmatch(sha256):
            raise ValueError(f"not a SHA-256 in hexadecimal: {sha256!r}")
        return self.folder / sha256[:2] / f"{sha256[2:]}{_SUFFIX}"

    def contains(self, sha256: str) -> bool:
        """Whether a file is stored under this address; says nothing about its bytes."""
        path = self.path_of(sha256)
        with storage_errors(path):
            return path.is_file()

    def read(self, sha256: str) -> Iterator[bytes]:
        """The content in pieces of at most 1 MiB.

        Every piece is authentic and in its place when it is yielded. That nothing is missing is known
        only when the iteration ends without an error.

        Raises:
            CorruptStoreError: the stored file is missing or was changed.
            ConfigurationError: it was encrypted with another key.
            StorageFailedError: it cannot be read.
        """
        for piece in self._content(sha256):
            yield bytes(piece)

    def extract(self, sha256: str, target: Path) -> None:
        """Write the content to ``target``, durably and for this user only.

        ``target`` has its name only once all bytes are there and their hash is right; on any error
        it is as before.

        Raises:
            CorruptStoreError: the stored file is missing or was changed.
            ConfigurationError: it was encrypted with another key.
            InsufficientStorageError: there is no room for ``target``.
            StorageFailedError: a file cannot be read or written.
        """

        def write(file: BinaryIO) -> None:
            for piece in self._content(sha256):
                file.write(piece)

        write_durably(target, write)

    def verify(self, sha256: str) -> bool:
        """Whether the stored file, read again from the disk, is whole and has this hash.

        Raises:
            ConfigurationError: it was encrypted with another key, or its key id was changed.
            StorageFailedError: it cannot be read.
        """
        try:
            for _piece in self._content(sha256, from_disk=True):
                pass
        except CorruptStoreError:
            return False
        return True

    def remove(self, sha256: str) -> None:
        """Remove the stored file; afterwards no crash brings it back. A missing one is fine.

        Raises:
            StorageFailedError: it cannot be removed.
        """
        remove_durably(self.path_of(sha256))

    def addresses(self) -> Iterator[str]:
        """SHA-256 of everything that is stored, in order; for recovery.

        Raises:
            StorageFailedError: the vault cannot be read.
        """
        # Not by glob, which takes a folder that cannot be read for an empty one.
        with storage_errors(self.folder):
            rooms = sorted(path for path in self.folder.iterdir() if path.is_dir())
            names = [f"{room.name}{path.name}" for room in rooms for path in sorted(room.iterdir())]
        for name in names:
            address = name.removesuffix(_SUFFIX)
            if _ADDRESS.fullmatch(address) and name != address:
                yield address

    def _content(self, sha256: str, *, from_disk: bool = False) -> Iterator[memoryview]:
        return decrypt(self.path_of(sha256), sha256, self.key, from_disk=from_disk)

    @staticmethod
    def _has_size(path: Path, size: int) -> bool:
        with storage_errors(path):
            return path.stat().st_size == size


def _holds_anything(folder: Path) -> bool:
    with storage_errors(folder):
        try:
            with os.scandir(folder) as entries:
                return next(entries, None) is not None
        except FileNotFoundError:
            return False
