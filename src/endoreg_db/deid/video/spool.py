"""Encoded packets of one segment in a file of our own: nothing but times, flags and bytes.

An ordinary container would round the times and add words of its own; this one is read once, by
:mod:`endoreg_db.deid.video.join`, and then removed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct("<qqqIB")


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One access unit; times in ticks of the source's time base."""

    pts: int
    dts: int
    duration: int  # 0 where unknown
    key: bool
    data: bytes


def write_packet(file: BinaryIO, packet: EncodedPacket) -> None:
    """Append one packet.

    Raises:
        OSError: the disk is full, or cannot be written.
    """
    file.write(_HEADER.pack(packet.pts, packet.dts, packet.duration, len(packet.data), packet.key))
    file.write(packet.data)


def read_packets(path: Path) -> Iterator[EncodedPacket]:
    """The packets of a spool file, in the order in which they were written.

    Raises:
        EOFError: the file ends in the middle of a packet.
    """
    with path.open("rb") as file:
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                raise EOFError(f"{path.name} ends in the middle of a packet")
            pts, dts, duration, size, key = _HEADER.unpack(header)
            data = file.read(size)
            if len(data) < size:
                raise EOFError(f"{path.name} ends in the middle of a packet")
            yield EncodedPacket(pts, dts, duration, bool(key), data)
