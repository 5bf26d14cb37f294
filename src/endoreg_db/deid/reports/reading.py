"""The fields of the contract, out of what the labels gave. ``None`` rather than a guess."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import combinations
from typing import Final

from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.reports.dates import find_clocks, find_days
from endoreg_db.deid.reports.days import Calendar
from endoreg_db.deid.reports.labels import Labelled, Labels
from endoreg_db.deid.reports.names import PARTICLES, TITLES
from endoreg_db.deid.reports.sheets import Sheet, Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    folded,
    is_first_name,
    is_name,
    name_risk,
    word_key,
)
from endoreg_db.deid.text_rules import name_key, same_name

_NOBLE: Final = cue_keys("noble")
_MOST_FIRST_NAMES: Final = 2
#: Which labels give a field; the first of them that was read counts.
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "birth_date": ("birth_date",),
    "examination_date": ("examination_date",),
    "examination_time": ("examination_time",),
    "case_number": ("case_number", "patient_number"),
    "device_serial": ("serial_number",),
}

#: How sure a value is that stands after its label and is perfectly legible.
_LABEL: Final = 0.95
#: What is hidden was read by a stranger's OCR, or is what was true before something was written over it.
_UNSEEN: Final = 0.8

#: Labels of any date, and of who only findings name: in a head with both, that date is the examination's.
_DATES: Final = frozenset({"date", "datum"})
_OPERATORS: Final = frozenset(
    {"operator", "endoscopist", "examiner", "proceduralist", "untersucher", "untersucherin", "operateur"}
)
_BEFORE_NAMES: Final = frozenset(
    {"ihr", "ihre", "ihren", "unser", "unsere", "unseren", "your", "our", "patient", "patientin", "patienten"}
)
#: Beside what a date is that of the examination.
_OF_EXAMINATION: Final = ("examination_time", "case_number", "last_name", "first_name", "birth_date")
_ADMISSION: Final = re.compile(r"[A-Z]?\d{6,}")  # the number of an admission, and not of a file in an office

Names = tuple[str | None, str | None]  # first, last
Place = tuple[str | None, Labelled]  # a value, and where it stands


def read_identity(
    labelled: Sequence[Labelled], sheets: Sequence[Sheet], all_labels: Sequence[Labels]
) -> tuple[Identity, tuple[Finding, ...]]:
    """The fields that the labels name, and doubts: two patients in one report, nobody in it."""
    by_label: dict[str, list[Labelled]] = defaultdict(list)
    for found in labelled:
        by_label[found.label].append(found)
    calendar = Calendar.of([line.text for sheet in sheets for line in sheet.page.lines])
    firsts = [(_clean(_written(found)), found) for found in _of(by_label, "first_name")]
    keys = {name_key(first) for first, _ in firsts if first}
    names = [(split, found) for found in _of(by_label, "patient_name") if (split := _split(found, keys))]
    lasts = [(_clean(_written(f)), f) for f in by_label["last_name"] if "geb" not in f.phrase]
    surnames = [(last, f) for (_, last), f in names]
    fields: dict[str, Reading | None] = {
        "first_name": _agreed([*firsts, *((first, f) for (first, _), f in names)], sheets),
        # ``Surname: Colombo`` is the one of ``First name: Jonas``, not a lone ``Patient: Auer`` below them.
        "last_name": _agreed([*lasts, *surnames] if firsts else [*surnames, *lasts], sheets),
    }
    for field, labels in _SOURCES.items():
        values = [(_value(field, f, calendar), f) for label in labels for f in by_label[label]]
        read = next((value for value, _ in values if value), None)
        same = [place for place in values if place[0] == read]
        fields[field] = None if read is None else _reading(read, same, sheets)
    if fields["case_number"] is None:
        fields["case_number"] = _admission(by_label, sheets)
    if fields["examination_date"] is None:
        fields["examination_date"] = _day_of_finding(by_label, sheets, calendar)
    device = _device(sheets, all_labels)
    identity = Identity(**fields, device=None if device is None else Reading(device, _LABEL))
    several = _name_several(
        [*(last for (_, last), _ in names), *(last for last, _ in lasts)],
        [*(first for (first, last), _ in names if last), *(first for first, _ in firsts)],
    )
    births = {calendar.days_of_birth(found.mark.value) for found in _of(by_label, "birth_date")}
    return identity, tuple(_doubts(identity, births, several=several))


def _day_of_finding(
    by_label: Mapping[str, list[Labelled]], sheets: Sequence[Sheet], calendar: Calendar
) -> Reading | None:
    """``Date: 10/03/22`` in a head that names the operator is the day of the examination, not of a letter.

    So is one beside a time at which something began, or in one line of a form with the patient's data.
    """
    places = [found for found in by_label.get("date", ()) if found.phrase in _DATES and found.mark.page == 0]
    if not any(found.phrase in _OPERATORS for found in by_label.get("staff", ())):
        timed = [found for found in places if find_clocks(found.mark.value)]  # ``Datum: 29.5.18, 11.43 Uhr``
        beside = [found for label in _OF_EXAMINATION for found in by_label.get(label, ())]
        places = timed or [f for f in places if any(_is_beside(f, other, sheets) for other in beside)]
    values = [(_value("examination_date", f, calendar), f) for f in places]
    days = {value for value, _ in values if value}
    return _reading(days.pop(), values, sheets) if len(days) == 1 else None


def _admission(by_label: Mapping[str, list[Labelled]], sheets: Sequence[Sheet]) -> Reading | None:
    """``AZ: 009650291``: in Austria the number of the admission, where nothing else gives one."""
    numbers = [(re.sub(r"\s+", "", f.mark.value).strip(".,;:"), f) for f in by_label.get("order_number", ())]
    places = [(value, f) for value, f in numbers if f.phrase == "az" and _ADMISSION.fullmatch(value)]
    return _reading(places[0][0], places[:1], sheets) if places else None


def _is_beside(one: Labelled, other: Labelled, sheets: Sequence[Sheet]) -> bool:
    """Whether two values stand at the same height of a page."""
    if one.mark.page != other.mark.page:
        return False
    page = sheets[one.mark.page].page
    first, second = (page.words[found.mark.tokens[0].words[0]].box for found in (one, other))
    return min(first.y1, second.y1) > max(first.y0, second.y0)


def _of(by_label: Mapping[str, list[Labelled]], label: str) -> list[Labelled]:
    return list(by_label.get(label, ()))


def _reading(value: str, places: Sequence[Place], sheets: Sequence[Sheet]) -> Reading:
    """A value that stands at some places, as sure as the one of them that is read best."""
    sure = max(_legibility(found, sheets) for _, found in places)
    return Reading(value, round(_LABEL * sure, 4))


def _legibility(found: Labelled, sheets: Sequence[Sheet]) -> float:
    """How sure the words of a value were read, from 0 to 1; 1 for a text layer that can be seen."""
    page = sheets[found.mark.page].page.words
    words = [page[index] for token in found.mark.tokens for index in token.words]
    return min(_UNSEEN if word.source == "hidden" else word.confidence for word in words)


def _split(found: Labelled, firsts: Collection[str]) -> Names | None:
    """The name of a label; where another label gives the first name, ``Name`` means the last one."""
    split = split_name(found)
    value = _written(found)
    if split is None or not firsts or "," in value or "^" in value:
        return split
    return split if split[0] is not None and name_key(split[0]) in firsts else (None, _clean(value))


def _written(found: Labelled) -> str:
    """The value as it was written, as far as that can be told where OCR read it.

    A small l at the beginning of a name is a capital I (``lonut``), a lone small letter behind it a stroke.
    """
    value = found.mark.value
    if all(token.source != "ocr" for token in found.mark.tokens):
        return value
    words = [
        f"I{word[1:]}" if word.startswith("l") and folded(word) not in PARTICLES else word
        for word in value.split()
    ]
    while len(words) > 1 and len(words[-1]) == 1 and words[-1].islower():
        words.pop()
    return " ".join(words)


def split_name(found: Labelled) -> Names | None:
    """First and last name, by the comma, by the label's order, or by which one is a first name."""
    value = re.sub(r"\s*\([^()]*\)", "", _written(found))  # ``LAWSON, Gillian (Lawson)``
    value = re.split(r"\bgeb(?:\.|oren[er]?)?\b|\bborn\b|\bnée\b|\*", value)[0]
    if "^" in value:
        last, _, first = value.partition("^")
        return _cased(first.replace("^", " ").strip()), _cased(last.strip())
    if "," in value:
        last, first = (part.strip() for part in value.split(",", 1))
        first = first.split(",")[0]
        if all(word in TITLES for word in folded(first).split()):
            return split_name_words(last, found.phrase)
        return _clean(first), _clean(last)
    return split_name_words(value, found.phrase)


