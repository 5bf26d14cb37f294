"""Source files: other people's, read once and only as long as nobody changes them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from endoreg_db.errors import SourceMissingError, SourceUnreadableError

#: Called with the number of bytes read so far, after every piece; what it raises ends the reading.
OnBytes = Callable[[int], None]

_PIECE: Final = 2**20  # bytes that are hashed at once


@dataclass(frozen=True, slots=True)
class SourceFingerprint:
    """What the file system says about a source file; equal as long as nobody has changed the file.

    Not guaranteed: a change within the same clock tick as the look (milliseconds on local disks, 2 s on
    FAT) that keeps the size is not seen, so look only at files that have settled. Device and inode
    numbers can change with a new mount; the file then merely counts as changed.
    """

    device: int
    inode: int
    size: int  # bytes
    mtime_ns: int  # nanoseconds since the epoch, by the file system's clock
    ctime_ns: int  # likewise; cannot be set back by programs that copy times

    @classmethod
    def of_stat(cls, found: os.stat_result) -> SourceFingerprint:
        """The fingerprint in a result of ``stat`` that the caller has anyway."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def fingerprint(path: Path) -> SourceFingerprint:
    """The fingerprint of the file at ``path``; symbolic links are followed.

    Raises:
        SourceMissingError: there is no file.
        SourceUnreadableError: it cannot be looked at.
    """
    with _source_errors(path):
        return SourceFingerprint.of_stat(path.stat())


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What identifies a content."""

    sha256: str  # hexadecimal
    size: int  # bytes


def hash_file(path: Path, on_bytes: OnBytes | None = None) -> FileDigest:
    """SHA-256 and size of a file, read once.

    Raises:
        SourceMissingError: there is no file.
        SourceUnreadableError: it is no regular file, cannot be read, or changed while it was read.
    """
    digest = hashlib.sha256()
    with steady_source(path) as source:
        for piece in source.pieces(_PIECE, on_bytes):
            digest.update(piece)
    return FileDigest(digest.hexdigest(), source.size)


@dataclass(frozen=True, slots=True)
class SteadySource:
    """A source that is open for reading; see :func:`steady_source`."""

    file: FileIO
    path: Path
    size: int  # bytes

    def pieces(self, length: int, on_bytes: OnBytes | None = None) -> Iterator[memoryview]:
        """All of it in pieces of ``length`` bytes, the last one shorter; one empty piece if it is empty.

        Each piece is valid until the next one is asked for.

        Raises:
            SourceUnreadableError: it cannot be read, or has become shorter.
        """
        buffer = memoryview(bytearray(min(length, self.size)))  # the system clears every page it hands out
        done = 0
        while True:
            wanted = min(length, self.size - done)
            with _source_errors(self.path):
                count = fill(self.file, buffer[:wanted])
            if count < wanted:
                raise _changed(self.path)
            done += count
            yield buffer[:count]
            if on_bytes is not None:
                on_bytes(done)
            if done == self.size:
                return


@contextmanager
def steady_source(path: Path) -> Iterator[SteadySource]:
    """Open a source for reading; it must not change until the block ends.

    Raises:
        SourceMissingError: there is no file.
        SourceUnreadableError: it is no regular file, cannot be read, or has changed.
    """
    with _source_errors(path):
        file = FileIO(path, "rb", opener=_open_without_waiting)
    with file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise SourceUnreadableError(f"Not a regular file: {path}", path=path)
        yield SteadySource(file, path, before.st_size)
        # By path: a file that was put in its place while this one was read is a change too.
        with _source_errors(path):
            after = path.stat()
        if _identity(before) != _identity(after):
            raise _changed(path)


def fill(file: FileIO, buffer: memoryview) -> int:
    """Read until ``buffer`` is full or the file ends; returns the number of bytes."""
    done = 0
    while done < len(buffer):
        count = file.readinto(buffer[done:])
        if not count:
            break
        done += count
    return done


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO would wait for its writer, for ever


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
