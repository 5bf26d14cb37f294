"""Looks for tokens in raw bytes, in every encoding, without decoding the bytes first."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quality.hunter.tokens import WHOLE_WORD, Token, spellings

#: Letters by one byte, and by two. The 8-bit sets cover the names of Europe.
ENCODINGS = ("utf-8", "latin-1", "cp1250", "cp1254", "cp437", "mac-roman", "utf-16-le", "utf-16-be")

#: Only ASCII is made small, in needle and haystack alike, so it does no harm to other bytes.
_SMALL = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_PRINTABLE = frozenset([9, 10, 13, *range(32, 127)])
_CASED_BITS, _BYTE_BITS, _ZERO_BITS = 7.0, 8.0, 4.0
_NEIGHBOUR_BITS = math.log2(256 / len(_PRINTABLE))
_NEIGHBOURS = 24  # bytes on either side that count as context
#: A match by chance must be rarer than one in a million files. Compressed pictures are noise: a
#: four-letter name is in every few hundred megabytes of them.
_SURE_BITS = 20.0
_LONG_NUMBER = 8  # digits from which on a number is looked for inside longer ones, too
_BEGIN = 3  # bytes of a needle by which it is looked for
_STRETCH = 1 << 20  # bytes that are compared at once
_EXCERPT = 30  # bytes on either side


@dataclass(frozen=True, slots=True)
class Needle:
    """One spelling of one token in one encoding."""

    pattern: bytes  # in small ASCII letters
    token: Token
    encoding: str
    bits: float  # how improbable it is in noise
    whole_word: bool
    whole_number: bool  # few digits: in a longer number, or in hexadecimal, they are another one


@dataclass(frozen=True, slots=True)
class Match:
    """Where a needle lies."""

    needle: Needle
    start: int  # bytes
    excerpt: str


def needles_for(tokens: Sequence[Token]) -> tuple[Needle, ...]:
    """Every spelling of the tokens in every encoding that can write it; no two are the same bytes."""
    found: dict[tuple[bytes, Token], Needle] = {}
    for token in tokens:
        for spelling in spellings(token):
            for encoding in ENCODINGS:
                pattern = _encoded(spelling, encoding)
                if pattern:
                    short = sum(map(str.isalnum, spelling)) < WHOLE_WORD
                    few = spelling.isdigit() and len(spelling) < _LONG_NUMBER
                    needle = Needle(pattern, token, encoding, _bits(pattern), short, few)
                    found.setdefault((pattern, token), needle)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Needles:
    """Needles, prepared so that one pass over the data finds them all."""

    all: tuple[Needle, ...]
    short: frozenset[int]  # places in ``all`` of those that are shorter than a beginning
    begin: NDArray[np.bool_]  # of every three bytes, as a number: whether a needle begins so
    by_begin: Mapping[bytes, tuple[int, ...]]  # three bytes → places in ``all``

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> Needles:
        """Every spelling of the tokens in every encoding."""
        needles = needles_for(tokens)
        begin = np.zeros(256**_BEGIN, np.bool_)
        by_begin: dict[bytes, tuple[int, ...]] = {}
        for number, needle in enumerate(needles):
            first = needle.pattern[:_BEGIN]
            if len(first) == _BEGIN:
                begin[int.from_bytes(first, "little")] = True
                by_begin[first] = (*by_begin.get(first, ()), number)
        short = frozenset(n for n, needle in enumerate(needles) if len(needle.pattern) < _BEGIN)
        return cls(needles, short, begin, by_begin)

    def places(self, small: bytes) -> dict[int, list[int]]:
        """Place of a needle in ``all`` → where it lies in the data, in small ASCII letters; in order."""
        found: dict[int, list[int]] = {
            number: list(_places_of(small, self.all[number].pattern)) for number in self.short
        }
        for start in self._begins(small):
            for number in self.by_begin[small[start : start + _BEGIN]]:
                if small.startswith(self.all[number].pattern, start):
                    found.setdefault(number, []).append(start)
        return found

    def _begins(self, small: bytes) -> Iterator[int]:
        data = np.frombuffer(small, np.uint8)
        for offset in range(0, len(data) - _BEGIN + 1, _STRETCH):
            part = data[offset : offset + _STRETCH + _BEGIN - 1].astype(np.int32)
            numbers = part[:-2] | part[1:-1] << 8 | part[2:] << 16
            yield from (np.flatnonzero(self.begin[numbers]) + offset).tolist()


def scan(data: bytes, needles: Needles, *, noise: bool = True) -> Iterator[Match]:
    """The first match of each token in each encoding.

    Args:
        data: where to look.
        needles: what to look for.
        noise: whether the data may hold compressed pictures. A short match in noise counts only if
            what stands around it is text as well. In text the words alone decide.
    """
    small = data.translate(_SMALL)
    places = needles.places(small)
    seen: set[tuple[Token, str]] = set()
    for number in sorted(places):
        needle = needles.all[number]
        if (needle.token, needle.encoding) in seen:
            continue
        start = _first(small, needle, places[number], noise=noise)
        if start is not None:
            seen.add((needle.token, needle.encoding))
            yield Match(needle, start, excerpt(data, start, len(needle.pattern)))


def excerpt(data: bytes, start: int, length: int) -> str:
    """What stands at ``start``, with a little around it, in letters that a terminal can show."""
    part = data[max(0, start - _EXCERPT) : start + length + _EXCERPT]
    return re.sub(r"[^\x20-\x7e]+", "·", part.decode("latin-1"))


def _encoded(spelling: str, encoding: str) -> bytes:
    try:
        return spelling.encode(encoding).translate(_SMALL)
    except UnicodeEncodeError:
        return b""


def _bits(pattern: bytes) -> float:
    return sum(
        _ZERO_BITS if byte == 0 else _CASED_BITS if 97 <= byte <= 122 else _BYTE_BITS for byte in pattern
    )


def _places_of(small: bytes, pattern: bytes) -> Iterator[int]:
    start = small.find(pattern)
    while start >= 0:
        yield start
        start = small.find(pattern, start + 1)


def _first(small: bytes, needle: Needle, places: Sequence[int], *, noise: bool) -> int | None:
    """The first of the places at which the needle lies that is more than chance."""
    needed = math.log2(max(2, len(small))) + _SURE_BITS if noise else 0.0
    for start in places:
        end = start + len(needle.pattern)
        alone = not needle.whole_word or _stands_alone(small, start, end, needle.encoding)
        alone = alone and not (needle.whole_number and _touches_digit(small, start, end, needle.encoding))
        if alone and needle.bits + _context_bits(small, start, end, needed - needle.bits) >= needed:
            return start
    return None


def _stands_alone(small: bytes, start: int, end: int, encoding: str) -> bool:
    """Whether no letter or digit touches the match."""
    return not any(chr(byte).isalnum() for byte in _beside(small, start, end, encoding))


def _touches_digit(small: bytes, start: int, end: int, encoding: str) -> bool:
    return any(chr(byte).isdigit() for byte in _beside(small, start, end, encoding))


def _beside(small: bytes, start: int, end: int, encoding: str) -> Iterator[int]:
    """The ASCII bytes right before and behind the match."""
    width = 2 if encoding.startswith("utf-16") else 1
    beside = small[max(0, start - width) : start] + small[end : end + width]
    return (byte for byte in beside if byte < 128)


def _context_bits(small: bytes, start: int, end: int, missing: float) -> float:
    """How much the text around the match speaks against chance; not counted where nothing is missing."""
    if missing <= 0:
        return 0.0
    before = _run(small[max(0, start - _NEIGHBOURS) : start][::-1])
    after = _run(small[end : end + _NEIGHBOURS])
    return (before + after) * _NEIGHBOUR_BITS


def _run(part: bytes) -> int:
    """How many printable bytes there are before the first that is not; zeros of UTF-16 are skipped."""
    count = 0
    for byte in part:
        if byte in _PRINTABLE:
            count += 1
        elif byte != 0:
            break
    return count
