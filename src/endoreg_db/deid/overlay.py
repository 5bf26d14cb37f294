"""Reading who and when from the overlay of one recording.

The work is split where processes are: a :class:`BoxWatcher` runs beside the decoder and cuts out the
boxes that changed; an :class:`OverlayReader` runs beside the OCR engine, reads these crops in any
order and says in the end what they mean together.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.ocr import Line
from endoreg_db.deid.overlay_text import parser_for
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.text_rules import looks_like_identity, matches_known, name_key, same_name

__all__ = ["BoxWatcher", "OverlayReader", "looks_like_identity", "matches_known"]

Picture = NDArray[np.uint8]  # H×W luma or grey, or H×W×3 RGB
Signature = NDArray[np.int16]

#: Fields that say whose recording it is.
PERSON_FIELDS = ("last_name", "first_name", "birth_date", "case_number")
_NAMES = ("last_name", "first_name")
#: Fields whose text also occurs in recordings of others, or ticks: useless to search the output for.
_NOT_SEARCHED = ("device", "examination_time")

# Codec noise changes the mean of four pixels by up to about 20 grey levels at the edge of a letter,
# another digit changes dozens of them by 100 and more.
_CHANGED_LEVEL = 48
_CHANGED_CELLS = 3

#: Seconds before a box that changed is looked at again. A clock ticks for ever and its start is all
#: that counts; other boxes only change without end where something moves behind them.
_PAUSE: Mapping[str, float] = {"examination_time": 10.0}
_SHORT_PAUSE = 0.2
_EMPTY = 36  # grey levels from the darkest to the lightest cell of a box in which nothing is written

_READINGS = 3  # of one text in one box
_USABLE = 0.7  # confidence from which on a reading has a vote
_SURE = 0.85  # confidence from which on two different readings mean two patients


def signature(crop: Picture) -> Signature:
    """A box in half size, to compare with another look at it."""
    grey = crop if crop.ndim == 2 else crop.max(axis=2)
    rows, columns = (max(2, n) // 2 * 2 for n in grey.shape)
    cells = np.pad(grey, ((0, 1), (0, 1)), mode="edge")[:rows, :columns].astype(np.int16)
    return (cells[::2, ::2] + cells[1::2, ::2] + cells[::2, 1::2] + cells[1::2, 1::2]) >> 2


def differs(one: Signature, other: Signature) -> bool:
    """Whether two looks at a box show different text, rather than other codec noise."""
    if one.shape != other.shape:
        return True
    return int(np.count_nonzero(np.abs(one - other) > _CHANGED_LEVEL)) >= _CHANGED_CELLS


class BoxWatcher:
    """Cuts the overlay boxes out of frame after frame, whenever what they show has changed."""

    def __init__(self, profile: DeviceProfile) -> None:
        """Watch the boxes of this layout; nothing has been seen yet."""
        self._boxes = dict(profile.boxes)
        self._inner = {name: _boxes_inside(name, self._boxes) for name in self._boxes}
        self._seen: dict[str, tuple[Signature, float]] = {}

    def changed_crops(self, frame: Picture, at: float) -> dict[str, Picture]:
        """The boxes that show something else than when they were last returned.

        Args:
            frame: the whole frame: its luma plane, H×W, is enough; or H×W×3 RGB.
            at: seconds from the start of the recording; frames may come in any order.

        Returns:
            Overlay field → a copy of its box. A box whose text goes away is returned too, empty.
        """
        changed = {}
        for name, box in self._boxes.items():
            last, since = self._seen.get(name, (None, 0.0))
            if last is not None and abs(at - since) < _pause(name, last):
                continue
            crop = _cut(frame, box, self._inner[name])
            look = signature(crop)
            if last is None or differs(look, last):
                self._seen[name] = (look, at)
                changed[name] = crop
        return changed


def _pause(name: str, look: Signature) -> float:
    """Seconds before the box is looked at again. An overlay that was off may be switched on at any moment."""
    is_empty = int(np.ptp(look)) < _EMPTY
    return _SHORT_PAUSE if is_empty else _PAUSE.get(name, _SHORT_PAUSE)


def _boxes_inside(name: str, boxes: Mapping[str, Box]) -> tuple[Box, ...]:
    """The smaller boxes that reach into this one, as the CV-1500's clock does into its date."""
    own = boxes[name]
    return tuple(
        box
        for other, box in boxes.items()
        if other != name and box.overlaps(own) and box.width * box.height < own.width * own.height
    )


