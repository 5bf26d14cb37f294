"""Headers without labels: what a sticker or an insurance card says of a patient, by where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.label_values import Label
from endoreg_db.deid.reports.labels import Labelled, Labels, unlabelled
from endoreg_db.deid.reports.names import is_particle, is_title, may_be_name
from endoreg_db.deid.reports.sheets import Row, Sheet, Token
from endoreg_db.deid.reports.vocabulary import cue_keys, is_only_clinical, name_risk

_LONGEST_NAME: Final = 5  # tokens
_ONCE: Final = cue_keys("once_named")
NEAR: Final = 1.8  # heights of a line between two that belong together
_SEX: Final = re.compile(r"\(?(?:[wmfd]|weibl\.?|männl\.?|weiblich|männlich|male|female|♀|♂)\)?[.,;]?", re.I)


def sticker_values(sheets: Sequence[Sheet], labels: Sequence[Labels]) -> list[Labelled]:
    """Names and days of birth on the first page that no label announces.

    Of a sticker: the name, below it the day of birth with the sex. Of an insurance card: surname and first
    name below each other, to the left of ``geb. am``.
    """
    if not sheets:
        return []
    sheet, own = sheets[0], labels[0]
    return [*_of_stickers(sheet, own), *_above_births(sheet, own), *_of_cards(sheet, own)]


def _of_stickers(sheet: Sheet, labels: Labels) -> Iterator[Labelled]:
    for row in sheet.rows:
        if labels[row.index] or not row.tokens or not find_days(row.tokens[0].text):
            continue
        above = sheet.above(row, within=NEAR)
        if above is None:
            continue
        rest = "".join(token.text for token in row.tokens[1:])
        sexed = _SEX.fullmatch(rest) is not None
        whole = (
            _is_name(above) and not labels[above.index] and any(t.text.endswith(",") for t in above.tokens)
        )
        if not (sexed or (whole and not rest)):
            continue
        names = [_found("patient_name", above.tokens)] if whole else _in_two_lines(sheet, above, labels)
        if names:
            yield from names
            yield _found("birth_date", row.tokens[:1])


def _above_births(sheet: Sheet, labels: Labels) -> Iterator[Labelled]:
    """``PIEPENBRINK, URSULA``, below it ``geb. 20.12.1950``; or the names in two lines."""
    for row in sheet.rows:
        own = labels[row.index]
        above = (
            sheet.above(row, within=NEAR)
            if own and own[0].kind == "birth_date" and own[0].start == 0
            else None
        )
        if above is None or labels[above.index] or not _is_name(above):
            continue
        if len(above.tokens) > 1:
            yield _found("patient_name", above.tokens)
        else:
            yield from _in_two_lines(sheet, above, labels)


def _in_two_lines(sheet: Sheet, first: Row, labels: Labels) -> list[Labelled]:
    """``Pat.: Klein``, below it ``Erika``."""
    last = sheet.above(first, within=NEAR)
    if last is None or labels[first.index] or not _is_name(first):
        return []
    own = labels[last.index]
    value = last.tokens[own[0].end :] if own and own[0].kind in ("patient_name", "last_name") else last.tokens
    value = tuple(takewhile(lambda token: token.key not in _ONCE, value))
    return _pair(value, first.tokens) if not own or len(value) < len(last.tokens) else []


def _of_cards(sheet: Sheet, labels: Labels) -> Iterator[Labelled]:
    for found in labels.values():
        for label in found:
            if label.kind == "birth_date" and label.alone:
                yield from _left_of(sheet, label, labels)


def _left_of(sheet: Sheet, label: Label, labels: Labels) -> list[Labelled]:
    first = sheet.left_of(label.row)
    last = sheet.above(first, within=NEAR) if first is not None else None
    if first is None or last is None or labels[first.index] or labels[last.index]:
        return []
    return _pair(last.tokens, first.tokens) if _is_name(first) and _is_name(last) else []


def _pair(last: Sequence[Token], first: Sequence[Token]) -> list[Labelled]:
    if not _are_names(last) or not _are_names(first):
        return []
    return [_found("last_name", last), _found("first_name", first)]


def _found(label: str, tokens: Sequence[Token]) -> Labelled:
    return unlabelled(label, 0, tokens, f"sticker:{label}")


def _is_name(row: Row) -> bool:
    return _are_names(row.tokens)


def _are_names(tokens: Sequence[Token]) -> bool:
    """Whether the tokens are one name and nothing else."""
    words = [token for token in tokens if token.key and not is_title(token)]
    if not 0 < len(words) <= _LONGEST_NAME or not any(token.is_name_shaped for token in words):
        return False
    shaped = all(token.is_name_shaped or token.is_initial or is_particle(token) for token in words)
    named = any(may_be_name(token) or name_risk(token.core) for token in words)
    return shaped and named and not any(is_only_clinical(t.core) for t in words)
