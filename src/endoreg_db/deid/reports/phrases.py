"""Free phrases that give somebody away though nobody is named: a trade, a room, an insurance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.sheets import Sheet, Token, is_measured_station
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
    is_listed,
    is_listed_as_clinical,
    is_ordinary,
    is_trade,
    name_risk,
)
from endoreg_db.deid.reports.whereabouts import told_of_places

_AHEAD: Final = 6  # tokens of the next line
_REACH: Final = 8  # tokens in which a word about work speaks of an occupation
_WORK: Final = cue_keys("work")
_NUMBERED: Final = cue_keys("number_names")
_LONGEST_LIST: Final = 8  # tokens
_FIRMS: Final = frozenset({"firma", "fa", "arbeitgeber", "employer"})
_LONGEST_FIRM: Final = 4  # words
_WORK_BEFORE: Final = cue_keys("work_before")
_ENGLISH_WORK: Final = cue_keys("english_work")
_NEAR: Final = 5  # tokens between work and what somebody worked as
_ENGLISH_TRADES: Final = cue_keys("english_trades")
_ARTICLES: Final = frozenset({"a", "an", "retired", "former", "the"})
_ENGLISH_END: Final = cue_keys("english_work_ends")
_BEING: Final = cue_keys("being")
_CALLING_ENDS: Final = cue_keys("calling_ends")
_PAID: Final = cue_keys("paid")
#: Words that are no fund where they stand alone: ``Energie zwölf Joule``.
_FUNDS_TOO: Final = frozenset(
    {"energie", "mobil", "heimat", "signal", "big", "central", "merkur", "versicherung"}
)
_FUNDS: Final = cue_keys("sure_funds")  # words of the language that are funds wherever they stand
_BEFORE_PAYERS: Final = cue_keys("before_payers")
_NO_PAYERS: Final = cue_keys("no_payers")
_MOVED: Final = cue_keys("moved")
_ROOMS: Final = cue_keys("rooms")
_ROOM: Final = re.compile(r"[A-ZÄÖÜ]{0,3}[\-.]?\s?\d{1,4}(?:[.\-/]\d{1,3})?[a-zA-Z]?[.,;:)]*")
_DEPARTMENTS: Final = cue_keys("departments")
_WING: Final = re.compile(r"[A-ZÄÖÜ]{1,3}")
_NOW: Final = frozenset({"derzeit", "aktuell", "currently"})
_WARDS: Final = cue_keys("wards")
_WARD: Final = re.compile(r"(?:\d{1,2}[a-zA-Z]?|[IVX]{1,3}|[A-D])[.,;)]*")
_LONGEST_UNIT: Final = 3  # words
_MOVES: Final = cue_keys("moves")
_ONTO: Final = cue_keys("onto")
_WHEN: Final = frozenset({"vom", "um", "gegen", "bis", "am", "seit"})
_SIDES: Final = cue_keys("sides")
_HOUSES: Final = cue_keys("houses")
_PHONES: Final = cue_keys("phones")
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
    yield from _told_of_work(flow, index)
    yield from _told_of_the_house(flow, index)
    yield from _told_of_numbers(flow, index)
    yield from _told_of_insurers(flow, index)
    yield from told_of_places(flow, index)


def _told_of_work(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.key in _FIRMS and token.is_capitalised:
        yield "institution", _firm(flow, index)
    if token.key in _WORK_BEFORE:
        yield "occupation", _as_what(flow, index)
    if is_trade(token.core) and token.is_capitalised and _speaks_of_work(flow, index):
        yield "occupation", (token,)
    if token.key in _BEING:
        yield "occupation", _calling(flow, index)
    if token.key in _ENGLISH_WORK:
        yield "occupation", _english_work(flow, index)
    if token.key == "as" and any(other.key in _ENGLISH_WORK for other in flow[max(0, index - _NEAR) : index]):
        yield "occupation", _english_work(flow, index)
    if token.key in _ENGLISH_TRADES and any(t.key in _ARTICLES for t in flow[max(0, index - 2) : index]):
        yield "occupation", (token,)
    if token.key in ("from", "at", "for") and index and flow[index - 1].key in _ENGLISH_WORK:
        yield "institution", _firm(flow, index)
    if [other.key for other in flow[max(0, index - 2) : index + 1]] == ["used", "to", "be"]:
        yield "occupation", _english_work(flow, index)


def _told_of_the_house(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.key == "unit" and token.is_capitalised:
        yield "ward", _unit(flow, index)
    if token.key == "unit" and token.text.endswith(","):
        yield "ward", _ward_code(flow, index + 1)
    if token.key in _NOW:
        yield "ward", _now_at(flow, index)
    if token.key in _MOVES:
        yield "ward", _moved_to(flow, index)
    if token.key in _ROOMS and index + 1 < len(flow):
        yield "ward", _room(flow, index)
    if token.key in _WARDS and token.is_capitalised:
        yield "ward", _ward(flow, index)
    if token.key in _WARDS | _DEPARTMENTS and token.text.endswith(","):
        yield "ward", _listed_ward(flow, index)
    if token.key in _PHONES and index + 1 < len(flow):
        yield "phone", _extension(flow, index)
    if token.key in _MOVED:
        yield "ward", _moved_from(flow, index)


def _told_of_numbers(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """``Gürtel 777``, ``Konserven D3035 157 und D8650 310``: what such a word numbers."""
    if flow[index].key not in _NUMBERED:
        return
    end = index + 1
    while end < len(flow) and end - index <= _LONGEST_LIST and _is_of_list(flow[end]):
        end += 1
        if flow[end - 1].text[-1:] in ";.":
            break
    yield "number", tuple(token for token in flow[index + 1 : end] if token.has_digit)


def _is_of_list(token: Token) -> bool:
    return token.has_digit or not token.key or token.key in ("und", "and", "nr", "no")


def _told_of_insurers(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.phrase.split()[-1:] == ["bkk"] and "-" in token.core:
        yield "insurer", (token,)
    if token.key in _PAID:
        yield "insurer", _payer(flow, index)
    if token.key.endswith("kase") and token.is_capitalised:
        yield "insurer", _named_fund(flow, index)
    if token.key in _INSURERS and token.is_capitalised and token.core[-1:].isalpha():
        yield "insurer", _insurer(flow, index)


def _firm(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``bei der Firma Holz & Söhne``: the capitalised words that follow."""
    end = index + 1
    while (
        end < len(flow) and end - index <= _LONGEST_FIRM and (flow[end].is_capitalised or not flow[end].key)
    ):
        end += 1
        if flow[end - 1].text[-1:] in ".,;:)":
            break
    return tuple(flow[index + 1 : end])


