"""Where somebody lives, comes from or stays, told in a sentence without any label or postcode."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.names import is_title
from endoreg_db.deid.reports.places import is_sign
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    cue_words,
    is_clinical,
    is_english,
    is_eponym,
    is_listed_as_clinical,
    is_only_clinical,
    is_word_town,
)

_REACH: Final = 8  # tokens in which a word about work speaks of an occupation
_PLACE_CUES: Final = cue_keys("towns_after")
_AT_HOME: Final = cue_keys("at_home")
_HOME: Final = 6  # tokens before a place that may speak of a home
_GONE: Final = cue_keys("gone")
_ENGLISH_AT: Final = frozenset({"at", "from", "to"})
_INSIDE_TOWNS: Final = cue_keys("inside_towns") | cue_keys("inside_places")
_LIVES: Final = cue_keys("lives")
_LINKS: Final = cue_words("links")
_HOUSE: Final = re.compile(r"\d{1,3}(?:/\d{1,2})?\s?[a-h]?[.,;)]*")
_ROOMS: Final = cue_keys("rooms") | cue_keys("rooms_too")
_RIVERS: Final = cue_keys("rivers")
_STREET_OPENINGS: Final = cue_keys("street_openings")
_LINKS_OF_HOMES: Final = cue_keys("links_of_homes")
_AT_PLACES: Final = cue_keys("at_places")
_DEPARTMENTS: Final = cue_keys("departments")
_TIMES: Final = cue_keys("times")
_HOMES: Final = cue_keys("homes")


def told_of_places(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """What the word begins of where somebody lives or stays: kind of identity, and the words that go."""
    token = flow[index]
    if token.key in _PLACE_CUES and index + 1 < len(flow) and is_word_town(flow[index + 1].core):
        yield "address", _town(flow, index + 1)
    if is_word_town(token.core) and _stands_alone(flow, index):
        yield "address", (token,)
    if token.key in _PLACE_CUES and _is_at_home(flow, index) and index + 1 < len(flow):
        yield "address", _home_town(flow, index + 1)
    if token.key in _LIVES:
        yield "address", _lives_at(flow, index)
    if token.key in _AT_HOME:
        yield "address", _behind_town(flow, index)
    if token.text in ("St.", "Sankt") and index + 1 < len(flow) and _is_saint(flow[index + 1]):
        yield "address", (token, *_town(flow, index + 1))
    if token.text == "Bad" and index + 1 < len(flow) and _is_spa(flow, index):
        yield "address", (token, flow[index + 1])
    yield from _told_of_streets(flow, index)
    yield from _told_of_houses(flow, index)


def _told_of_streets(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if [other.text.rstrip(".,;)") for other in flow[index : index + 3]] == ["Weil", "der", "Stadt"]:
        yield "address", tuple(flow[index : index + 3])
    if token.is_name_shaped and index + 2 < len(flow):
        yield "address", _street_and_town(flow, index)
        yield "address", _by_river(flow, index)
    if token.key in _STREET_OPENINGS and token.is_capitalised and index:
        yield "address", _street_inside(flow, index)


def _told_of_houses(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.key in _ENGLISH_AT:
        yield "institution", _english_house(flow, index)
    if token.key in _DEPARTMENTS and _is_linked(flow, index):
        yield "institution", _home(flow, index)
    if token.key in _HOMES and token.is_capitalised and not token.ends_clause:
        yield "institution", _home(flow, index)


def _town(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """The town that begins here, with what tells it from others: ``Zell am Main``, ``Weil der Stadt``."""
    end = _behind_inside(flow, index)
    longer = (
        end > index + 1 and end < len(flow) and flow[end].is_name_shaped and not is_clinical(flow[end].core)
    )
    return tuple(flow[index : end + 1]) if longer else (flow[index],)


def _behind_inside(flow: Sequence[Token], index: int) -> int:
    """Where the small words end that stand inside a town's name, behind its first word."""
    end = index + 1
    while end < len(flow) and flow[end].key in _INSIDE_TOWNS and _runs_on(flow[end - 1]):
        end += 1
    return end


