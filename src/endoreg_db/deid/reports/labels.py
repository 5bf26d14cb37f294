"""Values that stand after a label: ``Patient:``, ``geb.``, ``Fall-Nr.`` and some nine hundred more.

A label may stand before its value, above it (in a table's head, or because the line broke) or to its
left in another column. Its value goes whatever it looks like: the label is reason enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from endoreg_db.deid.reports.codes import is_measured
from endoreg_db.deid.reports.dates import find_clocks, find_days
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import is_particle, is_title, name_before, name_run, starts_name
from endoreg_db.deid.reports.sheets import Row, Sheet, Token, is_measured_station, is_station_of_nodes
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
    is_first_name,
    is_ordinary,
    label_phrases,
    name_risk,
)

NAMES: Final = frozenset({"patient_name", "last_name", "first_name"})
PEOPLE: Final = NAMES | {"staff", "relative"}
_DAYS: Final = frozenset({"birth_date", "examination_date", "date", "examination_time", "time"})
_FREE: Final = frozenset(
    {"insurer", "institution", "address", "occupation", "ward", "birth_place", "url", "email"}
)
#: Kinds whose values carry no identity, but end the value of the label before them.
_KEPT: Final = frozenset({"device"})
_SMALL_LABELS: Final = frozenset({"von", "an", "from", "to"})  # they begin names and sentences, too
_LONGEST: Final = 5  # tokens in a label
_SURELY_BEFORE: Final = frozenset({"case_number", "examination_date", "date"})
_LONG_NUMBER: Final = 6  # digits of a number that is hardly of something in a list
_CONFIDENCE: Final = 0.96

#: The kind of a hit where it is not the kind of its label.
HIT_KINDS: Final = {"patient_name": "name", "last_name": "name", "first_name": "name", "relative": "name",
                    "examination_date": "date", "examination_time": "time"}  # fmt: skip


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


#: Index of a row → its labels, from left to right.
Labels = Mapping[int, Sequence[Label]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label's kind, the mark on its value, and the words of the label: they say how a name is ordered."""

    label: str
    phrase: str
    mark: Mark


@cache
def _long_phrases() -> tuple[str, ...]:
    return tuple(phrase for phrase in label_phrases() if len(phrase) >= 6)


@lru_cache(maxsize=20_000)
def _nearest(phrase: str, colon: bool) -> str | None:
    """The label that OCR may have made this of; short ones count only before a colon."""
    mended = phrase.replace("rn", "m").replace("ri", "n")
    if mended in label_phrases():
        return mended
    if len(phrase) < 3 or all(is_ordinary(word) for word in phrase.split()):
        return None
    if len(phrase) < 6:
        return next((p for p in label_phrases() if colon and _is_one_off(p, phrase)), None)
    wrong = 1 if len(phrase) < 10 else 2
    found = process.extractOne(phrase, _long_phrases(), scorer=Levenshtein.distance, score_cutoff=wrong)
    return found[0] if found else None


def _is_one_off(label: str, phrase: str) -> bool:
    """Whether one letter of a label of three to five letters was misread."""
    if not 3 <= len(label) == len(phrase) <= 5:
        return False
    return sum(a != b for a, b in zip(label, phrase, strict=True)) == 1


def find_labels(row: Row) -> list[Label]:
    """The labels in a line, from left to right, the longest at each place."""
    labels, start = [], 0
    while start < len(row.tokens):
        label = next(
            (
                found
                for end in range(min(len(row.tokens), start + _LONGEST), start, -1)
                if (found := _label_at(row, start, end)) is not None
            ),
            None,
        )
        if label is not None:
            labels.append(label)
        start = label.end if label is not None else start + 1
    return labels


def _label_at(row: Row, start: int, end: int) -> Label | None:
    tokens = row.tokens[start:end]
    if not tokens[0].key or not tokens[-1].key or any(token.text.endswith(":") for token in tokens[:-1]):
        return None
    phrase = " ".join(token.phrase for token in tokens if token.phrase)
    found = label_phrases().get(phrase) or label_phrases().get(phrase.removesuffix(" in"))  # Untersucher/in
    if found is None and any(token.source == "ocr" for token in tokens):
        near = _nearest(phrase, tokens[-1].text.endswith(":"))
        found = label_phrases()[near] if near is not None else None
    if found is None:
        return None
    kind, plain = found
    colon = bool(re.search(r"[:=|*]$|\.:?\s*$(?<=[:.]:)", tokens[-1].text))
    if not colon and end < len(row.tokens) and row.tokens[end].text in (":", "=", "|", ".:", ".."):
        colon, end = True, end + 1
    label = Label(kind, row, start, end, colon, plain)
    return label if _counts(label) else None


