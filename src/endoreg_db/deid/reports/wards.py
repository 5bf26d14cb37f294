"""Where in a house somebody lies, comes from or goes to: ward, room and bed, without any label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.sheets import Token, is_measured_station, is_station_of_nodes
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
)
from endoreg_db.deid.reports.ward_codes import (
    BEDS,
    LONGEST_UNIT,
    LONGEST_WARD,
    MOVED,
    MOVES,
    PLACES,
    ROOMS_TOO,
    SHORT_HOUSES,
    SIDES,
    TELLING,
    WARD,
    WARDS,
    back,
    is_measured_here,
    is_of_ward,
    told_by_codes,
    ward_code,
)

_ROOMS: Final = cue_keys("rooms")
_NOW: Final = frozenset({"derzeit", "aktuell", "currently"})
_ONTO: Final = cue_keys("onto")
_WHEN: Final = frozenset({"vom", "um", "gegen", "bis", "am", "seit"})
_BEFORE_CODES: Final = _ROOMS | {"nr"}


def told_of_wards(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """What the word begins of where somebody lies: kind of identity, and the words that go."""
    token = flow[index]
    if token.key == "unit" and token.is_capitalised:
        yield "ward", _unit(flow, index)
    if token.key == "unit" and token.text.endswith(","):
        yield "ward", ward_code(flow, index + 1)
    if token.key in _NOW:
        yield "ward", _now_at(flow, index)
    if token.key in MOVES:
        yield "ward", _moved_to(flow, index)
    if (token.key in _ROOMS or _is_room_too(token) or _is_station(token)) and index + 1 < len(flow):
        yield "ward", _room(flow, index)
    if token.key in WARDS and token.is_capitalised:
        yield "ward", _ward(flow, index)
    if token.key in SHORT_HOUSES and token.is_capitalised:
        yield "ward", _short_ward(flow, index)
    if token.key in PLACES and token.text.endswith(","):
        yield "ward", _listed_ward(flow, index)
    if token.key in MOVED:
        yield "ward", _moved_from(flow, index)
    yield from told_by_codes(flow, index)


def _is_room_too(token: Token) -> bool:
    return token.key in ROOMS_TOO and token.is_capitalised


def _is_station(token: Token) -> bool:
    """``Komfortstation``, ``Wachstation``; not those of lymph nodes."""
    return token.key.endswith("station") and token.is_capitalised and "knoten" not in token.key


def _short_ward(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Kardio 1``, ``Chir. 2``: a department cut short, with a number that measures nothing."""
    number = flow[index + 1] if index + 1 < len(flow) and flow[index].text[-1] not in ",;:)" else None
    if number is None or not WARD.fullmatch(number.core) or is_measured_here(flow, index + 1):
        return ()
    if number.text.endswith(":"):
        return ()  # ``Gefäß 2: ein Fragment``
    return (flow[index], number)


def _room(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    start = index + 1
    while start < len(flow) - 1 and (
        flow[start].key in _BEFORE_CODES
        or _is_room_too(flow[start])
        or _is_station(flow[start])
        or flow[start].text == "("
    ):
        start += 1
    ward = ward_code(flow, start)
    if is_station_of_nodes(flow[index - 1] if index else None):
        return ()
    if not ward or is_measured_station(flow[start:]) or is_measured_here(flow, start + len(ward) - 1):
        return ()
    more = flow[start + len(ward) : start + len(ward) + 1] if ward[-1].text[-1:].isalnum() else ()
    ward += tuple(token for token in more if token.key in SIDES or token.key in TELLING)
    return ward if flow[index].text.endswith(":") else (flow[index], *ward)


def _listed_ward(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Unfallchirurgie, P4-22,``: behind a department and a comma, and no count (``Chirurgie, 2. Teil``)."""
    ward = ward_code(flow, index + 1)
    return tuple(token for token in ward if token.text[-1].isalnum() or token.text[-1] in ",;:")


def _now_at(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``derzeit GA 3:``: where somebody lies, before what is wrong with them."""
    ward = ward_code(flow, index + 1)
    return ward if ward and ward[-1].text.endswith(":") else ()


def _unit(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Chest Pain Unit``: the capitalised words before, unless they are the endoscopists' own."""
    start = back(flow, index, LONGEST_UNIT, lambda token: token.is_capitalised and not token.has_digit)
    named = tuple(flow[start : index + 1])
    return named if start < index and not any("endoscop" in token.key for token in named) else ()


def _moved_to(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Verlegung auf M4a``, ``Aufenthalt auf Intensiv B``: up to three words behind the preposition."""
    onto = _ONTO | {"von"} if flow[index].key == "kommt" else _ONTO
    start = next((n for n in range(index + 1, min(len(flow), index + 4)) if flow[n].key in onto), len(flow))
    if start - index > 3 or any(token.ends_clause for token in flow[index:start]):
        return ()
    taken: list[Token] = []
    for token in flow[start + 1 : start + 5]:
        ward = token.is_capitalised or token.has_digit or token.key in SIDES
        called = token.key in WARDS | SIDES or flow[start + len(taken)].key == "station"
        called |= start + 2 < len(flow) and not taken and flow[start + 2].key in _WHEN
        clinical = is_clinical(token.core) and not called and not token.has_digit
        if not ward or find_days(token.text) or clinical:
            break
        taken.append(token)
        if not token.text[-1:].isalnum():
            break
    return tuple(taken)


def _ward(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Innere 2``: a department with a number that measures nothing, at the end of a clause."""
    number = flow[index + 1] if index + 1 < len(flow) else None
    if number is None or not WARD.fullmatch(number.core) or not flow[index].text[-1:].isalpha():
        return ()
    ends = index + 2 == len(flow) or number.text[-1:] in ".,;:)" or flow[index + 2].separates
    ends = ends or flow[index + 2].key in BEDS or flow[index + 2].line != number.line
    return (flow[index], number) if ends else ()


def _moved_from(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``bitte auf ITS 2 zurückverlegen``: what stands between ``auf`` and the verb."""
    start = back(flow, index, LONGEST_WARD, is_of_ward)
    onto = start and flow[start - 1].key in _ONTO
    return tuple(flow[start:index]) if onto and start < index else ()
