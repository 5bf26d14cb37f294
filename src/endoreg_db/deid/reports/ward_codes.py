"""What tells a ward from others: a code, a sign, a number, a side of the house, a floor, a bed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.codes import (
    is_graded_before,
    is_graded_here,
    is_measured,
    is_medical_code,
    may_be_ward,
)
from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.names import is_title
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_abstract,
    is_clinical,
    is_only_clinical,
    is_ordinary,
    is_role,
)

MOVED: Final = cue_keys("moved")
ROOMS_TOO: Final = cue_keys("rooms_too")  # they are rooms only with a capital
_CODE: Final = re.compile(r"[A-ZÄÖÜ]{0,4}[\-.]?\d{1,4}(?:[.\-/]\w{1,4}){0,2}[a-zA-Z]?|[A-Z]\d?-[A-Z]\d{1,2}")
_BEHIND_ROOMS: Final = re.compile(rf"(?:{_CODE.pattern}|[A-Z]|[IVX]{{1,4}}|\d{{1,2}}(?:st|nd|rd|th))")
_DEPARTMENTS: Final = cue_keys("departments")
_WING: Final = re.compile(r"[A-ZÄÖÜ]{1,3}")
WARDS: Final = cue_keys("wards")
SHORT_HOUSES: Final = cue_keys("short_houses")
_UNIT_SIGNS: Final = cue_keys("unit_signs")
WARD: Final = re.compile(r"(?:\d{1,2}[a-zA-Z]?|\d{1,2}\.\d{1,2}|[IVX]{1,3}|[A-D])")
LONGEST_UNIT: Final = 3  # words
LONGEST_WARD: Final = 4  # words and numbers
MOVES: Final = cue_keys("moves")
_WHERE: Final = cue_keys("where")
_SURELY_WHERE: Final = frozenset({"auf", "ad", "on", "onto", "kommt"})
SIDES: Final = cue_keys("sides")
_POINTS: Final = cue_keys("points")
_COLOURS: Final = cue_keys("ward_colours")
_NAMED_WARDS: Final = frozenset(
    {"station", "stat", "stn", "ward", "wohnbereich", "pflegebereich", "wohngruppe"}
)
_DIVISIONS: Final = frozenset({"station", "stat", "stn", "st", "abteilung", "abt", "ward", "bereich"})
_BY_CODE: Final = frozenset({"abteilung", "abt", "st"})
BEDS: Final = frozenset({"bed", "bett", "betten", "zi", "zimmer", "bettplatz"})
_ORDINAL: Final = re.compile(r"\d\.|[IVX]{1,3}\.")
#: Every house has these; alone they tell nothing.
_EVERY_HOUSE: Final = frozenset({"icu", "imc", "its", "ic", "hdu", "pacu", "itu", "awr"})
_FLOORS: Final = cue_keys("floors")
_SORTS: Final = cue_keys("sorts") | cue_keys("graded_by")
_PEOPLE: Final = cue_keys("people_near_wards")
_UNITS: Final = cue_keys("units")
_TIMES: Final = cue_keys("times")
_ARTICLES: Final = frozenset({"die", "der", "dem", "den", "das", "the", "a"})
#: Of these lists together.
PLACES: Final = WARDS | _DEPARTMENTS
_NUMBERED_HOUSES: Final = PLACES | SHORT_HOUSES
_ENDS: Final = SIDES | _POINTS
_GOING: Final = MOVES | MOVED | _PEOPLE
_NO_WARDS: Final = _SORTS | _UNITS | _TIMES
TELLING: Final = _POINTS | _COLOURS
_NUMBER: Final = re.compile(r"\d{1,2}[a-z]?")
_COUNTED: Final = re.compile(r"\d{1,3}[.,]\d{1,2}|\d+[/\-]\d+")


def told_by_codes(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """What the word begins of a ward that a code, a sign, a side, a floor or a bed tells from others."""
    yield from _told_by_beds(flow, index)
    token = flow[index]
    if token.key in _UNIT_SIGNS and token.core.isupper():
        yield "ward", _signed_unit(flow, index)
    if token.key in _POINTS and token.is_capitalised and index:
        yield "ward", _pointed(flow, index)
    if token.key in _FLOORS or (token.key == "station" and index and flow[index - 1].core.isdigit()):
        yield "ward", _floor(flow, index)
    if token.key in _DIVISIONS and token.is_capitalised:
        yield "ward", _division(flow, index)
    if token.key in _NAMED_WARDS and token.is_capitalised:
        yield "ward", _called_ward(flow, index)
    if token.key == "ward" and token.is_capitalised:
        yield "ward", _ward_behind_name(flow, index)
    if token.key == "observation" and token.is_capitalised:
        yield "ward", _observed(flow, index)
    if token.key in _WHERE and not token.is_capitalised:
        yield "ward", _where(flow, index)


def _told_by_beds(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """``C2 links``, ``HDU East``, ``2. Med.``, and whatever stands before ``, bed 9``."""
    token = flow[index]
    before = flow[index - 1] if index else None
    if before is not None and token.key in _ENDS and _is_ward_code(before):
        yield "ward", (before, token)
    numbered = before is not None and _ORDINAL.fullmatch(before.text) is not None
    if before is not None and numbered and token.key in SHORT_HOUSES and token.is_capitalised:
        yield "ward", (before, token)
    if token.key in BEDS and index + 1 < len(flow) and flow[index + 1].has_digit:
        yield "ward", _before_bed(flow, index)


def _is_ward_code(token: Token) -> bool:
    """``C2``, ``H4``, ``HDU``: what a side of a house may stand behind."""
    return token.text[-1:].isalnum() and (
        token.key in _UNIT_SIGNS or (token.core[:1].isupper() and _CODE.fullmatch(token.core) is not None)
    )


def _before_bed(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Level 3 Gastro, bed 26``: up to three words and numbers before the comma before a bed."""
    if not index or not flow[index - 1].text.endswith(","):
        return ()
    last = index - 1
    start = back(flow, last, LONGEST_WARD - 1, lambda t: is_of_ward(t) and t.text[-1:].isalnum())
    named = tuple(flow[start:index])
    plain = all(is_clinical(token.core) and not token.has_digit for token in named)
    return () if plain or is_title(named[0]) or not is_of_ward(named[-1]) else named


