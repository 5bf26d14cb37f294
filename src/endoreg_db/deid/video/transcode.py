"""One segment: decode, blank, encode, spool the packets. Runs in a process of its own, on one thread."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from endoreg_db.deid.messages import EncodeSettings
from endoreg_db.deid.overlay import BoxWatcher
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.appearance import AppearanceWatch, packed
from endoreg_db.deid.video.cadence import Cadence
from endoreg_db.deid.video.covers import Cover, Covered, covered_at
from endoreg_db.deid.video.decode import SegmentDecoder
from endoreg_db.deid.video.encode import as_input, clean_filter, coded_field_order, open_encoder
from endoreg_db.deid.video.layout import LIT, LayoutGuard, Mismatch
from endoreg_db.deid.video.looks import Allowance, BoxLook
from endoreg_db.deid.video.mask import (
    FrameMasker,
    Plane,
    black,
    kept_box,
    output_size,
)
from endoreg_db.deid.video.pictures import pictures
from endoreg_db.deid.video.probe import StreamLook
from endoreg_db.deid.video.region import Activity, ActivityMeter
from endoreg_db.deid.video.segments import Segment
from endoreg_db.deid.video.spool import EncodedPacket, write_packet

_MOTION_ROWS = 135  # rows of samples in a frame's height in which movement is looked for
_LOOK_PAUSE = 0.2  # seconds; an overlay that is read may be shown for as short as this
_THUMB_STEP = 16  # pixels between the samples that tell a still picture from a moving one
_STILL = 1.0  # grey levels; mean change from frame to frame below which a picture stands still
_STILL_FRAMES = 10
_MOST_LOOKS = 200  # boxes in ten seconds; more than that is no overlay but a moving picture

#: Called after every frame.
Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class SegmentJob:
    """Everything that one segment's bytes depend on, and where they go."""

    source: str
    segment: Segment
    profile: DeviceProfile
    encode: EncodeSettings
    look: StreamLook
    width: int  # of the source, in pixels
    height: int
    spool: str  # path of the packet file to write
    zero: int | None  # first presentation time of the recording, in ticks; None: this segment's
    watch_overlay: bool
    watch_scene: bool = True  # whether the image is looked at for what it shows
    read_output: bool = True  # whether pictures of the output are kept for OCR
    covers: tuple[Cover, ...] = ()  # what else is blanked, and when
    maker: str = ""  # of which code and libraries the pass consists; empty: nothing is kept for later


@dataclass(frozen=True, slots=True)
class BlankRun:
    """Neighbouring frames that were blanked whole, for one reason."""

    first: int  # time of the first in ticks
    last: int
    frames: int
    reason: Mismatch


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """What became of one segment."""

    number: int
    spool: str
    times: Sequence[int]  # presentation times in ticks, rising
    damaged: int  # frames or packets lost
    blanked: tuple[BlankRun, ...]  # frames that did not fit the device's layout
    reorder: int  # how many frames the encoder may hold back to reorder them
    extradata: bytes  # parameter sets; the same for all segments of one recording
    overlay: tuple[BoxLook, ...]  # boxes whose content changed, in order of time
    restless: bool  # the overlay changed more often than it was looked at
    #: Of the kept image, in samples :func:`motion_step` pixels apart; None once it was added up.
    motion: Activity | None
    appearances: array[float] = field(default_factory=lambda: packed(()))  # looks at the image, packed
    source: str = ""  # SHA-256 (hex) of the source's packets that were decoded
    mended: int = 0  # frames that got another time than the source's because its clock goes back or stands
    mended_from: int | None = None  # time of the first of them in ticks


