"""Whom a report is about, told in its head without a label: a name, and beside or below it a day of birth."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Final

from endoreg_db.deid.reports.dates import Day, find_days
from endoreg_db.deid.reports.institutions import is_institution
from endoreg_db.deid.reports.label_values import NAMES, Label
from endoreg_db.deid.reports.labels import Labelled, Labels, unlabelled
from endoreg_db.deid.reports.marks import row_text
from endoreg_db.deid.reports.names import is_salutation, is_title, name_before
from endoreg_db.deid.reports.sheets import Row, Sheet, Token
from endoreg_db.deid.reports.stickers import NEAR
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_first_name,
    is_only_clinical,
    is_ordinary,
    is_town,
)

_HEAD: Final = 0.45  # of the first page's height
_YOUNGEST: Final = timedelta(days=300)  # between a birth and the latest day of the report
_HIGHEST: Final = 5  # lines from a day of birth up to the name, with an address between
_MOST_DAYS: Final = 20  # in a head that are looked at; a page may be nothing but days
_CELLS: Final = 3  # to the left of a day that may hold the name
_OF_PERSON: Final = re.compile(  # what stands between a name and a birth: the sex, an age
    r"\(?(?:[wmfd]|weibl|männl|weiblich|männlich|male|female|♀|♂|\d+|\d{1,3}\s?[jy]|j|jg|jahre|jahr|yrs?|years?|alt|old|dob|d\.o\.b|date|of|birth|born|geb)?"
    r"[.,;:/)]*",
    re.I,
)
_EXAMINATION: Final = re.compile(
    r"(?:skopie|skopien|scopy|sonographie|sonografie|befund|bericht|report|^untersuchung|^eingriff|^operation|^ercp|^ogd|^egd|^eus"
    r"|^procedure|^examination|^endoscopy|^exam)$"
)
_EARLIER: Final = ("letzt", "vor", "fruher", "previous", "prior", "last", "extern")
_JOINING: Final = frozenset({"vom", "am", "on", "of", "dated", "datum", "date", "from"})
_BETWEEN: Final = 3  # tokens between what was done and its day
_OTHER_DAYS: Final = cue_keys("before_other_days")
_WHO: Final = frozenset({"patient_name", "last_name", "first_name", "birth_date"})


@dataclass(frozen=True, slots=True)
class _Written:
    """A day as it stands in a line."""

    row: Row
    first: int  # its first token in the line
    tokens: tuple[Token, ...]
    readings: tuple[date, ...]


def headed_values(
    sheets: Sequence[Sheet], labels: Sequence[Labels], labelled: Sequence[Labelled]
) -> list[Labelled]:
    """Name and birth of the patient, and the day of the examination, as far as labels did not give them.

    Args:
        sheets: the pages; only the head of the first is looked at.
        labels: of each page.
        labelled: what labels and stickers gave.
    """
    if not sheets:
        return []
    given = {found.label for found in labelled}
    head = [day for day in _days(sheets[:1]) if day.row.box.y0 <= _HEAD * sheets[0].page.height]
    examined = [] if "examination_date" in given else _examined(head)
    return [*examined, *_patient(sheets, head, labels[0], given)]


def _patient(
    sheets: Sequence[Sheet], head: Sequence[_Written], labels: Labels, given: Collection[str]
) -> list[Labelled]:
    named = not {"patient_name", "last_name"}.isdisjoint(given)
    if named and "birth_date" in given:
        return []
    latest = max((day for written in _days(sheets) for day in written.readings[:1]), default=date.max)
    births = _births(head, labels, latest, labelled="birth_date" in given)
    for birth in islice(births, _MOST_DAYS):
        own = _label_before(labels[birth.row.index], birth.first)
        if named and own is not None and own.kind in NAMES:  # ``Patient: Erika Klein, 24.12.1950``
            return [unlabelled("birth_date", 0, birth.tokens, "head:birth_date")]
        name = _name_of(sheets[0], birth)
        if name:
            split = _tells_first_name(name)  # which of two words in no list is the surname would be a guess
            values = [unlabelled("patient_name", 0, name, "head:patient_name")] if split else []
            if "birth_date" not in given:
                values.append(unlabelled("birth_date", 0, birth.tokens, "head:birth_date"))
            return values
    return []


def _examined(head: Sequence[_Written]) -> list[Labelled]:
    """``Gastroskopie vom 14.3.2023``, ``Colonoscopy 14/03/2023``: the first day behind what was done."""
    for written in head:
        before = written.row.tokens[max(0, written.first - _BETWEEN - 1) : written.first]
        while before and (before[-1].key in _JOINING or not before[-1].key):
            before = before[:-1]
        if not before:
            continue
        first = written.row.tokens[0] is before[0] or len(before) > 1
        earlier = any(token.key.startswith(_EARLIER) for token in before)
        if first and not earlier and _EXAMINATION.search(before[-1].key):
            return [unlabelled("examination_date", 0, written.tokens, "head:examination_date")]
    return []


def _births(head: Sequence[_Written], labels: Labels, latest: date, *, labelled: bool) -> Iterator[_Written]:
    """The days in the head that may be that of the patient's birth, from top to bottom."""
    for written in head:
        own = _label_before(labels[written.row.index], written.first)
        before = written.row.tokens[written.first - 1] if written.first else None
        starred = written.tokens[0].text.startswith("*") or (before is not None and before.text.endswith("*"))
        told = starred or (own is not None and own.kind == "birth_date")
        if labelled != told or (own is not None and own.kind not in _WHO):
            continue
        if not told and before is not None and before.key in _OTHER_DAYS:
            continue
        if any(day <= latest - _YOUNGEST for day in written.readings):
            yield written