def _division(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Station Geriatrie 2``, ``Abt. Chir. Ost``, ``St. A3.1``: a department and its number, or a code."""
    if index + 1 >= len(flow) or not _runs_on(flow[index]):
        return ()
    house = flow[index + 1]
    if house.key in _NUMBERED_HOUSES and house.is_capitalised and house.text[-1] not in ",;:)":
        number = flow[index + 2] if index + 2 < len(flow) else None
        if number is None or not (WARD.fullmatch(number.core) or number.key in TELLING):
            return ()
        apart = index + 3 < len(flow) and flow[index + 3].text in ("/", "·", "|")
        return (flow[index], house, number) if apart or not is_measured_here(flow, index + 2) else ()
    code = ward_code(flow, index + 1) if flow[index].key in _BY_CODE else ()
    if not code or not (code[-1].has_digit or code[-1].key in _UNIT_SIGNS):
        return ()
    in_house = index > 0 and flow[index - 1].key in PLACES  # ``Innere Abteilung 12a``
    graded = not in_house and is_graded_before(flow, index)
    return () if graded or is_measured_here(flow, index + len(code)) else (flow[index], *code)


def _signed_unit(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``ITS 2``, ``SAU chair 6``, ``on AMU``: a unit by its abbreviation, and what tells it from others."""
    code = flow[index + 1 : index + 2] if flow[index].text[-1:].isalpha() else ()
    if code and code[0].key in ROOMS_TOO and code[0].text[-1:].isalpha():  # ``PACU slot 9``
        code = flow[index + 1 : index + 3]
    named = bool(code) and WARD.fullmatch(code[-1].core) is not None
    if named and not is_measured_here(flow, index + len(code)):
        return (flow[index], *code)
    before = flow[index - 1] if index else None
    where = before is not None and before.key in _SURELY_WHERE and not before.is_capitalised
    bed = before is not None and before.text.endswith(",") and before.has_digit  # ``Bed 8, AMU``
    return (flow[index],) if (where or bed) and flow[index].key not in _EVERY_HOUSE else ()


def _pointed(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``4 West``, ``Ebene 4 Süd``: a number and a point of the compass."""
    number = flow[index - 1]
    return (number, flow[index]) if _NUMBER.fullmatch(number.text) else ()


def _called_ward(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Station Rosengarten``, ``Station Gastro 1``, ``Ward Eleven``: a ward with a name."""
    if index + 1 >= len(flow) or not _runs_on(flow[index]):
        return ()
    name = flow[index + 1]
    if not name.is_name_shaped or name.key in _TIMES or name.key in _UNITS or is_title(name):
        return ()
    if is_only_clinical(name.core) or is_abstract(name.core) or is_role(name.core):
        return ()
    number = flow[index + 2 : index + 3] if name.text[-1:].isalpha() else ()
    named = (
        bool(number) and WARD.fullmatch(number[0].core) is not None and not is_measured_here(flow, index + 2)
    )
    return (flow[index], name, *number) if named else (flow[index], name)


def _ward_behind_name(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``St Luke's Ward``: the capitalised words before, in English."""
    start = back(flow, index, LONGEST_UNIT, lambda token: token.is_capitalised and _runs_on(token))
    while start < index and (flow[start].key in _ARTICLES or is_title(flow[start])):
        start += 1
    return tuple(flow[start : index + 1]) if start < index else ()


def _observed(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``on ED Observation``: a unit that is called after what is done there."""
    where = index > 1 and flow[index - 2].key in _SURELY_WHERE and flow[index - 1].core.isupper()
    return (flow[index - 1], flow[index]) if where else ()


def _floor(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``2nd floor``, ``11. Stock links``: which floor."""
    number = flow[index - 1] if index else None
    if number is None or not re.fullmatch(r"\d{1,2}(?:\.|st|nd|rd|th)", number.text):
        return ()
    side = flow[index + 1 : index + 2] if flow[index].text[-1:].isalpha() else ()
    return (number, flow[index], *(token for token in side if token.key in SIDES))


def _where(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``auf M12``, ``von D-33``, ``on Lister 2,``: behind a preposition, a code or a name with a number."""
    start = index + 1
    while start < len(flow) and start - index <= 2 and flow[start].key in _ARTICLES:
        start += 1
    if start >= len(flow) or flow[index].text[-1:] in ".,;:":
        return ()
    code = flow[start]
    if code.core.isdigit() and start > index + 1:
        return _ward_by_number(flow, index, start)
    if code.has_digit:
        return _ward_by_code(flow, index, start)
    if _WING.fullmatch(code.text) and len(code.text) == 1 and _among_people(flow, index):
        both = ward_code(flow, start)
        return both if len(both) == 2 else ()  # ``auf A 31``
    short = code.key in SHORT_HOUSES and code.text.endswith(".")  # ``für Med. 5``
    number = flow[start + 1] if start + 1 < len(flow) and (code.text[-1:].isalpha() or short) else None
    if number is None or not _NUMBER.fullmatch(number.core) or not code.is_name_shaped or start > index + 2:
        return ()
    if code.key in _NO_WARDS or is_measured_here(flow, start + 1):
        return ()
    house = short or code.key in PLACES or code.key in _UNIT_SIGNS
    if not house and not _goes_onto(flow, index) and (is_clinical(code.core) or is_ordinary(code.core)):
        return ()
    ends = number.text[-1:] in ".,;:)" or start + 2 == len(flow) or house
    return (code, number) if ends else ()


def _goes_onto(flow: Sequence[Token], index: int) -> bool:
    """Whether people are moved somewhere (``auf Privat 2``), and nothing rises or is done to something."""
    return flow[index].key in _SURELY_WHERE and flow[index + 1].is_capitalised


def _ward_by_number(flow: Sequence[Token], index: int, start: int) -> tuple[Token, ...]:
    """``auf die 12.``: where people go, and nothing is counted."""
    ends = flow[start].text[-1:] in ".,;)" or start + 1 == len(flow)
    onto = flow[index].key in _SURELY_WHERE and len(flow[start].core) <= 2
    return (flow[start],) if ends and onto and _among_people(flow, index) else ()


def _ward_by_code(flow: Sequence[Token], index: int, start: int) -> tuple[Token, ...]:
    """``auf M4a``, ``nach C5``: a code, unless it measures, dates, stages or grades something."""
    code = flow[start]
    if not _CODE.fullmatch(code.core) or code.core.isdigit() or is_measured_here(flow, start):
        return ()
    if _COUNTED.fullmatch(code.core) or find_days(code.text):
        return ()
    if not is_medical_code(code.core):
        return (code,)
    ward = may_be_ward(code.core) and not is_graded_here(flow, start) and _among_people(flow, index)
    return (code,) if ward else ()


def _among_people(flow: Sequence[Token], index: int) -> bool:
    """Whether somebody goes, lies or calls in the same sentence."""
    around = flow[max(0, index - 8) : index + 9]
    return any(token.key in _GOING or is_title(token) for token in around)


def back(flow: Sequence[Token], index: int, most: int, belongs: Callable[[Token], bool]) -> int:
    """Where the run of words that belong begins, of so many before ``index`` at most."""
    start = index
    while start and index - start < most and belongs(flow[start - 1]):
        start -= 1
    return start


def is_of_ward(token: Token) -> bool:
    """Whether a word may be part of what a ward is called."""
    return token.is_capitalised or token.has_digit or len(token.core) == 1


def _runs_on(token: Token) -> bool:
    return token.text[-1:].isalpha() or token.text in ("Stat.", "Stn.", "St.")


def is_measured_here(flow: Sequence[Token], index: int) -> bool:
    """Whether a number measures something, and no sign stands between it and the unit."""
    return flow[index].text[-1:].isalnum() and is_measured(flow, index)


def ward_code(flow: Sequence[Token], start: int) -> tuple[Token, ...]:
    """``4B``, ``3.12``, ``C 21``, ``B``, ``gelb``: what tells a room or a ward from others."""
    two = tuple(flow[start : start + 2])
    if len(two) == 2 and _WING.fullmatch(two[0].core) and two[1].has_digit and _CODE.fullmatch(two[1].core):
        return two
    if two and (_BEHIND_ROOMS.fullmatch(two[0].core) or two[0].key in TELLING):
        return two[:1]
    return ()
