"""Free phrases that give somebody away though nobody is named: a trade, a room, an insurance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.sheets import Sheet, Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    cue_words,
    is_clinical,
    is_listed,
    is_listed_as_clinical,
    is_ordinary,
    is_trade,
    is_word_town,
    name_risk,
)

_AHEAD: Final = 6  # tokens of the next line
_REACH: Final = 8  # tokens in which a word about work speaks of an occupation
_WORK: Final = cue_keys("work")
_WORK_BEFORE: Final = cue_keys("work_before")
_ENGLISH_WORK: Final = cue_keys("english_work")
_ENGLISH_END: Final = cue_keys("english_work_ends")
_BEING: Final = cue_keys("being")
_CALLING_ENDS: Final = cue_keys("calling_ends")
_ROOMS: Final = cue_keys("rooms")
_ROOM: Final = re.compile(r"[A-ZÄÖÜ]{0,3}[\-.]?\s?\d{1,4}(?:[.\-/]\d{1,3})?[a-zA-Z]?[.,;)]*")
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
_PLACE_CUES: Final = cue_keys("towns_after")
_AT_HOME: Final = cue_keys("at_home")
_INSIDE_TOWNS: Final = cue_keys("inside_towns") | cue_keys("inside_places")
_LIVES: Final = cue_keys("lives")
_LINKS: Final = cue_words("links")
_HOUSE: Final = re.compile(r"\d{1,3}\s?[a-h]?[.,;)]*")
_LINKS_OF_HOMES: Final = cue_keys("links_of_homes")
_AT_PLACES: Final = cue_keys("at_places")
_DEPARTMENTS: Final = cue_keys("departments")
_TIMES: Final = cue_keys("times")
_HOMES: Final = cue_keys("homes")


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
    yield from _told_of_places(flow, index)


def _told_of_work(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.key in _WORK_BEFORE:
        yield "occupation", _as_what(flow, index)
    if is_trade(token.core) and token.is_capitalised and _speaks_of_work(flow, index):
        yield "occupation", (token,)
    if token.key in _BEING:
        yield "occupation", _calling(flow, index)
    if token.key in _ENGLISH_WORK:
        yield "occupation", _english_work(flow, index)
    if (
        token.key == "be"
        and index
        and flow[index - 1].key == "to"
        and index > 1
        and flow[index - 2].key == "used"
    ):
        yield "occupation", _english_work(flow, index)


def _told_of_the_house(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.key == "unit" and token.is_capitalised:
        yield "ward", _unit(flow, index)
    if token.key in _MOVES:
        yield "ward", _moved_to(flow, index)
    if token.key in _ROOMS and index + 1 < len(flow):
        yield "ward", _room(flow, index)
    if token.key in _WARDS and token.is_capitalised:
        yield "ward", _ward(flow, index)
    if token.key in _PHONES and index + 1 < len(flow):
        yield "phone", _extension(flow, index)
    if token.phrase.split()[-1:] == ["bkk"] and "-" in token.core:
        yield "insurer", (token,)
    if token.key in _INSURERS and token.is_capitalised and token.core[-1:].isalpha():
        yield "insurer", _insurer(flow, index)


def _told_of_places(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.key in _PLACE_CUES and index + 1 < len(flow) and is_word_town(flow[index + 1].core):
        yield "address", _town(flow, index + 1)
    if is_word_town(token.core) and _stands_alone(flow, index):
        yield "address", (token,)
    if token.key in _PLACE_CUES and _is_at_home(flow, index) and index + 1 < len(flow):
        yield "address", _home_town(flow, index + 1)
    if token.key in _LIVES:
        yield "address", _lives_at(flow, index)
    if token.text in ("St.", "Sankt") and index + 1 < len(flow) and _is_saint(flow[index + 1]):
        yield "address", (token, flow[index + 1])
    if token.is_name_shaped and index + 2 < len(flow):
        yield "address", _street_and_town(flow, index)
    if token.key in _DEPARTMENTS and _is_linked(flow, index):
        yield "institution", _home(flow, index)
    if token.key in _HOMES and token.is_capitalised and not token.ends_clause:
        yield "institution", _home(flow, index)


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
        if is_trade(flow[end].core) or (not is_clinical(flow[end].core) and _ends_as_calling(flow[end])):
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
    token = flow[index + 1]
    if token.key in _ROOMS or token.key == "nr":
        token = flow[index + 2] if index + 2 < len(flow) else token
    if not (token.has_digit and _ROOM.fullmatch(token.text)):
        return ()
    return (flow[index], token) if flow[index].key in _HOUSES else (token,)


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
    start = next((n for n in range(index + 1, min(len(flow), index + 4)) if flow[n].key in _ONTO), len(flow))
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
    return named if len(words) < len(named) or len(named) > 1 or name_risk(named[0].core) else ()


def _is_of_insurer(token: Token) -> bool:
    if token.key in _INSURERS or token.core in ("gesund", "plus", "classic", "direkt"):
        return True
    return token.is_name_shaped and not is_clinical(token.core)


def _town(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """The town that begins here, with what tells it from others: ``Zell am Main``, ``Weil der Stadt``."""
    end = index + 1
    while end < len(flow) and flow[end].key in _INSIDE_TOWNS and flow[end - 1].text[-1:].isalpha():
        end += 1
    longer = (
        end > index + 1 and end < len(flow) and flow[end].is_name_shaped and not is_clinical(flow[end].core)
    )
    return tuple(flow[index : end + 1]) if longer else (flow[index],)


def _stands_alone(flow: Sequence[Token], index: int) -> bool:
    """Whether a word stands between two commas, as a place does (``Dr. Graf, Essen.``)."""
    token = flow[index]
    bracket = index + 1 < len(flow) and flow[index + 1].text.startswith("(")
    return index > 0 and flow[index - 1].text.endswith(",") and (bracket or token.text[-1:] in ".,;)")


def _lives_at(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``wohnt allein, Hohe Warte 75``: capitalised words up to a house number, soon behind ``wohnt``."""
    for number in range(index + 2, min(len(flow), index + _REACH + 3)):
        if not _HOUSE.fullmatch(flow[number].text) or flow[number - 1].text[-1:] in ",;:":
            continue
        start = number
        while start - 1 > index and _is_of_street(flow[start - 1]) and flow[start - 1].text[-1:] not in ",;":
            start -= 1
        while start < number and not flow[start].is_capitalised:
            start += 1
        return tuple(flow[start : number + 1]) if start < number else ()
    return ()


