"""Letterhead, running head, foot, signature, and cells of forms: there everything goes that no list allows.

In the body of a report an unknown word may be a clinical one; around it, it is the name of a doctor, a
hospital or a street. So these lines are judged the other way round: labels, titles, words of the trade and
ordinary words stay, as long as nothing foreign stands among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from endoreg_db.deid.reports.codes import STAGE, is_medical_code
from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.institutions import is_institution, is_institution_part
from endoreg_db.deid.reports.label_values import Label
from endoreg_db.deid.reports.labels import Labels
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import is_particle, is_salutation, is_title
from endoreg_db.deid.reports.places import Place, is_sign
from endoreg_db.deid.reports.sheets import Row, Sheet, Token
from endoreg_db.deid.reports.verdicts import Verdict, judge
from endoreg_db.deid.reports.vocabulary import (
    Risk,
    cue_keys,
    cue_words,
    is_clinical,
    is_eponym,
    is_first_name,
    is_listed,
    is_listed_as_clinical,
    is_loose_compound,
    is_only_clinical,
    is_ordinary,
    is_town,
    is_trade_compound,
    name_risk,
    resembles_ordinary,
)

_EDGE: Final = 0.085  # of the page's height, at top and bottom of every page
_ROMAN: Final = re.compile(r"[IVX]{2,4}[a-cs]?|[IV][a-c]")  # grades
_LONGEST_HEADING: Final = 6  # words

_HEADINGS: Final = cue_words("headings")
_PLACES_TOO: Final = frozenset({"klinik", "labor", "procedure"})
_ROLES: Final = cue_words("roles")
_INSURERS: Final = cue_keys("insurers")
_CAPITAL_INSURERS: Final = frozenset({"big", "mobil", "signal", "heimat", "salus"})  # words otherwise
_LINKS: Final = cue_words("links")
_PLACE_LINKS: Final = cue_words("place_links")
_LONGEST_PLACE: Final = 5  # words
_HOUSE: Final = re.compile(r"\d{1,3}\s?[a-hA-H]?")
_SALUTATIONS: Final = ("sehr geehrte", "sehr geehrter", "liebe", "lieber", "dear", "guten tag")
_CLOSINGS: Final = (
    "mit freundlich", "mit kollegial", "mit besten", "mit herzlich", "hochachtungsvoll", "freundliche gru",
    "kollegiale gru", "viele gru", "beste gru", "herzliche gru", "yours", "sincerely", "kind regards",
    "best regards", "gez", "with kind", "regards", "elektronisch", "electronically", "mfg", "unterschrift",
    "validiert", "vidiert", "freigegeben", "signed", "untersucher", "untersuchender", "dr med", "prof",
    "pd dr", "reported by",
)  # fmt: skip
_CODE: Final = re.compile(
    r"[A-ZÄÖÜ]{1,3}[\-.]?\d{1,3}[a-zA-Z]?|\d{1,3}[A-Za-z]|[IVX]{1,4}/\d"
)  # C3, M12, 7a, 2B
_DIAGNOSIS: Final = re.compile(r"[A-TV-Z]\d{2}\.\d{1,2}[A-Z]?")  # K29.5
_MEASURES: Final = re.compile(
    r"[12]?\d{2}/\d{2,3}"  # pressure of the blood
    r"|\d{1,4}(?:[.,]\d{1,3})?\s?[–-]\s?\d{1,4}(?:[.,]\d{1,3})?"  # a range: 4,0-10,0
    r"|\d(?:/\d)?-\d(?:/\d)?-\d(?:/\d)?(?:-\d)?"  # when to take how many: 1-0-1
    r"|\d{1,3}[.,]\d{1,3}|\d{1,2}\^\d{1,2}|1:\d{2,6}"
)
_SEGMENT_ENDS: Final = (";", ":", "|")
_ID: Final = re.compile(r"(?:[A-Z]{1,2}-)?\d{4}|\d{5,}")
_SURNAME_OPENINGS: Final = cue_keys("surname_openings")
_SMALL: Final = cue_keys("determiners") | cue_keys("sayers") | cue_keys("doers") | cue_keys("finite")
_SIDES: Final = cue_keys("sides")
_UNITS: Final = cue_words("units")


def zone_marks(sheets: Sequence[Sheet], labels: Sequence[Labels]) -> list[Mark]:
    """Everything in the zones around the body, and in the cells of forms, that no list allows."""
    marks = [mark for page, sheet in enumerate(sheets) for mark in _signatures(page, sheet)]
    for page, sheet in enumerate(sheets):
        edges = {row.index for row in zone_rows(sheet, first=page == 0)}
        for row in sheet.rows:
            alone = row.index not in edges and sheet.before(row) is None
            if alone and _is_house_or_street([token for token in row.tokens if token.key]):
                marks.append(Mark("address", page, row.tokens, text_of(row.tokens), 0.6, "zone:place"))
            elif (row.index in edges and not _goes_on(sheet, row)) or is_cell(
                sheet, row, labels[page][row.index]
            ):
                marks += _row_marks(page, row, labels[page][row.index], edge=row.index in edges)
    return marks


def zone_rows(sheet: Sheet, *, first: bool) -> Iterator[Row]:
    """The lines of letterhead, running head, foot and signature; ``first``: it is the first page."""
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
    if words[0] in _PLACES_TOO and len(words) > 1:
        return colon  # ``Klinik:`` says what is found, ``Klinik für Chirurgie`` is a place
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


def is_cell(sheet: Sheet, row: Row, labels: Sequence[Label]) -> bool:
    """Whether a line stands alone: a cell of a form, a signature; no finding, no end of a paragraph."""
    above = sheet.before(row)
    if _is_prose(row) or (above is not None and _is_prose(above)):
        return False
    kept = {n for label in labels for n in range(label.start, label.end)}
    values = (token for n, token in enumerate(row.tokens) if n not in kept)
    return not any(token.is_capitalised and _is_plainly_clinical(token) for token in values)


def _is_prose(row: Row) -> bool:
    """Whether a line is part of a text: with words that only sentences have."""
    small = sum(
        token.core[:1].islower() and token.phrase not in _LINKS and is_ordinary(token.core)
        for token in row.tokens
    )
    return small >= 2 or (small == 1 and row.tokens[-1].text.endswith("."))


def _goes_on(sheet: Sheet, row: Row) -> bool:
    """Whether a line at the edge of a page is part of a text that has findings in it."""
    around = (row, sheet.before(row), sheet.continuation(row))
    return any(_is_finding(other) for other in around if other is not None)


def _is_finding(row: Row) -> bool:
    """Whether a line at the edge of a page is plainly part of the text, which goes on there."""
    clinical = sum(map(_is_plainly_clinical, row.tokens))
    return clinical >= 3 or (clinical > 0 and _is_prose(row))


def _row_marks(page: int, row: Row, labels: Sequence[Label], *, edge: bool) -> Iterator[Mark]:
    kept = {n for label in labels if label.kind != "institution" for n in range(label.start, label.end)}
    for label in labels:
        if label.kind == "device":
            kept |= set(range(label.end, min(len(row.tokens), label.end + 3)))
    if (edge or len(row.tokens) > 2) and _names_institution(row):
        named = tuple(token for n, token in enumerate(row.tokens) if n not in kept and token.key)
        plain = all(is_ordinary(token.core) and not is_loose_compound(token.core) for token in named)
        if named and not (len(row.tokens) <= 2 and plain):
            yield Mark("institution", page, named, text_of(named), 0.7, "zone:institution")
            return
    for start, end in _segments(row, kept):
        for n in _foreign(row, start, end, edge=edge):
            yield Mark("name", page, (row.tokens[n],), row.tokens[n].core, 0.5, "zone")


def _is_place_name(row: Row, start: int, end: int) -> bool:
    """``Internisten am Markt``, ``Hohe Warte 75``: words that only together name a house or a street."""
    return any(_is_house_or_street(tokens) for tokens in _between_commas(row.tokens[start:end]))


def _between_commas(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    part: list[Token] = []
    for token in tokens:
        if token.key:
            part.append(token)
        if token.text.endswith(",") or not token.key:
            yield part
            part = []
    yield part


def _is_house_or_street(tokens: Sequence[Token]) -> bool:
    if not 2 <= len(tokens) <= _LONGEST_PLACE or not tokens[0].is_capitalised:
        return False
    inner, last = tokens[1:-1], tokens[-1]
    if _is_plainly_clinical(last) or any(is_title(token) or _is_role_word(token) for token in tokens):
        return False
    clinical = any(map(_is_plainly_clinical, tokens))
    if (
        _HOUSE.fullmatch(last.core)
        and not clinical
        and all(t.is_capitalised or t.phrase in _LINKS for t in tokens[:-1])
    ):
        return tokens[-2].is_capitalised
    linked = any(token.phrase in _PLACE_LINKS for token in inner)
    return linked and last.is_capitalised and all(t.is_capitalised or t.phrase in _LINKS for t in inner)


def _is_plainly_clinical(token: Token) -> bool:
    return is_only_clinical(token.core)


def _names_institution(row: Row) -> bool:
    return any(
        (is_institution(token) or is_institution_part(token)) and len(token.key) > 2 for token in row.tokens
    )


def _segments(row: Row, kept: set[int]) -> Iterator[tuple[int, int]]:
    """The fields of a line: what stands between labels, colons and lines."""
    cuts = [n for n, token in enumerate(row.tokens) if n in kept or token.separates]
    cuts += [n + 1 for n, token in enumerate(row.tokens) if token.text.endswith(_SEGMENT_ENDS)]
    edges = sorted({0, *cuts, *(n + 1 for n in cuts if n in kept), len(row.tokens)})
    for start, end in pairwise(edges):
        if start not in kept:
            yield start, end


def _foreign(row: Row, start: int, end: int, *, edge: bool) -> list[int]:
    """What goes of one field: what is foreign, and with it whatever is not plainly something else."""
    tokens = row.tokens
    coded = end - start <= 3 and any(_is_code(row, n) for n in range(start, end))
    if coded or _is_particle_name(tokens[start:end]) or _is_labelled_number(tokens[start:end]):
        return [n for n in range(start, end) if tokens[n].key]
    if _is_place_name(row, start, end) or any(_is_insurer(token) for token in tokens[start:end]):
        return [n for n in range(start, end) if tokens[n].key]
    foreign = [n for n in range(start, end) if not _allowed(row, n, edge=edge)]
    if not any(tokens[n].is_capitalised or _is_code(row, n) for n in foreign):
        return foreign
    if _is_prose(row):
        return foreign
    return [n for n in range(start, end) if n in foreign or not _stays_beside(row, n)]


def _is_particle_name(tokens: Sequence[Token]) -> bool:
    """``vom Stein``, ``auf der Heyde``: a field of small words and one or two capitalised ones."""
    small = next((n for n, token in enumerate(tokens) if not token.core.islower()), len(tokens))
    rest = tokens[small:]
    if not 0 < small <= 2 or not 1 <= len(rest) <= 2 or not all(token.is_name_shaped for token in rest):
        return False
    return all(t.key in _SURNAME_OPENINGS or is_particle(t) for t in tokens[:small])


def _is_labelled_number(tokens: Sequence[Token]) -> bool:
    """``29580590 Palliativ``, ``4600 Wels``: a patient's number or a postcode, and what is behind it."""
    written = [token for token in tokens if token.key]
    if not 2 <= len(written) <= 3 or not _ID.fullmatch(written[0].core):
        return False
    return all(token.is_capitalised or token.has_digit for token in written[1:]) and not any(
        token.core in _UNITS for token in written
    )


