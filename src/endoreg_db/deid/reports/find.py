"""Finds identity in the words of a report: labelled values, and what is known, everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.reports.words import Findings, Hit, KnownIdentity, Page
from endoreg_db.deid.text_rules import fold, matches_known

_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_LABELS = {"patient": "name", "fallnummer": "case_number", "geburtsdatum": "birth_date"}


def find_identity(pages: Sequence[Page], known: KnownIdentity) -> Findings:
    """Values right of the labels Patient, Geburtsdatum and Fallnummer, titles, and all of them again."""
    labelled = [hit for page in pages for hit in _labelled(page)]
    values = {hit.value for hit in labelled} | {*known.names, *known.dates, *known.numbers}
    everywhere = [hit for page in pages for hit in _known(page, values)]
    dates = [hit for page in pages for hit in _dates(page)]
    first = {hit.kind: hit for hit in reversed(labelled)}
    return Findings((*labelled, *everywhere, *dates), _identity(first))


def _labelled(page: Page) -> Iterator[Hit]:
    words = page.words
    for word in words:
        kind = _LABELS.get(fold(word.text))
        if kind is None or not word.text.endswith(":"):
            continue
        level = [
            n
            for n, other in enumerate(words)
            if other.box.x0 > word.box.x1
            and abs(other.box.y0 - word.box.y0) < 4
            and other.box.x0 < word.box.x1 + 200
        ]
        right: list[int] = []
        for n in sorted(level, key=lambda n: words[n].box.x0):
            if right and words[n].box.x0 - words[right[-1]].box.x1 > 12:
                break
            right.append(n)
        if right:
            value = " ".join(words[n].text for n in right)
            yield Hit(kind, page.number, tuple(sorted(right)), value, 0.9, "label")


def _known(page: Page, values: set[str]) -> Iterator[Hit]:
    for index, word in enumerate(page.words):
        if len(word.text) > 2 and matches_known(word.text, values):
            yield Hit("name", page.number, (index,), word.text, 0.8, "known")


def _dates(page: Page) -> Iterator[Hit]:
    for index, word in enumerate(page.words):
        if _DATE.search(word.text):
            yield Hit("date", page.number, (index,), word.text, 0.9, "shape")
        if word.text in ("Dr.", "Prof.") or (index > 0 and page.words[index - 1].text == "med."):
            last = min(index + 3, len(page.words) - 1)
            yield Hit("name", page.number, tuple(range(index, last + 1)), "", 0.7, "title")


def _identity(first: dict[str, Hit]) -> Identity:
    values: dict[str, Reading] = {}
    if "name" in first and "," in first["name"].value:
        last, given = first["name"].value.split(",", 1)
        values |= {"last_name": Reading(last.strip(), 0.9), "first_name": Reading(given.strip(), 0.9)}
    if "birth_date" in first and (match := _DATE.search(first["birth_date"].value)):
        day, month, year = map(int, match.groups())
        values["birth_date"] = Reading(date(year, month, day).isoformat(), 0.9)
    if "case_number" in first:
        values["case_number"] = Reading(first["case_number"].value, 0.9)
    return Identity(**values)
