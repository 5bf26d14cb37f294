"""The finished file, gone through packet by packet, and compared with the pieces that were looked at.

It must hold exactly the bytes that were decoded, in their order and at their times, and nothing else. Of
what encoding knew, only the times of the frames are used, to compare with.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from endoreg_db.deid.messages import Finding
from endoreg_db.deid.video.mp4boxes import unexpected_content
from endoreg_db.deid.video.probe import open_video
from endoreg_db.deid.video.segments import PacketLike, read_index
from endoreg_db.deid.video.units import PICTURES, UnitDigest, kind, length_prefixed, parameter_sets
from endoreg_db.deid.video.verify import VerifyResult

_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands"})
_STREAM_TAGS = {"language": "und", "handler_name": "VideoHandler", "vendor_id": "[0][0][0][0]"}


@dataclass(frozen=True, slots=True)
class Outline:
    """The finished file without its pictures."""

    times: Sequence[int]  # presentation times in ticks of the file, rising
    time_base: Fraction
    digests: tuple[str, ...]  # of each piece's packets; of what follows them, if anything does
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class OutlineJob:
    """What :func:`outline` is to look at, on its way to a worker: its memory grows with the file."""

    path: str
    size: tuple[int, int]
    counts: tuple[int, ...]
    extradata: bytes


def outline_of(job: OutlineJob, tick: Callable[[], None]) -> Outline:
    """:func:`outline`; counts no frames."""
    del tick
    return outline(Path(job.path), job.size, job.counts, job.extradata)


def outline(path: Path, size: tuple[int, int], counts: Sequence[int], extradata: bytes) -> Outline:
    """Find everything in the output that is not picture, and what its packets are made of.

    Args:
        path: the output.
        size: width and height that its pictures must have.
        counts: how many packets each piece has that was looked at.
        extradata: the parameter sets with which they were decoded.

    Raises:
        UnsupportedMediaError, CorruptMediaError: the output is no video.
    """
    odd = unexpected_content(path)
    with open_video(str(path)) as (container, stream):
        shown = (stream.codec_context.width, stream.codec_context.height)
        if shown != size:
            odd.append(f"pictures of {shown[0]}×{shown[1]} pixels")
        if len(container.streams) != 1:
            odd.append(f"{len(container.streams)} streams")
        if container.chapters():
            odd.append("chapters")
        if parameter_sets(stream.codec_context.extradata or b"") != parameter_sets(extradata):
            odd.append("other parameter sets than were looked at")
        odd += [f"a tag {tag!r}" for tag in container.metadata if tag not in _TAGS]
        odd += [f"a stream tag {t!r}" for t, v in stream.metadata.items() if _STREAM_TAGS.get(t) != v]
        units = _UnitCheck(counts)
        index = read_index(units.watch(container.demux(stream)))
        odd += [f"a unit of type {number} in the stream" for number in sorted(units.odd)]
        if not index.shown.all():
            odd.append("frames that are never shown")
        time_base = stream.time_base or Fraction(1)
    findings = tuple(Finding("unexpected_content", "fatal", f"The output holds {what}") for what in odd)
    times = array("q", np.sort(index.pts).tobytes())
    return Outline(times, time_base, units.digests(), findings)


def compare_times(
    pieces: Sequence[VerifyResult], seen: Outline, expected: Sequence[int], ratio: Fraction
) -> list[Finding]:
    """Whether every frame of the source is in the output, at its time.

    Args:
        pieces: all of them, in order.
        seen: the finished file.
        expected: the source's times in its own ticks.
        ratio: the source's tick divided by the output's.
    """
    if sum(piece.damaged for piece in pieces):
        return [Finding("output_damaged", "fatal", "Frames of the output cannot be decoded")]
    for found in (sum(len(piece.times) for piece in pieces), len(seen.times)):
        if found != len(expected):
            detail = f"The output has {found} frames instead of {len(expected)}"
            return [Finding("frames_differ", "fatal", detail)]
    decoded = (time for piece in pieces for time in piece.times)
    shown = ((time - expected[0]) * ratio for time in expected)
    if not (_alike(decoded, expected) and _alike(seen.times, shown)):
        return [Finding("times_differ", "fatal", "Frames of the output are shown at other times")]
    return []


def _alike(times: Iterable[Fraction | int], others: Iterable[Fraction | int]) -> bool:
    return all(one == other for one, other in zip(times, others, strict=True))


def compare_bytes(pieces: Sequence[VerifyResult], seen: Outline) -> list[Finding]:
    """Whether the finished file is made of the very bytes that were looked at."""
    if seen.digests == tuple(piece.digest for piece in pieces):
        return []
    return [Finding("bytes_differ", "fatal", "The output holds other bytes than were looked at")]


class _UnitCheck:
    """Notes what the packets of an MP4 are made of while they pass by."""

    def __init__(self, counts: Sequence[int]) -> None:
        """Packets belong together in groups of these sizes."""
        self.odd: set[int] = set()
        self._left = list(counts)
        self._digests = [UnitDigest() for _ in counts]
        self._group = 0

    def watch(self, packets: Iterator[PacketLike]) -> Iterator[PacketLike]:
        """The packets, unchanged."""
        for packet in packets:
            units = list(length_prefixed(bytes(packet)))  # type: ignore[call-overload]
            if units:
                self.odd |= {kind(unit) for unit in units} - PICTURES
                self._next_group().add(units)
            yield packet

    def digests(self) -> tuple[str, ...]:
        """Of each group, and of what follows the last one, if anything does."""
        return tuple(digest.hexdigest() for digest in self._digests)

    def _next_group(self) -> UnitDigest:
        while self._group < len(self._left) and self._left[self._group] == 0:
            self._group += 1
        if self._group == len(self._left):
            self._left.append(-1)
            self._digests.append(UnitDigest())
        self._left[self._group] -= 1
        return self._digests[self._group]
