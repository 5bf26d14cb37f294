"""Decode one segment of a recording, count what is lost, give up nothing that can be decoded."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from endoreg_db.deid.video.probe import REFUSALS, open_video
from endoreg_db.deid.video.segments import Segment, whole_stream

#: Containers in which the demuxer itself finds out where a frame begins, and when it is shown.
_BYTE_STREAMS = frozenset({"mpeg", "mpegts", "mpegvideo"})
_RUN_UP = 1.0  # seconds

_FED = struct.Struct(">qqQ?")  # of a packet: both times, size, whether the demuxer marked it as broken
_NO_TIME = -(2**63)

#: Frames by which one may come early, as H.264 and HEVC reorder so many at most. In AVI files with B frames
#: 40 to 60 of 100 do, since they have decoding times only; beyond, the clock has gone back.
_REORDERED = 16


class SegmentDecoder:
    """Iterates over the frames of one segment in the order of presentation.

    ``damaged`` counts what was lost, once the iteration has ended. One scratch shows in several
    ways: the demuxer marks a packet as broken, the decoder refuses it or conceals the hole in the
    frame, a promised frame never comes. Frames that vanish from a stream that promises nothing, with
    all their packets, are not counted each, only the broken packet beside them.

    ``clock`` says of how many frames the times were not to be used.

    ``source`` says, once the iteration has ended, what was decoded: SHA-256 (hex) of the decoder's
    parameters and of every packet that it was given.
    """

    def __init__(self, path: str, segment: Segment) -> None:
        self._path = path
        self._segment = segment
        self._broken = 0  # packets that the demuxer marked
        self._refused = 0  # packets that the decoder would not take
        self._fed = hashlib.sha256()
        self.frames = 0
        self.damaged = 0
        self.source = ""
        self.clock = Clock(1)

    def __iter__(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Presentation time (ticks, strictly rising) and frame."""
        concealed = 0
        with open_video(self._path) as (container, stream):
            self.clock = Clock(_ticks_per_frame(stream))
            for frame in self._decoded(container, stream):
                own = frame.pts if frame.pts is not None else frame.dts
                # Of another piece, it must not set the clock; after a mended time, it may be of none.
                if not self._is_mine(own) or not self._is_mine(time := self.clock.time_of(own)):
                    continue
                self.frames += 1
                concealed += frame.is_corrupt
                yield time, frame
        missing = max(0, (self._segment.frames or 0) - self.frames)
        self.damaged = max(missing + concealed, self._refused, self._broken)
        self.source = self._fed.hexdigest()

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """Frames as the decoder gives them."""
        self._fed.update(stream.codec_context.name.encode() + b"\0" + (stream.codec_context.extradata or b""))
        for packet in packets_of(self._segment, container, stream):
            self._broken += packet.is_corrupt
            self._note(packet)
            yield from self._attempt(stream, packet)
        # The last frames wait in the decoder until it is told that nothing follows.
        yield from self._attempt(stream, None)

    def _note(self, packet: Packet[VideoStream]) -> None:
        pts, dts = (_NO_TIME if time is None else time for time in (packet.pts, packet.dts))
        self._fed.update(_FED.pack(pts, dts, packet.size, packet.is_corrupt))
        self._fed.update(packet)

    def _attempt(self, stream: VideoStream, packet: Packet[VideoStream] | None) -> list[av.VideoFrame]:
        try:
            return stream.decode(packet)
        except REFUSALS:
            self._refused += 1
            return []

    def _is_mine(self, time: int | None) -> bool:
        if time is None:
            return True
        start, end = self._segment.start, self._segment.end
        return (start is None or time >= start) and (end is None or time < end)


def count_frames(path: str, tick: Callable[[], None]) -> int:
    """How many frames the whole recording gives, decoded from its beginning to its end."""
    decoder = SegmentDecoder(path, whole_stream())
    for _ in decoder:
        tick()
    return decoder.frames


