"""Look at the output as a stranger would: decode the very bytes, believe nothing.

Two looks make one. Each piece's packets are read from the disk and decoded, every frame's blank area
is checked and scenes are picked for OCR. The finished file is then gone through packet by packet: it
must hold exactly the bytes that were decoded, in their order and at their times, and nothing else. Of
what encoding knew, only the device's box, the covers and the times of the frames are used, to compare
with.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.video.covers import Cover, covered_at
from endoreg_db.deid.video.looks import SceneLook
from endoreg_db.deid.video.mask import Plane, black, plane_views
from endoreg_db.deid.video.mp4boxes import unexpected_content
from endoreg_db.deid.video.probe import open_video
from endoreg_db.deid.video.scenes import SceneWatcher
from endoreg_db.deid.video.segments import PacketLike, read_index
from endoreg_db.deid.video.spool import read_packets
from endoreg_db.deid.video.units import (
    IDR_PICTURE,
    PICTURES,
    UnitDigest,
    kind,
    length_prefixed,
    parameter_sets,
    start_coded,
)

RINGING_MARGIN = 16  # pixels: one macroblock around the kept image may ring
MAX_RESIDUE = 4  # grey levels that a blank area may vary, or be away from black
#: Grey levels that it may do so within the margin. Beside noise and checkers, x264 rang by up to 36 there
#: at crf 20 and by up to 123 at crf 30 (presets ultrafast to medium); white letters stand out by 219.
MAX_RINGING = 140

_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands"})
_STREAM_TAGS = {"language": "und", "handler_name": "VideoHandler", "vendor_id": "[0][0][0][0]"}


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """One piece of the output to look at."""

    number: int  # of the piece
    spool: str  # path of its packets
    extradata: bytes  # parameter sets, as the encoder gives them
    size: tuple[int, int]  # width and height of the output in pixels
    kept: Box  # where a picture may be
    full_range: bool
    time_base: Fraction  # seconds per tick of the packets
    zero: int  # tick at which the output begins
    covers: tuple[Cover, ...]  # what else must be blank and when, in pixels of the output
    scenes: str | None  # beginning of the paths of pictures for OCR; None: without OCR
    is_last: bool  # whether the output ends with this piece


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What one piece of the output turned out to be."""

    number: int
    times: Sequence[int]  # presentation times in ticks, as decoded
    #: Packets that could not be decoded or are wrongly called a keyframe, and frames of another size.
    damaged: int
    largest_residue: int  # grey levels
    residue_at: float | None  # seconds; where a blank area is first not blank
    scenes: tuple[SceneLook, ...]  # pictures that OCR should look at
    restless: bool  # whether there were more of them than anybody looks at
    packets: int
    digest: str  # SHA-256 (hex) of their units


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


def verify_segment(job: VerifyJob) -> VerifyResult:
    """Decode one piece of the output, check the blank area of every frame, pick scenes for OCR.

    Raises:
        OSError, EOFError: its packets cannot be read.
    """
    decoder = PacketDecoder(job)
    areas, edges = blank_areas(*job.size, job.kept), edge_areas(*job.size, job.kept)
    everything = (Box(0, 0, *job.size),)
    values = black(full_range=job.full_range)
    collector = SceneCollector(job)
    times = array("q")
    worst, worst_at = 0, None
    for time, frame in decoder:
        at = float((time - job.zero) * job.time_base)
        planes = plane_views(frame)
        covered = covered_at(job.covers, time)
        hidden = [part for box in covered.boxes if (part := inner_part(box)) is not None]
        residue = blank_residue(planes, everything if covered.whole else (*areas, *hidden), values)
        if (ringing := blank_residue(planes, edges, values)) > MAX_RINGING:
            residue = max(residue, ringing)
        if residue > MAX_RESIDUE and worst_at is None:
            worst_at = at
        worst = max(worst, residue)
        if not covered.whole:
            collector.see(planes[0], at)
        times.append(time)
    return VerifyResult(
        number=job.number,
        times=times,
        damaged=decoder.damaged,
        largest_residue=worst,
        residue_at=worst_at,
        scenes=collector.finish(),
        restless=collector.restless,
        packets=decoder.packets,
        digest=decoder.digest.hexdigest(),
    )


