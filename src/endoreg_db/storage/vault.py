"""The vault: encrypted originals, each stored once under the SHA-256 of its content.

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
import re
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from endoreg_db.errors import (
    ConfigurationError,
    CorruptStoreError,
    SourceMissingError,
    SourceUnreadableError,
)
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

#: Called with the number of bytes read so far, after every chunk; what it raises ends the reading.
OnBytes = Callable[[int], None]

_CHUNK: Final = 2**20  # bytes of plaintext
_TAG: Final = 16  # bytes, of AES-GCM
_SEALED_CHUNK: Final = _CHUNK + _TAG
_MAGIC: Final = b"EndoVlt\0"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">8sB8s32s7s")
_SUFFIX: Final = ".enc"
_ADDRESS: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What identifies a content."""

    sha256: str  # hexadecimal
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Ingested:
    """A source that was read once: hashed, and encrypted into a file that is not kept yet."""

    sha256: str  # hexadecimal, of the source's bytes
    size: int  # bytes, of the source
    temp_path: Path  # the encrypted, durable bytes; the caller keeps or removes it


def hash_file(path: Path, on_bytes: OnBytes | None = None) -> FileDigest:
    """SHA-256 and size of a file, read once.

    Raises:
        SourceMissingError: there is no file.
        SourceUnreadableError: it is no regular file, cannot be read, or changed while it was read.
    """
    digest = hashlib.sha256()
    with _steady_source(path) as (file, size):
        for chunk in _chunks(file, path, size, on_bytes):
            digest.update(chunk)
    return FileDigest(digest.hexdigest(), size)


def encrypted_size(size: int) -> int:
    """Bytes on the disk of a stored original of ``size`` bytes."""
    return _HEADER.size + size + _TAG * max(1, -(-size // _CHUNK))


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
        with new_file(temp_folder) as (target, temp), _steady_source(source) as (file, size):
            require_room(temp_folder, encrypted_size(size))
            sha256 = self._encrypt(_chunks(file, source, size, on_bytes), size, target)
        return Ingested(sha256, size, temp)

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
        for piece in self._decrypt(sha256):
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
            for piece in self._decrypt(sha256):
                file.write(piece)

        write_durably(target, write)

    def verify(self, sha256: str) -> bool:
        """Whether the stored file, read again from the disk, is whole and has this hash.

        Raises:
            ConfigurationError: it was encrypted with another key, or its key id was changed.
            StorageFailedError: it cannot be read.
        """
        try:
            for _piece in self._decrypt(sha256, from_disk=True):
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

    def _encrypt(self, chunks: Iterator[memoryview], size: int, target: BinaryIO) -> str:
        header = _HEADER.pack(_MAGIC, _VERSION, self.key.key_id, os.urandom(32), os.urandom(7))
        cipher = _ChunkCipher.of_header(header, self.key)
        sealed = memoryview(bytearray(min(_CHUNK, size) + _TAG))
        digest = hashlib.sha256()
        target.write(header)
        left = size
        for index, chunk in enumerate(chunks):
            digest.update(chunk)
            left -= len(chunk)
            piece = sealed[: len(chunk) + _TAG]
            cipher.encrypt(index, chunk, piece, last=left == 0)
            target.write(piece)
        return digest.hexdigest()

    def _decrypt(self, sha256: str, *, from_disk: bool = False) -> Iterator[memoryview]:
        """The content in pieces, each valid until the next one is asked for; see :meth:`read`."""
        path = self.path_of(sha256)
        digest = hashlib.sha256()
        with storage_errors(path), _open_stored(path) as file:
            if from_disk:  # a copy that the kernel still holds in memory would prove nothing
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            cipher = _ChunkCipher.of_header(_read_header(file, path, self.key), self.key)
            sealed, plain = memoryview(bytearray(_SEALED_CHUNK)), memoryview(bytearray(_CHUNK))
            left = os.fstat(file.fileno()).st_size - _HEADER.size
            index = 0
            while index == 0 or left > 0:
                piece = sealed[: _fill(file, sealed)]
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

    @staticmethod
    def _has_size(path: Path, size: int) -> bool:
        with storage_errors(path):
            return path.stat().st_size == size


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


def _holds_anything(folder: Path) -> bool:
    with storage_errors(folder):
        try:
            with os.scandir(folder) as entries:
                return next(entries, None) is not None
        except FileNotFoundError:
            return False


def _open_stored(path: Path) -> FileIO:
    try:
        return FileIO(path, "rb")
    except FileNotFoundError as error:
        raise CorruptStoreError(f"The original {path} is not in the vault") from error


@contextmanager
def _steady_source(path: Path) -> Iterator[tuple[FileIO, int]]:
    """A source open for reading, and its size in bytes; it must not change until the block ends."""
    with _source_errors(path):
        file = FileIO(path, "rb", opener=_open_without_waiting)
    with file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise SourceUnreadableError(f"Not a regular file: {path}", path=path)
        yield file, before.st_size
        # By path: a file that was put in its place while this one was read is a change too.
        with _source_errors(path):
            after = path.stat()
        if _identity(before) != _identity(after):
            raise _changed(path)


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO would wait for its writer, for ever


def _chunks(file: FileIO, path: Path, size: int, on_bytes: OnBytes | None) -> Iterator[memoryview]:
    """``size`` bytes in pieces of 1 MiB, the last one shorter; one empty piece if there are none.

    Each piece is valid until the next one is asked for.
    """
    buffer = memoryview(bytearray(min(_CHUNK, size)))  # the system clears every page that it hands out
    done = 0
    while True:
        wanted = min(_CHUNK, size - done)
        with _source_errors(path):
            count = _fill(file, buffer[:wanted])
        if count < wanted:
            raise _changed(path)
        done += count
        yield buffer[:count]
        if on_bytes is not None:
            on_bytes(done)
        if done == size:
            return


def _fill(file: FileIO, buffer: memoryview) -> int:
    """Read until ``buffer`` is full or the file ends; returns the number of bytes."""
    done = 0
    while done < len(buffer):
        count = file.readinto(buffer[done:])
        if not count:
            break
        done += count
    return done


@contextmanager
def _source_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise SourceMissingError(f"Source file not found: {path}", path=path) from error
    except OSError as error:
        raise SourceUnreadableError(
            f"Source file cannot be read: {path} ({error.strerror})", path=path
        ) from error


def _changed(path: Path) -> SourceUnreadableError:
    return SourceUnreadableError(
        f"Source file changed while it was read: {path}",
        path=path,
        advice="Wait until the recorder or the copy has finished, then import it again.",
    )