def _days(sheets: Sequence[Sheet]) -> Iterator[_Written]:
    for sheet in sheets:
        for row in sheet.rows:
            line = row_text(row.tokens)
            for day in find_days(line.text):
                tokens = line.tokens(day.start, day.end)
                if _is_whole(day) and tokens:
                    yield _Written(row, row.tokens.index(tokens[0]), tokens, day.readings)


def _is_whole(day: Day) -> bool:
    return day.kind == "full" and bool(day.readings)


def _label_before(labels: Sequence[Label], index: int) -> Label | None:
    return next((label for label in reversed(labels) if label.end <= index), None)


def _name_of(sheet: Sheet, birth: _Written) -> tuple[Token, ...]:
    """The name before a day in its line, in the cells to its left, or above it."""
    tokens = birth.row.tokens[: birth.first]
    cell: Row | None = birth.row
    for _ in range(_CELLS):
        if any(token.is_name_shaped for token in _without_person(tokens)):
            break
        cell = sheet.left_of(cell) if cell is not None else None
        tokens = (*(cell.tokens if cell is not None else ()), *tokens)
    before = _without_person(tokens)
    if len(before) == 1 and cell is not None:  # ``Müller | Erika | 12.3.1956``
        left = sheet.left_of(cell)
        before = (*(left.tokens if left is not None and len(left.tokens) == 1 else ()), *before)
    name = name_before(before)
    lead = before[: len(before) - len(name)]
    titled = bool(lead) and is_title(lead[-1]) and not is_salutation(lead[-1])
    if _is_patient(name) and not titled:
        return name
    return _name_above(sheet, birth.row)


def _name_above(sheet: Sheet, row: Row) -> tuple[Token, ...]:
    """The highest line above that is somebody's name, or two lines with one part of it each."""
    found: tuple[Token, ...] = ()
    under, last = row, None
    for _ in range(_HIGHEST):
        above = sheet.above(under, within=NEAR)
        if above is None or abs(above.box.x0 - row.box.x0) > 2 * row.height:
            break
        whole = tuple(token for token in above.tokens if token.key)
        if _is_patient(whole) and all(_is_of_name(token) for token in whole):
            found = whole
        elif last is not None and len(whole) == len(last.tokens) == 1 and _is_patient((*whole, *last.tokens)):
            found = (*whole, *last.tokens)
        under = last = above
    return found


def _is_patient(name: Sequence[Token]) -> bool:
    """Whether the words are a whole name: with a comma or a first name of the list, or in no list at all."""
    words = [token for token in name if token.is_name_shaped or token.text.endswith("^")]
    if len(words) == 1 and len(name) == 2 and name[1].is_initial:
        return name[0].text.endswith(",")  # ``Egli, M.``
    if len(words) < 2 or any(is_institution(token) for token in words):
        return False
    if any(is_only_clinical(token.core) for token in words):
        return False
    foreign = len(words) == 2 and not any(is_ordinary(t.core) or is_town(t.core) for t in words)
    return foreign or _tells_first_name(words)


def _tells_first_name(words: Sequence[Token]) -> bool:
    """Whether a comma parts surname and first name, or one of them is a first name of the list."""
    return any(is_first_name(token.core) for token in words) or any(t.text[-1] in ",^" for t in words[:-1])


def _is_of_name(token: Token) -> bool:
    return token.is_name_shaped or token.is_initial or token.core.islower() or token.text.endswith("^")


def _without_person(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Without what tells sex and age at the end (``Müller, Erika (w), 67 J.``)."""
    end = len(tokens)
    while end and (not tokens[end - 1].key or _OF_PERSON.fullmatch(tokens[end - 1].text)):
        behind_comma = end > 1 and tokens[end - 2].text.endswith(",")
        if behind_comma and tokens[end - 1].is_initial and tokens[end - 1].text.isupper():
            break  # ``Egli, M.``
        end -= 1
    return tuple(tokens[:end])
