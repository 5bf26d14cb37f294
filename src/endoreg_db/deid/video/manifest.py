"""What is known of a finished piece of the output, in a small file beside its packets.

An attempt that comes after a crash finds by it which pieces need not be encoded again. A manifest says
from what a piece was made and which bytes it has: digests and a size, nothing of what is to be seen. It
is written after the packets have reached the disk, so one that fits its packets means that they are
whole; whoever finds one that does not fit drops the piece.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

#: How the names of a piece's two files end.
PACKETS_SUFFIX, MANIFEST_SUFFIX = ".packets", ".manifest"

#: As the pass calls them: what made it (not said of the usual encoder), which piece, how many covers.
_NAME = re.compile(r"([a-z0-9_]{1,40}-)?(segment-[0-9]{5,7}|whole)(-[0-9]{1,5})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 1024  # of a manifest
_MOST_SIZE = 2**53


@dataclass(frozen=True, slots=True)
class Manifest:
    """From what a piece was made, and what came out."""

    recipe: str  # SHA-256 (hex) of all that the bytes depend on, but for the source's own
    source: str  # likewise of the source's packets that were decoded for it
    sha256: str  # likewise of the file of packets
    size: int  # bytes, of the file of packets

    def __post_init__(self) -> None:
        """Refuse what no piece can have.

        Raises:
            ValueError: a digest is no digest, or the size no size.
        """
        digests = (self.recipe, self.source, self.sha256)
        if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in digests):
            raise ValueError("a digest in a manifest is none")
        if type(self.size) is not int or not 0 <= self.size <= _MOST_SIZE:
            raise ValueError("the size in a manifest is none")

    def to_bytes(self) -> bytes:
        """As it is written."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, untrusted: bytes) -> Manifest:
        """What was written.

        Raises:
            ValueError: that is no manifest.
        """
        if len(untrusted) > _MOST_BYTES:
            raise ValueError("too long for a manifest")
        parsed = json.loads(untrusted)
        if not isinstance(parsed, dict) or parsed.keys() != {"recipe", "source", "sha256", "size"}:
            raise ValueError("not a manifest")
        return cls(**parsed)


def is_name(name: str) -> bool:
    """Whether a piece may be called so. Such a name leads out of no folder."""
    return _NAME.fullmatch(name) is not None


def manifest_path(packets: Path) -> Path:
    """Where the manifest of a file of packets lies."""
    return packets.with_suffix(MANIFEST_SUFFIX)


def write_manifest(packets: Path, recipe: str, source: str) -> None:
    """Say that a file of packets is complete; afterwards both are on the disk.

    Raises:
        OSError: the disk is full, or cannot be written.
    """
    with packets.open("rb") as file:
        os.fsync(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    target = manifest_path(packets)
    unfinished = target.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(Manifest(recipe, source, sha256, size).to_bytes())
        _to_the_disk(file)
    unfinished.replace(target)
    _sync_folder(target.parent)


def read_manifest(packets: Path) -> Manifest | None:
    """The manifest beside a file of packets; None if there is none, or nothing that is one.

    Believes nothing: not that the two fit together, see :func:`fits`, and not that they are files.
    """
    path = manifest_path(packets)
    with suppress(OSError, ValueError, RecursionError):
        if _is_file(path) and _is_file(packets):
            with path.open("rb") as file:
                return Manifest.from_bytes(file.read(_MOST_BYTES + 1))
    return None


def fits(packets: Path, manifest: Manifest) -> bool:
    """Whether the file of packets has the very bytes that the manifest tells of."""
    with suppress(OSError), packets.open("rb") as file:
        if os.fstat(file.fileno()).st_size == manifest.size:
            return hashlib.file_digest(file, "sha256").hexdigest() == manifest.sha256
    return False


def finished(folder: Path) -> Iterator[tuple[Path, Manifest]]:
    """Every file of packets in a folder that says that it is complete, in order of name.

    Raises:
        OSError: the folder cannot be read.
    """
    for path in sorted(folder.iterdir()):
        packets = path.with_suffix(PACKETS_SUFFIX)
        if path.suffix == MANIFEST_SUFFIX and is_name(path.stem):
            manifest = read_manifest(packets)
            if manifest is not None:
                yield packets, manifest


def remove_pieces(folder: Path) -> None:
    """Remove all pieces in a folder, also those that were made again, or never used.

    Raises:
        OSError: one cannot be removed.
    """
    for suffix in (MANIFEST_SUFFIX, PACKETS_SUFFIX):
        for path in folder.glob(f"*{suffix}"):
            path.unlink()


def _is_file(path: Path) -> bool:
    # No link: who wrote here is not trusted, and a link may lead anywhere.
    return stat.S_ISREG(path.lstat().st_mode)


def _to_the_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
