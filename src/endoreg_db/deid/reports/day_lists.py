"""The list of a day: a time, who, what is done, by whom, and where they lie; a line for each patient."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import is_particle
from endoreg_db.deid.reports.sheets import Row, Sheet
from endoreg_db.deid.reports.vocabulary import cue_keys, is_only_clinical

_TIME: Final = re.compile(r"(?:[01]?\d|2[0-3])[:.][0-5]\d")
_DONE: Final = re.compile(r"(?:skop|scop|graph)(?:ie|y)$|grafie$|^(?:ercp|ogd|egd|eus|peg|mrcp)$")
_LONGEST_NAME: Final = 5  # tokens of who it is
_LONGEST_REST: Final = 6  # tokens of by whom and where
_NO_PATIENTS: Final = cue_keys("no_patients")


def day_list_marks(sheets: Sequence[Sheet]) -> list[Mark]:
    """Who stands in such lines, by whom they are examined and where they lie."""
    return [mark for page, sheet in enumerate(sheets) for row in sheet.rows for mark in _row_marks(page, row)]


def _row_marks(page: int, row: Row) -> Iterator[Mark]:
    """``18:10 Rippe Gastroskopie Short Tag 4``: in such a line any word is somebody, or where they lie."""
    tokens = [token for token in row.tokens if token.key]
    done = [n for n, token in enumerate(tokens) if _DONE.search(token.key)]
    if not done or not _TIME.fullmatch(tokens[0].core):
        return
    who, rest = tuple(tokens[1 : done[0]]), tuple(tokens[done[-1] + 1 :])
    if not 0 < len(who) <= _LONGEST_NAME or len(rest) > _LONGEST_REST or who[0].key in _NO_PATIENTS:
        return
    if any(token.core.islower() and not is_particle(token) for token in (*who, *rest)):
        return
    yield Mark("name", page, who, text_of(who), 0.8, "day_list")
    numbered = {n for n in range(len(rest) - 1) if rest[n + 1].has_digit}  # ``Innere 1``
    others = tuple(token for n, token in enumerate(rest) if n in numbered or not is_only_clinical(token.core))
    if others:
        yield Mark("staff", page, others, text_of(others), 0.8, "day_list")
