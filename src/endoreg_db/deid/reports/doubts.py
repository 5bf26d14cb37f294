"""What stays and might still be somebody: each such word or number sends the report to a person.

The rules that remove ask whether something is identity. Here it is asked the other way round: is what
stays clean beyond doubt? A capitalised word is, if it is a word of the trade or of the language that is
nobody's name, or if what stands beside it says that it is a word (*der Stein*, *kleiner Stein*). Where people
are named in the same sentence, in the letterhead, in a signature or in a cell, less is taken for clean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from endoreg_db.deid.messages import Finding
from endoreg_db.deid.reports.codes import STAGE, UNIT_SIGNS, is_code_of_house
from endoreg_db.deid.reports.label_values import Label
from endoreg_db.deid.reports.labels import Labels
from endoreg_db.deid.reports.likeness import likeness
from endoreg_db.deid.reports.names import is_title
from endoreg_db.deid.reports.places import Place, ends_sentence, is_sign, is_sort
from endoreg_db.deid.reports.senses import (
    is_among_clinical,
    is_dosed,
    is_noun_here,
    stands_for_something,
)
from endoreg_db.deid.reports.sheets import Row, Sheet, Token
from endoreg_db.deid.reports.somebody import may_act
from endoreg_db.deid.reports.vocabulary import (
    Risk,
    cue_keys,
    cue_words,
    folded,
    is_abstract,
    is_clinical,
    is_eponym,
    is_first_name,
    is_like_words,
    is_listed,
    is_listed_as_clinical,
    is_ordinary,
    is_role,
    is_town,
    is_trade_compound,
    name_risk,
    word_key,
)
from endoreg_db.deid.reports.zones import is_cell, zone_rows

_REACH: Final = 12  # tokens on either side that belong to the same sentence, at most
_LONG_NUMBER: Final = 4  # digits that hardly measure anything
_LIKE_WORDS: Final = 3.0  # likeness from which on a compound is hardly somebody; most have seven and more
_LONGEST_LONE: Final = 10  # letters of a word alone in its line that may be whoever signed
_LONGEST_CELL: Final = 3  # tokens of a line that stands alone
_LIVED_OF: Final = cue_keys("english_trades") - cue_keys("english_staff")
_UNITS: Final = cue_keys("units")
_DEEDS: Final = cue_keys("deeds")
_PEOPLE_DO: Final = cue_keys("people_do")
_OPENINGS: Final = cue_keys("surname_openings") - {"am", "im", "beim"}
_HEADINGS: Final = cue_words("headings") | cue_words("roles")
_SMALL_WORDS: Final = (
    "determiners", "sayers", "doers", "finite", "prepositions", "surname_openings", "copulas",
)  # fmt: skip
_SMALL: Final = frozenset().union(*map(cue_keys, _SMALL_WORDS))
_NO_PATIENTS: Final = cue_keys("no_patients")
_COUNTED: Final = re.compile(r"(?:nummer|zahl|dauer|klase|gewicht|grose)$")
_ARTICLES: Final = frozenset({"der", "die", "das", "dies", "this", "that", "these"})
_DEEDS_OF_PEOPLE: Final = cue_keys("people_do") | cue_keys("finite") | cue_keys("copulas")
_INFLECTED: Final = ("e", "en", "er", "es", "em")
_TITLE: Final = re.compile(
    r"(?:skopie|skopien|skopy|graphie|grafie|bericht|befund|brief|protokoll|report|letter|summary|bogen|blatt|schein"
    r"|zentrum|abteilung|klinik|medizin|logie|station|sektion|bereich|chirurgie|endoskopie|endoscopy|department"
    r"|hochachtungsvoll|gruse|gruss|regards|sincerely|cheers|anlage|anlagen|kopie|verteiler)$"
)
_TOWARDS: Final = frozenset({"von", "auf", "nach", "unter"})  # before rooms, wards and extensions
_NOBODY: Final = cue_keys("nobody")
_ROOM: Final = re.compile(r"\d{1,4}[a-zA-Z]?")
_CODE: Final = re.compile(r"\d-\d{2,3}[a-z]?(?:\.[\da-z]{1,2})?|[A-TV-Z]\d{2}(?:\.\d{1,2})?")  # OPS, ICD
_PLACE_CODE: Final = re.compile(r"[A-Z]{1,2}\d{1,2}[a-z]?|\d{1,2}[A-Za-z]")  # C3, 7B: wards and rooms
_SIGN: Final = re.compile(r"[^\W\d_]{2,3}")  # of whoever dictated, alone in a line
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3])\.[0-5]\d")
_MEASURED: Final = re.compile(r"[\d.,]+\s?(?:/\s?\w+|[µμ]?[a-zA-Z%°]+(?:/\w+)?)")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A word that stays, where it stands, and what is known of the line."""

    place: Place
    apart: bool  # in letterhead, foot, signature or a cell
    labelled: bool  # it is part of a label
    lone: bool  # nothing but a day stands beside it in its line, and it ends no paragraph

    @property
    def personal(self) -> bool:
        """Whether it stands where people are named."""
        return self.apart or _is_among_people(self.place)


