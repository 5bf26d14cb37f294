"""The packed parts of an untrusted PDF: how much they unpack to, and whether they can be unpacked at all.

PDFium has no limit of its own for the contents of pages, forms and fonts, or for compressed objects: a few
kilobytes can unpack to gigabytes. The cell's own limits would end it; this says why, and sooner. And of a
part that is damaged PDFium shows what it can without a word, so that a page may be empty that was not.

Pictures are left out, for how much of them is drawn is bounded by their pixels, and attachments, which
nobody unpacks.
"""

from __future__ import annotations

import base64
import binascii
import mmap
import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from endoreg_db.errors import UnsupportedMediaError

#: Bytes that one part may unpack to: a hundred times the contents of a page full of print.
MAX_UNPACKED = 64 * 1024 * 1024
_BEGIN = re.compile(rb">>\s{0,8}stream\r?\n")
_DICTIONARY = 4096  # bytes before a part in which it says what it is
_OTHERS = re.compile(rb"/(?:Image|EmbeddedFile)\b")
_FILTER = re.compile(rb"/Filter\s*(\[[^\]]*\]|/\w+)")
_NAME = re.compile(rb"/(\w+)")
_FLATE = {b"FlateDecode", b"Fl"}
_ASCII_85 = {b"ASCII85Decode", b"A85"}
_MOST_TIMES = 4  # that anybody packs the same
_BLOCK = 1 << 16  # bytes that are unpacked at once


class _DamagedError(Exception):
    """It cannot be unpacked to its end."""


class _TooMuchError(Exception):
    """It unpacks to more than the limit."""


def refuse_bombs(path: str) -> None:
    """Look at every packed part of a file, also where no table of contents leads.

    What cannot be unpacked here, being damaged, encrypted, or packed in a rare way, is left to others.

    Raises:
        UnsupportedMediaError: a part unpacks to more than any report needs.
    """
    try:
        _look(path)
    except _TooMuchError as error:
        raise UnsupportedMediaError(
            f"The report has a part that unpacks to more than {MAX_UNPACKED >> 20} MB",
            advice="No report needs that much. Print it to a new PDF, or scan its printout.",
        ) from error


def has_damaged_parts(path: str) -> bool:
    """Whether a part of the file cannot be unpacked to its end; of an encrypted file that is not known."""
    return _look(path) > 0


def _look(path: str) -> int:
    """Unpack every part of a file; returns how many of them are damaged.

    Raises:
        _TooMuchError: one of them unpacks to more than the limit.
    """
    damaged = 0
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(b"/Encrypt") >= 0:
            return 0
        for found in _BEGIN.finditer(data):
            said = data[max(0, found.start() - _DICTIONARY) : found.start()]
            said = said[said.rfind(b" obj") + 1 :]
            filters = _FILTER.search(said)
            if filters is None or _OTHERS.search(said):
                continue
            try:
                _unpack(data, found.end(), _NAME.findall(filters[1]))
            except _DamagedError:
                damaged += 1
    return damaged


def _unpack(data: mmap.mmap, start: int, filters: list[bytes]) -> None:
    """Unpack one part and forget it.

    Raises:
        _TooMuchError, _DamagedError: see there.
    """
    as_text = filters[:1] and filters[0] in _ASCII_85
    times = len(filters) - bool(as_text)
    if not set(filters[-times:]) <= _FLATE or times > _MOST_TIMES:
        return
    # Each step by itself: a later one may fail at once on what takes an earlier one gigabytes.
    for steps in range(1, times + 1):
        blocks: Iterable[bytes] = [_from_ascii(data, start)] if as_text else _blocks(data, start)
        for _ in range(steps):
            blocks = _inflated(blocks)
        deque(blocks, maxlen=0)


def _blocks(data: mmap.mmap, start: int) -> Iterator[bytes]:
    """What follows; where the packed data ends is its own to say."""
    for at in range(start, len(data), _BLOCK):
        yield data[at : at + _BLOCK]


def _from_ascii(data: mmap.mmap, start: int) -> bytes:
    end = data.find(b"~>", start)
    try:
        return base64.a85decode(data[start:end])
    except (ValueError, binascii.Error) as error:
        raise _DamagedError from error


def _inflated(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks unpacked once, in small pieces.

    Raises:
        _TooMuchError: past the limit.
        _DamagedError: at the place where it is damaged.
    """
    unpacker, total = zlib.decompressobj(), 0
    for block in blocks:
        while block and not unpacker.eof:
            try:
                made = unpacker.decompress(block, _BLOCK)
            except zlib.error as error:
                raise _DamagedError from error
            total += len(made)
            if total > MAX_UNPACKED:
                raise _TooMuchError
            yield made
            block = unpacker.unconsumed_tail
        if unpacker.eof:
            return
    raise _DamagedError
