"""Look at the output as a stranger would: decode the very bytes, believe nothing.

Two looks make one. Here each piece's packets are read from the disk and decoded, every frame's blank area
is checked and scenes are picked for OCR; of what encoding knew, only the device's box and the covers are
used. The other look is at the finished file: :mod:`endoreg_db.deid.video.finished`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from endoreg_db.deid.video.scenes import SceneWatcher
from endoreg_db.deid.video.spool import read_packets
from endoreg_db.deid.video.units import (
    IDR_PICTURE,
    UnitDigest,
    kind,
    start_coded,
)

RINGING_MARGIN = 16  # pixels: one macroblock around the kept image may ring
MAX_RESIDUE = 4  # grey levels that a blank area may vary, or be away from black
#: Grey levels that it may do so within the margin. Beside noise and checkers, x264 rang by up to 36 there
#: at crf 20 and by up to 123 at crf 30 (presets ultrafast to medium); white letters stand out by 219.
MAX_RINGING = 140


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
    zero: int  # tick at which the recording begins
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


#: Luma, and seconds from the start of the recording.
_Picture = tuple[Plane, float]


class SceneCollector:
    """Saves the pictures of one piece that OCR should look at."""

    def __init__(self, job: VerifyJob) -> None:
        """Save beside ``job.scenes``; nothing if that is None."""
        self._job = job
        self._part = looked_at(job.kept, job.size).slices
        self._watcher = SceneWatcher()
        self._scenes: list[SceneLook] = []
        self._latest: _Picture | None = None  # seen, but not saved

    def see(self, luma: Plane, at: float) -> None:
        """Save a frame's luma around the kept part if it is worth a look; frames come in order."""
        if self._job.scenes is None:
            return
        picture, before = luma[self._part], self._latest
        self._latest = (picture, at)
        if self._watcher.wants(picture, at):
            self._save(before if self._watcher.sudden else None)

    @property
    def restless(self) -> bool:
        """Whether pictures that may show print were passed over, because there are too many."""
        return self._watcher.restless

    def finish(self) -> tuple[SceneLook, ...]:
        """What was saved, the very last picture of the output included."""
        if self._job.is_last and self._latest is not None:
            self._save()
        return tuple(self._scenes)

    def _save(self, before: _Picture | None = None) -> None:
        """Save the latest picture, and with it the one right before, unless that was saved as well."""
        assert self._latest is not None
        name = f"scene-{len(self._scenes):05}"
        last = None if before is None else self._saved(before, f"{name}-before")
        self._scenes.append(replace(self._saved(self._latest, name), before=last))
        self._latest = None

    def _saved(self, picture: _Picture, name: str) -> SceneLook:
        path = f"{self._job.scenes}-{name}.npy"
        np.save(path, picture[0])
        return SceneLook(self._job.number, picture[1], path)


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