def _counts(label: Label) -> bool:
    """Whether the label is one here, and not a word of a sentence."""
    if label.colon or label.alone:
        return True
    rest = label.row.tokens[label.end :]
    if label.kind in PEOPLE and label.plain and rest and _is_named_cell(label, rest):
        return True
    if rest and label.plain and label.kind in _SURELY_BEFORE:
        return _is_surely_value(label, rest)
    if label.plain or not rest:
        return label.kind == "birth_date" and not label.plain  # ``geb. am`` at the end of a line
    if label.kind in PEOPLE:
        return starts_name(rest) or _may_be_named(rest)
    if label.kind == "ward" and rest[0].has_digit:
        before = label.row.tokens[label.start - 1] if label.start else None
        return not is_measured_station(rest) and not is_station_of_nodes(before)
    if label.kind == "address" and rest[0].is_capitalised and any(token.has_digit for token in rest[:4]):
        return True
    if label.kind in _FREE:
        return label.start == 0 and rest[0].key != "" and (_is_short(rest) or _is_foreign(rest[0]))
    return any(token.has_digit for token in rest[:2])


def _is_surely_value(label: Label, rest: Sequence[Token]) -> bool:
    """``Fall F5165678``, ``Unters. 22.01.17``: a long number or a day right behind a word."""
    if label.kind != "case_number":
        return any(day.kind == "full" for day in find_days(rest[0].text))
    alone = label.start == 0 or not label.row.tokens[label.start - 1].text[-1:].isalpha()
    return alone and sum(map(str.isdigit, rest[0].text)) >= _LONG_NUMBER


def _may_be_named(rest: Sequence[Token]) -> bool:
    """Whether a word that may be a surname stands in the place of one: ``Spätdienst Donner``."""
    if not rest or not rest[0].is_name_shaped or not _is_no_term(rest[0]):
        return False
    return len(rest) == 1 or bool(name_risk(rest[0].core))


def _is_named_cell(label: Label, rest: Sequence[Token]) -> bool:
    """``Anästhesie Auge``, ``Arzt Durand, Pflege Sommer``: one word or two, and the field ends."""
    lead = label.row.tokens[label.start]
    if not rest[0].is_name_shaped or not lead.is_capitalised or lead.key in _SMALL_LABELS:
        return False
    if label.start == 0:
        return len(rest) <= 2 and all(token.is_name_shaped and _is_no_term(token) for token in rest)
    return rest[0].text[-1:] in ",;/" and _is_no_term(rest[0]) and bool(name_risk(rest[0].core))


def _is_no_term(token: Token) -> bool:
    return not is_clinical(token.core) or bool(name_risk(token.core))


def _is_plain_word(token: Token) -> bool:
    """Whether a word after a label is one of the trade or the language, and nobody's name."""
    return (
        is_ordinary(token.core)
        and not token.is_initial
        and not name_risk(token.core)
        and not is_first_name(token.core)
        and (not is_title(token) and not is_particle(token))
    )


def _is_short(rest: Sequence[Token]) -> bool:
    """Whether so little follows that it is no sentence: ``Beruf Rentner``, ``Station 4B``."""
    return len(rest) <= 2 and not rest[-1].ends_clause


def _is_foreign(token: Token) -> bool:
    return token.has_digit or not is_ordinary(token.core)


def labels_of(sheet: Sheet) -> Labels:
    """The labels of every row of a page."""
    return {row.index: find_labels(row) for row in sheet.rows}


def labelled_marks(sheets: Sequence[Sheet], labels: Sequence[Labels]) -> list[Labelled]:
    """The value of every label on the pages."""
    return [
        found
        for page, (sheet, own) in enumerate(zip(sheets, labels, strict=True))
        for found in _sheet_labels(page, sheet, own)
    ]


def _sheet_labels(page: int, sheet: Sheet, labels: Labels) -> Iterator[Labelled]:
    for row in sheet.rows:
        yield from _starred(page, row)
        for number, label in enumerate(labels[row.index]):
            if label.kind in _KEPT:
                continue
            following = labels[row.index][number + 1 :]
            stop = following[0].start if following else len(row.tokens)
            for tokens in _values(sheet, label, row.tokens[label.end : stop], labels):
                yield _labelled(page, label, tokens)
            if label.kind == "birth_date":
                yield from _born(page, sheet, label)


def _starred(page: int, row: Row) -> Iterator[Labelled]:
    """``Erika Klein, *1.2.1956``: a star right before a date says that somebody was born then."""
    for n, (before, token) in enumerate(pairwise(row.tokens)):
        if before.text.endswith("*") and find_days(token.core):
            yield unlabelled("birth_date", page, (token,), "star:birth_date")
            name = name_before(row.tokens[: n + bool(before.core)])
            if name:
                yield unlabelled("patient_name", page, name, "before:birth_date")


def _born(page: int, sheet: Sheet, label: Label) -> Iterator[Labelled]:
    """Who was born then: ``die Patientin Erika Klein, geb. am 1.2.1956``; the name before the label."""
    before = label.row.tokens[: label.start]
    while before and not before[-1].key:  # ``Mrs Deborah Norris - date of birth``
        before = before[:-1]
    above = next((row for row in sheet.rows if sheet.continuation(row) is label.row), None)
    if above is not None:
        before = (*above.tokens[-_LONGEST:], *before)
    name = name_before(before)
    if name:
        yield unlabelled("patient_name", page, name, "before:birth_date")


