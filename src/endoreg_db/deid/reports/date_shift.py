"""Dates moved instead of removed: each patient's by a number of days of their own, always the same.

Intervals between the dates of one patient stay true, over all reports of those who share the key.
Without the key nobody can tell the number. Dates of birth are never moved: the year alone tells too much,
and a date that is known to be wrong by less than two tells much.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

from rapidfuzz.distance import Hamming

from endoreg_db.deid.reports.dates import Day, find_days
from endoreg_db.deid.reports.words import Findings, Hit, Page, Word

#: Days into the past. A date that is moved by less than a year often looks as the old one does but for one
#: digit, in one of the orders of day and month; then nobody could tell whether the old one was left, and the
#: date is removed. That befell 3.7 % of dates when they were moved by 1 to 364 days, and befalls 0.2 % now.
_SHORTEST: Final = 366
_LONGEST: Final = 729
#: Confidence of OCR below which a digit may be another one; an interval that is wrong is worse than none.
_LEGIBLE: Final = 0.85
_WORD: Final = r"[^\W\d_]{3,}"
_ENGLISH: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_GERMAN: Final = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
    "November", "Dezember",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MovedWords:
    """Words of one line that are a date, and what is written in their place."""

    page: int  # from 1
    words: tuple[int, ...]  # indices into the page's words, one after the other
    text: str


def moved_words(
    pages: Sequence[Page], findings: Findings, days: int, is_known: Callable[[str], bool]
) -> Iterator[MovedWords]:
    """The dates of a report that can be moved; all others have to be removed.

    Removed are dates of birth and what may be one misread, dates that are hidden or hardly legible, those
    that are written in no known way or beside something else in one word, and those that would become
    a date that the report has as well: nobody could tell then whether that one was left in.

    Args:
        pages: as they were given to the finder.
        findings: as the finder gave them.
        days: by how many days dates are moved.
        is_known: whether a text holds anything that identifies somebody in this report.
    """
    births = _births(findings)
    by_number = {page.number: page for page in pages}
    for hit in findings.hits:
        if hit.kind != "date":
            continue
        page = by_number[hit.page]
        for run in _runs(page, hit):
            for dated in _dates_in(page, run):
                text = _moved([page.words[index] for index in dated], days, births)
                if text is not None and not is_known(text):
                    yield MovedWords(hit.page, tuple(dated), text)


def _births(findings: Findings) -> frozenset[date]:
    """Every date of birth in the report: the patient's, and those of relatives."""
    written = [hit.value for hit in findings.hits if hit.kind == "birth_date"]
    if findings.identity.birth_date is not None:
        written.append(findings.identity.birth_date.value)
    return frozenset(reading for text in written for day in find_days(text) for reading in day.readings)


def _runs(page: Page, hit: Hit) -> Iterator[list[int]]:
    """The hit's words, parted where another word stands between them or a line ends."""
    start = 0
    for line in page.lines:
        run: list[int] = []
        for index in range(start, start + len(line.words) + 1):
            if index in hit.words and index < start + len(line.words):
                run.append(index)
            elif run:
                yield run
                run = []
        start += len(line.words)


def _dates_in(page: Page, run: Sequence[int]) -> Iterator[list[int]]:
    """The words of each date in a run of words; a label's value may be date, time and place."""
    ends = list(accumulate((len(page.words[index].text) + 1 for index in run), initial=0))
    spans = [(index, ends[n], ends[n + 1] - 1) for n, index in enumerate(run)]
    for day in find_days(" ".join(page.words[index].text for index in run)):
        yield [index for index, start, end in spans if start < day.end and day.start < end]


def _moved(words: Sequence[Word], days: int, births: frozenset[date]) -> str | None:
    if any(word.source == "hidden" or word.confidence < _LEGIBLE for word in words):
        return None
    written = " ".join(word.text for word in words)
    if any(_may_be(day, birth) for day in find_days(written) for birth in births):
        return None
    return shifted_text(written, days)


