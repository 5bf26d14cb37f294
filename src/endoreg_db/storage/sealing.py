"""Sealing of small secrets that live in the database, such as the identity that was read.

A sealed value is ``version (1 byte) ‖ key id (8) ‖ nonce (12) ‖ ciphertext and tag``: AES-256-GCM with
a random nonce. The version, the key id and the context are authenticated with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from endoreg_db.errors import ConfigurationError, CorruptStoreError
from endoreg_db.storage.keys import KEY_ID_SIZE, MasterKey

_VERSION: Final = b"\x01"
_NONCE_SIZE: Final = 12
_HEADER_SIZE: Final = len(_VERSION) + KEY_ID_SIZE


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and unseals with a key derived from the data folder's own."""

    key: MasterKey

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt ``plaintext`` so that it can be unsealed only in the same ``context``.

        Args:
            plaintext: any bytes; the sealed value is 37 bytes longer.
            context: where the value belongs, e.g. table, column and UUID of its row. It keeps a sealed
                value from being moved to another row, and is not stored.

        Not guaranteed: the length is not hidden. With random nonces, one key is good for 2³² values
        (NIST SP 800-38D, 8.3).
        """
        header = _VERSION + self.key.key_id
        nonce = os.urandom(_NONCE_SIZE)
        return header + nonce + self._cipher().encrypt(nonce, plaintext, header + context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The plaintext of what was sealed in this ``context``.

        Raises:
            ConfigurationError: it was sealed with another key.
            CorruptStoreError: it was changed, or belongs to another context.
        """
        header, nonce = sealed[:_HEADER_SIZE], sealed[_HEADER_SIZE : _HEADER_SIZE + _NONCE_SIZE]
        if len(nonce) != _NONCE_SIZE or header[: len(_VERSION)] != _VERSION:
            raise CorruptStoreError(f"The sealed value of {context} is damaged")
        if header[len(_VERSION) :] != self.key.key_id:
            raise ConfigurationError(
                f"The value of {context} was sealed with another key than the one in the data folder",
                advice="Restore the key file that belongs to this database.",
            )
        ciphertext = sealed[_HEADER_SIZE + _NONCE_SIZE :]
        try:
            return self._cipher().decrypt(nonce, ciphertext, header + context.encode())
        except InvalidTag as error:
            raise CorruptStoreError(
                f"The sealed value of {context} is damaged, or belongs elsewhere"
            ) from error

    def _cipher(self) -> AESGCM:
        return AESGCM(self.key.derive("sealing"))
