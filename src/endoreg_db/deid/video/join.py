"""All segments' packets in one MP4 that begins with its index and holds nothing but the video."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from endoreg_db.deid.messages import SOFTWARE_ENCODER, EncodeSettings
from endoreg_db.deid.video.encode import configure
from endoreg_db.deid.video.probe import StreamLook
from endoreg_db.deid.video.spool import EncodedPacket, read_packets
from endoreg_db.deid.video.transcode import SegmentResult, Tick
from endoreg_db.errors import DeidentificationError

#: faststart: index first, so a browser plays at once; bitexact: no date, no version, no tags.
_MUXER_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}


@dataclass(frozen=True, slots=True)
class JoinJob:
    """What :func:`join` is to do, on its way to a worker: a muxer needs memory for every packet."""

    results: tuple[SegmentResult, ...]
    target: str
    settings: EncodeSettings
    look: StreamLook
    size: tuple[int, int]


def join_pieces(job: JoinJob, tick: Tick) -> None:
    """:func:`join`; counts no frames."""
    del tick
    join(job.results, Path(job.target), job.settings, job.look, job.size)


def all_times(results: Sequence[SegmentResult]) -> array[int]:
    """When the frames of all segments are shown, in ticks of the source."""
    times = array("q")
    for result in results:
        times.extend(result.times)
    return times


def join(
    results: Sequence[SegmentResult],
    target: Path,
    settings: EncodeSettings,
    look: StreamLook,
    size: tuple[int, int],
) -> None:
    """Write the segments, in order of their numbers, to ``target`` and bring it to the disk.

    The packets are taken as they are. The first frame is shown at time 0.

    Args:
        results: what the workers made; their spool files stay, in case a piece is made again.
        target: the MP4 to write.
        settings: with which the packets were encoded.
        look: with which the packets were encoded.
        size: width and height of the output in pixels.

    Raises:
        DeidentificationError: the segments do not fit together.
        OSError: no room.
    """
    with av.open(str(target), "w", format="mp4", options=dict(_MUXER_OPTIONS)) as container:
        stream = container.add_stream(SOFTWARE_ENCODER, rate=look.frame_rate)
        assert isinstance(stream, VideoStream)
        assert isinstance(stream.codec_context, VideoCodecContext)
        configure(stream.codec_context, replace(settings, encoder=SOFTWARE_ENCODER), look, *size)
        stream.time_base = look.time_base
        if look.rotation:
            stream.set_display_rotation(look.rotation)
        stream.codec_context.open()
        if settings.encoder != SOFTWARE_ENCODER:
            # A driver is not let into this process: what the pieces say of themselves is written.
            stream.codec_context.extradata = results[0].extradata
        container.start_encoding()
        _check_parameters(results, stream.codec_context)
        for packet in retimed(results):
            container.mux_one(_muxable(packet, stream, look))
    _sync(target)


def retimed(results: Sequence[SegmentResult]) -> Iterator[EncodedPacket]:
    """All packets, with decoding times that rise over the borders of segments.

    Each encoder counted decoding times from its own first frame; with a variable frame rate those
    of two segments may overlap. Decoding order is kept; packet *n* is decoded when the frame
    *reorder* places earlier is shown, which is never later than the packet itself is shown.
    """
    shown = all_times(results)
    if not shown:
        return
    depth = max(result.reorder for result in results)
    step = shown[1] - shown[0] if len(shown) > 1 else 1
    position = 0
    for result in results:
        for packet in read_packets(Path(result.spool)):
            place = position - depth
            dts = shown[place] if place >= 0 else shown[0] + place * step
            following = bisect_right(shown, packet.pts)
            end = shown[following] if following < len(shown) else packet.pts + step
            yield EncodedPacket(
                packet.pts - shown[0], dts - shown[0], end - packet.pts, packet.key, packet.data
            )
            position += 1


def _muxable(packet: EncodedPacket, stream: VideoStream, look: StreamLook) -> Packet[Stream]:
    muxable = Packet(packet.data)
    muxable.pts, muxable.dts, muxable.duration = packet.pts, packet.dts, packet.duration
    muxable.time_base = look.time_base
    muxable.is_keyframe = packet.key
    muxable.stream = stream
    return muxable


def _check_parameters(results: Sequence[SegmentResult], encoder: VideoCodecContext) -> None:
    """One file has one set of parameters: a segment with others would not play."""
    if any(result.extradata != encoder.extradata for result in results):
        raise DeidentificationError("The segments were not encoded alike and cannot be joined")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
