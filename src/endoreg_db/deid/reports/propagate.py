"""What is once known is found everywhere: in any order, spelling, inflection, and as OCR misread it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz.distance import Levenshtein

from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import NO_NAMES, PARTICLES, TITLES
from endoreg_db.deid.reports.sheets import Row, Sheet, Token
from endoreg_db.deid.reports.vocabulary import folded, is_ordinary, word_key
from endoreg_db.deid.reports.words import KnownIdentity

_SUFFIXES: Final = ("s", "es", "sche", "schen", "scher", "sches")
_PARTICLES: Final = PARTICLES | {"aus", "dem", "auf", "in", "vor", "op", "am"}
_LONGEST_RUN: Final = 5  # tokens that one number may be written in
#: Letters and digits of a number that is looked for; shorter ones are sizes, counts and years as well.
LEAST_SIGNS: Final = 4


@dataclass(frozen=True, slots=True)
class KnownName:
    """One word of somebody's name."""

    key: str  # word_key
    written: str
    ordinary: bool  # it is also a word, so only its exact spelling counts
    particles: frozenset[str]  # that stand in the same name: ``de``, ``la``


@dataclass(frozen=True, slots=True)
class Known:
    """Everything to look for."""

    names: tuple[KnownName, ...]
    numbers: frozenset[str]  # digits, or folded signs of mixed ones
    initials: frozenset[tuple[str, str]]  # first letters of first and last names


def gather(
    names: Iterable[str], numbers: Iterable[str], known: KnownIdentity, patients: Iterable[tuple[str, str]]
) -> Known:
    """What is known before and what the labels gave.

    Args:
        names: of persons, as written, with or without titles.
        numbers: as written.
        known: from outside the report.
        patients: first and last names, for initials.
    """
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", known.file_name)
    from_file = [part for part in re.split(r"[\W_\d]+", stem) if len(part) >= 3 and not is_ordinary(part)]
    parts = {
        part: frozenset(folded(name).split()) & _PARTICLES
        for name in (*names, *known.names, *from_file)
        for part in name_parts(name)
    }
    digits = {compact(number) for number in (*numbers, *known.numbers, *re.findall(r"\d{5,}", stem))}
    return Known(
        names=tuple(KnownName(word_key(part), part, is_ordinary(part), own) for part, own in parts.items()),
        numbers=frozenset(number for number in digits if len(number) >= LEAST_SIGNS),
        initials=frozenset(
            (folded(first)[:1], folded(last)[:1])
            for first, last in patients
            if folded(first) and folded(last)
        ),
    )


def name_parts(name: str) -> list[str]:
    """The words of a name that are worth looking for: no titles, no particles, no initials."""
    parts = [part.strip("'’`.") for part in re.split(r"[\s,;^/|()]+|(?<=\w)-(?=\w)|\.(?=\S)", name)]
    return [
        part
        for part in parts
        if len(part) >= 2
        and any(c.isalpha() for c in part)
        and not any(c.isdigit() for c in part)
        and folded(part) not in PARTICLES | TITLES | NO_NAMES
    ]


def compact(number: str) -> str:
    """Letters and digits of a number only, folded."""
    return folded(number).replace(" ", "")


def known_marks(sheets: Sequence[Sheet], known: Known) -> list[Mark]:
    """Every place where something known is written."""
    return [
        mark
        for page, sheet in enumerate(sheets)
        for row in sheet.rows
        for mark in _row_marks(page, row, known)
    ]


def _row_marks(page: int, row: Row, known: Known) -> Iterator[Mark]:
    for index, token in enumerate(row.tokens):
        name = _named(token, known)
        if name is not None:
            start = index
            while (
                start
                and row.tokens[start - 1].phrase
                and set(row.tokens[start - 1].phrase.split()) <= name.particles
            ):
                start -= 1
            run = row.tokens[start : index + 1]
            yield Mark("name", page, run, text_of(run), 0.9, "known:name")
    for pair in _pairs(row.tokens, 2):
        if _is_parted_name(pair, known):
            yield Mark("name", page, pair, text_of(pair), 0.8, "known:name")
        if _are_initials(pair, known):
            yield Mark("name", page, pair, text_of(pair), 0.8, "known:initials")
    for token in row.tokens:
        letters = re.fullmatch(r"([A-ZÄÖÜ])\.?([A-ZÄÖÜ])\.", token.text.rstrip(",;:)"))
        if letters and _initials_known(letters[1], letters[2], known) and "." in token.text[1:2]:
            yield Mark("name", page, (token,), token.core, 0.8, "known:initials")
    yield from _numbers(page, row, known)