def _is_insurer(token: Token) -> bool:
    return token.key in _INSURERS and (token.core.isupper() or token.key not in _CAPITAL_INSURERS)


def _stays_beside(row: Row, index: int) -> bool:
    """Whether a word stays though something foreign stands in the same field."""
    token = row.tokens[index]
    if not token.key or is_title(token) or is_salutation(token) or _is_role_word(token):
        return True
    if token.has_digit:
        return _is_measured(row, index)
    if token.core in _UNITS or is_medical_code(token.core):
        return True
    if is_particle(token):
        return False
    risky = name_risk(token.core) or is_first_name(token.core) or is_town(token.core)
    return is_clinical(token.core) and not risky


def _is_measured(row: Row, index: int) -> bool:
    after = row.tokens[index + 1].core if index + 1 < len(row.tokens) else ""
    return after in _UNITS or bool(re.fullmatch(r"[\d,.]+\s?(?:%|mm|cm|ml|mg|min|l)", row.tokens[index].core))


def _is_code(row: Row, index: int) -> bool:
    """Whether a sign of letters and digits may name a ward or a room: ``C3``, ``7a``, ``G 2.1``."""
    token = row.tokens[index]
    if _is_staged(row):
        return False
    if _CODE.fullmatch(token.core):
        others = (other for other in row.tokens if other.key and other.key not in _SIDES)
        return not any(is_clinical(other.core) for other in others)
    following = row.tokens[index + 1] if index + 1 < len(row.tokens) else None
    return (
        len(token.text) == 1
        and token.text.isupper()
        and following is not None
        and following.has_digit
        and len(row.tokens) <= 3
    )


