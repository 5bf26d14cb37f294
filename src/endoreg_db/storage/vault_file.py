"""The bytes of one file in the vault: what they look like, how they are written and read.

Format of a stored file, ``ab/cdef….enc`` for the content ``abcdef…``::

    header   magic ``EndoVlt`` and a zero byte (8) ‖ version 1 (1) ‖ key id (8) ‖ salt (32) ‖ nonce prefix (7)
    chunks   AES-256-GCM of 1 MiB of plaintext each, the last one shorter: ciphertext ‖ tag (16)

The key of a file is HKDF-SHA256 of the master key with the file's own salt. Chunk ``i`` has the nonce
``prefix ‖ i (4, big endian) ‖ 1 if it is the last, else 0`` and the header as associated data. This is
the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, CRYPTO 2015): changed, swapped, missing and added chunks are all noticed.
An empty file is one empty chunk.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from endoreg_db.errors import ConfigurationError, CorruptStoreError
from endoreg_db.storage.durable import storage_errors
from endoreg_db.storage.keys import MasterKey
from endoreg_db.storage.source import OnBytes, SteadySource, fill

CHUNK = 2**20  # bytes of plaintext; part of the format

_TAG: Final = 16  # bytes, of AES-GCM
_MAGIC: Final = b"EndoVlt\0"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">8sB8s32s7s")


def encrypted_size(size: int) -> int:
    """Bytes on the disk of a stored original of ``size`` bytes."""
    return _HEADER.size + size + _TAG * max(1, -(-size // CHUNK))


def encrypt(source: SteadySource, target: BinaryIO, key: MasterKey, on_bytes: OnBytes | None = None) -> str:
    """Write the content of a source, encrypted with a key of its own; returns its SHA-256 (hex).

    Args:
        source: what to read.
        target: what to write to.
        key: what the file's key is derived from.
        on_bytes: told how much was read.

    Raises:
        SourceUnreadableError: the source cannot be read, or has become shorter.
    """
    header = _HEADER.pack(_MAGIC, _VERSION, key.key_id, os.urandom(32), os.urandom(7))
    cipher = _ChunkCipher.of_header(header, key)
    sealed = memoryview(bytearray(min(CHUNK, source.size) + _TAG))
    digest = hashlib.sha256()
    target.write(header)
    left = source.size
    for index, chunk in enumerate(source.pieces(CHUNK, on_bytes)):
        digest.update(chunk)
        left -= len(chunk)
        piece = sealed[: len(chunk) + _TAG]
        cipher.encrypt(index, chunk, piece, last=left == 0)
        target.write(piece)
    return digest.hexdigest()


def decrypt(path: Path, sha256: str, key: MasterKey, *, from_disk: bool = False) -> Iterator[memoryview]:
    """The content of a stored file in pieces, each valid until the next one is asked for.

    Every piece is authentic and in its place when it is yielded. That nothing is missing, and that it is
    the content with this hash, is known only when the iteration ends without an error.

    Args:
        path: the file.
        sha256: (hex) of the content.
        key: what the file's key is derived from.
        from_disk: whether the kernel must read it again, even if it has a copy in memory.

    Raises:
        CorruptStoreError: the file is missing or was changed.
        ConfigurationError: it was encrypted with another key.
        StorageFailedError: it cannot be read.
    """
    digest = hashlib.sha256()
    with storage_errors(path), _open_stored(path) as file:
        if from_disk:  # a copy that the kernel still holds in memory would prove nothing
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        cipher = _ChunkCipher.of_header(_read_header(file, path, key), key)
        sealed, plain = memoryview(bytearray(CHUNK + _TAG)), memoryview(bytearray(CHUNK))
        left = os.fstat(file.fileno()).st_size - _HEADER.size
        index = 0
        while index == 0 or left > 0:
            piece = sealed[: fill(file, sealed)]
            left -= len(piece)
            content = plain[: max(0, len(piece) - _TAG)]
            try:
                cipher.decrypt(index, piece, content, last=left <= 0)
            except InvalidTag as error:
                raise _damaged(path, f"chunk {index} is missing or was changed") from error
            digest.update(content)
            yield content
            index += 1
    if digest.hexdigest() != sha256:
        raise _damaged(path, "it holds another content than its name says")


@dataclass(frozen=True, slots=True)
class _ChunkCipher:
    """Encrypts and decrypts the chunks of one file."""

    aead: AESGCM
    header: bytes

    @classmethod
    def of_header(cls, header: bytes, key: MasterKey) -> _ChunkCipher:
        salt = _HEADER.unpack(header)[3]
        return cls(AESGCM(key.derive("vault", salt=salt)), header)

    def encrypt(self, index: int, plain: memoryview, sealed: memoryview, *, last: bool) -> None:
        self.aead.encrypt_into(self._nonce(index, last), plain, self.header, sealed)

    def decrypt(self, index: int, sealed: memoryview, plain: memoryview, *, last: bool) -> None:
        if len(sealed) < _TAG:
            raise InvalidTag
        self.aead.decrypt_into(self._nonce(index, last), sealed, self.header, plain)

    def _nonce(self, index: int, last: bool) -> bytes:
        # 4 bytes count 4 PiB of chunks; to_bytes refuses more, so that no nonce is ever used twice.
        return self.header[-7:] + index.to_bytes(4, "big") + bytes([last])


def _read_header(file: FileIO, path: Path, key: MasterKey) -> bytes:
    header = file.read(_HEADER.size) or b""
    if len(header) != _HEADER.size:
        raise _damaged(path, "it is too short")
    magic, version, key_id, _salt, _prefix = _HEADER.unpack(header)
    if magic != _MAGIC or version != _VERSION:
        raise _damaged(path, "it is no vault file of a version known here")
    if key_id != key.key_id:
        raise ConfigurationError(
            f"{path} was encrypted with key {key_id.hex()}, and the key here is {key.key_id.hex()}",
            advice="Restore the key file of this vault. If this is the only such file, the file is damaged.",
        )
    return header


def _damaged(path: Path, how: str) -> CorruptStoreError:
    return CorruptStoreError(f"The stored original {path} is damaged: {how}")


def _open_stored(path: Path) -> FileIO:
    try:
        return FileIO(path, "rb")
    except FileNotFoundError as error:
        raise CorruptStoreError(f"The original {path} is not in the vault") from error
