"""Numbers that lead to somebody: what is numbered stands before them, or nothing measures them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.codes import is_code_of_house, is_measured
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import cue_keys, is_clinical, is_eponym, is_listed

_NUMBERED: Final = cue_keys("number_names")
_NUMBERED_TOO: Final = cue_keys("number_names_too")
_IS_NUMBER: Final = frozenset({"nr", "no", "number", "nummer", "id"})
_JOINS: Final = frozenset({"und", "and"})
_LONGEST_LIST: Final = 8  # tokens
_UNITS: Final = cue_keys("units")
_SIGN: Final = re.compile(r"[A-ZÄÖÜ]{1,5}")  # of a series: ``BCSP 00869682``
_YEAR: Final = re.compile(r"(?:19|20)\d{2}")
_FOUR: Final = re.compile(r"[1-9]\d{3}")
_ROUND: Final = 50  # what is measured or counted in thousands is mostly a multiple of it


def told_of_numbers(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """What the word begins of a number: kind of identity, and the words that go."""
    key = flow[index].key
    if key in _NUMBERED or (key in _NUMBERED_TOO and _is_long(flow, index + 1)):
        yield "number", _listed_numbers(flow, index + 1)
    if _is_unmeasured(flow, index):
        yield "number", (flow[index],)


def _listed_numbers(flow: Sequence[Token], start: int) -> tuple[Token, ...]:
    """``Gürtel 777``, ``Konserven D3035 157 und D8650 310``, ``policy LH 553 02``: what is numbered so."""
    end = start
    while end < len(flow) and end - start < _LONGEST_LIST and _is_of_list(flow, end):
        end += 1
        if flow[end - 1].text[-1:] in ";.":
            break
    taken = [n for n in range(start, end) if flow[n].has_digit or _SIGN.fullmatch(flow[n].core)]
    while taken and not flow[taken[-1]].has_digit:
        taken.pop()
    return tuple(flow[n] for n in taken)


def _is_of_list(flow: Sequence[Token], n: int) -> bool:
    token = flow[n]
    if token.has_digit:
        return not is_measured(flow, n)
    sign = _SIGN.fullmatch(token.core) is not None and not is_listed(token.core)
    return not token.key or sign or token.key in _JOINS or token.key in _IS_NUMBER


def _is_long(flow: Sequence[Token], start: int) -> bool:
    """Whether a number follows that is no place in a short list: it has three digits, or letters as well."""
    while start < len(flow) and (not flow[start].key or flow[start].key in _IS_NUMBER):
        start += 1
    if start == len(flow):
        return False
    text, following = flow[start].core, flow[start + 1 : start + 2]
    if _SIGN.fullmatch(text) and any(token.core.isdigit() for token in following):
        return not is_listed(text) and not is_clinical(text)
    if not flow[start].has_digit or is_measured(flow, start) or re.search(r"[.,]\d", text):
        return False
    digits = sum(map(str.isdigit, text))
    if text.isdigit():
        return digits >= 3
    return digits >= 2 and is_code_of_house(text)


def _is_unmeasured(flow: Sequence[Token], index: int) -> bool:
    """Whether four digits measure nothing: no year, no round number, no unit behind, no finding before."""
    token = flow[index]
    if not _FOUR.fullmatch(token.core) or _YEAR.fullmatch(token.core) or int(token.core) % _ROUND == 0:
        return False
    if token.text.strip(".,;:()") != token.core:
        return False
    before = flow[index - 1] if index else None
    after = flow[index + 1] if index + 1 < len(flow) else None
    counted = after is not None and is_clinical(after.core)  # ``1895 Granulozyten``
    if token.text[-1].isalnum() and (counted or is_measured(flow, index)):
        return False
    if before is None or not before.key:
        return before is None
    return not (
        is_clinical(before.core) or is_eponym(before.core) or before.key in _UNITS or before.has_digit
    )
