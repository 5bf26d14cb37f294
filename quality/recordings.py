"""Writes the recordings of the corpus: frames of a plan, encoded, with canaries hidden in the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext

from quality import mp4, screens
from quality.hunter import Token
from quality.painter import Painter
from quality.plan import EXPOSING, EventKind, Plan
from quality.plants import banner
from quality.screens import Planes

_HIDDEN = 0.4  # seconds that an edit list hides
_CROPPED = 64  # rows that cropping hides
_OTHER = (640, 360)  # pixels of the pictures after a change of size


@dataclass(frozen=True, slots=True)
class Truth:
    """What a recording of the corpus shows and hides: all that a bench needs to judge what became of it."""

    seed: int
    file: str  # name of the recording
    processor: str  # name of the device's profile
    confirmed: bool  # whether the profile counts as checked
    seconds: float
    fps: int
    frames: int  # that a player shows
    codec: str
    identity: dict[str, str]  # overlay field → normalised value
    tokens: tuple[Token, ...]  # that must not come out
    planted: tuple[Token, ...]  # what the plants hide; labels are ``number name``
    image: tuple[int, int, int, int]  # x, y, width and height of the endoscopic image
    events: tuple[tuple[str, int, int], ...]  # kind, first frame, frames
    change_at: int | None  # first frame that names the next patient
    pictures_hidden: bool  # whether pictures lie in the file that no player shows
    pictures_added: bool  # whether pictures follow that are not the device's

    @property
    def exposing(self) -> tuple[tuple[int, int], ...]:
        """First frame and frames of everything that shows somebody where the image belongs."""
        return tuple((first, count) for kind, first, count in self.events if kind in EXPOSING)

    @property
    def moments(self) -> tuple[float, ...]:
        """Seconds at which something is shown that should not be; the middle of it, and its ends."""
        places = {n for first, count in self.exposing for n in (first, first + count // 2, first + count - 1)}
        return tuple(sorted(n / self.fps for n in places))

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("tokens", "planted"):
            fields[name] = [[token.text, token.label] for token in fields[name]]
        path.write_text(json.dumps(fields, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Truth:
        """What :meth:`write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        for name in ("tokens", "planted"):
            fields[name] = tuple(Token(*pair) for pair in fields[name])
        fields["events"] = tuple(tuple(event) for event in fields["events"])
        fields["image"] = tuple(fields["image"])
        return cls(**fields)


def write_recording(plan: Plan, folder: Path) -> tuple[Path, Truth]:
    """Write the recording of a plan into ``folder``, and its ground truth beside it.

    Returns:
        The path of the recording, and the truth. The truth lies in ``<seed>.truth.json``: a path
        with the recording's own name would hand a planted file name on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named = plan.plants("file name")
    stem = f"{plan.seed:05}" if named is None else f"{plan.seed:05} {named.canary}"
    path = folder / f"{stem}{plan.format.suffix}"
    _Encoder(plan).write(path)
    data = path.read_bytes()
    for planted in plan.planted:
        if planted.plant.rewrite is not None:
            data = planted.plant.rewrite(data, planted.canary)
    if plan.plants("edit list"):
        data = mp4.with_hidden_start(data, _hidden_frames(plan) / plan.fps)
    path.write_bytes(data)
    truth = truth_of(plan, path.name)
    truth.write(folder / f"{plan.seed:05}.truth.json")
    return path, truth


def truth_of(plan: Plan, name: str) -> Truth:
    """What the recording of the plan shows and hides."""
    shown = [plan.patient, *([plan.others[0]] if plan.change_at is not None else [])]
    if any(event.kind == "worklist" for event in plan.events):
        shown = [plan.patient, *plan.others]
    hiding = [planted for planted in plan.planted if planted.plant.holds != "nothing"]
    tokens = {Token(text, label) for person in shown for label, text in screens.tokens_of(person).items()}
    tokens |= {
        Token(plan.device_serial, "device_serial"),
        Token(plan.examination.date().isoformat(), "examination_date"),
    }
    image = plan.profile.image
    return Truth(
        seed=plan.seed,
        file=name,
        processor=plan.profile.name,
        confirmed=plan.profile.confirmed,
        seconds=plan.frames / plan.fps,
        fps=plan.fps,
        frames=plan.frames + (_added_frames(plan) if plan.plants("other size") else 0),
        codec=plan.format.codec,
        identity=_identity(plan),
        tokens=tuple(sorted(tokens, key=lambda token: (token.label, token.text))),
        planted=tuple(Token(p.canary, f"{p.plant.number} {p.plant.name}") for p in hiding),
        image=(image.x, image.y, image.width, image.height),
        events=tuple((event.kind, event.first, event.frames) for event in plan.events),
        change_at=plan.change_at,
        pictures_hidden=any(plan.plants(name) for name in ("edit list", "cropped pictures", "second video")),
        pictures_added=plan.plants("other size") is not None,
    )


def _identity(plan: Plan) -> dict[str, str]:
    """What an overlay shows in the boxes that the profile has; of the clock, what it shows first."""
    clock = plan.examination + timedelta(seconds=_first_with_overlay(plan) // plan.fps)
    values = {
        "last_name": plan.patient.last_name,
        "first_name": plan.patient.first_name,
        "birth_date": plan.patient.birth_date.isoformat(),
        "examination_date": plan.examination.date().isoformat(),
        "examination_time": clock.time().replace(microsecond=0).isoformat(),
        "case_number": plan.patient.case_number,
        "device": plan.device,
        "device_serial": plan.device_serial,
    }
    return {field: value for field, value in values.items() if field in plan.profile.boxes}


def _first_with_overlay(plan: Plan) -> int:
    """Number of the first frame in which the device's overlay is to be seen."""
    hiding: tuple[EventKind, ...] = ("overlay_off", "worklist", "data_entry")
    return next((n for n in range(plan.frames) if plan.event(n, *hiding) is None), 0)


def _hidden_frames(plan: Plan) -> int:
    return round(_HIDDEN * plan.fps) if plan.plants("edit list") else 0


def _added_frames(plan: Plan) -> int:
    return plan.fps // 2


class _Encoder:
    """Encodes one plan; every plant that takes part in it is asked at its place."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._painter = Painter(plan)
        self._first = True
        self._filter: BitStreamFilterContext | None = None  # over the packets of the pictures
        cropped = plan.plants("cropped pictures")
        self._below = None if cropped is None else cropped.canary

    def write(self, path: Path) -> None:
        with av.open(str(path), "w", format=self._plan.format.muxer) as container:
            self._tag(container)
            width, height = self._painter.size
            video = self._stream(container, width, height + (_CROPPED if self._below else 0))
            if self._below:
                padding = -(height + _CROPPED) % 16  # the encoder fills its last row of macroblocks
                crop = f"h264_metadata=crop_bottom={_CROPPED + padding}"
                self._filter = BitStreamFilterContext(crop, in_stream=video)
            second = self._second_stream(container)
            ends = [
                planted.plant.streams(container, planted.canary)
                for planted in self._plan.planted
                if planted.plant.streams is not None
            ]
            for number, planes in enumerate(self._frames()):
                self._encode(container, video, self._frame(planes), self._time(number))
            self._finish(container, video)
            self._write_second(container, second)
            self._write_other_size(container, video)
            for end in ends:
                end()

    def _frames(self) -> Iterator[Planes]:
        hidden = self._plan.plants("edit list")
        for _ in range(_hidden_frames(self._plan)):
            assert hidden is not None
            yield self._painter.banner(hidden.canary)
        for number in range(self._plan.frames):
            yield self._painter.frame(number)

    def _time(self, number: int) -> int:
        """When frame ``number`` is shown, in milliseconds."""
        time = round(number * 1000 / self._plan.fps)
        uneven = self._plan.plants("uneven times") is not None and number % 3 == 1
        return time + (round(250 / self._plan.fps) if uneven else 0)

    def _tag(self, container: OutputContainer) -> None:
        for planted in self._plan.planted:
            date = f"{planted.canary}T10:20:30Z" if planted.plant.holds == "date" else planted.canary
            container.metadata.update(dict.fromkeys(planted.plant.tags, date))

    def _stream(self, container: OutputContainer, width: int, height: int) -> Any:
        plan = self._plan
        options = {"g": str(plan.fps), "sc_threshold": "0", **_OPTIONS[plan.format.codec]}
        for planted in plan.planted:
            options |= {key: value.format(planted.canary) for key, value in planted.plant.options}
        stream: Any = container.add_stream(plan.format.encoder, rate=plan.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, plan.format.pixel_format
        if plan.format.codec not in ("h264", "hevc"):
            stream.bit_rate = 12_000_000
        stream.codec_context.time_base = Fraction(1, plan.fps if _is_strict(plan) else 1000)
        stream.codec_context.thread_count = 1  # with one thread the bytes do not depend on the machine
        for planted in plan.planted:
            value = f"{planted.canary}:00" if planted.plant.holds == "time" else planted.canary
            stream.metadata.update(dict.fromkeys(planted.plant.stream_tags, value))
        return stream

    def _frame(self, planes: Planes) -> av.VideoFrame:
        if self._below:
            strip = screens.grey(_below(self._below, planes[0].shape[1]))
            joined = [np.concatenate([plane, more]) for plane, more in zip(planes, strip, strict=True)]
            planes = joined[0], joined[1], joined[2]
        return as_frame(planes).reformat(format=self._plan.format.pixel_format)

    def _encode(self, container: OutputContainer, stream: Any, frame: av.VideoFrame, time: int) -> None:
        tick = stream.codec_context.time_base
        frame.time_base, frame.pts = tick, round(Fraction(time, 1000) / tick)
        frame.pict_type = 0
        for packet in stream.encode(frame):
            self._mux(container, stream, packet)

    def _finish(self, container: OutputContainer, stream: Any) -> None:
        for packet in stream.encode(None):
            self._mux(container, stream, packet)
        if self._filter is not None:
            self._mux_all(container, stream, self._filter.filter(None))

    def _mux(self, container: OutputContainer, stream: Any, packet: Any) -> None:
        data = bytes(packet)
        if self._first:
            self._first = False
            for planted in self._plan.planted:
                if planted.plant.packet is not None:
                    data = planted.plant.packet(data, planted.canary)
        changed = _like(packet, data)
        filtered = [changed] if self._filter is None else self._filter.filter(changed)
        self._mux_all(container, stream, filtered)

    def _mux_all(self, container: OutputContainer, stream: Any, packets: Iterable[Any]) -> None:
        for packet in packets:
            packet.stream = stream
            container.mux_one(packet)

    def _second_stream(self, container: OutputContainer) -> Any:
        return self._stream(container, 640, 160) if self._plan.plants("second video") else None

    def _write_second(self, container: OutputContainer, stream: Any) -> None:
        planted = self._plan.plants("second video")
        if planted is None:
            return
        frame = as_frame(screens.grey(banner(planted.canary, 640, 160)))
        for number in range(self._plan.fps // 2):
            self._plain(
                container, stream, stream, frame.reformat(format=self._plan.format.pixel_format), number
            )
        container.mux(stream.encode(None))

    def _plain(
        self, container: OutputContainer, stream: Any, encoder: Any, frame: av.VideoFrame, number: int
    ) -> None:
        """Encode and mux without any plant."""
        tick = stream.codec_context.time_base
        frame.time_base, frame.pts = tick, round(Fraction(number, self._plan.fps) / tick)
        self._mux_all(container, stream, encoder.encode(frame))

    def _write_other_size(self, container: OutputContainer, stream: Any) -> None:
        """More pictures in the same stream, in another size: another device, or another screen."""
        planted = self._plan.plants("other size")
        if planted is None:
            return
        encoder: Any = VideoCodecContext.create("libx264", "w")
        encoder.width, encoder.height = _OTHER
        encoder.pix_fmt, encoder.time_base = "yuv420p", stream.codec_context.time_base
        encoder.framerate, encoder.thread_count = self._plan.fps, 1
        encoder.options = {"preset": "ultrafast", "g": "5", "bf": "0"}
        picture = as_frame(screens.grey(banner(planted.canary, *_OTHER)))
        for number in range(_added_frames(self._plan)):
            self._plain(container, stream, encoder, picture, self._plan.frames + number)
        self._mux_all(container, stream, encoder.encode(None))


_OPTIONS: dict[str, dict[str, str]] = {
    "h264": {"preset": "ultrafast", "crf": "23", "bf": "0"},
    "hevc": {"preset": "ultrafast", "crf": "25", "x265-params": "log-level=none:pools=1:bframes=0"},
    "mpeg4": {"bf": "0"},
    "mpeg2": {"bf": "0"},
    "mjpeg": {},
}


def as_frame(planes: Planes) -> av.VideoFrame:
    """Planes of any even size as a frame of FFmpeg."""
    height, width = planes[0].shape
    flat = np.concatenate([plane.reshape(-1) for plane in planes])
    return av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")


def _is_strict(plan: Plan) -> bool:
    """Whether the codec knows only a few rates."""
    return plan.format.codec in ("mpeg2", "mpeg4", "mjpeg")


def _below(canary: str, width: int) -> Any:
    return banner(canary, width, _CROPPED)


def _like(packet: Any, data: bytes) -> Any:
    copy: Any = av.Packet(data)
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
    return copy