def kept_doubts(
    sheets: Sequence[Sheet], labels: Sequence[Labels], marked: Collection[tuple[int, int]]
) -> tuple[Finding, ...]:
    """A doubt for each page, and each sort of what stays there and might be somebody.

    Args:
        sheets: the pages.
        labels: the labels of each page.
        marked: page (its index) and word of everything that goes.
    """
    doubts: list[Finding] = []
    for page, sheet in enumerate(sheets):
        counts: Counter[str] = Counter()
        for seen in _kept(page, sheet, labels[page], marked):
            counts[_sort_of(seen)] += 1
        number = sheet.page.number
        if counts["word"]:
            detail = f"Page {number} keeps {counts['word']} capitalised words that might be names."
            doubts.append(Finding("risky_words", "review", detail))
        if counts["number"]:
            detail = f"Page {number} keeps {counts['number']} numbers that nothing explains."
            doubts.append(Finding("unknown_numbers", "review", detail))
    return tuple(doubts)


def _kept(page: int, sheet: Sheet, labels: Labels, marked: Collection[tuple[int, int]]) -> Iterator[_Seen]:
    edges = {row.index for row in zone_rows(sheet, first=page == 0)}
    for row in sheet.rows:
        own = labels[row.index]
        alone = len(row.tokens) <= _LONGEST_CELL and is_cell(sheet, row, own)
        apart = row.index in edges or alone
        flow, start = _flow(sheet, row)
        gone = {n for n, token in enumerate(flow) if any((page, word) in marked for word in token.words)}
        people = frozenset(n for n in gone if flow[n].is_capitalised)
        here = range(start, start + len(row.tokens))
        words = [n for n in here if flow[n].key and not (n in gone and flow[n].has_digit)]
        dated = any(n in gone and flow[n].has_digit for n in here)  # ``Grünlich 14.11.2022``
        lone = len(words) == 1 and (dated or sheet.before(row) is None)
        for n in here:
            if n not in gone and flow[n].key:
                yield _Seen(Place(flow, n, people, people), apart, _is_in(own, n - start), lone)


def _flow(sheet: Sheet, row: Row) -> tuple[tuple[Token, ...], int]:
    """The line with what it continues and what continues it, and where it begins therein."""
    above, following = sheet.before(row), sheet.continuation(row)
    lead = above.tokens[-_REACH:] if above is not None else ()
    return (*lead, *row.tokens, *(following.tokens[:_REACH] if following is not None else ())), len(lead)


def _is_in(labels: Sequence[Label], index: int) -> bool:
    return any(label.start <= index < label.end for label in labels)


def _sort_of(seen: _Seen) -> str:
    token = seen.place.token
    if is_title(token) and _is_title_for_a_name(seen.place):
        return "word"
    if seen.labelled or is_title(token) or token.key in _NOBODY:
        return ""
    if (seen.lone or _ends_paragraph(seen.place)) and _is_strange_sign(token):
        return "word"
    if token.key in _LIVED_OF or _is_doer(seen.place):
        return "word"
    if token.has_digit:
        return "number" if _is_odd_number(seen) else ""
    if token.is_initial and token.text.endswith("."):
        return "word" if _is_odd_initial(seen.place) else ""
    return "word" if token.is_name_shaped and _may_be_somebody(seen) else ""


