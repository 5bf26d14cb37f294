"""The secrets of a data folder, made at its first start, and what is derived from them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from endoreg_db.errors import ConfigurationError
from endoreg_db.storage.durable import link_durably, new_file, storage_errors

KEY_FILE: Final = "vault.key"
PSEUDONYM_KEY_FILE: Final = "pseudonym.key"  # see pseudonym_key.py
KEY_SIZE: Final = 32  # bytes, for AES-256
KEY_ID_SIZE: Final = 8  # bytes


@dataclass(frozen=True, slots=True)
class MasterKey:
    """32 random bytes that everything stored depends on; never shown, never logged, never used as is."""

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != KEY_SIZE:
            raise ValueError(f"a key has {KEY_SIZE} bytes, not {len(self.material)}")

    @property
    def key_id(self) -> bytes:
        """8 bytes that name the key without telling anything about it."""
        return hashlib.sha256(b"endoreg key id" + self.material).digest()[:KEY_ID_SIZE]

    def derive(self, purpose: str, *, salt: bytes | None = None) -> bytes:
        """A 32-byte key for one purpose, by HKDF-SHA256 (RFC 5869).

        Args:
            purpose: what the key is for, e.g. ``"vault"``; two purposes never share a key.
            salt: random bytes where each use has a key of its own.
        """
        # Imported late: it costs 25 ms, and a command such as `status` derives nothing.
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        info = b"endoreg " + purpose.encode()
        return HKDF(hashes.SHA256(), KEY_SIZE, salt=salt, info=info).derive(self.material)


def load_or_create_key(folder: Path, name: str = KEY_FILE) -> MasterKey:
    """Read the key file ``name`` in ``folder``; make it first if there is none.

    Of any number of processes that do this at once, one makes the key and all return that one. A key
    that this call made, or raced for, is durable when it returns.

    Not guaranteed: that a new key fits what is stored. :meth:`DataFolder.prepare` sees to it that
    a data folder gets its key once and never a second one.

    Raises:
        ConfigurationError: there is a key file, but it cannot be used; see :func:`load_key`.
        InsufficientStorageError: the disk or the quota is full.
        StorageFailedError: the folder cannot be written.
    """
    if not (folder / name).exists():
        store_unless_there(folder / name, os.urandom(KEY_SIZE))
    return load_key(folder, name)


def store_unless_there(path: Path, secret: bytes) -> None:
    """Store a secret, durably and private to this user; nothing happens if one is there already.

    Of any number of processes that do this at once, one is first, and its secret counts.

    Raises:
        InsufficientStorageError: the disk or the quota is full.
        StorageFailedError: the folder cannot be written.
    """
    with new_file(path.parent) as (file, temp):
        file.write(secret)
    try:
        link_durably(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def read_secret(path: Path, size: int, *, if_missing: str) -> tuple[int, bytes]:
    """The permissions of a key file and its content, at most a byte more than ``size``.

    Raises:
        ConfigurationError: it is missing; ``if_missing`` says what to do.
        StorageFailedError: it cannot be read.
    """
    with storage_errors(path):
        try:
            with path.open("rb") as file:
                return os.fstat(file.fileno()).st_mode, file.read(size + 1)
        except FileNotFoundError as error:
            raise ConfigurationError(f"There is no key at {path}", advice=if_missing) from error


def load_key(folder: Path, name: str = KEY_FILE) -> MasterKey:
    """Read the key file ``name`` in ``folder``.

    Raises:
        ConfigurationError: it is missing, other users may read it, or its length is wrong.
        StorageFailedError: it cannot be read.
    """
    path = folder / name
    advice = "Restore the key file from its backup; without it nothing stored can be read."
    mode, material = read_secret(path, KEY_SIZE, if_missing=advice)
    if mode & 0o077:
        raise ConfigurationError(
            f"The key {path} may be used by other users (mode {mode & 0o777:03o})",
            advice=f"Run `chmod 600 {path}`, and find out whether somebody has read it.",
        )
    if len(material) != KEY_SIZE:
        raise ConfigurationError(
            f"The key {path} is damaged: it does not have {KEY_SIZE} bytes",
            advice="Restore the key file from its backup; a new key cannot read what is stored.",
        )
    return MasterKey(material)