def _is_staged(row: Row) -> bool:
    """Whether codes of diagnoses or stages fill the line: ``K29.5 G, K57.3 G``, ``pT2 pN0 L0``."""
    stages = sum(bool(STAGE.fullmatch(token.core)) for token in row.tokens)
    return stages >= 2 or any(_DIAGNOSIS.fullmatch(token.core) for token in row.tokens)


def _is_small_word(token: Token) -> bool:
    return token.key in _SMALL


def _ends_field(token: Token) -> bool:
    return not token.text[-1:].isalpha()


def _signatures(page: int, sheet: Sheet) -> Iterator[Mark]:
    """Lines above a role (``Oberärztin``): who signed."""
    for row in sheet.rows:
        under = sheet.below(row, within=1.6)
        if under is None or not _is_role(under) or len(row.tokens) > _LONGEST_HEADING or _is_role(row):
            continue
        shaped = (t for t in row.tokens if t.is_name_shaped or t.is_initial or is_particle(t))
        names = tuple(token for token in shaped if not is_title(token))
        if any(not is_ordinary(token.core) or is_first_name(token.core) for token in names) or (
            names and all(name_risk(token.core) for token in names)
        ):
            yield Mark("staff", page, names, text_of(names), 0.8, "signature")


def _is_role(row: Row) -> bool:
    words = row.tokens[0].phrase.split() if row.tokens else []
    return bool(words) and words[0] in _ROLES and len(row.tokens) <= _LONGEST_HEADING


