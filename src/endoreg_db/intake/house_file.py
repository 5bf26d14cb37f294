"""The file of ``ENDOREG_REPORT_HOUSE_FILE``: what a house calls its own, listed once for all its reports."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from endoreg_db.deid.messages import HouseTerm
from endoreg_db.deid.reports.house import tells_enough
from endoreg_db.errors import ConfigurationError

#: The lists that it may have, and what an entry of each is called where it went.
LISTS: Final = {
    "wards": "ward",
    "staff": "staff",
    "institutions": "institution",
    "addresses": "address",
    "phones": "phone",
    "numbers": "number",
}
_MOST: Final = 20_000  # entries; a house has fewer names
_LONGEST: Final = 200  # letters of an entry


def house_terms(file: Path | None) -> tuple[HouseTerm, ...]:
    """All that the file lists; nothing if there is none.

    Raises:
        ConfigurationError: it cannot be read, or an entry would go where it means something else.
    """
    if file is None:
        return ()
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(f"{file} cannot be read as TOML ({error})") from None
    if strange := sorted(content.keys() - LISTS.keys()):
        raise _unusable(f"{file} lists {strange[0]!r}; it may list {', '.join(LISTS)}")
    terms = tuple(term for name in content for term in _listed(file, name, content[name]))
    if len(terms) > _MOST:
        raise _unusable(f"{file} has {len(terms)} entries; {_MOST} may be")
    return terms


def _listed(file: Path, name: str, entries: Any) -> Iterator[HouseTerm]:
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise _unusable(f"{name!r} in {file} must be a list of texts")
    for entry in entries:
        if len(entry) > _LONGEST or not entry.isprintable() or not tells_enough(entry):
            raise _unusable(
                f"{entry[:40]!r} of {name!r} in {file} would go wherever it stands; "
                "write it as reports do, with what stands before it (`Station 7`, `Tel. 42`)"
            )
        yield HouseTerm(LISTS[name], entry)


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(f"ENDOREG_REPORT_HOUSE_FILE: {why}")