def _may_be(day: Day, birth: date) -> bool:
    """Whether a date is a date of birth, but for one digit; of months, whether it is the month of birth."""
    form, most = ("%Y%m", 0) if day.kind == "month" else ("%Y%m%d", 1)
    return any(
        Hamming.distance(reading.strftime(form), birth.strftime(form)) <= most for reading in day.readings
    )


def days_of_shift(key: bytes, patient: str) -> int:
    """By how many days the dates of a patient are moved: 366 to 729 into the past, as a negative number.

    Args:
        key: secret, of 16 bytes or more.
        patient: the patient's pseudonym.

    Raises:
        ValueError: the key is too short to keep the number secret.
    """
    if len(key) < 16:
        raise ValueError(f"a key has 16 bytes or more, not {len(key)}")
    digest = hmac.digest(key, b"endoreg date shift\0" + patient.encode(), hashlib.sha256)
    return -(_SHORTEST + int.from_bytes(digest[:8], "big") % (_LONGEST - _SHORTEST + 1))


def shifted_text(text: str, days: int) -> str | None:
    """A text that is a date, moved by ``days`` and written as it was; None where that cannot be done.

    A month of a year is moved as its 15th. A date without a year cannot be moved. Signs around the date
    stay; where letters or digits stand there, they may be a name that was run into the date.
    """
    found = find_days(text)
    if len(found) != 1 or not found[0].readings:
        return None
    day = found[0]
    if any(sign.isalnum() for sign in text[: day.start] + text[day.end :]):
        return None
    try:
        moved = day.readings[0] + timedelta(days=days)
    except OverflowError:
        return None
    written = _like(text[day.start : day.end], day, moved)
    return None if written is None else text[: day.start] + written + text[day.end :]


def _like(written: str, day: Day, moved: date) -> str | None:
    """``moved`` in the spelling of ``written``; None for spellings that are not understood."""
    numbers = re.findall(r"\d+", written)
    roles = _roles(numbers, day.readings[0], day.kind, worded=bool(re.search(r"[^\W\d_]{3}", written)))
    if roles is None:
        return None
    order = iter(roles)
    worded = "m" not in roles
    moved_text = re.sub(r"\d+", lambda match: _number_like(match[0], next(order), moved, worded), written)
    if not worded:
        return moved_text
    months = [month for word in re.findall(_WORD, written) if (month := _month_like(word, moved.month))]
    return (
        re.sub(_WORD, lambda match: _month_like(match[0], moved.month) or match[0], moved_text)
        if months
        else None
    )


def _roles(numbers: list[str], old: date, kind: str, *, worded: bool) -> str | None:
    """What each number of a written date is: ``y``, ``m`` and ``d``, in order."""
    if kind == "month":
        roles = "y" if worded else "my"
    elif worded:
        roles = "dy" if numbers and int(numbers[0]) == old.day else ""
    elif numbers and len(numbers[0]) == 4:
        roles = "ymd"
    else:
        roles = "dmy" if numbers and int(numbers[0]) == old.day else "mdy"
    return roles if len(roles) == len(numbers) else None


def _number_like(old: str, role: str, moved: date, worded: bool) -> str:
    """A number of the moved date, in as many digits as the old one where that is a matter of style."""
    if role == "y":
        return f"{moved.year:04}" if len(old) == 4 else f"{moved.year % 100:02}"
    number = moved.month if role == "m" else moved.day
    padded = old.startswith("0") or (len(old) == 2 and not worded)
    return f"{number:02}" if padded else str(number)


def _month_like(old: str, month: int) -> str | None:
    """The name of a month in the language, length and case of the old one; None for other words."""
    for names in (_GERMAN, _ENGLISH):
        for length in (3, None):
            if old.lower() in (name[:length].lower() for name in names):
                new = names[month - 1][:length]
                return new.upper() if old.isupper() else new
    return None
