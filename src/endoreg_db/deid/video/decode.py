"""Decode one segment of a recording, count what is lost, give up nothing that can be decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from endoreg_db.deid.video.probe import open_video
from endoreg_db.deid.video.segments import Segment, whole_stream


class SegmentDecoder:
    """Iterates over the frames of one segment in the order of presentation.

    ``damaged`` counts what was lost, once the iteration has ended: packets that the decoder
    refused, frames that it marked as concealed, and promised frames that never came.
    """

    def __init__(self, path: str, segment: Segment) -> None:
        self._path = path
        self._segment = segment
        self.frames = 0
        self.damaged = 0

    def __iter__(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Presentation time (ticks, strictly rising) and frame."""
        refused, concealed, last = 0, 0, None
        with open_video(self._path) as (container, stream):
            for frame in self._decoded(container, stream):
                if frame is None:
                    refused += 1
                    continue
                time = next_time(last, frame.pts, frame.dts)
                if not self._is_mine(time):
                    continue
                last = time
                self.frames += 1
                concealed += frame.is_corrupt
                yield time, frame
        missing = max(0, (self._segment.frames or 0) - self.frames)
        # A refused packet usually is the reason for a missing frame: not counted twice.
        self.damaged = concealed + max(missing, refused)

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame | None]:
        """Frames as the decoder gives them; None for each packet that it refused."""
        for packet in packets_of(self._segment, container, stream):
            try:
                yield from stream.decode(packet)
            except av.error.InvalidDataError:
                yield None
        # The last frames wait in the decoder until it is told that nothing follows.
        try:
            yield from stream.decode(None)
        except (av.error.InvalidDataError, av.error.EOFError):
            yield None

    def _is_mine(self, time: int) -> bool:
        start, end = self._segment.start, self._segment.end
        return (start is None or time >= start) and (end is None or time < end)


def count_frames(path: str, tick: Callable[[], None]) -> int:
    """How many frames the whole recording gives, decoded from its beginning to its end."""
    decoder = SegmentDecoder(path, whole_stream())
    for _ in decoder:
        tick()
    return decoder.frames


def next_time(last: int | None, pts: int | None, dts: int | None) -> int:
    """Presentation time of a frame in ticks, mended where the container does not give a rising one.

    Old AVI files carry decoding times only, and broken ones repeat times; every frame is kept.
    """
    time = pts if pts is not None else dts
    if last is None:
        return time if time is not None else 0
    return time if time is not None and time > last else last + 1


def packets_of(
    segment: Segment, container: InputContainer, stream: VideoStream
) -> Iterator[Packet[VideoStream]]:
    """The packets to decode for ``segment``, in the order of the file."""
    left = segment.packets
    for packet in _from_keyframe(segment.seek, container, stream):
        if packet.size == 0:
            return
        yield packet
        if left is not None:
            left -= 1
            if left == 0:
                return


def _from_keyframe(
    seek: int | None, container: InputContainer, stream: VideoStream
) -> Iterator[Packet[VideoStream]]:
    """Packets beginning with the one whose decoding time is ``seek``."""
    packets = container.demux(stream)
    if seek is None:
        yield from packets
        return
    container.seek(seek, stream=stream, backward=True)
    first = next(packets, None)
    if first is None or first.dts is None or first.dts > seek:
        # Without an index the demuxer guesses and may land behind the keyframe: read from the start.
        container.seek(container.start_time or 0, backward=True, any_frame=True)
        packets = container.demux(stream)
        first = next(packets, None)
    while first is not None and first.size and (first.dts is None or first.dts < seek):
        first = next(packets, None)
    if first is not None:
        yield first
        yield from packets