def _named(token: Token, known: Known) -> KnownName | None:
    """The known name that the token is, or has in it."""
    if not token.key:
        return None
    parts = [part for part in re.split(r"[-–/'’]", token.core) if part]
    keys = {word_key(part) for part in parts} | {token.key}
    ordinary = is_ordinary(token.core)
    for name in known.names:
        if name.ordinary or len(name.key) < 3:
            if token.is_capitalised and any(_same_spelling(part, name.written) for part in parts):
                return name
        elif _spelled(keys, name) or (not ordinary and _nearly_spelled(keys, token, name)):
            return name
    return None


def _same_spelling(part: str, written: str) -> bool:
    return folded(part) in (folded(written), f"{folded(written)}s")


def _spelled(keys: set[str], name: KnownName) -> bool:
    return name.key in keys or any(name.key + suffix in keys for suffix in _SUFFIXES)


def _nearly_spelled(keys: set[str], token: Token, name: KnownName) -> bool:
    """Whether a longer word has the name in it, or OCR or a typist changed a letter or two."""
    if len(name.key) >= 6 and name.key in token.key:
        return True
    wrong = len(name.key) // 6 if token.source != "ocr" else max(len(name.key) // 5, len(name.key) >= 4)
    if not wrong or not token.is_capitalised:
        return False
    return any(Levenshtein.distance(key, name.key, score_cutoff=wrong) <= wrong for key in keys)


def _pairs(tokens: Sequence[Token], size: int) -> Iterator[tuple[Token, ...]]:
    for start in range(len(tokens) - size + 1):
        yield tuple(tokens[start : start + size])


def _is_parted_name(pair: tuple[Token, ...], known: Known) -> bool:
    """``Mül ler``: two pieces that together are a name of six letters or more."""
    if any(is_ordinary(token.core) or not token.key or len(token.key) < 2 for token in pair):
        return False
    joined = "".join(token.key for token in pair)
    return any(len(name.key) >= 6 and joined == name.key for name in known.names)


def _are_initials(pair: tuple[Token, ...], known: Known) -> bool:
    first, second = pair
    if not (
        first.is_initial
        and second.is_initial
        and first.text.endswith(".")
        and second.text.rstrip(",;").endswith(".")
    ):
        return False
    return _initials_known(first.core, second.core, known)


def _initials_known(first: str, second: str, known: Known) -> bool:
    one, other = folded(first)[:1], folded(second)[:1]
    return (one, other) in known.initials or (other, one) in known.initials


def _numbers(page: int, row: Row, known: Known) -> Iterator[Mark]:
    """Known numbers, in one token or in several, with one sign misread from eight on."""
    for start, first in enumerate(row.tokens):
        if not _is_piece(first):
            continue
        joined = ""
        for end in range(start, min(len(row.tokens), start + _LONGEST_RUN)):
            if not _is_piece(row.tokens[end]):
                break
            joined += compact(row.tokens[end].core)
            if any(_same_number(joined, number, whole=end > start) for number in known.numbers):
                run = tuple(row.tokens[start : end + 1])
                yield Mark("number", page, run, text_of(run), 0.85, "known:number")
                break


def _is_piece(token: Token) -> bool:
    """Whether the token may be part of a number: digits, or up to three capitals."""
    return token.has_digit or (0 < len(token.core) <= 3 and token.core.isupper())


def _same_number(read: str, number: str, *, whole: bool) -> bool:
    """Whether a reading is a known number; a single token may also have more around it."""
    if read == number or (not whole and len(number) >= 6 and number in read):
        return True
    return len(number) >= 8 and Levenshtein.distance(read, number, score_cutoff=1) <= 1
