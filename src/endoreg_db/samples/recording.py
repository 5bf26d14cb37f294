"""Draws endoscopy recordings: a patient overlay beside a moving picture, encoded as a recorder does."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import av
import av.audio
import av.video
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.samples import overlay
from endoreg_db.samples.conditions import change
from endoreg_db.samples.layout import shipped_profile
from endoreg_db.samples.mucosa import Mucosa
from endoreg_db.samples.people import Patient, invent_examination, invent_patient
from endoreg_db.samples.room import Room

Span = tuple[float, float]  # seconds from the start: first and first after

_DEVICES = ("CV-1500", "CF-EZ1500DL", "GIF-EZ1500", "CF-HQ1100DI", "PCF-H190TL", "GIF-1100")
_SAMPLE_RATE = 48_000  # of the sound track, per second


ROOM = "room"  # the scene in which the endoscope is outside the body


@dataclass(frozen=True, slots=True)
class Scene:
    """Something that the endoscopic image shows for a while, instead of well-lit clean mucosa."""

    kind: str  # ROOM, or one of :data:`endoreg_db.samples.conditions.CONDITIONS`
    span: Span


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in a recording, beyond an examination that goes well."""

    patient: Patient | None = None  # None: invented from the seed
    patient_change_at: float | None = None  # seconds; from then on the overlay names somebody else
    overlay_hidden: Span | None = None  # the identifying lines are switched off
    panel: bool = True  # something bright moves in the overlay column
    form: Span | None = None  # a worklist fills the screen
    note: Span | None = None  # the patient's name is written inside the endoscopic image
    scenes: tuple[Scene, ...] = ()  # where two overlap, the first counts


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a recording is written. The defaults resemble a recorder: I and P frames, 8 to 15 Mbit/s."""

    codec: str = "libx264"
    preset: str | None = "ultrafast"  # of x264 and x265; None for other codecs
    crf: int | None = 24  # constant rate factor of x264 and x265
    bit_rate: int | None = None  # bits per second, instead of ``crf``
    gop: int = 30  # frames from key frame to key frame
    b_frames: int = 0
    pixel_format: str = "yuv420p"
    audio: bool = False  # a sine tone, AAC
    tags: Mapping[str, str] = field(default_factory=dict)  # of the container, e.g. ``title``
    options: Mapping[str, str] = field(default_factory=dict)  # more for the codec


@dataclass(frozen=True, slots=True)
class RecordingTruth:
    """What was drawn, to compare with what is read and published."""

    patient: Patient
    later_patient: Patient | None  # after ``Script.patient_change_at``
    examination: datetime  # the overlay's clock in the first frame
    device: str
    device_serial: str
    seconds: float
    frames: int

    @property
    def identity(self) -> dict[str, str]:
        """Identity field → normalised value, as far as an overlay shows it."""
        return {
            **self.patient.identity,
            "examination_date": self.examination.date().isoformat(),
            "examination_time": self.examination.time().isoformat(),
            "device": self.device,
            "device_serial": self.device_serial,
        }


def leaky_tags(patient: Patient, examination: datetime) -> dict[str, str]:
    """Container tags that name the patient, as some recorders write them."""
    return {
        "title": f"{patient.full_name} *{patient.birth_date:%d.%m.%Y}",
        "comment": f"Pat.-ID {patient.case_number}",
        "creation_time": f"{examination.isoformat()}Z",
    }


class Recording:
    """Draws the frames of one recording; the same seed and script draw the same frames."""

    def __init__(
        self, seed: int, *, profile: DeviceProfile | None = None, script: Script | None = None, fps: int = 25
    ) -> None:
        """Invent what the script leaves open; nothing is drawn yet but the textures."""
        rng = random.Random(seed)
        self.profile = profile or shipped_profile()
        self.script = script or Script()
        self.fps = fps
        self.patient = self.script.patient or invent_patient(rng)
        self.examination = invent_examination(rng)
        self.device = rng.choice(_DEVICES)
        self.device_serial = str(rng.randint(2_000_000, 2_999_999))
        # Drawn last, so that a change of patient changes nothing else.
        self.later_patient = None if self.script.patient_change_at is None else invent_patient(rng)
        self._seed = seed
        self._mucosa: Mucosa | None = None
        self._rooms: dict[Scene, Room] = {}
        self._overlays: dict[tuple[bool, bool], overlay.Plane] = {}

    def truth(self, seconds: float) -> RecordingTruth:
        """What a recording of that length shows."""
        return RecordingTruth(
            patient=self.patient,
            later_patient=self.later_patient,
            examination=self.examination,
            device=self.device,
            device_serial=self.device_serial,
            seconds=seconds,
            frames=round(seconds * self.fps),
        )

    def planes(self, number: int) -> tuple[overlay.Plane, overlay.Plane, overlay.Plane]:
        """Luma (H×W) and chroma (H/2×W/2) of a frame, 8-bit 4:2:0 in limited range."""
        seconds = number / self.fps
        height, width = self.profile.frame_height, self.profile.frame_width
        blue = np.full((height // 2, width // 2), 128, np.uint8)
        red = blue.copy()
        if _within(seconds, self.script.form):
            return overlay.draw_form(self.profile, self._patient_at(seconds), self._seed), blue, red
        luma = self._overlay_at(seconds)
        if self.script.panel:
            overlay.draw_panel(luma, self.profile, seconds)
        self._draw_image((luma, blue, red), number, seconds)
        if _within(seconds, self.script.note):
            overlay.draw_note(luma, self.profile, self.patient.full_name)
        return luma, blue, red

    def frame(self, number: int) -> av.VideoFrame:
        """The frame as FFmpeg has it, ``yuv420p``."""
        luma, blue, red = self.planes(number)
        flat = np.concatenate([luma.reshape(-1), blue.reshape(-1), red.reshape(-1)])
        return av.VideoFrame.from_ndarray(flat.reshape(-1, luma.shape[1]), format="yuv420p")

    def rgb(self, number: int) -> NDArray[np.uint8]:
        """The frame as a viewer shows it, H×W×3."""
        return cast(NDArray[np.uint8], self.frame(number).to_ndarray(format="rgb24"))

    def _patient_at(self, seconds: float) -> Patient:
        change = self.script.patient_change_at
        later = change is not None and seconds >= change
        return self.later_patient if later and self.later_patient is not None else self.patient

    def _overlay_at(self, seconds: float) -> overlay.Plane:
        """A fresh luma plane with the overlay; only its clock is drawn anew each time."""
        patient = self._patient_at(seconds)
        hidden = _within(seconds, self.script.overlay_hidden)
        moment = self.examination + timedelta(seconds=int(seconds))
        key = (patient is self.patient, hidden)
        if key not in self._overlays:
            text = overlay.OverlayText(patient, moment, self.device, self.device_serial)
            self._overlays[key] = overlay.draw_overlay(self.profile, None if hidden else text)
        luma = self._overlays[key].copy()
        if not hidden:
            overlay.draw_clock(self.profile, luma, moment)
        return luma

    def _draw_image(
        self, planes: tuple[overlay.Plane, overlay.Plane, overlay.Plane], number: int, seconds: float
    ) -> None:
        box = self.profile.image.shrunk_to_even()
        rows, columns = box.slices
        half = slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)
        picture = self._picture(number, seconds, box.width, box.height)
        for plane, where, part in zip(planes, ((rows, columns), half, half), picture, strict=True):
            plane[where] = part

    def _picture(
        self, number: int, seconds: float, width: int, height: int
    ) -> tuple[overlay.Plane, overlay.Plane, overlay.Plane]:
        """What the endoscope sees: mucosa, under whatever condition, or the room."""
        scene = next((scene for scene in self.script.scenes if _within(seconds, scene.span)), None)
        if scene is not None and scene.kind == ROOM:
            if scene not in self._rooms:
                self._rooms[scene] = Room(self._seed + round(100 * scene.span[0]), width, height)
            return self._rooms[scene].draw(seconds)
        if self._mucosa is None:
            self._mucosa = Mucosa(self._seed, width, height)
        picture = self._mucosa.draw(number, seconds)
        return picture if scene is None else change(picture, scene.kind, self._seed, seconds)


def draw_recording(
    path: Path,
    *,
    seed: int,
    seconds: float = 4.0,
    profile: DeviceProfile | None = None,
    fps: int = 25,
    script: Script | None = None,
    encoding: Encoding | None = None,
) -> RecordingTruth:
    """Draw a recording into a new file; its suffix names the container.

    Args:
        path: where to write it; an existing file is replaced.
        seed: the same seed, script and encoding give the same bytes.
        seconds: length of the recording.
        profile: device layout, the CV-1500's in full size unless given.
        fps: frames per second.
        script: what happens in it.
        encoding: how it is written.
    """
    recording = Recording(seed, profile=profile, script=script, fps=fps)
    truth = recording.truth(seconds)
    frames = (recording.frame(number) for number in range(truth.frames))
    write_video(path, frames, fps=fps, encoding=encoding or Encoding(), seconds=seconds)
    return truth


def write_video(
    path: Path, frames: Iterator[av.VideoFrame], *, fps: int, encoding: Encoding, seconds: float
) -> None:
    """Encode frames of one size at a constant rate; ``seconds`` is the length of the sound, if any."""
    first = next(frames)
    with av.open(str(path), "w") as container:
        container.metadata.update(encoding.tags)
        video = _video_stream(container, first, fps, encoding)
        sound = container.add_stream("aac", rate=_SAMPLE_RATE) if encoding.audio else None
        for number, frame in enumerate(chain((first,), frames)):
            fitting = frame.reformat(format=encoding.pixel_format)
            fitting.pts, fitting.time_base = number, Fraction(1, fps)
            container.mux(video.encode(fitting))
        container.mux(video.encode(None))
        if isinstance(sound, av.audio.AudioStream):
            for tone in _tone(seconds):
                container.mux(sound.encode(tone))
            container.mux(sound.encode(None))


def _video_stream(
    container: OutputContainer, frame: av.VideoFrame, fps: int, encoding: Encoding
) -> av.video.VideoStream:
    options = {"g": str(encoding.gop), "bf": str(encoding.b_frames), "sc_threshold": "0", **encoding.options}
    if encoding.preset is not None:
        options["preset"] = encoding.preset
    if encoding.crf is not None and encoding.bit_rate is None:
        options["crf"] = str(encoding.crf)
    stream = container.add_stream(encoding.codec, rate=fps, options=options)
    assert isinstance(stream, av.video.VideoStream)
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, encoding.pixel_format
    if encoding.bit_rate is not None:
        stream.bit_rate = encoding.bit_rate
    # With one thread the bytes do not depend on the machine.
    stream.codec_context.thread_count = 1
    return stream


def _tone(seconds: float) -> Iterator[av.AudioFrame]:
    """A quiet 440 Hz tone, in pieces of 1024 samples."""
    for start in range(0, int(seconds * _SAMPLE_RATE), 1024):
        moments = np.arange(start, start + 1024) / _SAMPLE_RATE
        wave = (0.1 * np.sin(2 * np.pi * 440 * moments)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None, :], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
        yield frame


def _within(seconds: float, span: Span | None) -> bool:
    return span is not None and span[0] <= seconds < span[1]
