"""What happens in one recording of the corpus, drawn from a seed before anything is painted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.samples.people import Patient, invent_examination, invent_patient
from quality.layouts import pick_profile
from quality.plants import Plant, fitting

EventKind = Literal["worklist", "data_entry", "flash", "inset", "room", "freeze", "overlay_off"]
Language = Literal["de", "en", "fr", "pl", "tr"]

#: What shows somebody in places that a device keeps for the image; such pictures must not come out.
EXPOSING: frozenset[EventKind] = frozenset({"worklist", "data_entry", "flash", "inset", "room"})
_LANGUAGES: tuple[Language, ...] = ("de", "en", "fr", "pl", "tr")
_WEIGHTS: dict[EventKind | Literal["plain", "patient_change"], float] = {
    "plain": 8, "patient_change": 2, "overlay_off": 1, "worklist": 2, "data_entry": 2,
    "flash": 2, "inset": 1, "room": 1, "freeze": 1,
}  # fmt: skip
_LONGEST_SCREEN = 10.0  # seconds that a worklist or a form may stay


@dataclass(frozen=True, slots=True)
class Format:
    """A container and what is in it."""

    suffix: str
    muxer: str  # FFmpeg's name
    encoder: str  # FFmpeg's name
    codec: str  # as plants name it
    pixel_format: str = "yuv420p"


FORMATS = (
    Format(".mp4", "mp4", "libx264", "h264"),
    Format(".mov", "mov", "libx264", "h264"),
    Format(".mkv", "matroska", "libx264", "h264"),
    Format(".ts", "mpegts", "libx264", "h264"),
    Format(".mkv", "matroska", "libx265", "hevc"),
    Format(".mp4", "mp4", "mpeg4", "mpeg4"),
    Format(".avi", "avi", "mpeg4", "mpeg4"),
    Format(".avi", "avi", "mjpeg", "mjpeg", "yuvj420p"),
    Format(".mpg", "vob", "mpeg2video", "mpeg2"),
    Format(".ts", "mpegts", "mpeg2video", "mpeg2"),
)
_FORMAT_WEIGHTS = (8, 3, 3, 2, 1, 1, 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Style:
    """How the device writes."""

    bold: bool
    italic: bool
    size: float  # of the text, as a share of the box's height
    ink: int  # luma of the letters
    paper: int  # luma behind them


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is shown for a while."""

    kind: EventKind
    first: int  # frame
    frames: int

    def covers(self, number: int) -> bool:
        """Whether it is shown in frame ``number``."""
        return self.first <= number < self.first + self.frames


@dataclass(frozen=True, slots=True)
class Planted:
    """A plant, and the canary that it hides."""

    plant: Plant
    canary: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One recording: everything that is decided before it is painted."""

    seed: int
    profile: DeviceProfile
    format: Format
    fps: int
    frames: int
    patient: Patient
    others: tuple[Patient, ...]  # on the worklist
    change_at: int | None  # first frame that shows the next patient, who is the first of the others
    examination: datetime  # the overlay's clock in the first frame
    device: str
    device_serial: str
    style: Style
    language: Language
    dark_screens: bool
    events: tuple[Event, ...]
    planted: tuple[Planted, ...]

    def event(self, number: int, *kinds: EventKind) -> Event | None:
        """The event of one of these kinds that frame ``number`` shows."""
        return next((e for e in self.events if e.kind in kinds and e.covers(number)), None)

    def patient_in(self, number: int) -> Patient:
        """Whom the overlay names in frame ``number``."""
        return self.others[0] if self.change_at is not None and number >= self.change_at else self.patient

    def is_exposing(self, number: int) -> bool:
        """Whether frame ``number`` shows somebody where the image belongs."""
        return self.event(number, *EXPOSING) is not None

    def plants(self, name: str) -> Planted | None:
        """The planted canary of that name, if there is one."""
        return next((planted for planted in self.planted if planted.plant.name == name), None)


def draw_plan(
    seed: int, *, seconds: float = 10.0, profile: DeviceProfile | None = None, plants: int = 3
) -> Plan:
    """Decide everything about the recording of that seed.

    Args:
        seed: the same seed gives the same plan.
        seconds: its length.
        profile: the device's layout, instead of one drawn.
        plants: how many things are hidden in the file, as far as its format has room for them.
    """
    rng = random.Random(f"recording {seed}")
    fps = rng.choice((25, 25, 25, 30))
    frames = max(12, round(seconds * fps))
    drawn = pick_profile(rng)
    kind = rng.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))[0]
    events = () if kind == "plain" or kind == "patient_change" else (_event(rng, kind, frames, fps),)
    form = rng.choices(FORMATS, weights=_FORMAT_WEIGHTS)[0]
    return Plan(
        seed=seed,
        profile=profile or drawn,
        format=form,
        fps=fps,
        frames=frames,
        patient=invent_patient(rng),
        others=tuple(invent_patient(rng) for _ in range(8)),
        change_at=rng.randint(frames // 3, 2 * frames // 3) if kind == "patient_change" else None,
        examination=invent_examination(rng),
        device=rng.choice(("CV-1500", "CF-EZ1500DL", "GIF-EZ1500", "CF-HQ1100DI", "PCF-H190TL", "GIF-1100")),
        device_serial=str(rng.randint(2_000_000, 2_999_999)),
        style=_style(rng),
        language=rng.choice(_LANGUAGES),
        dark_screens=rng.random() < 0.5,
        events=events,
        planted=_plant(rng, form, plants),
    )


def _style(rng: random.Random) -> Style:
    return Style(
        bold=rng.random() < 0.3,
        italic=rng.random() < 0.15,
        size=rng.uniform(0.68, 0.8),
        ink=rng.choice((235, 235, 200, 160)),
        paper=rng.choice((16, 16, 16, 30)),
    )


def _event(rng: random.Random, kind: EventKind, frames: int, fps: int) -> Event:
    """A single frame as often as a while of up to ten seconds; sometimes the first or the last frame."""
    most = min(frames - 2, round(_LONGEST_SCREEN * fps))
    length = 1 if rng.random() < 0.3 else rng.randint(2, max(2, most))
    if kind in ("freeze", "overlay_off", "inset"):
        length = max(length, min(most, fps))
    first = rng.choice((0, frames - length, rng.randint(0, frames - length)))
    return Event(kind, first, length)


def _plant(rng: random.Random, form: Format, count: int) -> tuple[Planted, ...]:
    possible = fitting(form.suffix, form.codec)
    chosen = rng.sample(possible, min(count, len(possible)))
    return tuple(Planted(plant, draw_canary(rng, plant)) for plant in _compatible(chosen))


def _compatible(chosen: list[Plant]) -> list[Plant]:
    """At most one plant that changes what the pictures show, so that both can be told apart."""
    pictures = [plant for plant in chosen if plant.in_pictures]
    return [plant for plant in chosen if not plant.in_pictures or plant is pictures[0]]


def draw_canary(rng: random.Random, plant: Plant) -> str:
    """A word that is nowhere else, of letters that OCR does not confuse; a date or time where it must be."""
    if plant.holds == "date":
        return (date(1990, 1, 1) + timedelta(days=rng.randrange(10_000))).isoformat()
    if plant.holds == "time":
        return f"{rng.randint(1, 22):02}:{rng.randint(10, 59)}:{rng.randint(10, 59)}"
    return draw_word(rng)


def draw_word(rng: random.Random) -> str:
    """A word that is nowhere else, of letters that OCR does not confuse."""
    return "".join(rng.choices("ABDEFHKLMNPRTUVWXY", k=12))
