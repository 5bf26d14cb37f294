"""Writes boxes (ISO/IEC 14496-12) into a finished MP4 whose index lies at its end: no offset moves."""

from __future__ import annotations

from collections.abc import Iterator

XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # the uuid of XMP (XMP specification, part 3)
_TURNED = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)  # a quarter to the right


def box(kind: bytes, body: bytes) -> bytes:
    """One box."""
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def top_level(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of every box of the file."""
    start = 0
    while start + 8 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        yield data[start + 4 : start + 8], start, start + size
        start += max(size, 8)


def with_child(data: bytes, child: bytes) -> bytes:
    """The file with one more box at the end of its index."""
    start, end = _find(data, b"moov")
    size = (end - start + len(child)).to_bytes(4, "big")
    return data[:start] + size + data[start + 4 : end] + child + data[end:]


def with_unused_media(data: bytes, extra: bytes) -> bytes:
    """The file with bytes in its media box that no index names."""
    start, end = _find(data, b"mdat")
    size = (end - start + len(extra)).to_bytes(4, "big")
    return data[:start] + size + data[start + 4 : end] + extra + data[end:]


def with_hidden_start(data: bytes, seconds: float) -> bytes:
    """The file with an edit list that hides its first ``seconds``."""
    out = bytearray(data)
    at = data.find(b"elst")
    scale = _media_scale(data)
    if at < 0 or data[at + 4] != 0:
        raise ValueError("there is no edit list of version 0 to change")
    start = int.from_bytes(out[at + 16 : at + 20], "big")
    out[at + 16 : at + 20] = (start + round(seconds * scale)).to_bytes(4, "big")
    return bytes(out)


def turned(data: bytes) -> bytes:
    """The file with a matrix that has players show it a quarter turned."""
    out = bytearray(data)
    at = data.find(b"tkhd") + 4 + (52 if data[data.find(b"tkhd") + 4] == 1 else 40)
    for number, value in enumerate(_TURNED):
        out[at + 4 * number : at + 4 * number + 4] = value.to_bytes(4, "big", signed=True)
    return bytes(out)


def _find(data: bytes, kind: bytes) -> tuple[int, int]:
    return next((start, end) for name, start, end in top_level(data) if name == kind)


def _media_scale(data: bytes) -> int:
    """Ticks a second of the first track's media."""
    at = data.find(b"mdhd") + 4
    return int.from_bytes(data[at + 20 : at + 24] if data[at] == 1 else data[at + 12 : at + 16], "big")
