"""What a capitalised word is taken for: a word, somebody's name, or one of which nobody can be sure.

Each is *known* (a word of the language or the trade that is nobody's name), a *stranger* (in no list, and
not made of words that are), or *either* (``Klein``, ``Winter``, ``Hartmann``): then what stands beside it
decides, and where nothing says that it is a word it is taken for a name.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from endoreg_db.deid.reports.places import Place, is_sign
from endoreg_db.deid.reports.senses import (
    is_among_clinical,
    is_described,
    is_dosed,
    is_first_adjective,
    is_grade,
    is_graded,
    is_in_finding,
    is_noun_here,
    stands_for_something,
)
from endoreg_db.deid.reports.somebody import is_done, is_named_here, is_proper_in_english
from endoreg_db.deid.reports.vocabulary import (
    Risk,
    cue_keys,
    is_clinical,
    is_eponym,
    is_first_name,
    is_like_words,
    is_listed,
    is_listed_as_clinical,
    is_loose_compound,
    is_name,
    is_ordinary,
    is_plausible,
    is_town,
    is_trade_compound,
    looks_like_names,
    name_risk,
    resembles_ordinary,
)

_PLACE_CUES: Final = cue_keys("towns_after")
_FOREIGN: Final = re.compile(r"[^a-zäöüßéèêëïæœ\W\d_-]", re.I)  # letters that only names have in such reports


#: Words behind others where they are nobody's name.
_FIXED: Final = frozenset(
    {
        ("auf", "wunsch"), ("eigenen", "wunsch"), ("ausdrucklichen", "wunsch"), ("zum", "gluck"),
        ("im", "winter"), ("im", "sommer"), ("am", "morgen"), ("in", "ruhe"), ("im", "alter"),
    }
)  # fmt: skip


class Verdict(Enum):
    """What a capitalised word is taken for."""

    KNOWN = "known"
    STRANGER = "stranger"
    UNSURE = "unsure"  # it stays, but a person should look


def judge(place: Place) -> Verdict:
    """What a capitalised word of a sentence is taken for."""
    token = place.token
    text = token.core
    if is_ordinary(text) or (token.source == "ocr" and _is_misread_word(text)):
        return Verdict.STRANGER if is_proper_in_english(place) else _judge_word(place)
    if is_grade(place) or (is_eponym(text) and stands_for_something(place)):
        return Verdict.KNOWN
    if is_sign(token):
        return Verdict.STRANGER if place.beside_name and len(text) > 3 else Verdict.KNOWN
    if "-" in text and (is_trade_compound(text) or _is_abbreviated(text)):
        return Verdict.KNOWN
    if is_name(text) or place.beside_sure_name or _FOREIGN.search(text):
        return Verdict.STRANGER
    if place.before is None and place.token.text[-1:].isalpha() and is_first_adjective(place):
        return Verdict.UNSURE
    if not is_trade_compound(text) and not is_like_words(text) and is_named_here(place):
        return Verdict.STRANGER
    if is_dosed(place) or is_trade_compound(text) or is_like_words(text):
        return Verdict.KNOWN
    if is_plausible(text) or is_described(place) or (not looks_like_names(text) and is_in_finding(place)):
        return Verdict.UNSURE
    return Verdict.STRANGER


def _is_abbreviated(text: str) -> bool:
    """Whether an abbreviation and a word are joined, as no names are: ``HP-Status``, ``SSRI-Einnahme``."""
    first, _, rest = text.partition("-")
    capitals = sum(map(str.isupper, first))
    return (
        2 <= capitals == len(first)
        and all(is_ordinary(part) for part in rest.split("-"))
        and not name_risk(rest)
    )


def _is_misread_word(text: str) -> bool:
    return not is_first_name(text) and not is_town(text) and resembles_ordinary(text)


def _judge_word(place: Place) -> Verdict:
    """The verdict on a word that is in the lists, or made of words that are."""
    text = place.token.core
    if (place.before is not None and place.before.key, place.token.key) in _FIXED:
        return Verdict.KNOWN
    risk = _risk(text)
    if risk is not Risk.NONE and _begins_remark(place):
        return Verdict.UNSURE
    if place.is_named_after and not is_listed(text) and not is_clinical(text):
        return Verdict.STRANGER  # ``Rettungsdienst Hintermoos``
    if risk is Risk.NONE:
        return _judge_compound(place) if is_loose_compound(text) else Verdict.KNOWN
    if is_eponym(text) and (is_graded(place) or (risk is Risk.RARE and stands_for_something(place))):
        return Verdict.KNOWN
    if is_done(place) or is_named_here(place) or place.is_behind_initial or place.is_behind_role:
        return Verdict.STRANGER
    return _judge_risky(place, risk)


def _risk(text: str) -> Risk:
    risk = name_risk(text)
    return Risk.FREQUENT if risk is Risk.NONE and is_first_name(text) else risk


def _begins_remark(place: Place) -> bool:
    """``Oberst: bitte Termin vereinbaren``."""
    inside = place.index > 0 and place.flow[place.index - 1].line == place.token.line
    return place.before is None and inside and place.token.text.endswith(":")


def _judge_risky(place: Place, risk: Risk) -> Verdict:
    """The verdict on a word that may be somebody's name, where nothing says that it is somebody."""
    text = place.token.core
    if risk is Risk.FREQUENT and place.ends_name:
        return Verdict.STRANGER
    if is_eponym(text):
        clinical = stands_for_something(place)
    else:
        clinical = is_listed_as_clinical(text) and (risk is Risk.RARE or is_among_clinical(place))
    if clinical or (risk is Risk.RARE and not place.beside_name and not is_eponym(text)):
        return Verdict.KNOWN
    if is_noun_here(place) and not place.beside_name:
        return Verdict.KNOWN
    return Verdict.UNSURE if not place.beside_name and is_in_finding(place) else Verdict.STRANGER


def _judge_compound(place: Place) -> Verdict:
    """The verdict on a compound of two everyday words, as some names are (``Ketter-ing``)."""
    before = place.before
    if is_noun_here(place):
        return Verdict.KNOWN
    named = before is not None and before.key in _PLACE_CUES
    return Verdict.STRANGER if named or place.beside_name or place.is_behind_initial else Verdict.UNSURE
