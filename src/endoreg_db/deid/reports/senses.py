"""What says, beside a word that may be a name, that it is a word: an article, an adjective, a finding."""

from __future__ import annotations

import re
from typing import Final

from endoreg_db.deid.reports.names import is_salutation, is_title
from endoreg_db.deid.reports.places import Place
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    Risk,
    cue_keys,
    is_adjective,
    is_clinical,
    is_english,
    is_eponym,
    is_first_name,
    is_ordinary,
    is_rare_eponym,
    is_role,
    name_risk,
)

_DETERMINERS: Final = cue_keys("determiners")
_THINGS: Final = cue_keys("things")
_TIMES: Final = cue_keys("times")
_BEFORE_TIMES: Final = cue_keys("before_times")
_FINITE: Final = cue_keys("finite")
_PEOPLE_DO: Final = cue_keys("people_do")
_DOERS: Final = cue_keys("doers")
_EPONYM_CUES: Final = cue_keys("eponym_cues")
_EPONYM_HEADS: Final = cue_keys("eponym_heads")
_PARTICIPLES: Final = ("te", "ten", "ter", "tes", "ene", "enen", "ener", "enes")
_ROMAN: Final = re.compile(r"[IVX]{1,4}[a-d]?")
_GRADE: Final = re.compile(r"(?:[IVXL]{1,5}(?:[a-cpsF]|sp)?|\d[\w\-+,.]*|[A-D]\d?|[CL]\d\w*)[,;.)]*")
_INFLECTED: Final = ("e", "en", "er", "es", "em")
_ENGLISH_ADJECTIVE: Final = re.compile(r".{4,}(?:al|ic|ous|ive|ary|oid|ar|ed|ing)")
_PREPOSITIONS: Final = cue_keys("prepositions")
_PAST: Final = ("ete", "ierte", "ierten", "elte", "erte", "gte")  # verbs, which people stand behind
_UNITS: Final = cue_keys("units")
_NEAR: Final = 5  # tokens on either side of a word that may say that it is one of a finding
_MOSTLY: Final = 3  # words of the trade among them
_DEPARTMENTS: Final = cue_keys("departments")
_SAYERS: Final = cue_keys("sayers")
_CLOSE: Final = 4  # tokens on either side whose sense a word shares


def is_grade(place: Place) -> bool:
    """Whether a word is the grade of what stands before it: ``Forrest Ib``, ``Typ IIa``."""
    before = place.before
    behind = before is not None and (is_eponym(before.core) or is_clinical(before.core))
    return behind and bool(_ROMAN.fullmatch(place.token.core))


def is_graded(place: Place) -> bool:
    """Whether a grade stands behind an eponym: ``Marsh 3b``, ``(Forrest Ib)``."""
    return place.after is not None and not place.beside_name and bool(_GRADE.fullmatch(place.after.text))


def stands_for_something(place: Place) -> bool:
    """Whether an eponym stands for a disease, a sign or a score, not for a person."""
    before, after = place.before, place.after
    if place.beside_name or (before is not None and is_salutation(before)):
        return False
    if "-" in place.token.core and is_clinical(place.token.core.split("-")[-1]):
        return True
    text = place.token.core
    if after is not None and (_GRADE.fullmatch(after.text) or _is_called_so(place)):
        return True
    if after is not None and is_clinical(after.core):
        deed = after.core.islower() and after.key.endswith(_PARTICIPLES)
        return not (is_rare_eponym(text) and deed)  # ``die von Hering gelegte Sonde``
    if name_risk(text) is Risk.FREQUENT or is_first_name(text) or is_rare_eponym(text):
        return before is not None and before.key in _EPONYM_CUES
    nearest = [token for token in place.flow[max(0, place.index - 3) : place.index] if token.key]
    return any(
        token.key in _EPONYM_CUES or (token.is_capitalised and is_of_finding(token)) for token in nearest
    )


def _is_called_so(place: Place) -> bool:
    """``Zenker diverticulum``, ``Grey-Turner and Cullen signs``: behind stands what is called so."""
    following = place.flow[place.index + 1 : place.index + 4]
    if not following or place.token.text[-1:] in ".;:":
        return False
    joined = (
        len(following) == 3
        and following[0].key in ("and", "or", "und", "oder")
        and is_eponym(following[1].core)
    )
    return (following[2] if joined else following[0]).key in _EPONYM_HEADS