def _words_of_name(value: str) -> list[str]:
    """The words without titles, and without what says that it is the patient (``Ihren Patienten``)."""
    words = [word for word in value.split() if folded(word) and not _is_title(word)]
    while words and folded(words[0]) in _BEFORE_NAMES:
        words.pop(0)
    return words


def split_name_words(value: str, phrase: str) -> Names | None:
    """First and last name of a value without a comma."""
    words = _words_of_name(value)
    if len(words) < 2:
        return (None, _clean(words[0])) if words else None
    small = next((n for n, word in enumerate(words) if n and word.islower()), None)
    if small is not None and not words[0].islower() and small <= _MOST_FIRST_NAMES:
        return _clean(" ".join(words[:small])), _clean(" ".join(words[small:]))  # ``Justus aus dem Moore``
    if words[0].islower() and not is_first_name(words[-1]):
        return None, _clean(value)  # ``zur Linden``
    capitals = [word.isupper() and len(word) > 2 for word in words]
    if capitals[0] and not capitals[-1]:
        cut = capitals.index(False)  # ``IMMENHOF Kirsten``
        return _clean(" ".join(words[cut:])), _clean(" ".join(words[:cut]))
    firsts = [is_first_name(word) for word in words]
    firsts[-1] &= folded(words[-2]) not in PARTICLES  # ``Tjark Di Marco``
    if not any(firsts):
        firsts[-1] = _is_surname(words[0]) and not _is_surname(words[-1])
    if firsts[0] != firsts[-1]:
        last_first = firsts[-1]  # which of the two is a first name says more than the label's order
    else:
        last_first = phrase.startswith(("name vorname", "nachname", "last name", "surname"))
    if last_first:
        cut = len(words) - 1
        while cut > 1 and firsts[cut - 1] and cut - 1 > 0 and folded(words[cut - 2]) not in PARTICLES:
            cut -= 1
        return _clean(" ".join(words[cut:])), _clean(" ".join(words[:cut]))
    cut = 1
    while cut < len(words) - 1 and folded(words[cut]) not in PARTICLES and firsts[cut]:
        cut += 1
    return _clean(" ".join(words[:cut])), _clean(" ".join(words[cut:]))


