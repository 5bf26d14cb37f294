"""Dates moved instead of removed: each patient's by a number of days of their own, always the same.

Intervals between the dates of one patient stay true, over all reports and recordings of those who
share the key. Without the key nobody can tell the number.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date, timedelta
from typing import Final

from endoreg_db.deid.reports.dates import Day, find_days

_LONGEST: Final = 364  # days, into the past; none is moved by nothing
_WORD: Final = r"[^\W\d_]{3,}"
_ENGLISH: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_GERMAN: Final = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
    "November", "Dezember",
)  # fmt: skip


def days_of_shift(key: bytes, patient: str) -> int:
    """By how many days the dates of a patient are moved: 1 to 364 into the past, as a negative number.

    Args:
        key: secret, of 16 bytes or more.
        patient: the patient's pseudonym.

    Raises:
        ValueError: the key is too short to keep the number secret.
    """
    if len(key) < 16:
        raise ValueError(f"a key has 16 bytes or more, not {len(key)}")
    digest = hmac.digest(key, b"endoreg date shift\0" + patient.encode(), hashlib.sha256)
    return -(1 + int.from_bytes(digest[:8], "big") % _LONGEST)


def shifted_text(text: str, days: int) -> str | None:
    """A text that is a date, moved by ``days`` and written as it was; None where that cannot be done.

    A month of a year is moved as its 15th. A date without a year cannot be moved.
    """
    found = find_days(text)
    if len(found) != 1 or not found[0].readings:
        return None
    day = found[0]
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