def _is_role_word(token: Token) -> bool:
    return any(word in _ROLES or word in _HEADINGS for word in token.phrase.split())


def _allowed(row: Row, index: int, *, edge: bool) -> bool:
    token = row.tokens[index]
    if not token.key or is_title(token) or _is_role_word(token):
        return True
    letters = "".join(c for c in token.core if c.isalpha())
    if _DIAGNOSIS.fullmatch(token.core) or (_is_staged(row) and len(token.core) < 4):
        return True
    if _ROMAN.fullmatch(token.core) or _is_graded(row, index):
        return True
    if _MEASURES.fullmatch(token.core) and not find_days(token.core):
        return True
    if token.has_digit:
        digits = len(token.core) - len(letters)
        short = digits < 4 if digits > len(letters) / 2 else is_ordinary(letters)
        return short and not _is_code(row, index)
    if len(letters) < 2:
        return _is_abbreviation(row, index) and not _is_code(row, index)
    if not token.is_capitalised:
        return not edge or is_ordinary(token.core) or _is_misread(token)
    return _is_allowed_word(row, index)


def _is_graded(row: Row, index: int) -> bool:
    """``Forrest IIa``: what is graded, called after somebody, with its grade behind it."""
    after = row.tokens[index + 1] if index + 1 < len(row.tokens) else None
    graded = after is not None and (_ROMAN.fullmatch(after.core) or STAGE.fullmatch(after.core))
    return bool(graded) and is_eponym(row.tokens[index].core)


def _is_abbreviation(row: Row, index: int) -> bool:
    """Whether a single letter is no initial: small, without a dot, or before a small one (``V. a.``)."""
    token = row.tokens[index]
    following = row.tokens[index + 1] if index + 1 < len(row.tokens) else None
    small = following is not None and bool(re.fullmatch(r"[a-z]\.", following.text))
    return small or not (token.is_initial and token.text.endswith("."))


def _is_misread(token: Token) -> bool:
    return token.source == "ocr" and resembles_ordinary(token.core, letters=8)


def _is_allowed_word(row: Row, index: int) -> bool:
    """Whether a capitalised word of such a line is nobody's name."""
    token = row.tokens[index]
    text = token.core
    if token.key in _INSURERS or is_town(text):
        return False
    if not is_ordinary(text) and not _is_misread(token):
        return is_listed(text) if is_sign(token) else (not is_first_name(text) and is_trade_compound(text))
    if is_first_name(text) and not is_ordinary(text):
        return False
    if _is_small_word(token) and (len(row.tokens) == 1 or (index == 0 and token.text.endswith(","))):
        return False  # a cell of its own is no place for ``Laut`` or ``Allen``, unless it is somebody
    if name_risk(text) is Risk.NONE and not is_first_name(text):
        return not is_loose_compound(text) or token.text.endswith(":")
    first = index == 0 or row.tokens[index - 1].text.endswith((":", ",", ";"))
    if first and not is_listed_as_clinical(text) and (name_risk(text) is Risk.FREQUENT or _ends_field(token)):
        return False
    around = [n for n, other in enumerate(row.tokens) if n != index and other.key]
    alone = not any(is_clinical(row.tokens[n].core) or row.tokens[n].core[:1].islower() for n in around)
    return not alone and judge(Place(row.tokens, index, (), ())) is Verdict.KNOWN
