"""Reads MP4 boxes and elementary streams by itself: times, and what decoders show to nobody.

Rules: ISO/IEC 14496-12 (boxes), H.262 6.2.2.6 (time code of a group of pictures), CEA-608 in
ATSC A/53 (captions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

_EPOCH = datetime(1904, 1, 1)
_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"moof", b"traf"})
_WITH_TIMES = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_GROUP = re.compile(rb"\x00\x00\x01\xb8(.{4})", re.DOTALL)
_CAPTION = re.compile(rb"GA94\x03(.)", re.DOTALL)
_EMULATION = re.compile(rb"\x00\x00\x03(?=[\x00-\x03])")


def box_times(data: bytes) -> Iterator[tuple[str, str]]:
    """Name of a box and a time in it, in ISO 8601: of creation and of change, where they are set."""
    yield from _times_in(data, 0, len(data), depth=0)


def group_times(data: bytes) -> Iterator[str]:
    """Time codes of MPEG-2 groups of pictures, as ``hh:mm:ss``, each once."""
    seen = set()
    for found in _GROUP.finditer(data):
        bits = int.from_bytes(found[1], "big")
        hours, minutes, seconds = bits >> 26 & 31, bits >> 20 & 63, bits >> 13 & 63
        if hours < 24 and minutes < 60 and seconds < 60:
            seen.add(f"{hours:02}:{minutes:02}:{seconds:02}")
    yield from sorted(seen)


def captions(data: bytes) -> str:
    """The letters of CEA-608 captions in an H.264, HEVC or MPEG-2 stream, in the order of the stream."""
    letters = bytearray()
    clean = _EMULATION.sub(b"\x00\x00", data)
    for found in _CAPTION.finditer(clean):
        count = found[1][0] & 31
        triplets = clean[found.end() + 1 : found.end() + 1 + 3 * count]
        for marker, first, second in zip(triplets[::3], triplets[1::3], triplets[2::3], strict=False):
            if marker & 4:  # cc_valid
                letters += bytes([first & 0x7F, second & 0x7F])  # the highest bit is parity
    return re.sub(r"[^\x20-\x7e]", "", letters.decode("latin-1"))


def _times_in(data: bytes, start: int, end: int, *, depth: int) -> Iterator[tuple[str, str]]:
    while start + 8 <= end and depth < 8:
        size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        size = end - start if size == 0 else size
        if size < head or start + size > end:
            return
        if kind in _WITH_TIMES:
            yield from ((kind.decode(), time) for time in _times_of(data[start + head : start + size]))
        elif kind in _PARENTS:
            yield from _times_in(data, start + head, start + size, depth=depth + 1)
        start += size


def _times_of(body: bytes) -> Iterator[str]:
    width = 8 if body[:1] == b"\x01" else 4
    for at in (4, 4 + width):
        seconds = int.from_bytes(body[at : at + width], "big")
        if 0 < seconds < 2**33:
            yield (_EPOCH + timedelta(seconds=seconds)).isoformat(sep=" ")
