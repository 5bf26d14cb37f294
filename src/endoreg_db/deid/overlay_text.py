"""What the text of an overlay box means. Pure; ``None`` whenever unsure: wrong is worse than empty."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta

from endoreg_db.deid.profiles import DateOrder

_OLDEST_AGE = 115  # years; nobody older is examined

#: Labels that devices write in the same box as the value, by kind of value.
_LABELS: Mapping[str, str] = {
    "name": r"(?:last|first|family|given|sur|vor|nach|fore)[\s\-]?name | pat(?:ient|\.)(?:\s?name)? | name",
    "date": r"""d\.?\s?o\.?\s?b\.? | (?:date\sof\s)?birth(?:day|\s?date)? | date | datum
        | geb(?:urtsdatum | \.?(?:\s?(?:am|dat\.?))?)""",
    "time": r"time | zeit | uhrzeit",
    "device": r"scope | type | model | device | ger[äa]t",
    "serial": r"s[/.\s]?n\.? | serial(?:\s?(?:no|number)\.?)? | no\.?",
}
_LABEL_SHAPES: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(rf"^\W*(?:{labels})\s*(?:[:.]|(?=\s|$))\s*", re.I | re.X)
    for kind, labels in _LABELS.items()
}

#: What OCR makes of digits where only digits can be.
_DIGITS_AGAIN = str.maketrans({"O": "0", "o": "0", "Q": "0", "I": "1", "l": "1", "|": "1"})

_MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "jan",
            "feb",
            "mar mär mrz",
            "apr",
            "may mai",
            "jun",
            "jul",
            "aug",
            "sep",
            "oct okt",
            "nov",
            "dec dez",
        ),
        1,
    )
    for name in names.split()
}


def without_label(text: str, kind: str) -> str:
    """The text without a leading label of a ``name``, ``date``, ``time``, ``device`` or ``serial``."""
    return _LABEL_SHAPES[kind].sub("", text, count=1).strip()


#: What devices and people write in place of a name, and the label of a number in the box of a name.
_NOBODY = re.compile(
    r"""\btemp\b | \b(?:pat(?:ient)?(?:en)?|case|fall)?[.\s\-]*(?:id|nr|nummer|number)\b
        | \b(?:unknown|unbekannt|anonym\w*|no\s?name|ohne\s?name)\b | ^\W*n\.?\s?n\.?\W*$""",
    re.I | re.X,
)


def parse_name(text: str) -> str | None:
    """A first or last name as written, without label and noise at its ends.

    Digits, commas and other signs inside make it doubtful, so there is no name then. Nor is there
    one where a device says that it was given none.
    """
    if _NOBODY.search(text):
        return None
    name = unicodedata.normalize("NFC", without_label(text, "name")).replace("’", "'").replace("`", "'")
    name = re.sub(r"\s+", " ", name).strip(" .,:;_-|'\"")
    name = re.sub(r"\s*([\-])\s*", r"\1", name)
    name = _mended(name)
    letters = [c for c in name if c.isalpha()]
    if len(letters) < 2 or len(name) > 60 or not all(c.isalpha() or c in " -'." for c in name):
        return None
    return name


def _mended(name: str) -> str:
    """Undo what OCR does to small text and no spelling of a name has.

    A capital I after a lower-case letter at the end of a word is an l (``GüI``), a capital B there
    an ß (``GroB``), and so is a B between lower-case letters after a vowel, unless that follows the
    first two letters (``WeiBenfels``, but ``DeBoer`` and ``LaBelle``). A name does not begin with a small
    letter: an i there is what the engine, which has no such capital, makes of the dotted one (``İbrahim``),
    and an l before a consonant is a capital I (``lldikó``).
    """
    name = re.sub(r"(?:^|(?<=[ \-]))i(?=[^\W\d_A-Z]{2})", "İ", name)
    name = re.sub(r"(?:^|(?<=[ \-]))l(?=[bcdfghjklmnpqrstvwxz][^\W\d_A-Z])", "I", name)
    name = re.sub(r"(?<=[^\W\d_A-Z])I\b", "l", name)
    name = re.sub(r"(?<=[a-zäöü])B\b", "ß", name)
    return re.sub(r"(?<=\w\w[aeiouäöü])B(?=[a-z])", "ß", name)


def parse_date(text: str, order: DateOrder, *, latest: date) -> date | None:
    """The one day that the text names, in the device's order.

    Two-digit years count only where one century alone gives a day up to ``latest`` and at most 115
    years before it. Impossible days, days after ``latest`` and texts with two dates give None.
    """
    rest = without_label(text, "date")
    worded = _worded_dates(rest)
    found = worded or _numeric_dates(rest, order)
    days = {day for parts in found if (day := _day(*parts, latest=latest)) is not None}
    return days.pop() if len(days) == 1 and len(found) == 1 else None


_NUMERIC = re.compile(
    r"(?<![\w])([\dOoQIl|]{1,4})\s?[./\-]\s?([\dOoQIl|]{1,2})\s?[./\-]\s?([\dOoQIl|]{1,4})(?![\w])"
)
_COMPACT = re.compile(r"(?<!\d)\d{8}(?!\d)")
_WORDED = re.compile(r"(?<!\d)(\d{1,2})[.\s\-/]{0,2}([A-Za-zä]{3})[a-z]*[.\s\-/]{0,2}(\d{4}|\d{2})(?!\d)")


def _numeric_dates(text: str, order: DateOrder) -> list[tuple[str, str, str]]:
    """Year, month and day, as written, of every date in digits."""
    places = order.split("/")
    widths = [4 if place == "year" else 2 for place in places]
    found = [
        tuple(part.translate(_DIGITS_AGAIN) for part in match.groups()) for match in _NUMERIC.finditer(text)
    ]
    if not found:
        first, second = widths[0], widths[0] + widths[1]
        found = [(run[:first], run[first:second], run[second:]) for run in _COMPACT.findall(text)]
    named = [dict(zip(places, parts, strict=True)) for parts in found]
    return [(parts["year"], parts["month"], parts["day"]) for parts in named]


def _worded_dates(text: str) -> list[tuple[str, str, str]]:
    months = ((match, _MONTHS.get(match[2].lower())) for match in _WORDED.finditer(text))
    return [(match[3], str(month), match[1]) for match, month in months if month is not None]


def _day(year: str, month: str, day: str, *, latest: date) -> date | None:
    if len(day) > 2 or len(month) > 2 or len(year) not in (2, 4):
        return None
    years = [int(year)] if len(year) == 4 else [1900 + int(year), 2000 + int(year)]
    days = [_date_or_none(number, int(month), int(day)) for number in years]
    earliest = latest - timedelta(days=round(_OLDEST_AGE * 365.25))
    possible = [found for found in days if found is not None and earliest <= found <= latest]
    return possible[0] if len(possible) == 1 else None


def _date_or_none(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def parse_time(text: str) -> time | None:
    """The time of day; hours and minutes must be there, seconds may be."""
    clock = without_label(text, "time").translate(_DIGITS_AGAIN)
    match = re.fullmatch(
        r"(\d{1,2})[:.;](\d{2})(?:[:.;](\d{2}))?\s*([AaPp])?\.?[Mm]?\.?", clock
    ) or re.fullmatch(r"(\d{2})(\d{2})(\d{2})()", clock)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    half = (match[4] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + (12 if half == "p" else 0) if half else hour
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


@dataclass(frozen=True, slots=True)
class CaseNumber:
    """A patient or case number as a device shows it."""

    value: str
    temporary: bool  # made up by the device ("Temp. Pat.-ID"): says nothing outside of it


_CASE_LABEL = re.compile(
    r"^\W*(?P<temporary>temp\w*[.\s]*)?"
    r"(?:(?:pat(?:ient)?(?:en)?|case|fall)?[.\s\-]*(?:id|nr|no|number|nummer)\b[.:\s]*(?:no\b[.:\s]*)?|mrn[.:\s]+)?",
    re.I,
)


def parse_case_number(text: str) -> CaseNumber | None:
    """The number after labels such as ``Pat.-ID:`` or ``ID No.``; at least three digits, at most 24 signs."""
    label = _CASE_LABEL.match(text)
    assert label is not None, "every part of the label is optional"
    value = re.sub(r"\s+", "", text[label.end() :]).strip(".:,;_-")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9./\-]{2,23}", value) or sum(map(str.isdigit, value)) < 3:
        return None
    return CaseNumber(value, temporary=label["temporary"] is not None)


def parse_device(text: str) -> str | None:
    """A model such as ``CV-1500`` or ``CF-EZ1500DL``: capitals and digits, both of them there."""
    title = re.sub(r"\s*[–—‐\-]\s*", "-", without_label(text, "device")).strip(" .:;,|_-")
    title = re.sub(r"(?<=\d)[Oo](?=\d)", "0", title)
    known_shape = re.fullmatch(r"[A-Z][A-Z0-9]{0,5}[- ]?[A-Z0-9][A-Z0-9 /\-]{1,16}", title)
    return title if known_shape and any(map(str.isdigit, title)) else None


def parse_serial(text: str) -> str | None:
    """A serial number of four to twelve signs: digits, with at most two letters before them."""
    serial = re.sub(r"[\s\-]", "", without_label(text, "serial")).strip(".:,;#")
    prefix = re.match(r"[A-Z]{0,2}(?=[\dOoQIl|]{4})", serial)
    if prefix is None:
        return None
    digits = serial[prefix.end() :].translate(_DIGITS_AGAIN)
    return prefix[0] + digits if re.fullmatch(r"\d{4,12}", digits) else None


def parse_whole_name(text: str) -> tuple[str, str] | None:
    """Last and first name from a line that holds both: ``Müller, Erika`` or, as in DICOM, ``MÜLLER^ERIKA``.

    Without a comma or a caret nothing says which is which, so there is no name then.
    """
    parts = re.split(r"[,^]", text.rstrip(" ^,"))
    names = [parse_name(part) for part in parts]
    return (names[0], names[1]) if len(names) == 2 and names[0] and names[1] else None


def parser_for(
    field: str, order: DateOrder, latest: date, *, whole_name: bool = False
) -> Callable[[str], str | None]:
    """How the text of an overlay field becomes its normalised value (ISO 8601 for dates and times).

    Args:
        field: one of the overlay's fields.
        order: in which the device writes dates.
        latest: no date is later.
        whole_name: whether the box of a name holds last and first name together.
    """
    parsers: dict[str, Callable[[str], object | None]] = {
        "examination_date": lambda text: parse_date(text, order, latest=latest),
        "birth_date": lambda text: parse_date(text, order, latest=latest),
        "examination_time": parse_time,
        "last_name": parse_name,
        "first_name": parse_name,
        "case_number": _lasting_case_number,
        "device": parse_device,
        "device_serial": parse_serial,
    }
    if whole_name:
        parsers["last_name"] = lambda text: (parse_whole_name(text) or (None, None))[0]
        parsers["first_name"] = lambda text: (parse_whole_name(text) or (None, None))[1]
    parse = parsers[field]

    def normalised(text: str) -> str | None:
        value = parse(text)
        if value is None:
            return None
        return value.isoformat() if isinstance(value, date | time) else str(value)

    return normalised


def _lasting_case_number(text: str) -> str | None:
    number = parse_case_number(text)
    return None if number is None or number.temporary else number.value
