"""What the bytes are, decided by the bytes alone, before anything is decoded for real.

FFmpeg reads hundreds of formats, some of which (playlists, concat scripts, image sequences) open
other files or the network. Our own look at the first bytes names the one demuxer that may try, so
the others are never reached, whatever the file is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
import av.error
import av.logging
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from endoreg_db.deid.messages import VideoFacts
from endoreg_db.errors import CorruptMediaError, UnsupportedMediaError

MAX_SIDE = 8192  # pixels
MAX_PIXELS = 64_000_000  # of one frame
HEAD_BYTES = 1024  # what sniff() wants to see

#: Decoders by FFmpeg's name: H.264, HEVC, MPEG-1/2/4, the Windows Media family, MJPEG and DV.
CODECS = frozenset(
    (
        *("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "dvvideo"),
        *("msmpeg4v1", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "wmv3", "vc1"),
    )
)

#: What a decoder says that will not decode a packet: it is damaged, or asks for larger pictures than allowed.
REFUSALS = (av.error.InvalidDataError, av.error.ArgumentError)

#: Frames may be larger than the header said that was checked; the decoder must not even begin with such.
_DECODER_OPTIONS: Mapping[str, str] = MappingProxyType({"max_pixels": str(MAX_PIXELS)})

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    # First box of an ISO media file (ISO/IEC 14496-12) or of a QuickTime file.
    *((4, kind, "mov") for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),  # EBML header (RFC 8794)
    (8, b"AVI ", "avi"),  # after RIFF and the length
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),  # ASF header object
    (0, b"\x00\x00\x01\xba", "mpeg"),  # pack header of a program stream (ISO/IEC 13818-1)
    (0, b"\x00\x00\x01\xb3", "mpegvideo"),  # sequence header without a container
    (0, b"\x1f\x07\x00", "dv"),  # DIF header block (IEC 61834)
)
#: Where a transport stream has its sync bytes: bare packets, and those with a 4-byte time stamp.
_TS_GRIDS = ((0, 188), (4, 192))

_BT601 = 6  # matrix coefficients, ITU-T H.273

_HIDDEN_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails


@dataclass(frozen=True, slots=True)
class StreamLook:
    """What the output must say about its pictures so that they are shown like the source's.

    Colour fields are the code points of ITU-T H.273, as FFmpeg numbers them; 2 is "unspecified".
    """

    time_base: Fraction  # seconds per tick
    frame_rate: Fraction  # frames per second; a nominal value where the stream does not say
    pixel_aspect: Fraction | None
    colour_range: int  # 1 limited, 2 full, 0 unspecified
    primaries: int
    transfer: int
    matrix: int
    field_order: str  # "" progressive, "tff" or "bff" interlaced (first field shown: top or bottom)
    rotation: int  # degrees, counter-clockwise, for the player to apply


def quiet_ffmpeg() -> None:
    """Stop FFmpeg from writing about the file to standard error."""
    av.logging.set_level(av.logging.PANIC)


def sniff(head: bytes) -> str | None:
    """Name of the demuxer for a file that begins with ``head``; None if it is no known video."""
    if head[8:12] == b"AVI " and not head.startswith(b"RIFF"):
        return None
    for offset, magic, demuxer in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return demuxer
    for offset, step in _TS_GRIDS:
        sync = head[offset::step]
        if len(sync) >= 3 and set(sync) == {0x47}:
            return "mpegts"
    return None


@contextmanager
def open_video(path: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open the one video stream of a recording, ready to be decoded by one thread.

    No frame of more than :data:`MAX_PIXELS` is decoded, whatever the header says; a packet with such a one is
    refused (:data:`REFUSALS`).

    Raises:
        UnsupportedMediaError: not a video, without a picture, or in a codec that is not allowed.
        CorruptMediaError: a known container that cannot be opened, such as a half-copied MP4.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        demuxer = sniff(file.read(HEAD_BYTES))
    if demuxer is None:
        raise UnsupportedMediaError("The content is not a video of a known format")
    options = {"protocol_whitelist": "file", "codec_whitelist": ",".join(sorted(CODECS))}
    try:
        container = av.open(f"file:{path}", "r", format=demuxer, options=options, metadata_errors="replace")
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise CorruptMediaError("The recording is cut off or damaged, it cannot be opened") from error
    with container:
        stream = _the_video(container)
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.options = dict(_DECODER_OPTIONS)
        yield container, stream


def probe(path: str) -> tuple[VideoFacts, StreamLook]:
    """What the recording is, and how its pictures want to be shown.

    Raises:
        UnsupportedMediaError, CorruptMediaError, OSError: see :func:`open_video`.
    """
    with open_video(path) as (container, stream):
        facts = _facts(container, stream)
        _check_size(facts.width, facts.height)
        return facts, _look(stream, _first_picture(container, stream))


def _the_video(container: InputContainer) -> VideoStream:
    """The stream to work on: of several with pictures, the one with the largest."""
    films = [s for s in container.streams.video if not s.disposition & _HIDDEN_PICTURES]
    if not films:
        raise UnsupportedMediaError("The file holds no video stream")
    allowed = [s for s in films if s.codec_context is not None and s.codec_context.name in CODECS]
    if not allowed:
        raise UnsupportedMediaError("The video is in a codec that is not supported")
    return max(allowed, key=lambda s: (s.codec_context.width * s.codec_context.height, -s.index))


def _check_size(width: int, height: int) -> None:
    if min(width, height) <= 0:
        raise CorruptMediaError("The video stream does not say how large its pictures are")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise UnsupportedMediaError(f"Pictures of {width}×{height} pixels are too large")


def _facts(container: InputContainer, stream: VideoStream) -> VideoFacts:
    time_base = stream.time_base or Fraction(1, 90000)
    if stream.duration:
        duration: float | None = float(stream.duration * time_base)
    else:
        duration = container.duration / 1_000_000 if container.duration else None
    rate = stream.average_rate
    return VideoFacts(
        container=container.format.name,
        codec=stream.codec_context.name,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        pixel_format=stream.codec_context.pix_fmt or "unknown",
        time_base=time_base,
        frame_rate=rate if rate and rate > 0 else None,
        duration=duration if duration and duration > 0 else None,
        frames=stream.frames or None,
    )


def _first_picture(container: InputContainer, stream: VideoStream) -> av.VideoFrame | None:
    """The first frame that can be decoded; None where the first seconds hold none."""
    for count, packet in enumerate(container.demux(stream)):
        try:
            frames = stream.decode(packet)
        except REFUSALS:
            frames = []
        if frames:
            return frames[0]
        if count > 500:
            break
    return None


def _look(stream: VideoStream, first: av.VideoFrame | None) -> StreamLook:
    context = stream.codec_context
    # RGB becomes YCbCr on the way; FFmpeg converts with the coefficients of BT.601.
    is_rgb = context.format is not None and context.format.is_rgb
    full = context.color_range == 2 or (context.pix_fmt or "").startswith("yuvj")
    rate = stream.average_rate or stream.guessed_rate
    return StreamLook(
        time_base=stream.time_base or Fraction(1, 90000),
        frame_rate=rate if rate and 1 <= rate <= 1000 else Fraction(25),
        pixel_aspect=stream.sample_aspect_ratio or None,
        colour_range=1 if is_rgb else 2 if full else int(context.color_range),
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        matrix=_BT601 if is_rgb else int(context.colorspace),
        field_order=_field_order(context.field_order) if first is not None and first.interlaced_frame else "",
        rotation=first.rotation if first is not None else 0,
    )


def _field_order(number: int) -> str:
    """Which field is shown first, from FFmpeg's AVFieldOrder (TT 2, BB 3, TB 4, BT 5)."""
    return _FIELD_ORDERS.get(int(number), "tff")


_FIELD_ORDERS: Mapping[int, str] = MappingProxyType({2: "tff", 3: "bff", 4: "bff", 5: "tff"})