def _is_surname(word: str) -> bool:
    return bool(name_risk(word)) or is_name(word)


def _is_title(word: str) -> bool:
    parts = folded(word).split()
    if word_key(word) in _NOBLE:
        return False  # part of the surname
    return all(part in TITLES for part in parts) and (word.endswith(".") or len(word) > 2)


def _clean(text: str) -> str | None:
    """A name without titles and noise, composed as Unicode wants it."""
    words = [word for word in text.split() if folded(word) and not _is_title(word)]
    name = unicodedata.normalize("NFC", " ".join(words)).strip(" .,:;_-|'\"*()").replace("’", "'")
    letters = sum(c.isalpha() for c in name)
    return name if letters >= 2 and not any(c.isdigit() for c in name) else None


def _cased(name: str) -> str | None:
    cleaned = _clean(name)
    return cleaned.title() if cleaned and cleaned.isupper() else cleaned


def _agreed(places: Iterable[Place], sheets: Sequence[Sheet]) -> Reading | None:
    """The value that most places give; the first of them as it is written there."""
    groups: dict[str, list[tuple[str, Labelled]]] = defaultdict(list)
    for value, found in places:
        if value:
            groups[name_key(value)].append((value, found))
    if not groups:
        return None
    most = max(groups.values(), key=len)
    return _reading(most[0][0], most, sheets)


