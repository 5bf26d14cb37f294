"""A label, and how much of what follows it is its value.

A name ends where names end, a number where a word begins, a day with its last digits; of free text it is the
rest of the line, up to another field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from endoreg_db.deid.reports.codes import is_measured
from endoreg_db.deid.reports.dates import find_clocks, find_days
from endoreg_db.deid.reports.marks import text_of
from endoreg_db.deid.reports.names import PARTICLES, is_particle, is_title, name_run
from endoreg_db.deid.reports.sheets import Row, Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
    is_first_name,
    is_only_clinical,
    is_ordinary,
    name_risk,
)

NAMES: Final = frozenset({"patient_name", "last_name", "first_name"})
PEOPLE: Final = NAMES | {"staff", "relative"}
FREE: Final = frozenset(
    {"insurer", "institution", "address", "occupation", "ward", "birth_place", "url", "email"}
)
_DAYS: Final = frozenset({"birth_date", "examination_date", "date", "examination_time", "time"})
_HOUSES: Final = cue_keys("departments") | cue_keys("wards") | cue_keys("generic_houses")


@dataclass(frozen=True, slots=True)
class Label:
    """A label on a page."""

    kind: str
    row: Row
    start: int  # index of its first token in the row
    end: int  # index after its last one
    colon: bool  # a sign says that the value follows
    plain: bool  # it is also an ordinary word

    @property
    def alone(self) -> bool:
        """Whether nothing but the label stands in its line."""
        return self.start == 0 and self.end == len(self.row.tokens)


def value_of(label: Label, rest: Sequence[Token]) -> tuple[Token, ...]:
    """As much of what follows a label as belongs to its value."""
    rest = _one_field(rest)
    if label.kind in PEOPLE:
        if label.plain and rest and _is_plain_word(rest[0]) and not _opens_in_capitals(rest):
            return ()  # ``Sedierung: Propofol``, ``Kontrolle: ambulant``
        return name_run(
            _up_to_number(rest),
            labelled=label.colon or label.alone or may_be_named(rest),
            several=label.kind in ("staff", "relative"),
        )
    if label.kind in FREE:
        return _free(label, rest)
    if label.kind == "age":
        return tuple(token for token in rest[:1] if re.fullmatch(r"(?:9\d|1[01]\d)", token.core))
    if label.kind in ("examination_time", "time") and _is_duration(rest):
        return ()  # ``Withdrawal time: 10 minutes``, and what is measured at times
    if label.kind in _DAYS:
        measured = bool(rest) and _is_of_report(rest[0]) and not find_days(text_of(rest[:5]))
        return () if measured else _around_digits(rest, most=5)
    return _number(rest)


def _up_to_number(rest: Sequence[Token]) -> Sequence[Token]:
    """A name of two words ends at a comma behind which a number is called something (``, VNr. 6928 …``)."""
    comma = next((n for n, token in enumerate(rest) if n and token.text.endswith(",")), None)
    if comma is None or comma + 2 >= len(rest) or rest[comma + 1].has_digit:
        return rest
    return rest[: comma + 1] if rest[comma + 2].has_digit and not find_days(rest[comma + 2].text) else rest


def _one_field(rest: Sequence[Token]) -> tuple[Token, ...]:
    """What follows up to the sign that begins another field of the line."""
    first = next((n for n, token in enumerate(rest) if token.key), 0)
    stop = next((n for n, token in enumerate(rest) if n > first and token.separates), len(rest))
    return tuple(rest[:stop])


def _free(label: Label, rest: tuple[Token, ...]) -> tuple[Token, ...]:
    """The rest of the line; in a sentence only what is no ordinary word."""
    if label.kind == "occupation":
        rest = rest[: next((n for n, token in enumerate(rest, 1) if token.ends_clause), len(rest))]
    if label.start and label.colon:
        rest = rest[: next((n for n, token in enumerate(rest) if _is_of_report(token)), len(rest))]
    if label.kind in ("institution", "ward") and rest and _is_of_report(rest[0]) and not _names_house(rest):
        return ()  # ``Klinik: Adipositas permagna``
    if label.colon or label.alone or is_short(rest):
        return rest
    if label.kind == "address" and label.start:
        return _around_digits(rest, most=6)
    stop = next((n for n, token in enumerate(rest) if token.key and not is_foreign(token)), len(rest))
    return rest[:stop]


def _names_house(rest: Sequence[Token]) -> bool:
    return any(token.key in _HOUSES or token.key == "unit" for token in rest)


def _is_duration(rest: Sequence[Token]) -> bool:
    """Whether what follows has digits and is neither a time nor a day, as durations and pressures are."""
    text = text_of(rest[:5])
    written = [token for token in rest[:3] if token.has_digit]
    if not written or find_clocks(text) or find_days(text):
        return False
    return (
        is_measured(rest, rest.index(written[0]))
        or re.fullmatch(r"[12]?\d{2}/\d{2,3}", written[0].core) is not None
    )


def _is_of_report(token: Token) -> bool:
    """Whether a word says what is wrong or was done, and belongs to nobody's name or place."""
    return (
        bool(token.key)
        and not token.has_digit
        and is_clinical(token.core)
        and not name_risk(token.core)
        and token.key not in _HOUSES
    )