def _is_strange_sign(token: Token) -> bool:
    return (
        _SIGN.fullmatch(token.core) is not None and not is_listed(token.core) and not is_clinical(token.core)
    )


def _is_doer(place: Place) -> bool:
    """Whether a capitalised word that begins a sentence does what only people do: ``Klammer agreed to``."""
    after = place.after
    begins = place.before is None and place.token.is_name_shaped and place.token.text[-1:].isalpha()
    return begins and after is not None and after.key in _PEOPLE_DO and bool(name_risk(place.token.core))


def _ends_paragraph(place: Place) -> bool:
    """Whether a word stands behind the last sentence of a paragraph, as a sign of who typed it does."""
    last = place.index + 1 == len(place.flow)
    return (
        last and place.before is None and place.index > 0 and not place.flow[place.index].text.endswith(".")
    )


def _may_be_somebody(seen: _Seen) -> bool:
    text = seen.place.token.core
    if seen.lone and len(text) <= _LONGEST_LONE and not is_sign(seen.place.token) and not _is_heading(text):
        return True
    if may_act(seen.place):
        return True
    if is_sign(seen.place.token):
        return seen.apart and not is_listed(text) and not is_clinical(text)
    personal = seen.personal
    if not is_ordinary(text):
        return not _is_plainly_of_trade(seen.place, strict=personal)
    risk = name_risk(text)
    if seen.place.is_behind_role and not is_clinical(text) and not is_role(text):
        return True  # ``Kardiologin Grünlich``
    if risk is Risk.FREQUENT or is_first_name(text) or is_town(text):
        return not _is_plainly_word(seen.place)
    if not personal or is_role(text):
        return False
    if risk is Risk.RARE or not (is_listed(text) or is_clinical(text) or is_abstract(text)):
        return not _is_plainly_word(seen.place)
    return _is_odd_word(seen.place) and not _is_plainly_word(seen.place)


def _is_odd_word(place: Place) -> bool:
    """Whether a word that is nobody's name as far as is known stands as only a name would: ``Grünlich``."""
    text, before, after = place.token.core, place.before, place.after
    if is_listed_as_clinical(text) or is_clinical(text) or is_abstract(text) or _is_heading(text):
        return False
    counted = place.token.key in _NO_PATIENTS or _COUNTED.search(place.token.key) is not None
    if counted and after is not None and after.has_digit:
        return False  # ``Beginn 17:45``, ``Scheinnummer 190939``
    if before is None or (before.text.endswith(".") and not before.is_initial and not is_title(before)):
        return not _opens_sentence(place)
    if before.key in ("und", "oder", "and", "or"):
        return place.index - 2 in place.sure
    if is_clinical(before.core) and before.text[-1:].isalpha():
        return False  # ``Endoscopy Unit``
    inflected = before.is_capitalised and before.key.endswith(_INFLECTED) and is_ordinary(before.core)
    return not inflected or place.index - 1 in place.sure


def _opens_sentence(place: Place) -> bool:
    """Whether a word with a capital that only the beginning of a sentence gives it goes on as one."""
    token, after = place.token, place.after
    if token.text.endswith(":"):
        return place.index + 1 in place.sure
    if after is None or not token.text[-1:].isalpha() or token.key not in _SMALL:
        return False
    return token.key in _ARTICLES or after.key not in _DEEDS_OF_PEOPLE


def _is_title_for_a_name(place: Place) -> bool:
    """Whether a title stands where a surname does: ``Dr. E. Nurse, 9.6.2020``."""
    before = place.before
    ends = not place.token.text[-1:].isalpha() and not place.token.text.endswith(".")
    return ends and before is not None and before.is_initial and before.text.endswith(".")


def _is_heading(text: str) -> bool:
    """Whether a word that stands alone says what the report is, or where in it: ``Koloskopie``."""
    return _TITLE.search(word_key(text)) is not None or bool(set(folded(text).split()) & _HEADINGS)


