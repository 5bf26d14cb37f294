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

from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.label_values import (
    FREE,
    NAMES,
    PEOPLE,
    Label,
    is_foreign,
    is_no_term,
    is_short,
    may_be_named,
    value_of,
)
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import name_before, starts_name
from endoreg_db.deid.reports.sheets import Row, Sheet, Token, is_measured_station, is_station_of_nodes
from endoreg_db.deid.reports.vocabulary import (
    is_first_name,
    is_ordinary,
    label_phrases,
    name_risk,
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
    if found is None and tokens[-1].source == "ocr" and not tokens[-1].core.isdigit():
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
    if label.alone and not label.colon and _is_somebody(label):
        return False
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
        return starts_name(rest) or may_be_named(rest)
    if label.kind == "ward" and rest[0].has_digit:
        before = label.row.tokens[label.start - 1] if label.start else None
        return not is_measured_station(rest) and not is_station_of_nodes(before)
    if label.kind == "address" and rest[0].is_capitalised and any(token.has_digit for token in rest[:4]):
        return True
    if label.kind in FREE:
        return label.start == 0 and rest[0].key != "" and (is_short(rest) or is_foreign(rest[0]))
    return any(token.has_digit for token in rest[:2])


def _is_somebody(label: Label) -> bool:
    """Whether a label of capitals is written as a first name is: ``Kim``, and not ``KIM`` for mail."""
    word = label.row.tokens[label.start]
    return label.end - label.start == 1 and is_first_name(word.core) and not word.core.isupper()


def _is_surely_value(label: Label, rest: Sequence[Token]) -> bool:
    """``Fall F5165678``, ``Unters. 22.01.17``: a long number or a day right behind a word."""
    if label.kind != "case_number":
        return any(day.kind == "full" for day in find_days(rest[0].text))
    alone = label.start == 0 or not label.row.tokens[label.start - 1].text[-1:].isalpha()
    return alone and sum(map(str.isdigit, rest[0].text)) >= _LONG_NUMBER


def _is_named_cell(label: Label, rest: Sequence[Token]) -> bool:
    """``Anästhesie Auge``, ``Arzt Durand, Pflege Sommer``: one word or two, and the field ends."""
    lead = label.row.tokens[label.start]
    if not rest[0].is_name_shaped or not lead.is_capitalised or lead.key in _SMALL_LABELS:
        return False
    if label.start == 0:
        return len(rest) <= 2 and all(token.is_name_shaped and is_no_term(token) for token in rest)
    return rest[0].text[-1:] in ",;/" and is_no_term(rest[0]) and bool(name_risk(rest[0].core))


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
        value = value_of(label, rest)
        if value:
            yield value
        at = label.row if value and value[-1] is label.row.tokens[-1] else None
    else:
        at = _elsewhere(sheet, label, labels)
        value = value_of(label, _up_to_label(at, labels)) if at is not None else ()
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
    if label.kind in FREE:
        foreign = not all(is_ordinary(token.core) for token in tokens)
        return len(tokens) <= 8 and (label.colon or foreign or (is_short(tokens) and label.kind == "ward"))
    return any(token.has_digit for token in tokens[:3]) or (label.colon and len(tokens) <= 2)


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
