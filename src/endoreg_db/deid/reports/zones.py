"""Letterhead, running head, foot and signature: there everything goes that no list allows.

In the body of a report an unknown word is most often a clinical one; around it, it is the name of a
doctor, a hospital or a street. So these zones are judged the other way round: only labels, ordinary
words and short numbers stay, and lines that name an institution go whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.labels import Label, Labels
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import is_particle, is_title
from endoreg_db.deid.reports.people import is_institution, is_institution_part
from endoreg_db.deid.reports.sheets import Row, Sheet, Token
from endoreg_db.deid.reports.vocabulary import (
    cue_words,
    is_first_name,
    is_ordinary,
    is_town,
    resembles_ordinary,
)

_EDGE: Final = 0.085  # of the page's height, at top and bottom of every page
_LONGEST_HEADING: Final = 6  # words
_SHORT_ROW: Final = 6  # words; longer ones are sentences

_HEADINGS: Final = cue_words("headings")
_ROLES: Final = cue_words("roles")
_SALUTATIONS: Final = ("sehr geehrte", "sehr geehrter", "liebe", "lieber", "dear", "guten tag")
_CLOSINGS: Final = (
    "mit freundlich", "mit kollegial", "mit besten", "mit herzlich", "hochachtungsvoll", "freundliche gru",
    "kollegiale gru", "viele gru", "beste gru", "yours", "sincerely", "kind regards", "best regards", "gez",
    "with kind", "regards", "elektronisch", "electronically", "mfg", "unterschrift", "validiert", "vidiert",
    "freigegeben", "signed", "untersucher", "untersuchender", "dr med", "prof", "pd dr", "reported by",
)  # fmt: skip


def zone_marks(sheets: Sequence[Sheet], labels: Sequence[Labels]) -> list[Mark]:
    """Everything in the zones around the body that no list allows."""
    marks = [mark for page, sheet in enumerate(sheets) for mark in _signatures(page, sheet)]
    return marks + [
        mark
        for page, sheet in enumerate(sheets)
        for row in _zone_rows(sheet, first=page == 0)
        for mark in _row_marks(page, row, labels[page][row.index])
    ]


def _zone_rows(sheet: Sheet, *, first: bool) -> Iterator[Row]:
    body = _body_start(sheet) if first else 0.0
    closing = _closing_start(sheet)
    height = sheet.page.height
    for row in sheet.rows:
        if (
            row.box.y1 <= body
            or row.box.y0 >= closing
            or row.box.y1 <= _EDGE * height
            or row.box.y0 >= (1 - _EDGE) * height
        ):
            yield row


def _body_start(sheet: Sheet) -> float:
    """Where the letterhead of the first page ends, points from the top; a third down if nothing says."""
    starts = [row.box.y0 for row in sheet.rows if _is_heading(row) or _starts_with(row, _SALUTATIONS)]
    return min(starts, default=sheet.page.height / 3)


def _is_heading(row: Row) -> bool:
    words = [word for token in row.tokens for word in token.phrase.split()]
    if not words or words[0] not in _HEADINGS:
        return False
    colon = any(token.text.endswith(":") for token in row.tokens[:3])
    short = len(row.tokens) <= _LONGEST_HEADING and not any(token.has_digit for token in row.tokens)
    return colon or (short and all(is_ordinary(token.core) for token in row.tokens if token.key))


def _closing_start(sheet: Sheet) -> float:
    """Where the signature begins: at the last closing formula that no heading follows."""
    start = float("inf")
    for row in sorted(sheet.rows, key=lambda row: row.box.y0):
        if _is_heading(row):
            start = float("inf")
        elif _starts_with(row, _CLOSINGS) and row.box.y0 > sheet.page.height * 0.3:
            start = min(start, row.box.y0)
    return start


def _starts_with(row: Row, openings: tuple[str, ...]) -> bool:
    phrase = " ".join(token.phrase for token in row.tokens[:4])
    return phrase.startswith(openings)


def _row_marks(page: int, row: Row, labels: Sequence[Label]) -> Iterator[Mark]:
    kept = {n for label in labels if label.kind != "institution" for n in range(label.start, label.end)}
    for label in labels:
        if label.kind == "device":
            kept |= set(range(label.end, min(len(row.tokens), label.end + 3)))
    tokens = tuple(token for n, token in enumerate(row.tokens) if n not in kept)
    if any(
        (is_institution(token) or is_institution_part(token)) and len(token.key) > 2 for token in row.tokens
    ):
        named = tuple(token for token in tokens if token.key)
        if named and not (len(row.tokens) <= 2 and all(is_ordinary(token.core) for token in named)):
            yield Mark("institution", page, named, text_of(named), 0.7, "zone:institution")
            return
    foreign = [token for token in tokens if not _allowed(token)]
    if foreign and len(row.tokens) <= _SHORT_ROW and any(token.is_name_shaped for token in foreign):
        # ``Jung, Chukwuemeka``: beside a name, a word is a name too.
        foreign = [t for t in tokens if t.is_name_shaped or is_particle(t) or t in foreign]
    for token in foreign:
        yield Mark("name", page, (token,), token.core, 0.5, "zone")


def _signatures(page: int, sheet: Sheet) -> Iterator[Mark]:
    """Lines above a role (``Oberärztin``): who signed."""
    for row in sheet.rows:
        under = sheet.below(row, within=1.6)
        if under is None or not _is_role(under) or len(row.tokens) > _LONGEST_HEADING or _is_role(row):
            continue
        shaped = (t for t in row.tokens if t.is_name_shaped or t.is_initial or is_particle(t))
        names = tuple(token for token in shaped if not is_title(token))
        if any(not is_ordinary(token.core) or is_first_name(token.core) for token in names):
            yield Mark("staff", page, names, text_of(names), 0.8, "signature")


def _is_role(row: Row) -> bool:
    words = row.tokens[0].phrase.split() if row.tokens else []
    return bool(words) and words[0] in _ROLES and len(row.tokens) <= _LONGEST_HEADING


def _allowed(token: Token) -> bool:
    if not token.key:
        return True
    letters = "".join(c for c in token.core if c.isalpha())
    if token.has_digit:
        digits = len(token.core) - len(letters)
        return digits < 4 if digits > len(letters) / 2 else is_ordinary(letters)
    if len(letters) < 2:
        return not token.is_initial or not token.text.endswith(".")
    if is_first_name(token.core) and token.is_capitalised and not is_ordinary(token.core):
        return False
    if is_town(token.core):
        return False
    return (
        is_ordinary(token.core)
        or (token.source == "ocr" and resembles_ordinary(token.core, letters=8))
        or _is_sign(token)
    )


def _is_sign(token: Token) -> bool:
    """Whether it is an abbreviation of capitals, up to four letters, as ``EKG``."""
    return token.core.isupper() and len(token.core) <= 4