def _is_among_people(place: Place) -> bool:
    """Whether somebody is named, or was, in the same sentence."""
    first = place.index
    while first and place.index - first < _REACH and not ends_sentence(place.flow[first - 1]):
        first -= 1
    last = place.index
    while last + 1 < len(place.flow) and last - place.index < _REACH and not place.flow[last].ends_clause:
        last += 1
    if any(first <= n <= last for n in place.sure):
        return True
    return any(token.key in _DEEDS for token in place.flow[first : last + 1])


def _is_plainly_of_trade(place: Place, *, strict: bool) -> bool:
    """Whether a word in no list is a compound of the trade, a drug with its dose, or far from any name."""
    text = place.token.core
    if is_dosed(place) or (is_eponym(text) and stands_for_something(place)) or is_abstract(text):
        return True
    if is_trade_compound(text):
        return "-" in text or likeness(word_key(text)) >= _LIKE_WORDS  # ``Zurbriggen`` is none
    return not strict and is_like_words(text)


def _is_plainly_word(place: Place) -> bool:
    """Whether what stands beside a word that is also a name says that it is a word."""
    text = place.token.core
    if place.beside_name:
        return False
    if is_eponym(text):
        return stands_for_something(place)
    if _is_alone(place) or _may_open_surname(place):
        return False
    if is_listed_as_clinical(text) and is_among_clinical(place):
        return True
    return is_noun_here(place)


def _is_alone(place: Place) -> bool:
    """Whether a word is a sentence or an item of a list by itself: ``…, Magen.``."""
    begins = place.before is None or place.flow[place.index - 1].text.endswith((",", ";", "/", "·"))
    return begins and (place.token.text[-1:] in ".,;/" or place.index + 1 == len(place.flow))


def _may_open_surname(place: Place) -> bool:
    """Whether what stands before a word may be part of a name: ``vom Stein``, ``auf der Heyde``."""
    before, earlier = place.flow[place.index - 1], place.flow[max(0, place.index - 2)]
    if before.key in ("vom", "zur", "zum"):
        return True
    return before.key in ("der", "dem", "den") and earlier.key in _OPENINGS and place.index > 1


def _is_odd_initial(place: Place) -> bool:
    """Whether a letter with a dot stands before a capitalised word as a first name's does."""
    after = place.flow[place.index + 1] if place.index + 1 < len(place.flow) else None
    if after is None or not after.is_name_shaped or is_sort(place.flow, place.index):
        return False
    return place.index + 1 in place.sure or not is_clinical(after.core)


def _is_staged(place: Place) -> bool:
    """Whether a letter with digits grades or stages what stands beside it (``Prag C2``, ``T3 N1``)."""
    beside = place.flow[max(0, place.index - 2) : place.index + 2]
    return any(
        is_clinical(token.core) or is_eponym(token.core) or STAGE.fullmatch(token.core)
        for token in beside
        if token is not place.token
    )


def _is_odd_number(seen: _Seen) -> bool:
    """Whether digits might be a number of a file, a telephone, a house or a room."""
    place, token = seen.place, seen.place.token
    after = place.flow[place.index + 1] if place.index + 1 < len(place.flow) else None
    if _CODE.fullmatch(token.core) or (
        _MEASURED.fullmatch(token.core.rstrip(".,")) and not token.core[-1].isdigit()
    ):
        return False
    if after is not None and (after.key in _UNITS or after.text[:1] in UNIT_SIGNS):
        return False
    if _TIME.fullmatch(token.core) and seen.personal:
        return True
    digits = sum(map(str.isdigit, token.core))
    year = re.fullmatch(r"(?:19|20)\d{2}", token.core) is not None
    if digits >= _LONG_NUMBER and not year and not re.search(r"[.,]\d{3}\b", token.core):
        return True
    if is_code_of_house(token.core) and any(map(str.isalpha, token.core)):
        return True
    if _PLACE_CODE.fullmatch(token.core) and seen.personal and not _is_staged(place):
        return True
    if _is_among_people(place) and place.before is not None and place.before.key in _TOWARDS:
        return not token.core.isdigit() or digits > 1  # ``kommt von 42.1``
    house = place.index - 1 in place.sure and place.flow[place.index - 1].text[-1:].isalpha()
    return house and bool(_ROOM.fullmatch(token.core)) and (after is None or not token.text[-1:].isalnum())