def transcode_segment(job: SegmentJob, tick: Tick, *, write: bool = True) -> SegmentResult:
    """De-identify one segment.

    Args:
        job: what to do.
        tick: called after every frame.
        write: False where the packets are there already: all of the source is decoded and looked at, but
            nothing is encoded.

    Raises:
        OSError: no room, or the source cannot be read any more.
        av.error.FFmpegError: the encoder refused.
    """
    decoder = SegmentDecoder(job.source, job.segment)
    full_range = job.look.colour_range == 2
    size = output_size(job.profile, job.width, job.height)
    field_order = coded_field_order(job.look, size[1])
    masker = FrameMasker(job.profile, job.width, job.height, full_range=full_range, field_order=field_order)
    guard = LayoutGuard(job.profile, full_range=full_range)
    encoder = open_encoder(job.encode, job.look, *size)
    watch = SourceWatch(job)
    zero = job.zero
    times = array("q")  # an hour has a hundred thousand: as objects they would be ten times as large
    blanked = Runs()
    measured = job.profile.frame_width, job.profile.frame_height
    mixed = job.profile.fields == "deinterlace"
    before = Covered(whole=False, boxes=())
    shown = False  # whether the frame before shows anything
    with _spool(job, encoder) if write else nullcontext(NoSink()) as sink:
        for picture in pictures(decoder, measured, guard, full_range=full_range, deinterlace=mixed):
            time, planes = picture.time, picture.planes
            zero = time if zero is None else zero
            if planes is not None and picture.mismatch is None:
                covered = covered_at(job.covers, time)
                page = masker.blanked() if covered.whole else masker.masked(planes, covered.boxes)
                sink.write(page, time, afresh=covered.hides_more_than(before))
                before, shown = covered, not covered.whole
                watch.see(planes, time, float((time - zero) * job.look.time_base))
            else:
                sink.write(masker.blanked(), time, afresh=shown)
                shown = False
                luma = None if planes is None else planes[0]
                blanked.add(time, len(times), picture.mismatch or "other_size", luma)
            times.append(time)
            tick()
        sink.finish()
    return SegmentResult(
        number=job.segment.number,
        spool=job.spool,
        times=times,
        damaged=decoder.damaged,
        blanked=blanked.runs(),
        reorder=encoder.reorder_depth,
        extradata=encoder.extradata or b"",
        overlay=tuple(watch.overlay.looks),
        restless=watch.overlay.restless,
        motion=watch.motion.activity(),
        appearances=packed(watch.scene.looks),
        source=decoder.source,
        mended=decoder.clock.mended,
        mended_from=decoder.clock.mended_from,
    )


@contextmanager
def _spool(job: SegmentJob, encoder: VideoCodecContext) -> Iterator[PacketSink]:
    with Path(job.spool).open("wb", buffering=1 << 20) as file:
        yield PacketSink(encoder, job.encode.encoder, file)


class NoSink:
    """In place of a :class:`PacketSink` where nothing is to be encoded."""

    def write(self, frame: av.VideoFrame, time: int, *, afresh: bool = False) -> None:
        """Drop the frame."""

    def finish(self) -> None:
        """Nothing was held back."""


class PacketSink:
    """Encodes frames and spools their packets, without supplemental information."""

    def __init__(self, encoder: VideoCodecContext, name: str, file: BinaryIO) -> None:
        self._encoder = encoder
        self._name = name
        self._filter = BitStreamFilterContext(clean_filter(name), "h264")
        self._file = file

    def write(self, frame: av.VideoFrame, time: int, *, afresh: bool = False) -> None:
        """Encode ``frame`` to be shown at ``time`` (ticks). The frame may be reused afterwards.

        Args:
            frame: 8-bit 4:2:0.
            time: in ticks.
            afresh: predict nothing from the frames before. Where a part of the image is blanked from this
                frame on, what is left of it after prediction would vary by some grey levels.
        """
        given = as_input(frame, self._name)
        given.pts, given.time_base = time, self._encoder.time_base
        # Left as the source had it, x264 would be forced into the source's frame structure.
        given.pict_type = PictureType.I if afresh else PictureType.NONE
        for packet in self._encoder.encode(given):
            self._spool(packet)

    def finish(self) -> None:
        """Write what the encoder held back."""
        for packet in self._encoder.encode(None):
            self._spool(packet)

    def _spool(self, packet: Packet[Any]) -> None:
        for clean in self._filter.filter(packet):
            if clean.pts is None or clean.dts is None:
                raise ValueError("the encoder made a packet without a time")
            write_packet(
                self._file,
                EncodedPacket(clean.pts, clean.dts, clean.duration or 0, clean.is_keyframe, bytes(clean)),
            )


