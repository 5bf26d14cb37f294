"""The key that signs certificates, made at the first start; its public half is there to be given away."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from endoreg_db.errors import ConfigurationError
from endoreg_db.storage.durable import write_durably
from endoreg_db.storage.keys import read_secret, store_unless_there

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE_FILE: Final = "certificate.key"  # 32 random bytes, private to this user
PUBLIC_FILE: Final = "certificate.pub"  # PEM, for whoever checks certificates
_SIZE: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs certificates. Never shown, never logged."""

    seed: bytes = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032), 64 bytes; the same message has always the same."""
        return self._private().sign(message)

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self._private().public_key().public_bytes_raw()

    @property
    def public_pem(self) -> bytes:
        """The public key as a file to give away."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._private().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def _private(self) -> Ed25519PrivateKey:
        # Imported late: it costs 25 ms, and a command such as `status` signs nothing.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed)


def ensure_signing_key(folder: Path) -> None:
    """Make the key in ``folder`` if there is none yet, and its public half.

    Of any number of processes that do this at once, one makes the key and all use that one. The
    private half is durable before the public one is written.

    Raises:
        ConfigurationError: there is a key, but it cannot be used; see :func:`load_signing_key`.
        InsufficientStorageError: the disk or the quota is full.
        StorageFailedError: the folder cannot be written.
    """
    private, public = folder / PRIVATE_FILE, folder / PUBLIC_FILE
    if public.exists():  # written last, so the other one is there
        return
    if not private.exists():
        store_unless_there(private, os.urandom(_SIZE))
    write_durably(public, load_signing_key(folder).public_pem, mode=0o644)


def load_signing_key(folder: Path) -> SigningKey:
    """Read the key in ``folder``.

    Raises:
        ConfigurationError: it is missing, other users may read it, or its length is wrong.
        StorageFailedError: it cannot be read.
    """
    path = folder / PRIVATE_FILE
    advice = "Restore it from its backup: earlier certificates belong to it."
    mode, seed = read_secret(path, _SIZE, if_missing=advice)
    if mode & 0o077 or len(seed) != _SIZE:
        raise ConfigurationError(
            f"The key {path} may be used by other users, or is damaged",
            advice=f"Run `chmod 600 {path}`, or restore it from its backup.",
        )
    return SigningKey(seed)
