"""What a house calls its own: wards, staff, neighbours, telephone numbers, as a person has listed them.

By which codes and names a hospital calls what is its own no rule can know, and these are most of what rules
leave in letters of a house that they have not seen. So it can say them once, and they go wherever they stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rapidfuzz.distance import Levenshtein

from endoreg_db.deid.messages import HouseTerm
from endoreg_db.deid.reports.codes import is_graded_here, is_measured, is_medical_code
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.sheets import Sheet, Token
from endoreg_db.deid.reports.vocabulary import folded, is_ordinary

_AHEAD: Final = 6  # tokens of the next line that a term may run into
_MISREAD: Final = 6  # letters of a piece in which OCR may have read one wrong
_SHORTEST: Final = 3  # letters and digits of a piece that says enough by itself

Pieces = tuple[str, ...]
Terms = Mapping[str, Sequence[tuple[Pieces, str]]]  # first piece → terms that begin with it, with their kinds


def pieces_of(text: str) -> Pieces:
    """The words and numbers of a term as they are compared: of ``Station A3.1`` three, the last is ``1``."""
    return tuple(folded(text).split())


def tells_enough(text: str) -> bool:
    """Whether a term may go wherever it stands: more than a word, a longer one, or a letter and a digit."""
    pieces = pieces_of(text)
    if len(pieces) != 1:
        return bool(pieces)
    (piece,) = pieces
    return len(piece) >= _SHORTEST or (any(map(str.isdigit, piece)) and any(map(str.isalpha, piece)))


def house_marks(sheets: Sequence[Sheet], terms: Sequence[HouseTerm]) -> list[Mark]:
    """Every place where something of the house is written, over the ends of lines as well."""
    known: defaultdict[str, list[tuple[Pieces, str]]] = defaultdict(list)
    for term in terms:
        if pieces := pieces_of(term.text):
            known[pieces[0]].append((pieces, term.kind))
    if not known:
        return []
    return [mark for page, sheet in enumerate(sheets) for mark in _sheet_marks(page, sheet, known)]


def _sheet_marks(page: int, sheet: Sheet, terms: Terms) -> Iterator[Mark]:
    for row in sheet.rows:
        following = sheet.continuation(row)
        flow = (*row.tokens, *(following.tokens[:_AHEAD] if following is not None else ()))
        written = [(piece, index) for index, token in enumerate(flow) for piece in token.phrase.split()]
        for place in range(len(written)):
            for end, kind in _beginning_at(flow, written, place, terms):
                first = written[place][1]
                tokens = tuple(flow[first : written[end - 1][1] + 1])
                if not _is_something_else(flow, first, tokens):
                    yield Mark(kind, page, tokens, text_of(tokens), 0.95, "house")


def _beginning_at(
    flow: Sequence[Token], written: Sequence[tuple[str, int]], place: int, terms: Terms
) -> Iterator[tuple[int, str]]:
    """Where the terms end that begin at this piece, and their kinds."""
    read, index = written[place]
    likely = terms.get(read, ())
    if not likely and flow[index].source == "ocr" and len(read) >= _MISREAD:
        likely = [term for first in terms if _is_same(read, first, ocr=True) for term in terms[first]]
    for pieces, kind in likely:
        end = place + len(pieces)
        if end <= len(written) and all(
            _is_same(got, piece, ocr=flow[n].source == "ocr")
            for (got, n), piece in zip(written[place:end], pieces, strict=True)
        ):
            yield end, kind


def _is_same(read: str, piece: str, *, ocr: bool) -> bool:
    """Whether a word is the one of a term, in the genitive too, or with one letter that OCR read wrong."""
    if read == piece or (len(piece) >= _SHORTEST and piece.isalpha() and read == f"{piece}s"):
        return True
    return ocr and len(piece) >= _MISREAD and Levenshtein.distance(read, piece, score_cutoff=1) <= 1


def _is_something_else(flow: Sequence[Token], index: int, tokens: Sequence[Token]) -> bool:
    """Whether a token is written as a term is and is none: a small word, a stage (``Grad G2``), a measure."""
    if len(tokens) > 1:
        return False
    (token,) = tokens
    if token.core.isdigit():
        return is_measured(flow, index)
    if is_medical_code(token.core):
        return is_graded_here(flow, index)
    return token.core.islower() and is_ordinary(token.core)