def _runs_on(token: Token) -> bool:
    return token.text[-1:].isalpha() or (token.text.endswith(".") and len(token.key) == 1)


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
    """Whether it is said that somebody lives, was born or spent a holiday somewhere, or moved there."""
    following = flow[index + 2 : index + 4]
    if following and following[0].key in _GONE:
        return True  # ``nach Ohne gezogen``
    if len(following) == 2 and following[0].text == "(" and is_title(following[1]):
        return True  # ``operiert in Salz (Dr. Weiß)``
    return any(
        token.key in _AT_HOME and not token.ends_clause for token in flow[max(0, index - _HOME) : index]
    )


def _home_town(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """The place that begins here, unless it is a word that says when or a part of the body."""
    token = flow[index]
    lives = any(other.key in _LIVES for other in flow[max(0, index - _HOME) : index])  # ``lives in March``
    if not token.is_name_shaped or (token.key in _TIMES and not lives) or is_only_clinical(token.core):
        return ()
    return _town(flow, index)


def _behind_town(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``lebt mit zwei Katzen in Templin, Im Winkel.``: what ends the sentence behind a town and a comma."""
    for comma in range(index + 1, min(len(flow) - 1, index + _REACH)):
        if flow[comma].ends_clause:
            return ()
        if not (flow[comma].text.endswith(",") and flow[comma - 1].key in _PLACE_CUES):
            continue
        end = comma + 1
        while (
            end < len(flow)
            and end - comma <= 3
            and (flow[end].is_capitalised or flow[end].key in _INSIDE_TOWNS)
        ):
            if flow[end].text.endswith("."):
                return tuple(flow[comma + 1 : end + 1])
            end += 1
    return ()


def _english_house(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``at City Digestive Institute``: two capitalised words or more in an English sentence."""
    if index + 1 < len(flow) and flow[index + 1].key == "the":
        index += 1
    end = index + 1
    while end < len(flow) and flow[end].is_capitalised and not flow[end].has_digit and end - index <= 5:
        end += 1
        if flow[end - 1].ends_clause or flow[end - 1].text[-1] in ",:":
            break
    named = tuple(flow[index + 1 : end])
    english = any(
        is_english(token.core) for token in flow[max(0, index - 3) : index + 8] if token.core.islower()
    )
    clinical = sum(is_only_clinical(token.core) for token in named)
    return named if len(named) >= 2 and english and clinical < len(named) else ()


def _is_saint(token: Token) -> bool:
    """Whether ``St.`` before the word is a saint's, and not a state after something (``St. p.``)."""
    return token.is_name_shaped and not is_listed_as_clinical(token.core)


def _is_spa(flow: Sequence[Token], index: int) -> bool:
    """Whether ``Bad`` begins a town's name, and is no bath (``im Bad``)."""
    before = flow[index - 1] if index else None
    bath = before is not None and before.key in ("im", "das", "ein", "ins", "kein")
    return not bath and flow[index + 1].is_name_shaped and not is_listed_as_clinical(flow[index + 1].core)


def _street_and_town(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Wiesenhang 49, Höxter``: a word that is none of the trade, a number, and another such word."""
    word, number, town = flow[index : index + 3]
    if not (
        re.fullmatch(r"\d{1,3}[a-h]?,", number.text) and town.is_name_shaped and word.text[-1:].isalpha()
    ):
        return ()
    if word.key in _ROOMS or is_sign(word) or is_sign(town):
        return ()  # ``ISS 22, FAST negativ``, ``Box 6, Motorik``
    clinical = any(is_clinical(token.core) or is_eponym(token.core) for token in (word, town))
    return () if clinical else (word, number, town)


def _by_river(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Bruck an der Mur``: a town, whatever word it is, that is told from others by its river."""
    end = _behind_inside(flow, index)
    if end == index + 1 or end == len(flow) or flow[end].key not in _RIVERS:
        return ()
    by_river = flow[end].is_capitalised and not is_only_clinical(flow[index].core)
    return tuple(flow[index : end + 1]) if by_river else ()


def _street_inside(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``Unfall auf der Im Winkel``: a small word with a capital where no sentence begins."""
    before = flow[index - 1]
    if not before.core.islower() or not before.text[-1:].isalpha() or flow[index].core.isupper():
        return ()
    end = index + 1
    while end < len(flow) and end - index <= 2 and flow[end].key in _INSIDE_TOWNS:
        end += 1
    if end == len(flow) or not flow[end].is_name_shaped or flow[end].key in _TIMES:
        return ()
    return () if is_only_clinical(flow[end].core) else tuple(flow[index : end + 1])


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
    if is_only_clinical(following.core):
        return ()
    return tuple(flow[index : end + 1])
