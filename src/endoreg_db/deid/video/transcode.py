"""One segment: decode, blank, encode, spool the packets. Runs in a process of its own, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.messages import EncodeSettings
from endoreg_db.deid.overlay import BoxWatcher
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.appearance import Appearance, AppearanceWatch
from endoreg_db.deid.video.covers import Cover, covered_at
from endoreg_db.deid.video.decode import SegmentDecoder
from endoreg_db.deid.video.encode import coded_field_order, no_sei_filter, open_encoder
from endoreg_db.deid.video.layout import LayoutGuard
from endoreg_db.deid.video.looks import BoxLook
from endoreg_db.deid.video.mask import FrameMasker, Plane, kept_box, output_size, plane_views, to_8bit_420
from endoreg_db.deid.video.probe import StreamLook
from endoreg_db.deid.video.segments import Segment
from endoreg_db.deid.video.spool import EncodedPacket, write_packet

_LOOK_PAUSE = 0.2  # seconds; an overlay that is read may be shown for as short as this
_MOST_LOOKS = 200  # boxes of one segment; more than that is no overlay but a moving picture

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
    covers: tuple[Cover, ...] = ()  # what else is blanked, and when


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """What became of one segment."""

    number: int
    spool: str
    times: tuple[int, ...]  # presentation times in ticks, rising
    damaged: int  # frames or packets lost
    blanked: tuple[tuple[int, int], ...]  # first and last time of runs of frames that did not fit
    reorder: int  # how many frames the encoder may hold back to reorder them
    extradata: bytes  # parameter sets; the same for all segments of one recording
    overlay: tuple[BoxLook, ...]  # boxes whose content changed, in order of time
    restless: bool  # the overlay changed more often than it was looked at
    appearances: tuple[Appearance, ...] = ()  # looks at the image, in order of time


def transcode_segment(job: SegmentJob, tick: Tick) -> SegmentResult:
    """De-identify one segment.

    Raises:
        OSError: no room, or the source cannot be read any more.
        av.error.FFmpegError: the encoder refused.
    """
    decoder = SegmentDecoder(job.source, job.segment)
    full_range = job.look.colour_range == 2
    masker = FrameMasker(
        job.profile,
        job.width,
        job.height,
        full_range=full_range,
        field_order=coded_field_order(job.look, output_size(job.profile, job.width, job.height)[1]),
    )
    size = output_size(job.profile, job.width, job.height)
    guard = LayoutGuard(job.profile, full_range=full_range)
    encoder = open_encoder(job.encode, job.look, *size)
    watcher = OverlayWatch(job.profile if job.watch_overlay else None)
    scene = AppearanceWatch(
        kept_box(job.profile) if job.watch_scene else None,
        full_range=full_range,
        time_base=float(job.look.time_base),
    )
    zero = job.zero
    times: list[int] = []
    blanked = Runs()
    with Path(job.spool).open("wb", buffering=1 << 20) as file:
        sink = PacketSink(encoder, file)
        for time, frame in decoder:
            zero = time if zero is None else zero
            picture = to_8bit_420(frame, full_range=full_range) if masker.fits(frame) else None
            planes = plane_views(picture) if picture is not None else None
            if planes is not None and guard.fits(planes):
                covered = covered_at(job.covers, time)
                sink.write(masker.blanked() if covered.whole else masker.masked(planes, covered.boxes), time)
                scene.see(planes, time)
                watcher.see(planes[0], float((time - zero) * job.look.time_base))
            else:
                sink.write(masker.blanked(), time)
                blanked.add(time, len(times))
            times.append(time)
            tick()
        sink.finish()
    return SegmentResult(
        number=job.segment.number,
        spool=job.spool,
        times=tuple(times),
        damaged=decoder.damaged,
        blanked=blanked.spans(),
        reorder=encoder.reorder_depth,
        extradata=encoder.extradata or b"",
        overlay=tuple(watcher.looks),
        restless=watcher.restless,
        appearances=tuple(scene.looks),
    )


class PacketSink:
    """Encodes frames and spools their packets, without supplemental information."""

    def __init__(self, encoder: VideoCodecContext, file: BinaryIO) -> None:
        self._encoder = encoder
        self._filter = BitStreamFilterContext(no_sei_filter(), "h264")
        self._file = file

    def write(self, frame: av.VideoFrame, time: int) -> None:
        """Encode ``frame`` to be shown at ``time`` (ticks). The frame may be reused afterwards."""
        frame.pts, frame.time_base = time, self._encoder.time_base
        # Left as the source had it, x264 would be forced into the source's frame structure.
        frame.pict_type = 0
        for packet in self._encoder.encode(frame):
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
    """Collects the times of single frames into runs of neighbouring frames."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []
        self._last = -2

    def add(self, time: int, position: int) -> None:
        """Frame number ``position`` of the segment, shown at ``time`` (ticks)."""
        if position == self._last + 1:
            self._spans[-1] = (self._spans[-1][0], time)
        else:
            self._spans.append((time, time))
        self._last = position

    def spans(self) -> tuple[tuple[int, int], ...]:
        """First and last time of every run."""
        return tuple(self._spans)


class OverlayWatch:
    """Collects the overlay boxes that changed, a few times a second."""

    def __init__(self, profile: DeviceProfile | None) -> None:
        """Watch the boxes of ``profile``, or nothing."""
        self._watcher = None if profile is None else BoxWatcher(profile)
        self._next = -1.0
        self.looks: list[BoxLook] = []
        self.restless = False

    def see(self, luma: Plane, at: float) -> None:
        """Look at a frame's luma, ``at`` seconds from the start, if it is time to."""
        if self._watcher is None or at < self._next:
            return
        self._next = at + _LOOK_PAUSE
        changed = self._watcher.changed_crops(luma, at)
        self.looks += [BoxLook(field, at, crop) for field, crop in changed.items()]
        if len(self.looks) > _MOST_LOOKS:
            self.restless, self._watcher = True, None
