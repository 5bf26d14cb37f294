"""Free phrases that give somebody away though nobody is named: a trade, a room, an insurance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.callings import told_of_work
from endoreg_db.deid.reports.codes import is_measured
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.numbers import told_of_numbers
from endoreg_db.deid.reports.sheets import Sheet, Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
    is_listed,
    is_only_clinical,
    is_ordinary,
    name_risk,
)
from endoreg_db.deid.reports.wards import told_of_wards
from endoreg_db.deid.reports.whereabouts import told_of_places

_AHEAD: Final = 6  # tokens of the next line
_PAID: Final = cue_keys("paid")
#: Words that are no fund where they stand alone: ``Energie zwölf Joule``.
_FUNDS_TOO: Final = frozenset(
    {"energie", "mobil", "heimat", "signal", "big", "central", "merkur", "versicherung"}
)
_FUNDS: Final = cue_keys("sure_funds")  # words of the language that are funds wherever they stand
_BEFORE_PAYERS: Final = cue_keys("before_payers")
_NO_PAYERS: Final = cue_keys("no_payers")
_PHONES: Final = cue_keys("phones")
_EXTENSION: Final = re.compile(r"[\d/\-]{1,7}")
_LONGEST_EXTENSION: Final = 5  # groups of digits
_INSURERS: Final = cue_keys("insurers")


def phrase_marks(sheets: Sequence[Sheet]) -> list[Mark]:
    """What such phrases on the pages tell."""
    return [mark for page, sheet in enumerate(sheets) for mark in _sheet_marks(page, sheet)]


def _sheet_marks(page: int, sheet: Sheet) -> Iterator[Mark]:
    for row in sheet.rows:
        above, following = sheet.before(row), sheet.continuation(row)
        lead = above.tokens[-_AHEAD:] if above is not None else ()
        flow = (*lead, *row.tokens, *(following.tokens[:_AHEAD] if following is not None else ()))
        for index in range(len(flow)):
            for kind, tokens in _told(flow, index):
                if tokens:
                    yield Mark(kind, page, tokens, text_of(tokens), 0.7, f"phrase:{kind}")


def _told(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """What the word begins: kind of identity, and the words that go."""
    yield from told_of_work(flow, index)
    yield from told_of_wards(flow, index)
    if flow[index].key in _PHONES and index + 1 < len(flow):
        yield "phone", _extension(flow, index)
    yield from told_of_numbers(flow, index)
    yield from _told_of_insurers(flow, index)
    yield from told_of_places(flow, index)


def _told_of_insurers(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.phrase.split()[-1:] == ["bkk"] and "-" in token.core:
        yield "insurer", (token,)
    if token.key in _PAID:
        yield "insurer", _payer(flow, index)
    if token.key.endswith("kase") and token.is_capitalised:
        yield "insurer", _named_fund(flow, index)
    small = token.core.islower() and not is_ordinary(token.core)  # ``die pronova``
    if token.key in _INSURERS and (token.is_capitalised or small) and token.core[-1:].isalpha():
        yield "insurer", _insurer(flow, index)


def _extension(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """The number behind ``Funk`` or ``Durchwahl``, short as it may be, or in groups (``Sucher 7 80 12``)."""
    token = flow[index + 1]
    end = index + 1
    while (
        end < len(flow) and end - index <= _LONGEST_EXTENSION and _EXTENSION.fullmatch(flow[end].core or "-")
    ):
        end += 1
        if flow[end - 1].text[-1:] in ".,;)":
            break
    group = tuple(token for token in flow[index + 1 : end] if token.key)
    digits = sum(sign.isdigit() for token in group for sign in token.text)
    measured = bool(group) and group[-1].text[-1].isdigit() and is_measured(flow, end - 1)
    if 3 <= digits <= 12 and not measured:
        return group
    digits = sum(map(str.isdigit, token.text))
    return (token,) if digits >= 3 and digits >= len(token.core) - 2 else ()


def _insurer(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """The insurance, with the capitalised words around that belong to its name."""
    start, end = index, index + 1
    while start and _is_of_insurer(flow[start - 1]) and flow[start - 1].text[-1:].isalpha():
        start -= 1
    while end < len(flow) and flow[end - 1].text[-1:].isalpha() and _is_of_insurer(flow[end]):
        end += 1
    if end + 2 < len(flow) and flow[end].text in ("-", "–") and flow[end + 2].key.endswith("kase"):
        end += 3  # ``AOK - Die Gesundheitskasse``
    named = tuple(flow[start:end])
    words = [t for t in named if is_ordinary(t.core) or (t.core.islower() and t.key not in _INSURERS)]
    alone = len(named) == 1 and named[0].key in _FUNDS_TOO and not named[0].core.isupper()
    found = len(words) < len(named) or len(named) > 1 or name_risk(named[0].core) or named[0].key in _FUNDS
    return named if found and not alone else ()


def _payer(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Kostenzusage der KPT``: the capitalised words behind what is paid."""
    start = index + 1
    while start < len(flow) and start - index <= 3 and flow[start].key in _BEFORE_PAYERS:
        start += 1
    end = start
    while start > index + 1 and end < len(flow) and end - start <= 4 and flow[end].is_capitalised:
        end += 1
        if flow[end - 1].ends_clause or flow[end - 1].text.endswith(","):
            break
    named = tuple(flow[start:end])
    plain = (is_only_clinical(token.core) for token in named)
    return () if any(token.key in _NO_PAYERS for token in named) or any(plain) else named


def _named_fund(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Freie Arzt- und Medizinkasse``: a fund's name, back to its first capital."""
    start = index
    while start and index - start < 4 and _is_of_fund(flow[start - 1]):
        start -= 1
    while start < index and not flow[start].is_capitalised:
        start += 1
    named = tuple(flow[start : index + 1])
    return named if len(named) > 1 or not is_listed(flow[index].core) else ()


def _is_of_fund(token: Token) -> bool:
    return ((token.is_capitalised or token.key == "und") and token.text[-1:] in "-–") or (
        token.key == "und"
        or (token.is_capitalised and token.text[-1:].isalpha() and not is_clinical(token.core))
    )


def _is_of_insurer(token: Token) -> bool:
    if token.key in _INSURERS or token.core in ("gesund", "plus", "classic", "direkt"):
        return True
    return token.is_name_shaped and not is_clinical(token.core)