def _value(field: str, found: Labelled, calendar: Calendar) -> str | None:
    text = found.mark.value
    if field in ("birth_date", "examination_date"):
        read = calendar.day_of_birth if field == "birth_date" else calendar.day_of_examination
        day = read(text)
        return day.isoformat() if day else None
    if field == "examination_time":
        clock = next((clock.value for clock in find_clocks(text) if clock.value), None)
        return clock.isoformat() if clock else None
    if any(day.kind == "full" for day in find_days(text)) and not text.isdigit():
        return None  # digits alone are a number, though they may be read as a day (``20400314``)
    compact = re.sub(r"\s+", "", text).strip(".,;:-")
    return compact if sum(map(str.isdigit, compact)) >= 3 and len(compact) <= 24 else None


def _device(sheets: Sequence[Sheet], all_labels: Sequence[Labels]) -> str | None:
    """The model that stands after a label such as ``Gerät`` or ``Endoskop``."""
    for sheet, labels in zip(sheets, all_labels, strict=True):
        for row in sheet.rows:
            for label in labels[row.index]:
                if label.kind == "device":
                    beside = sheet.right_of(row) if label.end == len(row.tokens) else None
                    model = _model(beside.tokens if beside else row.tokens[label.end :])
                    if model is not None:
                        return model
    return None


def _model(tokens: Sequence[Token]) -> str | None:
    """The first of three tokens that is capitals and digits, as ``CF-HQ190L``."""
    shaped = (t.core for t in tokens[:3] if re.fullmatch(r"[A-Z]{2,4}-?[A-Z0-9]{3,9}", t.core))
    return next((model for model in shaped if any(map(str.isdigit, model))), None)


def _doubts(identity: Identity, births: Iterable[frozenset[date]], *, several: bool) -> Iterable[Finding]:
    if several:
        yield Finding(
            "several_patients", "review", "Labels name more than one patient; the record holds one of them."
        )
    if any(one.isdisjoint(other) for one, other in combinations(filter(None, births), 2)):
        yield Finding("several_birth_dates", "review", "Labels name more than one date of birth.")
    if identity.last_name is None and identity.first_name is None:
        yield Finding("identity_absent", "review", "No label of the report names a patient.")


def _name_several(lasts: Iterable[str | None], firsts: Iterable[str | None]) -> bool:
    """Whether surnames differ, or first names: a couple has one surname, and so have mother and child."""
    surnames = list(filter(None, lasts))
    return any(not same_name(surnames[0], other) for other in surnames[1:]) or any(
        _are_two(one, other) for one, other in combinations(set(filter(None, firsts)), 2)
    )


def _are_two(one: str, other: str) -> bool:
    """Whether two first names can hardly be one person's.

    Any part of a double name may stand alone, and each may be cut short or misread; initials say nothing.
    """
    parts = [
        [key for part in re.split(r"[\s-]", first) if len(key := name_key(part)) > 1]
        for first in (one, other)
    ]
    wholes = [[*keys, "".join(keys)] for keys in parts]
    return all(parts) and not any(_may_be_same(a, b) for a in wholes[0] for b in wholes[1])


def _may_be_same(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one) or same_name(one, other)
