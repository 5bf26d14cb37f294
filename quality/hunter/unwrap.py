"""Undoes what hides bytes inside bytes: escapes, hex, base64, and compressed streams anywhere."""

from __future__ import annotations

import base64
import binascii
import html
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

LARGEST_STREAM: Final = 64 * 2**20  # bytes; more of one stream is not inflated
LARGEST_FOR_RAW: Final = 64 * 2**10  # bytes; in more, raw deflate without a header is not looked for
_LEAST: Final = 12  # bytes of a stream that are worth a look

_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[\s:]?){6,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}(?:\r?\n[A-Za-z0-9+/_-]+)*")
_ESCAPE = re.compile(rb"\\[0-7]{1,3}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|[%=#][0-9A-Fa-f]{2}|&#?\w{1,8};")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_OCTAL = re.compile(rb"\\([0-7]{1,3})")
_PERCENT = re.compile(rb"[%=#]([0-9A-Fa-f]{2})")  # links, quoted-printable, names in PDF
_BACKSLASH_X = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_BACKSLASH_U = re.compile(r"\\u([0-9A-Fa-f]{4})")
#: RFC 1950: the two bytes are a multiple of 31; a preset dictionary (bit 5) nobody could read.
_ZLIB_HEADERS = [
    method << 8 | flags
    for method in range(0x08, 0x80, 0x10)
    for flags in range(256)
    if (method << 8 | flags) % 31 == 0 and not flags & 0x20
]
_IS_ZLIB = np.zeros(1 << 16, np.bool_)  # of two bytes, as a number: whether a stream may begin so
_IS_ZLIB[_ZLIB_HEADERS] = True
_GZIP = re.compile(rb"\x1f\x8b\x08", re.DOTALL)
_ZIP = re.compile(rb"PK\x03\x04.{22}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """Bytes that lay inside other bytes."""

    how: str  # e.g. ``base64`` or ``inflated at 4711``
    data: bytes


def unwrap(data: bytes, *, raw: bool = True) -> Iterator[Unwrapped]:
    """Everything that is hidden in ``data`` by one layer.

    ``raw``: also look for deflate without a header, which takes long: at every byte.
    """
    for how, parts in (
        ("hex", _hexadecimal(data)),
        ("base64", _base64(data)),
        ("escapes", _escapes(data)),
    ):
        # One look for all of them; the line between is in no token.
        joined = b"\n\x00\n".join(parts)
        if joined:
            yield Unwrapped(how, joined)
    yield from inflated(data, raw=raw)


def inflated(data: bytes, *, raw: bool = True) -> Iterator[Unwrapped]:
    """Every compressed stream: zlib and gzip by their headers, zip entries, and raw deflate in small data."""
    view = memoryview(data)
    end = 0
    for start in _zlib_headers(data):
        if start < end:
            continue
        stream = _inflate(view[start:], zlib.MAX_WBITS)
        if stream.whole:
            end = start + stream.used
        yield from stream.named(f"zlib at {start}")
    for found in _GZIP.finditer(data):
        yield from _inflate(view[found.start() :], zlib.MAX_WBITS + 16).named(f"gzip at {found.start()}")
    for found in _ZIP.finditer(data):
        yield from _zip_entry(view, found.start())
    if raw and len(data) <= LARGEST_FOR_RAW:
        yield from _raw_deflate(view)


def _zlib_headers(data: bytes) -> list[int]:
    letters = np.frombuffer(data, np.uint8)
    places: list[int] = np.flatnonzero(_IS_ZLIB[letters[:-1].astype(np.uint16) << 8 | letters[1:]]).tolist()
    return places


def _zip_entry(data: memoryview, start: int) -> Iterator[Unwrapped]:
    """One entry by its local header (APPNOTE 4.3.7); its directory may be missing."""
    name, extra = (int.from_bytes(data[start + at : start + at + 2], "little") for at in (26, 28))
    begin = start + 30 + name + extra
    yield from _inflate(data[begin:], -zlib.MAX_WBITS).named(f"zip entry at {start}")


def _raw_deflate(data: memoryview) -> Iterator[Unwrapped]:
    """Deflate without header: tried at every place, kept where it ends well and text comes out."""
    end = 0
    for start in range(len(data) - _LEAST):
        # RFC 1951, 3.2.3: of the kinds of block, 3 is an error, and stored ones (0) are plain to see.
        if start < end or (data[start] >> 1) & 3 in (0, 3):
            continue
        stream = _inflate(data[start:], -zlib.MAX_WBITS)
        if stream.whole and stream.used >= _LEAST and _is_text(stream.data):
            end = start + stream.used
            yield from stream.named(f"deflate at {start}")


@dataclass(frozen=True, slots=True)
class _Stream:
    data: bytes  # what came out; of a damaged stream, what was good of it
    used: int  # bytes that it took
    whole: bool  # whether it came to its own end

    def named(self, how: str) -> Iterator[Unwrapped]:
        if len(self.data) >= _LEAST:
            yield Unwrapped(how, self.data)


def _inflate(data: memoryview, window: int) -> _Stream:
    engine = zlib.decompressobj(window)
    out, used, size = bytearray(), 0, 256  # most that looks like a stream is none, and fails at once
    while used < len(data) and not engine.eof and len(out) < LARGEST_STREAM:
        part, before = data[used : used + size], engine.copy()
        used, size = used + len(part), 1 << 16
        try:
            out += engine.decompress(part, LARGEST_STREAM)
        except zlib.error:
            out += _until_error(before, part)
            break
    return _Stream(bytes(out), used - len(engine.unused_data), engine.eof)


def _until_error(engine: Any, part: memoryview) -> bytes:
    """What a damaged stream gives before its damage; the engine would keep that to itself."""
    out = bytearray()
    with suppress(zlib.error):
        for at in range(len(part)):
            out += engine.decompress(part[at : at + 1])
    return bytes(out)


def _is_text(out: bytes) -> bool:
    text = out.decode("utf-8", "replace")
    return sum(letter.isprintable() and letter != "\ufffd" for letter in text) > 0.85 * len(text)


def _hexadecimal(data: bytes) -> Iterator[bytes]:
    """At both alignments: a run may begin with a digit that belongs to something else."""
    for found in _HEX.finditer(data):
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", found[0])
        for start in (0, 1):
            part = digits[start:]
            yield bytes.fromhex(part[: len(part) // 2 * 2].decode())


def _base64(data: bytes) -> Iterator[bytes]:
    """From each of the first four letters on: a run may begin with letters that are no part of it."""
    for found in _BASE64.finditer(data):
        letters = re.sub(rb"\s", b"", found[0]).translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            part = letters[start:]
            with suppress(binascii.Error):
                yield base64.b64decode(part[: len(part) // 4 * 4])
            rest = len(part) % 4
            if rest >= 2:  # the tail that a missing "=" would have completed
                yield base64.b64decode(part[-rest - 4 :] + b"=" * (4 - rest))


def _escapes(data: bytes) -> Iterator[bytes]:
    r"""Octal and hex escapes, \u, percent signs, quoted-printable, names in PDF, HTML entities."""
    end = 0
    for found in _ESCAPE.finditer(data):
        if found.start() < end:
            continue
        start, end = _line_around(data, found.start(), end)
        line = data[start:end]
        yield from {out for out in _unescaped(line) if out != line}


def _line_around(data: bytes, place: int, least: int) -> tuple[int, int]:
    """Beginning (not before ``least``) and end of the printable bytes around a place."""
    start = place
    while start > least and 0x20 <= data[start - 1] <= 0x7E:
        start -= 1
    stop = _UNPRINTABLE.search(data, place)
    return start, len(data) if stop is None else stop.start()


def _unescaped(part: bytes) -> Iterator[bytes]:
    yield _OCTAL.sub(lambda m: bytes([int(m[1], 8) & 255]), part)
    yield _PERCENT.sub(_byte, part)
    yield _BACKSLASH_X.sub(_byte, part)
    text = _BACKSLASH_U.sub(lambda m: chr(int(m[1], 16)), part.decode("latin-1"))
    yield html.unescape(text).encode("utf-8", "ignore")


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())
