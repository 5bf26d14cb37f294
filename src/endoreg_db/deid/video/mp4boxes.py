"""Which boxes an MP4 is made of (ISO/IEC 14496-12), read from the bytes without FFmpeg.

A demuxer shows what it understands; a box that it skips can hide a name from every other check.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_PARENTS = frozenset({"moov", "trak", "edts", "mdia", "minf", "dinf", "stbl"})
#: All that a bare H.264 recording needs. No udta, meta, uuid: the places for words.
_EXPECTED = _PARENTS | {
    *("ftyp", "mdat", "free", "mvhd", "tkhd", "elst", "mdhd", "hdlr", "vmhd", "dref"),
    *("stsd", "stts", "stss", "ctts", "stsc", "stsz", "stco", "co64", "sgpd", "sbgp"),
}
_DATED = frozenset({"mvhd", "tkhd", "mdhd"})
_MAX_PAYLOAD = 1 << 20  # bytes read of one box
#: The muxer's empty list of tags, to the byte: anything in it would change it.
_NO_TAGS = bytes.fromhex(
    "000000356d6574610000000000000021"
    "68646c7200000000000000006d646972"
    "6170706c000000000000000000"
    "00000008696c7374"
)
_HANDLER = b"\0\0\0\0vide" + bytes(12) + b"VideoHandler\0"


@dataclass(frozen=True, slots=True)
class Mp4Box:
    """One box; ``size`` counts its header."""

    kind: str
    start: int
    header: int
    size: int


def unexpected_content(path: Path) -> list[str]:
    """What the file holds besides one plain video, as short phrases; empty if nothing.

    Looked at: kinds of boxes, dates in the headers, the handler's name, filled ``free`` boxes, and
    bytes after the last box.
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        try:
            return list(_odd_ones(file, 0, end))
        except (ValueError, struct.error) as error:
            return [f"a broken box structure ({error})"]


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Mp4Box]:
    """The boxes that follow each other between two offsets.

    Raises:
        ValueError: a box does not fit between them.
    """
    while start < end:
        file.seek(start)
        head = file.read(16)
        size, kind = struct.unpack(">I4s", head[:8])
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", head[8:16]), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise ValueError(f"the box at {start} does not fit")
        yield Mp4Box(kind.decode("latin-1"), start, header, size)
        start += size


def _odd_ones(file: BinaryIO, start: int, end: int) -> Iterator[str]:
    for box in boxes(file, start, end):
        if box.kind == "udta" and _payload(file, box) == _NO_TAGS:
            continue
        if box.kind not in _EXPECTED:
            yield f"a box of kind {box.kind!r}"
        elif box.kind in _PARENTS:
            yield from _odd_ones(file, box.start + box.header, box.start + box.size)
        elif box.kind != "mdat":
            yield from _odd_payload(box.kind, _payload(file, box))


def _payload(file: BinaryIO, box: Mp4Box) -> bytes:
    file.seek(box.start + box.header)
    return file.read(min(box.size - box.header, _MAX_PAYLOAD))


def _odd_payload(kind: str, payload: bytes) -> Iterator[str]:
    if kind in _DATED and any(_dates(payload)):
        yield f"a date in {kind!r}"
    if kind == "free" and any(payload):
        yield "bytes in a free box"
    if kind == "hdlr" and payload[4:] != _HANDLER:
        yield "words in the handler's name"


def _dates(payload: bytes) -> tuple[int, ...]:
    """Creation and modification time; version 1 of the box has them in 64 bits."""
    form = ">QQ" if payload[0] == 1 else ">II"
    return struct.unpack(form, payload[4 : 4 + struct.calcsize(form)])