class Runs:
    """Collects frames that did not fit into runs of neighbours that did not for the same reason."""

    def __init__(self) -> None:
        self._runs: list[BlankRun] = []
        self._moved: list[bool] = []  # of each run: whether its picture changed
        self._last = -2
        self._thumb: NDArray[np.int16] | None = None

    def add(self, time: int, position: int, reason: Mismatch, luma: Plane | None) -> None:
        """Frame number ``position`` of the segment, shown at ``time`` (ticks)."""
        thumb = None if luma is None else luma[::_THUMB_STEP, ::_THUMB_STEP].astype(np.int16)
        moved = thumb is None or self._thumb is None or float(np.abs(thumb - self._thumb).mean()) > _STILL
        if position == self._last + 1 and self._runs[-1].reason == reason:
            run = self._runs[-1]
            self._runs[-1] = replace(run, last=time, frames=run.frames + 1)
            self._moved[-1] |= moved
        else:
            self._runs.append(BlankRun(time, time, 1, reason))
            self._moved.append(False)
        self._last, self._thumb = position, thumb

    def runs(self) -> tuple[BlankRun, ...]:
        """All of them; where a strange picture stood still for a while, the reason says so."""
        return tuple(
            replace(run, reason="still_picture")
            if run.reason == "other_layout" and run.frames >= _STILL_FRAMES and not moved
            else run
            for run, moved in zip(self._runs, self._moved, strict=True)
        )


def motion_step(profile: DeviceProfile) -> int:
    """Pixels between the samples in which movement is looked for: the same share of every frame."""
    return max(1, round(profile.frame_height / _MOTION_ROWS))


class SourceWatch:
    """All that is noted of the source beside the encoding."""

    def __init__(self, job: SegmentJob) -> None:
        """Watch what the job asks for."""
        full_range = job.look.colour_range == 2
        self.overlay = OverlayWatch(job.profile if job.watch_overlay else None)
        self.scene = AppearanceWatch(
            kept_box(job.profile) if job.watch_scene else None,
            full_range=full_range,
            time_base=float(job.look.time_base),
        )
        self.motion = MotionWatch(job.profile, full_range=full_range)

    def see(self, planes: Sequence[Plane], time: int, at: float) -> None:
        """Look at a frame that fits the layout, shown at ``time`` (ticks), ``at`` seconds from the start."""
        self.scene.see(planes, time)
        self.overlay.see(planes[0], at)
        self.motion.see(planes[0], at)


class MotionWatch:
    """Notes where in the kept image something moves, a few times a second."""

    def __init__(self, profile: DeviceProfile, *, full_range: bool) -> None:
        """Watch the image of ``profile``."""
        self._kept = kept_box(profile)
        self._step = motion_step(profile)
        rows, columns = (-(-n // self._step) for n in (self._kept.height, self._kept.width))
        self._meter = ActivityMeter(columns, rows, lit_from=black(full_range=full_range)[0] + LIT)
        self._cadence = Cadence(_LOOK_PAUSE)

    def see(self, luma: Plane, at: float) -> None:
        """Look at a frame's luma, ``at`` seconds from the start, if it is time to."""
        if self._cadence.is_due(at):
            self._meter.add(luma[self._kept.slices][:: self._step, :: self._step])

    def activity(self) -> Activity:
        """What was seen."""
        return self._meter.activity()


class OverlayWatch:
    """Collects the overlay boxes that changed, a few times a second."""

    def __init__(self, profile: DeviceProfile | None) -> None:
        """Watch the boxes of ``profile``, or nothing."""
        self._watcher = None if profile is None else BoxWatcher(profile)
        self._cadence = Cadence(_LOOK_PAUSE)
        self._allowance = Allowance(_MOST_LOOKS)
        self.looks: list[BoxLook] = []
        self.restless = False

    def see(self, luma: Plane, at: float) -> None:
        """Look at a frame's luma, ``at`` seconds from the start, if it is time to."""
        if self._watcher is None or not self._cadence.is_due(at):
            return
        # Two looks are never closer, whatever the clock says; else the watcher would pass over the second.
        paced = at + self._cadence.ahead
        changed = self._watcher.changed_crops(luma, paced)
        if changed and self._allowance.is_used_up(paced):
            self.restless, self._watcher = True, None
            return
        self._allowance.use(paced, len(changed))
        self.looks += [BoxLook(field, at, crop) for field, crop in changed.items()]
