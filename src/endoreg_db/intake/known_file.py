"""The file of ``--known``: a file, because every user of a machine sees its command lines."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from endoreg_db.deid.reports.words import KnownIdentity

#: What both command lines say of the option.
HELP = "What is known of people in the reports: lists of `names`, `dates` (ISO) and `numbers`."
_LISTS = ("names", "dates", "numbers")
_MOST, _LONGEST = 1000, 200  # entries of a list, signs of an entry


class KnownFileError(ValueError):
    """It is not such a file; says what is wrong, without what it says of anybody."""


def known_from(file: Path | None) -> KnownIdentity:
    """What the file says; nothing if there is none.

    Raises:
        KnownFileError: it is not such a file.
    """
    from endoreg_db.deid.reports.propagate import LEAST_SIGNS, compact, name_parts
    from endoreg_db.deid.reports.words import KnownIdentity

    if file is None:
        return KnownIdentity()
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise KnownFileError(f"--known: {file} cannot be read as JSON ({type(error).__name__})") from None
    if not isinstance(content, dict) or not content.keys() <= set(_LISTS):
        raise KnownFileError(f"--known: {file} must be an object of the lists {', '.join(_LISTS)}")
    lists = {name: _texts(file, name, content.get(name, [])) for name in _LISTS}
    try:
        dates = tuple(date.fromisoformat(text).isoformat() for text in lists["dates"])
    except ValueError:
        raise KnownFileError(f"--known: a date in {file} is not written as 1956-02-01") from None
    # What the finder would look for nowhere must not look as if it were.
    if not all(map(name_parts, lists["names"])):
        raise KnownFileError(f"--known: a name in {file} has no word of two letters that is no title")
    if any(len(compact(number)) < LEAST_SIGNS for number in lists["numbers"]):
        why = f"is shorter than {LEAST_SIGNS} letters and digits, and might be any measure"
        raise KnownFileError(f"--known: a number in {file} {why}")
    return KnownIdentity(lists["names"], dates, lists["numbers"])


def _texts(file: Path, name: str, value: Any) -> tuple[str, ...]:
    fine = isinstance(value, list) and all(isinstance(item, str) and item.isprintable() for item in value)
    if not fine or len(value) > _MOST or any(len(item) > _LONGEST for item in value):
        limits = f"at most {_MOST} texts of {_LONGEST} letters"
        raise KnownFileError(f"--known: {name} in {file} must be a list of {limits}")
    return tuple(value)
