"""The published files: how they get their names, and how they lose them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from endoreg_db.certificate import SUFFIX as CERTIFICATE_SUFFIX
from endoreg_db.certificate import certificate_path
from endoreg_db.storage.durable import (
    fsync_file,
    move_together,
    new_file,
    remove_durably,
    storage_errors,
    write_durably,
)
from endoreg_db.storage.layout import DataFolder

#: One or more lower-case parts, so that ``.mp4.certificate.json`` can lie beside ``.mp4``.
_SUFFIX: Final = re.compile(r"(\.[a-z0-9]{1,16}){1,3}")


@dataclass(frozen=True, slots=True)
class Publisher:
    """Puts finished, verified files where researchers find them. Whether they may is not decided here."""

    data_folder: DataFolder

    def final_path(self, uuid: UUID, suffix: str) -> Path:
        """Where the record's file lies once it is published.

        Args:
            uuid: the record's; it says nothing about the patient.
            suffix: with its dot, e.g. ``".mp4"``.

        Raises:
            ValueError: ``suffix`` is not one; the call is wrong.
        """
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"not a suffix: {suffix!r}")
        return self.data_folder.published / f"{uuid}{suffix}"

    def publish(self, candidate: Path, uuid: UUID, suffix: str, certificate: bytes) -> Path:
        """Move the complete file ``candidate`` to its final path, which is returned.

        Afterwards it is durable there, private to this user, gone from where it was, and its
        certificate lies beside it, durable too; nobody sees the file without it. What an attempt left
        at the final path that died before its commit is replaced.

        Not guaranteed: no row names the file yet. The caller commits one, or retracts the file. Until
        this returns, a power cut may leave either of the two alone; recovery removes it, since no row
        names it.

        Raises:
            StorageFailedError: the candidate is missing or no regular file, or cannot be moved.
            InsufficientStorageError: the disk or the quota is full.
        """
        target = self.final_path(uuid, suffix)
        with storage_errors(candidate):
            fsync_file(candidate, mode=0o600)
        # In the folder of the attempt, which recovery clears, whatever is left in it.
        with new_file(candidate.parent) as (file, proof):
            file.write(certificate)
        move_together([(proof, certificate_path(target)), (candidate, target)])
        return target

    def certify(self, path: Path, certificate: bytes) -> None:
        """Write the certificate of a published file.

        Raises:
            InsufficientStorageError, StorageFailedError: it cannot be written; what was there stays.
        """
        write_durably(certificate_path(path), certificate)

    def retract(self, path: Path) -> None:
        """Remove a published file, and then its certificate; a missing one is fine.

        Raises:
            ValueError: ``path`` is not one of the published files; the call is wrong.
            StorageFailedError: the file cannot be removed.
        """
        if path.parent != self.data_folder.published:
            raise ValueError(f"not a published file: {path}")
        remove_durably(path)
        remove_durably(certificate_path(path))

    def published_files(self) -> Iterator[Path]:
        """Every file in the published folder by name, strays too, but certificates; for recovery.

        Raises:
            StorageFailedError: the folder cannot be read.
        """
        yield from (path for path in self._all_files() if not path.name.endswith(CERTIFICATE_SUFFIX))

    def certificates(self) -> Iterator[Path]:
        """Every certificate in the published folder by name, strays too; for recovery.

        Raises:
            StorageFailedError: the folder cannot be read.
        """
        yield from (path for path in self._all_files() if path.name.endswith(CERTIFICATE_SUFFIX))

    def _all_files(self) -> list[Path]:
        with storage_errors(self.data_folder.published):
            return sorted(path for path in self.data_folder.published.iterdir() if not path.is_dir())
