"""The days of one report together: in which order it writes them, which is the latest, what one means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from endoreg_db.deid.reports.dates import Day, find_days

_OLDEST: Final = 115  # years
_FIRST_VIDEO_ENDOSCOPY: Final = 1970
_MONTHS: Final = 12
_STROKED: Final = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/(?:\d{4}|\d{2})(?![\d/])")
_AMERICAN: Final = re.compile(
    r",\s[A-Z]{2}\s\d{5}\b|\(\d{3}\)\s?\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4}\b"
)  # a town with its state, and telephone numbers


@dataclass(frozen=True, slots=True)
class Calendar:
    """How a report writes days, and the latest that it names with a whole year."""

    month_first: bool  # of days with strokes, as in the United States
    latest: date | None  # nobody in the report was born after it

    @classmethod
    def of(cls, lines: Sequence[str]) -> Calendar:
        """The calendar of a report with these lines."""
        month_first = _is_month_first(lines)
        order = cls(month_first, None)
        days = [
            reading
            for line in lines
            for day in find_days(line)
            if re.search(r"\d{4}", line[day.start : day.end])
            for reading in order.readings(line[day.start : day.end], day)[:1]
        ]
        return cls(month_first, max(days, default=None))

    def readings(self, text: str, day: Day) -> tuple[date, ...]:
        """What a day may mean, likeliest first; of two centuries the likelier stays before the other."""
        stroked = _STROKED.search(text)
        if not self.month_first or stroked is None:
            return day.readings
        return tuple(sorted(day.readings, key=lambda reading: reading.month != int(stroked[1])))

    def day_of_birth(self, text: str) -> date | None:
        """The one day that can be meant; None where two centuries are possible."""
        readings = self._possible(self._first(text))
        return readings[0] if readings and len({day.year for day in readings}) == 1 else None

    def days_of_birth(self, text: str) -> frozenset[date]:
        """Every day that can be meant, as the report writes days: two where both centuries are possible."""
        first = self._first(text)
        days = self._possible(first) or first
        return frozenset(day for day in days if (day.month, day.day) == (days[0].month, days[0].day))

    def day_of_examination(self, text: str) -> date | None:
        """The likeliest day; of two digits' centuries the one that is no time to come."""
        written = [day for day in self._first(text) if day.year >= _FIRST_VIDEO_ENDOSCOPY]
        readings = self._possible(written)
        return readings[0] if readings else min(written, key=lambda day: day.year, default=None)

    def _first(self, text: str) -> Sequence[date]:
        day = next((day for day in find_days(text) if day.kind == "full"), None)
        return () if day is None else self.readings(text, day)

    def _possible(self, days: Sequence[date]) -> list[date]:
        latest = self.latest
        return [
            day for day in days if latest is None or (day <= latest and latest.year - day.year <= _OLDEST)
        ]


def _is_month_first(lines: Sequence[str]) -> bool:
    """Whether days with strokes are written as in the United States.

    Those say so that can be read in one way only (``3/14/2023``); where there are none, addresses and
    telephone numbers as only that country has them.
    """
    days = [(int(one), int(two)) for line in lines for one, two in _STROKED.findall(line)]
    first = sum(two > _MONTHS >= one for one, two in days)
    second = sum(one > _MONTHS >= two for one, two in days)
    if first != second:
        return first > second
    return any(_AMERICAN.search(line) for line in lines)
