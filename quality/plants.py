"""Where identity is planted in a recording's file: the numbered places of the leak list, one by one.

Numbers are those of the video checklist in ``docs/quality.md``. Some places are no matter of the
file (what is shown, what the output looks like): those are events of a plan, or checks of the bench.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
from av.container import OutputContainer
from av.stream import Disposition
from PIL import Image, ImageDraw

from endoreg_db.samples.layout import font
from quality import mp4, nal

Holds = Literal["word", "date", "time", "nothing"]
#: Adds streams before the pictures; what it returns adds their packets after them.
Streams = Callable[[OutputContainer, str], Callable[[], None]]

_MP4 = frozenset({".mp4", ".mov"})
_BOXED = frozenset({".mp4"})
_WITH_CHAPTERS = frozenset({".mp4", ".mov", ".mkv"})
_WITH_SOUND = frozenset({".mov", ".mkv", ".avi"})
_ANY: frozenset[str] = frozenset()  # no restriction


@dataclass(frozen=True, slots=True)
class Plant:
    """One way to hide something in a recording."""

    number: int  # of the place in the checklist
    name: str
    suffixes: frozenset[str] = _ANY  # of the containers that have it; empty: any
    codecs: frozenset[str] = _ANY  # likewise
    holds: Holds = "word"  # what the canary has to look like
    tags: tuple[str, ...] = ()  # of the container, set to the canary
    stream_tags: tuple[str, ...] = ()  # of the video stream
    options: tuple[tuple[str, str], ...] = ()  # of the encoder; ``{}`` stands for the canary
    packet: Callable[[bytes, str], bytes] | None = None  # changes the first packet of the pictures
    streams: Streams | None = None
    rewrite: Callable[[bytes, str], bytes] | None = None  # changes the finished file
    in_pictures: bool = False  # the painter and the encoder take part; they know it by its name


def fitting(suffix: str, codec: str) -> list[Plant]:
    """The plants that a container of that suffix with that codec has room for."""
    return [
        plant
        for plant in PLANTS
        if (not plant.suffixes or suffix in plant.suffixes) and (not plant.codecs or codec in plant.codecs)
    ]


def banner(text: str, width: int, height: int) -> Image.Image:
    """A grey picture with the text across it, in letters that nobody can overlook."""
    picture = Image.new("L", (width, height), 90)
    size = min(60.0, height / 2, 1.3 * width / max(1, len(text)))
    ImageDraw.Draw(picture).text((width / 2, height / 2), text, font=font(size), fill=235, anchor="mm")
    return picture


def _subtitles(codec: str, packed: Callable[[bytes], bytes]) -> Streams:
    def add(container: OutputContainer, canary: str) -> Callable[[], None]:
        stream = container.add_mux_stream(codec)
        return lambda: _mux(container, stream, packed(canary.encode()), Fraction(1, 1000), 400)

    return add


def _data(container: OutputContainer, canary: str) -> Callable[[], None]:
    """Key-length-value data, as positions of cameras are recorded (SMPTE 336M)."""
    stream = container.add_data_stream("klv")
    body = bytes.fromhex("060e2b34020b01010e01030101000000") + bytes([len(canary)]) + canary.encode()
    return lambda: _mux(container, stream, body, Fraction(1, 1000), 400)


def _sound(container: OutputContainer, canary: str) -> Callable[[], None]:
    """A second sound track that names somebody in its tags, and whose very samples are letters."""
    stream: Any = container.add_stream("pcm_s16le", rate=48_000)
    stream.layout = "mono"
    stream.metadata["title"] = canary
    samples = (canary.encode() + b"\x00" * (len(canary) % 2)) * 100
    return lambda: _mux(container, stream, samples, Fraction(1, 48_000), len(samples) // 2)


def _attachment(container: OutputContainer, canary: str) -> Callable[[], None]:
    container.add_attachment(f"{canary}.txt", "text/plain", f"Patient: {canary}".encode())
    return _nothing


def _chapters(container: OutputContainer, canary: str) -> Callable[[], None]:
    chapter = {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": canary}}
    container.set_chapters([chapter])  # type: ignore[list-item]
    return _nothing


def _cover(container: OutputContainer, canary: str) -> Callable[[], None]:
    stream: Any = container.add_stream("mjpeg")
    stream.width, stream.height, stream.pix_fmt = 640, 160, "yuvj420p"
    stream.disposition = Disposition.attached_pic
    packed = io.BytesIO()
    banner(canary, 640, 160).convert("RGB").save(packed, "jpeg")
    return lambda: _mux(container, stream, packed.getvalue(), Fraction(1, 25), 1)


def _mux(container: OutputContainer, stream: Any, data: bytes, tick: Fraction, duration: int) -> None:
    packet: Any = av.Packet(data)
    packet.pts = packet.dts = 0
    packet.duration, packet.time_base, packet.stream, packet.is_keyframe = duration, tick, stream, True
    container.mux_one(packet)


def _nothing() -> None:
    """There is nothing to add after the pictures."""


def _xmp(data: bytes, canary: str) -> bytes:
    text = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>{canary}</dc:creator></x:xmpmeta>'
    return data + mp4.box(b"uuid", mp4.XMP + text.encode())


def _user_data(data: bytes, canary: str) -> bytes:
    name = len(canary).to_bytes(2, "big") + b"\x15\xc7" + canary.encode()
    return mp4.with_child(
        data, mp4.box(b"udta", mp4.box(b"\xa9nam", name) + mp4.box(b"PATN", canary.encode()))
    )


def _old_index(data: bytes, canary: str) -> bytes:
    """What a tool leaves that overwrites the kind of a box and nothing else."""
    return data + mp4.box(b"free", mp4.box(b"udta", mp4.box(b"name", canary.encode("utf-16-be"))))


PLANTS: tuple[Plant, ...] = (
    Plant(1, "title", tags=("title",), suffixes=frozenset({".mp4", ".mov", ".mkv", ".avi"})),
    Plant(
        1,
        "comment",
        tags=("comment", "location", "artist"),
        suffixes=frozenset({".mp4", ".mov", ".mkv", ".avi"}),
    ),
    Plant(1, "service", tags=("service_name", "service_provider"), suffixes=frozenset({".ts"})),
    Plant(2, "handler", stream_tags=("handler_name", "title"), suffixes=frozenset({".mp4", ".mov", ".mkv"})),
    Plant(3, "creation time", tags=("creation_time",), holds="date", suffixes=_WITH_CHAPTERS),
    Plant(4, "chapter", streams=_chapters, suffixes=_WITH_CHAPTERS),
    Plant(5, "second sound track", streams=_sound, suffixes=_WITH_SOUND),
    Plant(6, "subtitles", streams=_subtitles("subrip", bytes), suffixes=frozenset({".mkv"})),
    Plant(
        6,
        "timed text",
        streams=_subtitles("mov_text", lambda text: len(text).to_bytes(2, "big") + text),
        suffixes=_BOXED,
    ),
    Plant(7, "data track", streams=_data, suffixes=frozenset({".ts"})),
    Plant(7, "time code track", stream_tags=("timecode",), holds="time", suffixes=frozenset({".mov"})),
    Plant(8, "attachment", streams=_attachment, suffixes=frozenset({".mkv"})),
    Plant(9, "cover", streams=_cover, suffixes=_BOXED),
    Plant(10, "user data box", rewrite=_user_data, suffixes=_BOXED),
    Plant(10, "skip box", rewrite=lambda data, c: data + mp4.box(b"skip", c.encode()), suffixes=_MP4),
    Plant(11, "XMP box", rewrite=_xmp, suffixes=_MP4),
    Plant(
        12,
        "unregistered SEI",
        packet=lambda data, c: nal.with_sei(data, nal.unregistered(c)),
        codecs=frozenset({"h264"}),
    ),
    Plant(
        13, "captions", packet=lambda data, c: nal.with_sei(data, nal.caption(c)), codecs=frozenset({"h264"})
    ),
    Plant(14, "time code", options=(("gop_timecode", "{}:00"),), holds="time", codecs=frozenset({"mpeg2"})),
    Plant(14, "user data", packet=nal.with_user_data, codecs=frozenset({"mpeg2"})),
    Plant(
        14,
        "user data of MPEG-4",
        packet=lambda data, c: nal.with_user_data(data, c, mpeg4=True),
        codecs=frozenset({"mpeg4"}),
    ),
    Plant(
        15,
        "HEVC SEI",
        packet=lambda data, c: nal.with_sei(data, nal.unregistered(c), hevc=True),
        codecs=frozenset({"hevc"}),
    ),
    Plant(16, "edit list", in_pictures=True, suffixes=_BOXED, codecs=frozenset({"h264"})),
    Plant(17, "cropped pictures", in_pictures=True, suffixes=frozenset({".ts"}), codecs=frozenset({"h264"})),
    Plant(18, "second video", in_pictures=True, suffixes=frozenset({".mkv", ".mov", ".ts"})),
    Plant(19, "trailing bytes", rewrite=lambda data, c: data + f"Patient: {c}".encode()),
    Plant(19, "unused media", rewrite=lambda data, c: mp4.with_unused_media(data, c.encode()), suffixes=_MP4),
    Plant(19, "old index", rewrite=_old_index, suffixes=_MP4),
    Plant(20, "file name"),
    Plant(21, "turned", holds="nothing", rewrite=lambda data, _: mp4.turned(data), suffixes=_BOXED),
    Plant(22, "other size", in_pictures=True, suffixes=frozenset({".ts"}), codecs=frozenset({"h264"})),
    Plant(
        24,
        "open groups",
        holds="nothing",
        options=(("bf", "3"), ("x264-params", "open-gop=1")),
        codecs=frozenset({"h264"}),
    ),
    Plant(25, "uneven times", holds="nothing", in_pictures=True, suffixes=frozenset({".mp4", ".mkv"})),
    Plant(26, "text at the edge", in_pictures=True),
    Plant(27, "JPEG comment", packet=nal.with_comment, codecs=frozenset({"mjpeg"})),
)
