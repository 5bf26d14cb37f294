"""From text that was found around an image to the overlay boxes of a proposed profile.

Only what a label or a format says is guessed; the rest is left to the person who checks it. A wrong
guess means that a field is not read, or read wrong: nothing is published because of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import FoundText
from endoreg_db.deid.profiles import DateOrder

_LEGIBLE = 0.6  # confidence; below it OCR reads icons
_ROOM = 14  # heights; the width of a box for a name
_SIGNS = 2  # letters and digits; fewer are icons too

#: What a label says about the line it begins. The first that fits counts.
_LABELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (field, re.compile(rf"^\W*(?:{shape})", re.I | re.X))
    for field, shape in (
        ("last_name", r"(?:last|family|sur|nach)[\s\-]?name\b | name\s*[:.]"),
        ("first_name", r"(?:first|given|vor|fore)[\s\-]?name\b"),
        ("birth_date", r"d\.?\s?o\.?\s?b\b | (?:date\sof\s)?birth | geb(?:urtsdatum | \b)"),
        (
            "case_number",
            r"(?:temp\w*\W*)?(?:pat(?:ient)?(?:en)?|case|fall)[.\s\-]*(?:id|nr|no|num)\w*\b | id\b | mrn\b",
        ),
        ("device_serial", r"s[/.\s]?n\b | serial"),
        ("device", r"(?:scope|device|model|type|ger[äa]t)\s*[:.]"),
    )
)
#: A model such as CF-EZ1500DL; settings of a processor look like it without the hyphen.
_MODEL = re.compile(r"[A-Z]{1,5}-[A-Z]{0,3}\d{2,4}[A-Z]{0,3}")
_SERIAL = re.compile(r"\d{6,8}")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d)")
_DATE = re.compile(r"(?<!\d)(\d{1,4})\s?[./\-]\s?(\d{1,2})\s?[./\-]\s?(\d{1,4})(?!\d)")


@dataclass(frozen=True, slots=True)
class OverlayGuess:
    """What the text around an image seems to be."""

    boxes: Mapping[str, Box]  # overlay field → where its value is written, with room for a longer one
    unclear: tuple[Box, ...]  # text that may be any field
    date_order: DateOrder


def guess_overlay(found: Sequence[FoundText], image: Box, size: tuple[int, int]) -> OverlayGuess:
    """Guess which field each line of text outside the image is.

    Args:
        found: lines of text in a picture of the recording.
        image: the endoscopic image; what reaches into it is left out.
        size: width and height of the picture in pixels.
    """
    lines = [line for line in found if _is_text(line) and not line.box.overlaps(image)]
    guesses: dict[str, list[FoundText]] = defaultdict(list)
    for line in lines:
        guesses[_field_by_itself(line.text) or ""].append(line)
    for field, line in (*_dates(guesses.pop("date", [])), *_serial_below(guesses)):
        guesses[field].append(line)
    sure = {field: only[0] for field, only in guesses.items() if field and len(only) == 1}
    taken = set(sure.values())
    rest = [line.box for line in lines if line not in taken]
    boxes = {field: _with_room(line.box, lines, image, size) for field, line in sure.items()}
    return OverlayGuess(MappingProxyType(boxes), tuple(rest), _date_order(lines))


def _is_text(line: FoundText) -> bool:
    return line.confidence >= _LEGIBLE and sum(c.isalnum() for c in line.text) >= _SIGNS


def _field_by_itself(text: str) -> str | None:
    """The field that a line says itself that it is; ``date`` for a date without a label."""
    for field, shape in _LABELS:
        if shape.match(text):
            return field
    if _DATE.search(text):
        return "date"
    if _CLOCK.search(text):
        return "examination_time"
    return "device" if _MODEL.fullmatch(text.strip()) else None


def _dates(lines: Sequence[FoundText]) -> list[tuple[str, FoundText]]:
    """Two dates without a label are those of birth and examination; one alone may be either."""
    if len(lines) != 2:
        return []
    first, second = sorted(lines, key=lambda line: _year(line.text))
    if _year(first.text) == _year(second.text):
        return []
    return [("birth_date", first), ("examination_date", second)]


def _year(text: str) -> int:
    return max((int(part) for match in _DATE.finditer(text) for part in match.groups()), default=0)


def _serial_below(guesses: Mapping[str, list[FoundText]]) -> list[tuple[str, FoundText]]:
    """A number directly below the device's model, beginning where that begins, is its serial."""
    if "device_serial" in guesses or len(guesses.get("device", [])) != 1:
        return []
    model = guesses["device"][0].box
    return [
        ("device_serial", line)
        for line in guesses.get("", [])
        if _SERIAL.fullmatch(line.text.strip())
        and 0 <= line.box.y - model.y <= 3 * model.height
        and abs(line.box.x - model.x) <= model.height
    ]


def _date_order(lines: Sequence[FoundText]) -> DateOrder:
    """In which order the dates are written, as far as one of them shows it; the day first if none does."""
    for line in lines:
        for first, second, _ in (match.groups() for match in _DATE.finditer(line.text)):
            if len(first) == 4:
                return "year/month/day"
            if int(second) > 12:
                return "month/day/year"
    return "day/month/year"


def _with_room(box: Box, lines: Sequence[FoundText], image: Box, size: tuple[int, int]) -> Box:
    """The box with room for a longer value, to the right, and cut where the next line of text begins.

    OCR's boxes are a little larger than their text, so those of neighbours may overlap.
    """
    others = [line.box for line in lines if line.box != box]
    middle = box.y + box.height // 2
    beyond = [o.x for o in (image, *others) if o.y <= middle < o.bottom and o.x > box.x + box.width // 2]
    right = min(
        [
            box.x + _ROOM * box.height,
            size[0],
            *((x + box.right) // 2 if x < box.right else x - 2 for x in beyond),
        ]
    )
    in_column = [other for other in others if other.x < box.right and box.x < other.right]
    below = [other.y for other in in_column if other.y > middle]
    above = [other.bottom for other in in_column if other.bottom <= middle]
    bottom = min([box.bottom, *((y + box.bottom) // 2 for y in below if y < box.bottom)])
    top = max([box.y, *((y + box.y) // 2 for y in above if y > box.y)])
    return Box(box.x, top, right - box.x, bottom - top)