def is_noun_here(place: Place) -> bool:
    """Whether something says that a word that is also a surname is a word here: an article, an adjective."""
    before, after = place.before, place.after
    if before is None:
        return after is not None and place.token.text[-1:].isalpha() and _goes_on(after)
    if before.key in _DETERMINERS or before.core.isdigit() or before.text.endswith("%"):
        return True
    if place.token.key.rstrip("s") in _TIMES and (before.key in _BEFORE_TIMES or before.key in _TIMES):
        return True
    inflected = before.core.islower() and before.key.endswith(_INFLECTED)
    if before.key in _PREPOSITIONS or before.key.endswith(_PAST):
        return False
    return inflected and is_ordinary(before.core) and before.key not in _DOERS and before.key not in _FINITE


def _goes_on(after: Token) -> bool:
    """Whether a sentence goes on as after its first adjective, and not as after its subject."""
    if not after.key or after.has_digit or not after.core[:1].isalpha() or not after.text[:1].isalpha():
        return False
    if after.is_capitalised:
        return is_ordinary(after.core) and not name_risk(after.core)
    return after.key not in _FINITE | _PEOPLE_DO


def is_among_clinical(place: Place) -> bool:
    """Whether words of the trade, or measures, stand close by: ``Stein bei 3 cm``, ``Kopf des Pankreas``."""
    before = place.before
    if before is not None and before.is_name_shaped and not is_clinical(before.core):
        return False
    around = place.flow[max(0, place.index - _CLOSE) : place.index + _CLOSE + 1]
    return any(other is not place.token and (other.key in _UNITS or is_of_finding(other)) for other in around)


def is_of_finding(token: Token) -> bool:
    """Whether a word is of the trade, and neither a name nor a department or a role."""
    if token.key in _DEPARTMENTS or name_risk(token.core) or is_role(token.core):
        return False
    return is_clinical(token.core)


def is_dosed(place: Place) -> bool:
    """Whether a number and a unit follow, as behind a drug: ``Xyz 40 mg``."""
    following = place.flow[place.index + 1 : place.index + 3]
    return len(following) == 2 and following[0].has_digit and following[1].key in _UNITS


def is_described(place: Place) -> bool:
    """Whether the words around an unknown one are as around a thing: ``mit dem Xyz``, ``Xyze Läsion``.

    ``im`` and ``der`` are left out: homes and landscapes have them too, and so has ``die`` of persons.
    """
    before, after = place.before, place.after
    if before is None:
        adjective = place.token.key.endswith(_INFLECTED) and len(place.token.key) > 4
        noun = (
            after is not None
            and after.is_capitalised
            and is_clinical(after.core)
            and not name_risk(after.core)
        )
        return adjective and noun and place.token.text[-1:].isalpha()
    if before.key in _THINGS or (before.text.isdigit() and len(before.text) < 3):
        return True
    inflected = before.core.islower() and re.search(r"(?<!t)e$|(?<!te)[nrsm]$", before.key)
    return (
        bool(inflected)
        and before.key not in _PREPOSITIONS
        and before.key.endswith(_INFLECTED)
        and len(before.key) > 5
        and is_ordinary(before.core)
        and before.key not in _FINITE | _DOERS
    )


def is_first_adjective(place: Place) -> bool:
    """``Transjugulärer Shunt``, ``Variceal band``: an adjective in no list that begins a sentence."""
    if is_adjective(place.token.core):
        return True
    after = place.after
    english = after is not None and after.core.islower() and is_english(after.core)
    return english and _ENGLISH_ADJECTIVE.fullmatch(place.token.key) is not None


def is_in_finding(place: Place) -> bool:
    """Whether the words around are of the trade, and nothing says that somebody did something."""
    before, after = place.before, place.after
    if before is not None and (before.key in _DOERS or before.key in _SAYERS):
        return False
    if after is not None and after.key in _FINITE | _PEOPLE_DO:
        return False
    around = place.flow[max(0, place.index - _NEAR) : place.index + _NEAR + 1]
    if any(is_title(other) or is_role(other.core) or other.key in _DEPARTMENTS for other in around):
        return False
    return sum(map(is_of_finding, around)) >= _MOSTLY