def _is_at_home(flow: Sequence[Token], index: int) -> bool:
    """Whether it was just said that somebody lives, was born or spent a holiday somewhere."""
    return any(token.key in _AT_HOME and not token.ends_clause for token in flow[max(0, index - 4) : index])


def _home_town(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """The place that begins here, unless it is a word that says when or a part of the body."""
    token = flow[index]
    if (
        not token.is_name_shaped
        or token.key in _TIMES
        or (is_clinical(token.core) and not name_risk(token.core))
    ):
        return ()
    return _town(flow, index)


def _is_saint(token: Token) -> bool:
    """Whether ``St.`` before the word is a saint's, and not a state after something (``St. p.``)."""
    return token.is_name_shaped and not is_listed_as_clinical(token.core)


def _street_and_town(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Wiesenhang 49, Höxter``: a word that is none of the trade, a number, and another such word."""
    word, number, town = flow[index : index + 3]
    if not (
        re.fullmatch(r"\d{1,3}[a-h]?,", number.text) and town.is_name_shaped and word.text[-1:].isalpha()
    ):
        return ()
    return () if is_clinical(word.core) or is_clinical(town.core) else (word, number, town)


def _is_of_street(token: Token) -> bool:
    return token.is_capitalised or token.phrase in _LINKS


def _is_linked(flow: Sequence[Token], index: int) -> bool:
    """``Gastroenterologie am Bahnhof``: a department that is called after the place where it is."""
    return index + 1 < len(flow) and flow[index + 1].key in _AT_PLACES and flow[index].text[-1:].isalpha()


def _home(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Haus Abendfrieden``, ``Haus am See``: a house with a name."""
    end = index + 1
    while end < len(flow) and end - index <= 2 and flow[end].key in _LINKS_OF_HOMES:
        end += 1
    following = flow[end] if end < len(flow) else None
    if following is None or not following.is_name_shaped or following.key in _TIMES:
        return ()
    if is_clinical(following.core) and not name_risk(following.core):
        return ()
    return tuple(flow[index : end + 1])