class Clock:
    """Gives each frame a time that is later than that of the frame before; every frame is kept.

    The container's own times are kept where they rise. Frames without one follow at the nominal rate, and
    such that come a little early, as in AVI files that say when frames are decoded, follow at once.

    Where the container's clock goes back or stands still (a program stream that was put together from
    several, cells of a DVD), the recording goes on from there: its frames keep their distances. If their
    times were only made to rise, an hour would last a tenth of a second, and nothing that is looked at in
    the course of time would be looked at again.
    """

    def __init__(self, step: int) -> None:
        """Begin before the first frame; ``step`` is a frame's duration at the nominal rate, in ticks."""
        self._step = step
        self._last: int | None = None  # time of the frame before
        self._offset = 0  # ticks that the container's clock was last set back by
        self._early = 0  # frames in a row that came a little early
        self.mended = 0  # frames that got another time because the container's clock went back, or stood
        self.mended_from: int | None = None  # time of the first of them

    def time_of(self, own: int | None) -> int:
        """Presentation time of the next frame, in ticks.

        Args:
            own: the container's presentation time or, failing that, decoding time; None if it has neither.
        """
        time = self._time_of(own)
        self._last = time
        return time

    def _time_of(self, own: int | None) -> int:
        if self._last is None:
            return own if own is not None else 0
        if own is None:
            return self._last + self._step
        if own > self._last:
            self._offset = self._early = 0
            return own
        early = self._last - own - self._offset
        if early >= 0 and early <= _REORDERED * self._step and self._early < _REORDERED:
            self._early += 1
            return self._last + 1
        if early >= 0:
            self._offset = self._last + self._step - own
        else:
            self._early = 0
        time = own + self._offset
        self.mended += 1
        self.mended_from = time if self.mended_from is None else self.mended_from
        return time


def _ticks_per_frame(stream: VideoStream) -> int:
    rate = stream.guessed_rate or stream.average_rate
    if not rate or not stream.time_base:
        return 1
    return max(1, round(1 / (rate * stream.time_base)))


def packets_of(
    segment: Segment, container: InputContainer, stream: VideoStream
) -> Iterator[Packet[VideoStream]]:
    """The packets to decode for ``segment``, in the order of the file."""
    left = segment.packets
    for packet in _from_keyframe(segment, container, stream):
        if packet.size == 0:
            return
        yield packet
        if left is not None:
            left -= 1
            if left == 0:
                return


def _from_keyframe(
    segment: Segment, container: InputContainer, stream: VideoStream
) -> Iterator[Packet[VideoStream]]:
    """Packets beginning with the segment's keyframe."""
    if segment.seek is None:
        yield from container.demux(stream)
        return
    earliest = stream.start_time or 0
    container.seek(max(earliest, segment.seek - _run_up(container, stream)), stream=stream, backward=True)
    packets = container.demux(stream)
    first = _skipped_to(segment.seek, packets)
    if first is None or not first.is_keyframe or (first.dts, first.pts) != (segment.seek, segment.start):
        # Without an index the demuxer guesses and may land behind the keyframe: read from the start.
        container.seek(container.start_time or 0, backward=True, any_frame=True)
        packets = container.demux(stream)
        first = _skipped_to(segment.seek, packets)
    if first is not None:
        yield first
        yield from packets


def _run_up(container: InputContainer, stream: VideoStream) -> int:
    """Ticks before the keyframe at which to begin to read.

    In a stream of bytes a jump lands in the middle of a frame. What is left of that one is taken for a
    frame, and given the time of the next, so the first times after a jump are wrong.
    """
    if container.format.name not in _BYTE_STREAMS or not stream.time_base:
        return 0
    return round(_RUN_UP / stream.time_base)


def _skipped_to(dts: int, packets: Iterator[Packet[VideoStream]]) -> Packet[VideoStream] | None:
    """The first packet that is not decoded before ``dts``; an empty one, or None, where there is none."""
    known = (packet for packet in packets if packet.size == 0 or packet.dts is not None)
    return next((packet for packet in known if packet.size == 0 or (packet.dts or 0) >= dts), None)