def _around_digits(rest: tuple[Token, ...], *, most: int) -> tuple[Token, ...]:
    """What has digits, with what stands before and between (``12. März 2024``, ``Mo, 4.5.24``)."""
    last = max((n for n, token in enumerate(rest[:most]) if token.has_digit), default=None)
    if last is None:
        return tuple(token for token in rest[:1] if not is_ordinary(token.core))
    return rest[: last + 1]


def _number(rest: tuple[Token, ...]) -> tuple[Token, ...]:
    """A number in as many pieces as it is written in: up to the first word that has no digit."""
    taken: list[Token] = []
    for token in rest[:8]:
        word = len(token.key) >= 3 and not token.has_digit and not token.core.isupper()
        if word and (taken or is_ordinary(token.core)):
            break
        if any(other.has_digit for other in taken) and (find_days(token.text) or find_clocks(token.text)):
            break
        taken.append(token)
        if token.text.endswith((",", ";")) and token.has_digit:
            break
    while taken and not taken[-1].key:
        taken.pop()
    return tuple(taken)


def may_be_named(rest: Sequence[Token]) -> bool:
    """Whether a word that may be a surname stands in the place of one: ``Spätdienst Donner``."""
    if not rest or not rest[0].is_name_shaped or not is_no_term(rest[0]):
        return False
    return len(rest) == 1 or bool(name_risk(rest[0].core))


def is_no_term(token: Token) -> bool:
    """Whether a word is none of the trade, or somebody's name as well."""
    return not is_only_clinical(token.core)


def _is_plain_word(token: Token) -> bool:
    """Whether a word after a label is one of the trade or the language, and nobody's name."""
    return (
        is_ordinary(token.core)
        and not token.is_initial
        and not name_risk(token.core)
        and not is_first_name(token.core)
        and (not is_title(token) and not is_particle(token))
    )


def _opens_in_capitals(rest: Sequence[Token]) -> bool:
    """``ZU LÖWENSTEIN, Björn``: a particle in capitals before a surname in capitals."""
    if len(rest) < 2 or rest[0].phrase not in PARTICLES or not rest[0].core.isupper():
        return False
    return rest[1].is_name_shaped and rest[1].core.isupper() and not is_ordinary(rest[1].core)


def is_short(rest: Sequence[Token]) -> bool:
    """Whether so little follows that it is no sentence: ``Beruf Rentner``, ``Station 4B``."""
    return len(rest) <= 2 and not rest[-1].ends_clause


def is_foreign(token: Token) -> bool:
    """Whether a word is no ordinary one, or has digits."""
    return token.has_digit or not is_ordinary(token.core)