def _cut(frame: Picture, box: Box, inner: Iterable[Box]) -> Picture:
    """A copy of the box in which the inner boxes are filled with its background."""
    crop = frame[box.slices].copy()
    for part in inner:
        background = int(np.median(crop[::2, ::2]))
        top, left = max(0, part.y - box.y), max(0, part.x - box.x)
        crop[top : max(0, part.bottom - box.y), left : max(0, part.right - box.x)] = background
    return crop


class LineReader(Protocol):
    """What an overlay needs of an OCR engine; :class:`~endoreg_db.deid.ocr.TextReader` is one."""

    def read_line(self, picture: Picture) -> Line:
        """Read a box that holds one line of text, or none."""
        ...


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at one box."""

    at: float  # seconds from the start of the recording
    text: str  # as read; empty where nothing is written
    value: str | None  # normalised; None where the text makes no sense
    confidence: float  # 0 to 1


class Read(NamedTuple):
    """One picture of a box, and what OCR made of it."""

    look: Signature
    picture: bytes
    line: Line


@dataclass(slots=True)
class _BoxHistory:
    """Everything that was read in one box."""

    sightings: list[Sighting] = field(default_factory=list)
    recent: list[Read] = field(default_factory=list)  # to read nothing twice, the latest first
    best: dict[str, tuple[float, bytes]] = field(default_factory=dict)  # value → confidence, PNG


class OverlayReader:
    """Reads the overlay of one recording. Looks may come in any order, from several watchers."""

    def __init__(self, profile: DeviceProfile, reader: LineReader, *, today: date | None = None) -> None:
        """Begin with nothing read.

        Args:
            profile: where the boxes are, and in which order the device writes dates.
            reader: the OCR engine.
            today: dates later than the day after are misread or wrong; the machine's unless given.
        """
        self._reader = reader
        # A day more, for devices whose clock is set to another time zone.
        latest = (today or date.today()) + timedelta(days=1)
        one_box = profile.boxes.get("last_name") == profile.boxes.get("first_name")
        self._parse = {
            name: parser_for(name, profile.date_order, latest, whole_name=one_box) for name in profile.boxes
        }
        self._boxes = {name: _BoxHistory() for name in profile.boxes}
        self._watcher = BoxWatcher(profile)

    def look(self, frame: Picture, at: float) -> None:
        """Read what has changed in a frame (H×W or H×W×3), ``at`` seconds from the start."""
        for name, crop in self._watcher.changed_crops(frame, at).items():
            self.take(name, crop, at)

    def take(self, name: str, crop: Picture, at: float) -> None:
        """Read one box that a :class:`BoxWatcher` cut out ``at`` seconds from the start."""
        history = self._boxes[name]
        line = self._line(history, crop)
        value = self._parse[name](line.text) if line.text else None
        history.sightings.append(Sighting(at, line.text, value, line.confidence))
        if value is not None and line.confidence > history.best.get(value, (-1.0, b""))[0]:
            history.best[value] = (line.confidence, _png(crop))

    def _line(self, history: _BoxHistory, crop: Picture) -> Line:
        """The text of the crop.

        Other codec noise around the same text can read otherwise, so a few pictures of it are read,
        and all of them vote; more would only take time, as would the same picture again.
        """
        look, picture = signature(crop), crop.tobytes()
        alike = [read for read in history.recent if not differs(read.look, look)]
        for read in alike:
            if read.picture == picture:
                return read.line
        if len(alike) >= _READINGS:
            return max(alike, key=lambda read: read.line.confidence).line
        line = self._reader.read_line(crop)
        history.recent = [Read(look, picture, line), *history.recent[: 4 * _READINGS]]
        return line

    def identity(self) -> Identity:
        """What the looks say together.

        After a change of patient only what was seen before it counts, so that the fields belong to
        one person. The clock is taken as it was first seen.
        """
        until = min(self._changes(), default=float("inf"))
        return Identity(**{name: self._reading(name, until) for name in self._boxes})

    def _reading(self, name: str, until: float) -> Reading | None:
        history = self._boxes[name]
        usable = [s for s in _in_order(history) if s.at < until and s.confidence >= _USABLE]
        found = _DECIDE.get(name, vote)(usable)
        if found is None:
            return None
        value, confidence = found
        return Reading(value, round(confidence, 4), history.best[value][1])

    def findings(self) -> tuple[Finding, ...]:
        """What a person should know about the reading; never with a value in it."""
        return tuple(f for f in (self._change_finding(), self._unread_finding()) if f is not None)

    def _changes(self) -> list[float]:
        """When the overlay began to name somebody else, in order; seconds."""
        changes: set[float] = set()
        for name in PERSON_FIELDS:
            if name in self._boxes:
                sure = [s for s in _in_order(self._boxes[name]) if s.value and s.confidence >= _SURE]
                changes.update(
                    later.at
                    for one, later in pairwise(sure)
                    if not _same(name, str(one.value), str(later.value))
                )
        return sorted(changes)

    def _change_finding(self) -> Finding | None:
        changes = self._changes()
        if not changes:
            return None
        return Finding(
            "patient_changed",
            "review",
            f"The overlay names another patient from {changes[0]:.1f} s on; the record holds the first one.",
            start=changes[0],
            end=changes[-1] if changes[-1] > changes[0] else None,
        )

    def _unread_finding(self) -> Finding | None:
        """Nobody was named.

        Where something was written and not understood, the layout may be another device's: a person
        must look. An overlay that is switched off is common and safe, since all of it is blanked.
        """
        person = [name for name in PERSON_FIELDS if name in self._boxes]
        identity = self.identity().values()
        if any(identity[name] for name in person):
            return None
        written = [name for name in person if any(s.text for s in self._boxes[name].sightings)]
        if not written:
            return Finding("identity_absent", "note", "The overlay names no patient.")
        fields = ", ".join(name.replace("_", " ") for name in written)
        return Finding("identity_unread", "review", f"Text in the box for {fields} could not be understood.")

    def tokens(self) -> frozenset[str]:
        """Everything that was read about the patient and the examination, sure or not, to search for.

        Both the texts and the values they stand for; device model and time of day are left out.
        """
        sightings = (
            s for name, box in self._boxes.items() if name not in _NOT_SEARCHED for s in box.sightings
        )
        return frozenset(token for s in sightings for token in (s.text, s.value) if token)


def _in_order(history: _BoxHistory) -> list[Sighting]:
    return sorted(history.sightings, key=lambda s: s.at)


def _same(name: str, one: str, other: str) -> bool:
    return same_name(one, other) if name in _NAMES else one == other


def vote(sightings: Iterable[Sighting]) -> tuple[str, float] | None:
    """The value with the most confidence behind it, and how sure that makes it.

    Spellings of one name (``Groß``, ``GROSS``) vote together, and the best-read spelling stands for
    them. A value without more than half of all confidence is not sure enough.
    """
    votes: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.value is not None:
            votes.setdefault(name_key(sighting.value), []).append(sighting)
    if not votes:
        return None
    weights = {key: sum(s.confidence for s in group) for key, group in votes.items()}
    winner = max(weights, key=lambda key: weights[key])
    share = weights[winner] / sum(weights.values())
    best = max(votes[winner], key=lambda s: s.confidence)
    return (str(best.value), best.confidence * share) if share > 0.5 else None


def first_day(sightings: Sequence[Sighting]) -> tuple[str, float] | None:
    """The day of the examination, from sightings in order: as :func:`vote`, unless midnight passed.

    When the day after it follows, the first one is the day on which the examination began.
    """
    days = [s for s in sightings if s.value is not None]
    if len({s.value for s in days}) == 2:
        first, last = days[0].value, days[-1].value
        if date.fromisoformat(str(last)) - date.fromisoformat(str(first)) == timedelta(days=1):
            return vote(s for s in days if s.value == first)
    return vote(days)


def first_time(sightings: Sequence[Sighting]) -> tuple[str, float] | None:
    """The time of day that the overlay's clock showed first, from sightings in order.

    A clock runs with the recording, so a misread time is one that most of the others contradict.
    """
    clocks = [(s, _seconds_of(s.value)) for s in sightings if s.value is not None]
    # One tick of a clock, and one second for rounding; some clocks show no seconds.
    slack = 2 if any(clock % 60 for _, clock in clocks) else 61
    for sighting, clock in clocks:
        agreeing = sum(abs(_drift(sighting.at, clock, s.at, other)) <= slack for s, other in clocks)
        if 2 * agreeing > len(clocks):
            return str(sighting.value), sighting.confidence
    return None


#: How the sightings of a field decide its value, in order; the others by :func:`vote`.
_DECIDE: Mapping[str, Callable[[Sequence[Sighting]], tuple[str, float] | None]] = {
    "examination_date": first_day,
    "examination_time": first_time,
}


def _drift(at: float, clock: int, other_at: float, other_clock: int) -> float:
    """Seconds by which two looks at a clock do not fit together, over midnight as well."""
    day = 24 * 3600
    return ((clock - at) - (other_clock - other_at) + day / 2) % day - day / 2


def _seconds_of(value: str) -> int:
    moment = time.fromisoformat(value)
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _png(crop: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(crop).save(file, format="PNG")
    return file.getvalue()
