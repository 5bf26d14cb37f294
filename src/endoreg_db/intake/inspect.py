"""What a file really is, by its first bytes; its name is never asked.

This look happens in the importing process itself, so it only compares bytes: parsing is done in
the cell.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

#: Enough for five MPEG transport packets, and for a PDF header that follows some junk.
HEAD_BYTES = 2048

_TS_PACKET = 188
_TS_PACKET_WITH_TIMECODE = 192  # AVCHD: four bytes before every packet
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


class MediaKind(StrEnum):
    """What the intake can do with a file."""

    VIDEO = "video"
    REPORT = "report"
    OTHER = "other"
    EMPTY = "empty"


def kind_of(head: bytes) -> MediaKind:
    """The kind of a file that starts with ``head`` (its first :data:`HEAD_BYTES` bytes, or all)."""
    if not head:
        return MediaKind.EMPTY
    # ISO 32000 wants the header first; readers accept it within the first kilobyte (Annex H).
    if b"%PDF-" in head[:1024] and not head.lstrip().startswith((b"<", b"{")):
        return MediaKind.REPORT
    return MediaKind.VIDEO if _is_video(head) else MediaKind.OTHER


def inspect(path: Path) -> MediaKind:
    """The kind of the file at ``path``.

    Raises:
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as file:
        return kind_of(file.read(HEAD_BYTES))


def _is_video(head: bytes) -> bool:
    return (
        head[4:8] in _MP4_BOXES
        or head.startswith(b"\x1a\x45\xdf\xa3")  # Matroska, WebM
        or (head.startswith(b"RIFF") and head[8:12] in (b"AVI ", b"AVIX"))
        or head.startswith(_ASF_HEADER)  # WMV
        or head.startswith((b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"))  # MPEG program, elementary
        or head.startswith((b"\x1f\x07\x00", b"\x06\x0e\x2b\x34"))  # DV, MXF
        or _repeats_sync_byte(head, 0, _TS_PACKET)
        or _repeats_sync_byte(head, 4, _TS_PACKET_WITH_TIMECODE)
    )


def _repeats_sync_byte(head: bytes, first: int, distance: int) -> bool:
    sync_bytes = head[first : first + 5 * distance : distance]
    return len(sync_bytes) == 5 and set(sync_bytes) == {0x47}
