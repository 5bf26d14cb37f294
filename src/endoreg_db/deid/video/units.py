"""H.264 as a sequence of NAL units (H.264, 7.3.1), whatever stands between them.

The encoder divides units by start codes (H.264, annex B), an MP4 by lengths (ISO/IEC 14496-15). The
units themselves are the same bytes, so those that were decoded and checked can be told from others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

#: Types of units that carry pictures: slices of ordinary pictures, and of those (IDR) from which on a
#: stream can be decoded without anything before (H.264, 7.4.1).
PICTURES = frozenset({1, 5})
IDR_PICTURE = 5

_START_CODE = b"\0\0\1"
_PARAMETER_SETS = frozenset({7, 8})  # sequence and picture parameter sets (H.264, 7.4.1)


class UnitDigest:
    """SHA-256 over units, one after the other."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, units: Iterable[bytes]) -> None:
        """Units that follow those before."""
        for unit in units:
            self._hash.update(len(unit).to_bytes(8, "big"))
            self._hash.update(unit)

    def hexdigest(self) -> str:
        """Of all units so far."""
        return self._hash.hexdigest()


def start_coded(data: bytes) -> Iterator[bytes]:
    """The units of an access unit as encoders write it."""
    for part in data.split(_START_CODE)[1:]:
        # A unit never ends in a zero byte: those before a start code belong to the start code.
        if unit := part.rstrip(b"\0"):
            yield unit


def length_prefixed(data: bytes) -> Iterator[bytes]:
    """The units of a sample of an MP4 with lengths of four bytes; what is left over is one more."""
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : end]
        at = end


def kind(unit: bytes) -> int:
    """The unit's type; -1 for an empty one."""
    return unit[0] & 31 if unit else -1


def parameter_sets(extradata: bytes) -> tuple[bytes, ...]:
    """The parameter sets of an encoder's extradata or of an MP4's ``avcC`` box.

    An ``avcC`` that is cut off gives sets that equal no others.
    """
    if extradata[:1] == b"\1":
        return tuple(_configured(extradata))
    return tuple(unit for unit in start_coded(extradata) if kind(unit) in _PARAMETER_SETS)


def _configured(record: bytes) -> Iterator[bytes]:
    """The sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.2.4.1)."""
    at, mask = 5, 31
    for _ in ("sequence", "picture"):
        count, at = int.from_bytes(record[at : at + 1], "big") & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : at + 2 + size]
            at += 2 + size
        mask = 255