def _as_what(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``als Lokführer``, ``von Beruf Maurer``: the capitalised words that follow, up to two."""
    if flow[index].key == "als" and not _speaks_of_work(flow, index):
        return ()
    taken: list[Token] = []
    for token in flow[index + 1 : index + 4]:
        if token.is_name_shaped:
            taken.append(token)
            if not token.text[-1:].isalpha():
                break
        elif taken or not token.core.islower() or not is_ordinary(token.core):
            break
    return tuple(taken[:2])


def _calling(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``ist Zugbegleiterin,``: what somebody is, by its list or by its ending."""
    start = index + 1
    while start < len(flow) and start - index <= 2 and flow[start].key in _BEING:
        start += 1
    for end in (start, start + 1):
        if end >= len(flow) or not flow[end].is_name_shaped:
            return ()
        if is_trade(flow[end].core) or (
            not is_listed_as_clinical(flow[end].core) and _ends_as_calling(flow[end])
        ):
            return tuple(flow[start : end + 1])
        if not flow[end].text[-1:].isalpha():
            return ()
    return ()


def _ends_as_calling(token: Token) -> bool:
    if any(token.key.endswith(end) and len(token.key) >= len(end) + 3 for end in _CALLING_ENDS):
        return True
    return len(token.key) > 6 and token.key.endswith(("er", "in")) and not is_listed(token.core)


def _speaks_of_work(flow: Sequence[Token], index: int) -> bool:
    around = flow[max(0, index - _REACH) : index + _REACH]
    return any(token.key in _WORK for token in around)


def _english_work(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``retired bus driver``, ``works as a nurse``: the small words that follow, up to two."""
    taken: list[Token] = []
    for token in flow[index + 1 : index + 5]:
        if token.key in ("as", "a", "an", "the", "at") and not taken:
            continue
        if not token.core.isalpha() or token.key in _ENGLISH_END or is_clinical(token.core):
            break
        taken.append(token)
        if not token.text[-1:].isalpha() or len(taken) == 2:
            break
    return tuple(taken)


def _room(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    start = index + 1
    while start < len(flow) - 1 and (flow[start].key in _ROOMS | {"nr"} or flow[start].text == "("):
        start += 1
    ward = _ward_code(flow, start)
    if not ward or is_measured_station(flow[start:]):
        return ()
    return (flow[index], *ward) if flow[index].key in _HOUSES else ward


def _ward_code(flow: Sequence[Token], start: int) -> tuple[Token, ...]:
    """``4B``, ``3.12``, ``C 21``: what tells a room or a ward from others."""
    two = tuple(flow[start : start + 2])
    if len(two) == 2 and _WING.fullmatch(two[0].core) and _ROOM.fullmatch(two[1].core):
        return two
    return two[:1] if two and two[0].has_digit and _ROOM.fullmatch(two[0].core) else ()


def _listed_ward(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Unfallchirurgie, P4-22,``: behind a department and a comma, and no count (``Chirurgie, 2. Teil``)."""
    ward = _ward_code(flow, index + 1)
    return tuple(token for token in ward if token.text[-1].isalnum() or token.text[-1] in ",;:")


def _now_at(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``derzeit GA 3:``: where somebody lies, before what is wrong with them."""
    ward = _ward_code(flow, index + 1)
    return ward if ward and ward[-1].text.endswith(":") else ()


def _unit(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Chest Pain Unit``: the capitalised words before, unless they are the endoscopists' own."""
    start = index
    while (
        start
        and index - start < _LONGEST_UNIT
        and flow[start - 1].is_capitalised
        and not flow[start - 1].has_digit
    ):
        start -= 1
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
        ward = token.is_capitalised or token.has_digit or token.key in _SIDES
        called = token.key in _WARDS | _SIDES or flow[start + len(taken)].key == "station"
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
    if number is None or not _WARD.fullmatch(number.text) or not flow[index].text[-1:].isalpha():
        return ()
    ends = index + 2 == len(flow) or number.text[-1:] in ".,;)" or flow[index + 2].separates
    return (flow[index], number) if ends else ()


def _extension(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """The number behind ``Funk`` or ``Durchwahl``, short as it may be."""
    token = flow[index + 1]
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
    words = [token for token in named if token.core.islower() or is_ordinary(token.core)]
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
    plain = (is_clinical(token.core) and not name_risk(token.core) for token in named)
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


def _moved_from(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``bitte auf ITS 2 zurückverlegen``: what stands between ``auf`` and the verb."""
    start = index
    while (
        start
        and index - start < 4
        and (flow[start - 1].is_capitalised or flow[start - 1].has_digit or len(flow[start - 1].core) == 1)
    ):
        start -= 1
    onto = start and flow[start - 1].key in _ONTO
    return tuple(flow[start:index]) if onto and start < index else ()


def _is_of_insurer(token: Token) -> bool:
    if token.key in _INSURERS or token.core in ("gesund", "plus", "classic", "direkt"):
        return True
    return token.is_name_shaped and not is_clinical(token.core)
