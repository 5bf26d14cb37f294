"""Look at the finished output as a stranger would: decode the very file, believe nothing.

The frames are split among the workers at the output's own keyframes. Of what encoding knew, only
the device's box and the times of the frames are used, to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.video.covers import Cover, covered_at
from endoreg_db.deid.video.decode import SegmentDecoder
from endoreg_db.deid.video.looks import SceneLook
from endoreg_db.deid.video.mask import Plane, black, plane_views
from endoreg_db.deid.video.mp4boxes import unexpected_content
from endoreg_db.deid.video.probe import open_video
from endoreg_db.deid.video.scenes import SceneWatcher
from endoreg_db.deid.video.segments import PacketLike, Segment, plan, read_index
from endoreg_db.deid.video.transcode import Tick

RINGING_MARGIN = 16  # pixels: one macroblock around the kept image may ring
MAX_RESIDUE = 4  # grey levels that a blank area may vary, or be away from black
#: Grey levels that it may do so within the margin. Beside noise and checkers, x264 rang by up to 36 there
#: at crf 20 and by up to 123 at crf 30 (presets ultrafast to medium); white letters stand out by 219.
MAX_RINGING = 140

_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands"})
_STREAM_TAGS = {"language": "und", "handler_name": "VideoHandler", "vendor_id": "[0][0][0][0]"}
#: H.264 NAL unit types that carry pictures: slices of ordinary and of IDR pictures (H.264, 7.4.1).
_PICTURE_UNITS = frozenset({1, 5})


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """One piece of the output to look at."""

    path: str
    segment: Segment  # in ticks of the output
    time_base: Fraction  # seconds per tick of the output
    size: tuple[int, int]  # width and height of the output in pixels
    kept: Box  # where a picture may be
    full_range: bool
    covers: tuple[Cover, ...]  # what else must be blank and when, in pixels and ticks of the output
    scenes: str | None  # folder to save pictures for OCR in; None: without OCR
    is_last: bool  # whether the output ends with this piece


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What one piece of the output turned out to be."""

    number: int
    times: tuple[int, ...]  # presentation times in ticks of the output
    damaged: int  # frames that could not be decoded
    largest_residue: int  # grey levels
    residue_at: float | None  # seconds; where a blank area is first not blank
    scenes: tuple[SceneLook, ...]  # pictures that OCR should look at
    restless: bool = False  # whether there were more of them than anybody looks at


@dataclass(frozen=True, slots=True)
class Outline:
    """The output's streams and tags, without its pictures."""

    segments: tuple[Segment, ...]
    time_base: Fraction
    findings: tuple[Finding, ...]


def outline(path: Path, size: tuple[int, int]) -> Outline:
    """Find everything in the output that is not picture, and where it can be cut.

    Args:
        path: the output.
        size: width and height that its pictures must have.

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
        odd += [f"a tag {tag!r}" for tag in container.metadata if tag not in _TAGS]
        odd += [f"a stream tag {t!r}" for t, v in stream.metadata.items() if _STREAM_TAGS.get(t) != v]
        units = _UnitCheck()
        index = read_index(units.watch(container.demux(stream)))
        odd += [f"a unit of type {kind} in the stream" for kind in sorted(units.odd)]
        time_base = stream.time_base or Fraction(1)
        segments = tuple(plan(index, time_base))
    findings = tuple(Finding("unexpected_content", "fatal", f"The output holds {what}") for what in odd)
    return Outline(segments, time_base, findings)


def verify_segment(job: VerifyJob, tick: Tick) -> VerifyResult:
    """Decode one piece of the output, check the blank area of every frame, pick scenes for OCR.

    Raises:
        av.error.FFmpegError, OSError: the output cannot be read.
    """
    decoder = SegmentDecoder(job.path, job.segment)
    areas, edges = blank_areas(*job.size, job.kept), edge_areas(*job.size, job.kept)
    everything = (Box(0, 0, *job.size),)
    values = black(full_range=job.full_range)
    collector = SceneCollector(job)
    times: list[int] = []
    worst, worst_at = 0, None
    for time, frame in decoder:
        # Not the frame's own: those that come out last have lost their time base.
        at = float(time * job.time_base)
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
        tick()
    scenes = collector.finish()
    return VerifyResult(
        job.segment.number, tuple(times), decoder.damaged, worst, worst_at, scenes, collector.restless
    )


class SceneCollector:
    """Saves the pictures of one piece that OCR should look at."""

    def __init__(self, job: VerifyJob) -> None:
        """Save below ``job.scenes``; nothing if there is no such folder."""
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
        path = Path(self._job.scenes) / f"scene-{self._job.segment.number:05}-{len(self._scenes):05}.npy"
        np.save(path, picture)
        self._scenes.append(SceneLook(at, str(path)))


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


def compare_times(results: Sequence[VerifyResult], expected: Sequence[int], ratio: Fraction) -> list[Finding]:
    """Whether every frame of the source is in the output, at its time.

    Args:
        results: of all pieces, in order.
        expected: the source's times in its own ticks, the first frame at 0.
        ratio: the source's tick divided by the output's.
    """
    found = [time for result in results for time in result.times]
    wanted = [time * ratio for time in expected]
    if sum(result.damaged for result in results):
        return [Finding("output_damaged", "fatal", "Frames of the output cannot be decoded")]
    if len(found) != len(wanted):
        detail = f"The output has {len(found)} frames instead of {len(wanted)}"
        return [Finding("frames_differ", "fatal", detail)]
    if any(a != b for a, b in zip(found, wanted, strict=True)):
        return [Finding("times_differ", "fatal", "Frames of the output are shown at other times")]
    return []


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
    """Notes the kinds of NAL units in packets of an MP4 (4-byte lengths) while they pass by."""

    def __init__(self) -> None:
        self.odd: set[int] = set()

    def watch(self, packets: Iterator[PacketLike]) -> Iterator[PacketLike]:
        for packet in packets:
            data, at = memoryview(packet), 0  # type: ignore[arg-type]
            while at + 4 < len(data):
                kind = data[at + 4] & 31
                if kind not in _PICTURE_UNITS:
                    self.odd.add(kind)
                at += 4 + int.from_bytes(data[at : at + 4], "big")
            yield packet