def unlabelled(label: str, page: int, tokens: Sequence[Token], reason: str) -> Labelled:
    """A value that says by where it stands what a ``label`` would say."""
    kind = HIT_KINDS.get(label, label)
    return Labelled(label, "", Mark(kind, page, tuple(tokens), text_of(tokens), _CONFIDENCE, reason))


def _labelled(page: int, label: Label, tokens: tuple[Token, ...]) -> Labelled:
    kind = HIT_KINDS.get(label.kind, label.kind)
    phrase = " ".join(token.phrase for token in label.row.tokens[label.start : label.end])
    return Labelled(
        label.kind,
        phrase.strip(),
        Mark(kind, page, tokens, text_of(tokens), _CONFIDENCE, f"label:{label.kind}"),
    )


def _values(
    sheet: Sheet, label: Label, rest: tuple[Token, ...], labels: Labels
) -> Iterator[tuple[Token, ...]]:
    """The value of one label, and the lines that continue it."""
    if any(token.key for token in rest):
        value = _trimmed(label, rest)
        if value:
            yield value
        at = label.row if value and value[-1] is label.row.tokens[-1] else None
    else:
        at = _elsewhere(sheet, label, labels)
        value = _trimmed(label, _up_to_label(at, labels)) if at is not None else ()
        if value:
            yield value
    if at is not None and value and label.kind in ("address", "institution"):
        yield from _continued(sheet, at, labels)


def _elsewhere(sheet: Sheet, label: Label, labels: Labels) -> Row | None:
    """The line that holds the value of a label after which nothing stands: beside it, or below."""
    last = label.end == len(label.row.tokens)
    beside = sheet.right_of(label.row) if last else None
    in_form = label.kind in NAMES and label.alone and not label.plain  # its cell says nothing else
    if beside is not None and not _begins_with_label(beside, labels) and _fits(label, beside, head=in_form):
        return beside
    span = sheet.span(label.row.tokens[label.start : label.end])
    below = sheet.below(label.row, x=span)
    if below is not None and not _begins_with_label(below, labels):
        head = beside is not None and _begins_with_label(beside, labels)
        return below if _fits(label, below, head=head or _is_last_of_head(sheet, label, labels)) else None
    return None


def _is_last_of_head(sheet: Sheet, label: Label, labels: Labels) -> bool:
    """Whether another label stands alone to the left at the same height."""
    return any(
        found[0].alone and sheet.right_of(found[0].row) is label.row for found in labels.values() if found
    )


def _begins_with_label(row: Row, labels: Labels) -> bool:
    return bool(labels[row.index]) and labels[row.index][0].start == 0


def _up_to_label(row: Row, labels: Labels) -> tuple[Token, ...]:
    stop = labels[row.index][0].start if labels[row.index] else len(row.tokens)
    return row.tokens[:stop]


def _fits(label: Label, row: Row, *, head: bool = False) -> bool:
    """Whether a line elsewhere can be the value; with a colon, or below a table's head, almost any can."""
    tokens = [token for token in row.tokens if token.key]
    if not tokens:
        return False
    if label.kind in PEOPLE:
        if name_risk(tokens[0].core) and len(tokens) <= 2:
            return True
        return starts_name(tokens) or (
            (label.colon or head) and len(tokens) <= 4 and tokens[0].is_capitalised
        )
    if label.kind in _FREE:
        foreign = not all(is_ordinary(token.core) for token in tokens)
        return len(tokens) <= 8 and (label.colon or foreign or (_is_short(tokens) and label.kind == "ward"))
    return any(token.has_digit for token in tokens[:3]) or (label.colon and len(tokens) <= 2)


def _trimmed(label: Label, rest: Sequence[Token]) -> tuple[Token, ...]:
    """As much of what follows a label as belongs to its value."""
    rest = _one_field(rest)
    if label.kind in PEOPLE:
        if label.plain and rest and _is_plain_word(rest[0]):
            return ()  # ``Sedierung: Propofol``, ``Kontrolle: ambulant``
        return name_run(
            _up_to_number(rest),
            labelled=label.colon or label.alone or _may_be_named(rest),
            several=label.kind in ("staff", "relative"),
        )
    if label.kind in _FREE:
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
    if label.colon or label.alone or _is_short(rest):
        return rest
    if label.kind == "address" and label.start:
        return _around_digits(rest, most=6)
    stop = next((n for n, token in enumerate(rest) if token.key and not _is_foreign(token)), len(rest))
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


def _continued(sheet: Sheet, row: Row, labels: Labels) -> Iterator[tuple[Token, ...]]:
    """The lines of an address after its first: up to two, until something else begins."""
    for _ in range(2):
        under = sheet.below(row, within=1.2)
        if (
            under is None
            or labels[under.index]
            or abs(under.box.x0 - row.box.x0) > 2 * row.height
            or len(under.tokens) > 6
        ):
            return
        if not any(token.has_digit or not is_ordinary(token.core) for token in under.tokens if token.key):
            return
        yield under.tokens
        row = under