class PacketDecoder:
    """Decodes one piece's packets and notes what they are made of."""

    def __init__(self, job: VerifyJob) -> None:
        """Decode with nothing but the parameter sets."""
        self._job = job
        codec = av.CodecContext.create("h264", "r")
        assert isinstance(codec, VideoCodecContext)
        codec.thread_count, codec.extradata = 1, job.extradata
        self._codec = codec
        self.digest = UnitDigest()
        self.packets = 0
        self.damaged = 0

    def __iter__(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Presentation time (ticks) and frame, in the order in which a player shows them."""
        for packet in read_packets(Path(self._job.spool)):
            units = list(start_coded(packet.data))
            self.digest.add(units)
            self.packets += 1
            # With an open GOP, a player that jumps to a keyframe would show what lies before it.
            self.damaged += packet.key != any(kind(unit) == IDR_PICTURE for unit in units)
            timed: Packet[Any] = Packet(packet.data)
            timed.pts, timed.dts = packet.pts, packet.dts
            yield from self._whole(timed)
        yield from self._whole(None)

    def _whole(self, packet: Packet[Any] | None) -> Iterator[tuple[int, av.VideoFrame]]:
        try:
            frames = self._codec.decode(packet)
        except av.error.InvalidDataError:
            self.damaged += 1
            return
        for frame in frames:
            if frame.is_corrupt or (frame.width, frame.height) != self._job.size or frame.pts is None:
                self.damaged += 1
            else:
                yield frame.pts, frame


class SceneCollector:
    """Saves the pictures of one piece that OCR should look at."""

    def __init__(self, job: VerifyJob) -> None:
        """Save beside ``job.scenes``; nothing if that is None."""
        self._job = job
        self._part = looked_at(job.kept, job.size).slices
        self._watcher = SceneWatcher()
        self._scenes: list[SceneLook] = []
        self._latest: tuple[Plane, float] | None = None  # seen, but not saved

    def see(self, luma: Plane, at: float) -> None:
        """Save a frame's luma around the kept part if it is worth a look; frames come in order."""
        if self._job.scenes is None:
            return
        picture = luma[self._part]
        self._latest = (picture, at)
        if self._watcher.wants(picture, at):
            self._save()

    @property
    def restless(self) -> bool:
        """Whether pictures that may show print were passed over, because there are too many."""
        return self._watcher.restless

    def finish(self) -> tuple[SceneLook, ...]:
        """What was saved, the very last picture of the output included."""
        if self._job.is_last and self._latest is not None:
            self._save()
        return tuple(self._scenes)

    def _save(self) -> None:
        assert self._latest is not None and self._job.scenes is not None
        picture, at = self._latest
        self._latest = None
        path = f"{self._job.scenes}-scene-{len(self._scenes):05}.npy"
        np.save(path, picture)
        self._scenes.append(SceneLook(self._job.number, at, path))


def looked_at(kept: Box, size: tuple[int, int]) -> Box:
    """The part of the output that OCR looks at: what is kept, and the margin that may ring."""
    return kept.grown(RINGING_MARGIN, *size)


def inner_part(box: Box) -> Box | None:
    """What of a covered box must be constant: all but the margin that may ring; None if nothing."""
    width, height = box.width - 2 * RINGING_MARGIN, box.height - 2 * RINGING_MARGIN
    if width <= 0 or height <= 0:
        return None
    return Box(box.x + RINGING_MARGIN, box.y + RINGING_MARGIN, width, height)


def blank_areas(width: int, height: int, kept: Box) -> tuple[Box, ...]:
    """What must be black in an output frame: all but the kept box and the margin around it."""
    near = kept.grown(RINGING_MARGIN, width, height)
    strips = (
        (0, 0, width, near.y),
        (0, near.bottom, width, height - near.bottom),
        (0, near.y, near.x, near.height),
        (near.right, near.y, width - near.right, near.height),
    )
    return tuple(Box(*strip) for strip in strips if strip[2] > 0 and strip[3] > 0)


def edge_areas(width: int, height: int, kept: Box) -> tuple[Box, ...]:
    """The margin between the kept box and :func:`blank_areas`: black, but for ringing."""
    near = kept.grown(RINGING_MARGIN, width, height)
    strips = (
        (near.x, near.y, near.width, kept.y - near.y),
        (near.x, kept.bottom, near.width, near.bottom - kept.bottom),
        (near.x, kept.y, kept.x - near.x, kept.height),
        (kept.right, kept.y, near.right - kept.right, kept.height),
    )
    return tuple(Box(*strip) for strip in strips if strip[2] > 0 and strip[3] > 0)


def blank_residue(planes: Sequence[Plane], areas: Sequence[Box], values: tuple[int, int, int]) -> int:
    """Largest range of any plane over all the areas, the black it should be included (grey levels)."""
    worst = 0
    for number, (plane, value) in enumerate(zip(planes, values, strict=True)):
        low = high = value
        for area in areas:
            part = plane[_samples(area, 1 if number == 0 else 2)]
            low, high = min(low, int(part.min())), max(high, int(part.max()))
        worst = max(worst, high - low)
    return worst


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


def restless_findings(results: Sequence[VerifyResult]) -> list[Finding]:
    """A finding if not every picture of the output that may show print can be looked at."""
    if not any(result.restless for result in results):
        return []
    detail = "The image flickers so much that not every frame that may show print was looked at"
    return [Finding("image_restless", "review", detail)]


def residue_findings(results: Sequence[VerifyResult]) -> list[Finding]:
    """A finding for each piece of the output whose blank area is not blank."""
    return [
        Finding(
            "blanked_area_not_constant",
            "fatal",
            f"The blanked area varies by {result.largest_residue} grey levels",
            start=result.residue_at,
        )
        for result in results
        if result.largest_residue > MAX_RESIDUE
    ]


def _samples(area: Box, step: int) -> tuple[slice, slice]:
    """Rows and columns of the area in a plane with one sample for ``step``×``step`` pixels."""
    return (
        slice(-(-area.y // step), -(-area.bottom // step)),
        slice(-(-area.x // step), -(-area.right // step)),
    )


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
