"""The file of ``ENDOREG_REPORT_HOUSE_FILE``: what a house calls its own, listed once for all its reports."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from endoreg_db.deid.messages import HouseTerm
from endoreg_db.deid.reports.house import tells_enough
from endoreg_db.deid.wire import MAX_HOUSE_TERMS
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
_LONGEST: Final = 200  # letters of an entry
#: Bytes of the file: its entries go to the cell in one line (``wire.MAX_LINE``), where a letter takes up to
#: three times as many bytes as here, and an entry sixty more.
_LARGEST: Final = 2 * 1024 * 1024


def house_terms(file: Path | None, more: Sequence[HouseTerm] = ()) -> tuple[HouseTerm, ...]:
    """All that the file lists, nothing if there is none, behind what is known from elsewhere.

    Raises:
        ConfigurationError: it cannot be read, an entry would go where it means something else, or there are
            too many, by themselves or with ``more``.
    """
    terms = () if file is None else _terms_of(file)
    if len(more) + len(terms) > MAX_HOUSE_TERMS:
        counts = f"{file} has {len(terms):,} entries, and {len(more):,} were given with the import"
        raise _unusable(f"{counts}; {MAX_HOUSE_TERMS:,} may be in all")
    return (*more, *terms)


def _terms_of(file: Path) -> tuple[HouseTerm, ...]:
    try:
        size = file.stat().st_size
        content = tomllib.loads(file.read_text("utf-8")) if size <= _LARGEST else {}
    except (OSError, ValueError) as error:
        raise _unusable(f"{file} cannot be read as TOML ({error})") from None
    if size > _LARGEST:
        raise _unusable(f"{file} has {size:,} bytes; {_LARGEST:,} may be")
    if strange := sorted(content.keys() - LISTS.keys()):
        raise _unusable(f"{file} lists {strange[0]!r}; it may list {', '.join(LISTS)}")
    return tuple(term for name in content for term in _listed(file, name, content[name]))


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
