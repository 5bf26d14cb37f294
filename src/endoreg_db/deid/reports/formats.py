"""What identifies by its own shape, whatever stands before it: numbers, addresses, dates, times.

The shapes themselves are tables, in ``shapes.py`` and ``signs.py``; dates and times are read in ``dates.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from endoreg_db.deid.reports.dates import find_clocks, find_days
from endoreg_db.deid.reports.marks import Mark, RowText, row_text
from endoreg_db.deid.reports.shapes import SHAPES, Shape
from endoreg_db.deid.reports.sheets import Row, Sheet
from endoreg_db.deid.reports.signs import SIGNS

#: Units end where the word ends: ``12345678 liegt vor`` are no litres.
_UNIT: Final = (
    r"(?:[/%°]|(?:[µμ]?[gl]|m[glm]|cm|kg|IE|I\.E\.|E\.|mmol|mval|Mio|Tsd|U/|kcal|ml|Joule|J|W|Watt|kU|mU|nl|Zellen)"
    r"(?![^\W\d_]))"
)
_ALL: Final = (*SHAPES, *SIGNS)
_SEAM: Final = 7  # tokens on either side of a line's end that may belong together


def format_marks(sheets: Sequence[Sheet]) -> list[Mark]:
    """Everything on the pages that identifies by its shape."""
    return [
        mark
        for page, sheet in enumerate(sheets)
        for row in sheet.rows
        for line in _lines(sheet, row)
        for mark in _line_marks(page, line)
    ]


def _lines(sheet: Sheet, row: Row) -> Iterable[RowText]:
    """The row, and the seam between it and the next one if the text runs on there."""
    above = sheet.before(row)  # its last words may say what a number at the beginning is (``bei`` 6 Uhr)
    yield row_text((*above.tokens[-_SEAM:], *row.tokens) if above is not None else row.tokens)
    following = sheet.continuation(row)
    if following is not None and row.tokens:
        yield row_text(row.tokens[-_SEAM:] + following.tokens[:_SEAM])


def _line_marks(page: int, line: RowText) -> Iterable[Mark]:
    days = find_days(line.text)
    for day in days:
        value = day.readings[0].isoformat() if day.readings else line.text[day.start : day.end]
        yield _mark("date", page, line, (day.start, day.end), value, 0.9, "format:date")
    for clock in find_clocks(line.text):
        if not any(day.start < clock.end and clock.start < day.end for day in days):
            text = line.text[clock.start : clock.end]
            value = clock.value.isoformat() if clock.value else text
            yield _mark("time", page, line, (clock.start, clock.end), value, 0.85, "format:time")
    for shape in _ALL:
        for match in shape.pattern.finditer(line.text):
            yield from _shape_mark(page, line, shape, match)


def _shape_mark(page: int, line: RowText, shape: Shape, match: re.Match[str]) -> Iterable[Mark]:
    group = "value" if "value" in shape.pattern.groupindex else 0
    text = match[group]
    if shape.wanted is not None and not shape.wanted(text):
        return
    if shape.kind == "number" and _is_measurement(line.text, match):
        return
    sure = 0.99 if shape.valid is not None and shape.valid(text) else shape.confidence
    yield _mark(shape.kind, page, line, match.span(group), text.strip(), sure, f"format:{shape.kind}")


def _is_measurement(text: str, match: re.Match[str]) -> bool:
    """Whether a run of digits is a code of procedures (OPS ``5-452.61``) or has a unit after it."""
    if re.match(rf"\s?{_UNIT}", text[match.end() :]):
        return True
    return bool(re.fullmatch(r"\d-\d{2,3}[a-z]?(?:\.[\da-z]{1,2})?", match[0]))


def _mark(
    kind: str, page: int, line: RowText, span: tuple[int, int], value: str, confidence: float, reason: str
) -> Mark:
    return Mark(kind, page, line.tokens(*span), value, confidence, reason)
