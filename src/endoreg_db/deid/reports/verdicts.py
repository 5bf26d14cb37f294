"""What a capitalised word is taken for: a word, somebody's name, or one of which nobody can be sure.

Each is *known* (a word of the language or the trade that is nobody's name), a *stranger* (in no list, and
not made of words that are), or *either* (``Klein``, ``Winter``, ``Hartmann``): then what stands beside it
decides, and where nothing says that it is a word it is taken for a name.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from endoreg_db.deid.reports.names import is_salutation, is_title
from endoreg_db.deid.reports.places import Place, ends_sentence, is_sign
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    Risk,
    cue_keys,
    is_adjective,
    is_clinical,
    is_english,
    is_eponym,
    is_first_name,
    is_german_only,
    is_like_words,
    is_listed_as_clinical,
    is_loose_compound,
    is_name,
    is_ordinary,
    is_plausible,
    is_role,
    is_town,
    is_trade_compound,
    looks_like_names,
    name_risk,
    resembles_ordinary,
)

_DETERMINERS: Final = cue_keys("determiners")
_THINGS: Final = cue_keys("things")
_TIMES: Final = cue_keys("times")
_BEFORE_TIMES: Final = cue_keys("before_times")
_FINITE: Final = cue_keys("finite")
_PEOPLE_DO: Final = cue_keys("people_do")
_DOERS: Final = cue_keys("doers")
_DOINGS: Final = cue_keys("doings")
_PLACE_CUES: Final = cue_keys("towns_after")
_EPONYM_CUES: Final = cue_keys("eponym_cues")
_GRADE: Final = re.compile(r"(?:[IVXL]{1,5}(?:[a-cps]|sp)?|\d[\w\-+,.]*|[A-D]\d?|[CL]\d\w*)[,;.)]*")
_INFLECTED: Final = ("e", "en", "er", "es", "em")
_FOREIGN: Final = re.compile(r"[^a-zäöüßéèêëïæœ\W\d_-]", re.I)  # letters that only names have in such reports
_FOREIGN_PARTICLES: Final = cue_keys("foreign_particles")
_PARTICIPLE: Final = re.compile(r"(?:\w*ge\w+|\w{2,}iert|[vzeb]e?r?\w+)(?:te|ten|ter|tes|ene|enen|ener|enes)")
_NO_AGENTS: Final = cue_keys("no_agents")
_HELPERS: Final = frozenset({"hat", "hatte", "has", "had", "will"})
_OPENINGS: Final = cue_keys("surname_openings") - {"am", "im", "beim", "in", "aus"}
_CARERS: Final = cue_keys("carers")
_WHO_DID: Final = cue_keys("who_did")
_ENGLISH_ADJECTIVE: Final = re.compile(r".{4,}(?:al|ic|ous|ive|ary|oid|ar|ed|ing)")
_LEADS_TO: Final = cue_keys("leads_to")
_STEMS_FROM: Final = cue_keys("stems_from")
_PREPOSITIONS: Final = cue_keys("prepositions")
_PAST: Final = ("ete", "ierte", "ierten", "elte", "erte", "gte")  # verbs, which people stand behind
_UNITS: Final = cue_keys("units")
_COPULAS: Final = cue_keys("copulas")
_NAMED_AFTER: Final = cue_keys("named_after")
_NEAR: Final = 5  # tokens on either side of a word that may say that it is one of a finding
_MOSTLY: Final = 3  # words of the trade among them
_DEPARTMENTS: Final = cue_keys("departments")
_SAYERS: Final = cue_keys("sayers")
_CLOSE: Final = 4  # tokens on either side whose sense a word shares
REACH: Final = 9  # tokens on either side in which a verb says who did something


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
        return Verdict.STRANGER if _is_proper_in_english(place) else _judge_word(place)
    if is_eponym(text) and stands_for_something(place):
        return Verdict.KNOWN
    if is_sign(token):
        return Verdict.STRANGER if place.beside_name and len(text) > 3 else Verdict.KNOWN
    if "-" in text and is_trade_compound(text):
        return Verdict.KNOWN
    if is_name(text) or place.beside_sure_name or _FOREIGN.search(text):
        return Verdict.STRANGER
    if place.before is None and place.token.text[-1:].isalpha() and _is_first_adjective(place):
        return Verdict.UNSURE
    if not is_trade_compound(text) and not is_like_words(text) and _is_named_here(place):
        return Verdict.STRANGER
    if is_dosed(place) or is_trade_compound(text) or is_like_words(text):
        return Verdict.KNOWN
    if is_plausible(text) or _is_described(place) or (not looks_like_names(text) and _is_in_finding(place)):
        return Verdict.UNSURE
    return Verdict.STRANGER


def _is_first_adjective(place: Place) -> bool:
    """``Transjugulärer Shunt``, ``Variceal band``: an adjective in no list that begins a sentence."""
    if is_adjective(place.token.core):
        return True
    after = place.after
    english = after is not None and after.core.islower() and is_english(after.core)
    return english and _ENGLISH_ADJECTIVE.fullmatch(place.token.key) is not None


def _is_in_finding(place: Place) -> bool:
    """Whether the words around are of the trade, and nothing says that somebody did something."""
    before, after = place.before, place.after
    if before is not None and (before.key in _DOERS or before.key in _SAYERS):
        return False
    if after is not None and after.key in _FINITE | _PEOPLE_DO:
        return False
    around = place.flow[max(0, place.index - _NEAR) : place.index + _NEAR + 1]
    if any(is_title(other) or is_role(other.core) or other.key in _DEPARTMENTS for other in around):
        return False
    return sum(map(_is_of_finding, around)) >= _MOSTLY


def is_dosed(place: Place) -> bool:
    """Whether a number and a unit follow, as behind a drug: ``Xyz 40 mg``."""
    following = place.flow[place.index + 1 : place.index + 3]
    return len(following) == 2 and following[0].has_digit and following[1].key in _UNITS


def _is_described(place: Place) -> bool:
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


def _is_misread_word(text: str) -> bool:
    return not is_first_name(text) and not is_town(text) and resembles_ordinary(text)


def _judge_word(place: Place) -> Verdict:
    """The verdict on a word that is in the lists, or made of words that are."""
    text = place.token.core
    risk = name_risk(text)
    if risk is Risk.NONE and is_first_name(text):
        risk = Risk.FREQUENT
    inside = place.index > 0 and place.flow[place.index - 1].line == place.token.line
    if risk is not Risk.NONE and place.before is None and inside and place.token.text.endswith(":"):
        return Verdict.UNSURE  # ``Oberst: bitte Termin vereinbaren``
    if risk is Risk.NONE:
        return _judge_compound(place) if is_loose_compound(text) else Verdict.KNOWN
    if _is_done(place):
        return Verdict.STRANGER
    if _is_named_here(place):
        return Verdict.STRANGER
    if place.is_behind_initial or place.is_behind_role or (risk is Risk.FREQUENT and place.ends_name):
        return Verdict.STRANGER
    if is_eponym(text):
        clinical = stands_for_something(place)
    else:
        clinical = is_listed_as_clinical(text) and (risk is Risk.RARE or is_among_clinical(place))
    if clinical or (risk is Risk.RARE and not place.beside_name and not is_eponym(text)):
        return Verdict.KNOWN
    if is_noun_here(place) and not place.beside_name:
        return Verdict.KNOWN
    return Verdict.UNSURE if not place.beside_name and _is_in_finding(place) else Verdict.STRANGER


def _is_named_here(place: Place) -> bool:
    """Whether something beside a word says that it is somebody, however seldom it is a surname."""
    before, after = place.before, place.after
    if after is not None and after.key in _PEOPLE_DO:
        return True
    if before is not None and _is_foreign_particle(before) and not is_listed_as_clinical(place.token.core):
        return True
    if _is_in_department(place) or place.is_listed or _begins_list(place):
        return True
    if _is_agent(place) or _is_gone_to(place):
        return True
    called = after is not None and after.key in _COPULAS and not is_role(place.token.core)
    if called and {place.index + 2, place.index + 3} & set(place.sure):
        return True  # ``Salz ist gelernter Bestatter``
    if before is not None and (before.key in _WHO_DID or _opens_surname(place)):
        return True
    if _is_alone_in_brackets(place) or _is_subject(place) or _is_proper_in_english(place):
        return True
    last = place.flow[place.index - 1] if place.index else None
    if last is not None and last.text.endswith(":") and (last.key in _DOINGS or is_role(last.core)):
        return True  # ``Bilder gesehen: Kreisel``
    if before is None or not before.text[-1:].isalpha():
        return False
    earlier = place.flow[max(0, place.index - 3) : place.index - 1]
    is_so = before.key in _COPULAS and any(is_role(other.core) for other in earlier)  # ``Hausarzt wird Wand``
    return is_so or before.key in _NAMED_AFTER


def _opens_surname(place: Place) -> bool:
    """``freigegeben (vom Stein)``, ``Nachbarin von Berg``: a particle where a name begins."""
    start = place.index
    while start and place.flow[start - 1].key in _OPENINGS and place.index - start < 2:
        start -= 1
    if start == place.index or start == 0:
        return False
    ahead = place.flow[start - 1]
    if ahead.key in _DOERS | _SAYERS and not ahead.ends_clause and place.flow[start].key not in _DETERMINERS:
        return True  # ``von aus dem Moore``: no two prepositions stand together otherwise
    if ahead.text.endswith(":") and (ahead.key in _DOINGS or is_role(ahead.core)):
        return True
    in_brackets = ahead.text == "(" and start > 1 and place.flow[start - 2].key in _DOINGS | _CARERS
    named = start - 1 in place.sure and is_first_name(ahead.core) and ahead.text[-1:].isalpha()
    named |= is_title(ahead) or (ahead.is_initial and ahead.text.endswith("."))
    return in_brackets or named or (is_role(ahead.core) and ahead.text[-1:].isalpha())


def _is_foreign_particle(token: Token) -> bool:
    return token.key in _FOREIGN_PARTICLES and token.key not in _DETERMINERS and not token.core.isupper()


def _begins_list(place: Place) -> bool:
    """``Wende und Kopf``: before what something said to be a name, joined by ``und``."""
    following = place.flow[place.index + 1 : place.index + 3]
    joined = (
        len(following) == 2 and following[0].key in ("und", "sowie", "and") and not place.token.ends_clause
    )
    listed = place.token.text.endswith(("/", ",")) and place.index + 1 in place.sure
    return (joined and place.index + 2 in place.sure) or (listed and place.before is not None)


def _is_agent(place: Place) -> bool:
    """``die von Hering gelegte Sonde``, ``stammt von Lust``: behind ``von``, before the deed."""
    before, after = place.before, place.after
    if before is None or before.key not in ("von", "durch", "by") or is_listed_as_clinical(place.token.core):
        return False
    if after is not None and _PARTICIPLE.fullmatch(after.core) and place.token.key not in _NO_AGENTS:
        return True
    earlier = place.flow[max(0, place.index - 3) : place.index - 1]
    return any(token.key in _STEMS_FROM for token in earlier)


def _is_gone_to(place: Place) -> bool:
    """``kommt montags zu Wade``: no noun stands bare behind ``zu``, but for a few."""
    before = place.before
    if before is None or before.key != "zu" or place.token.key in _NO_AGENTS:
        return False
    if any(token.key in _LEADS_TO for token in place.flow[max(0, place.index - _CLOSE) : place.index]):
        return False  # ``kommt es zu Unruhe``
    return not is_clinical(place.token.core) or bool(name_risk(place.token.core))


def _is_alone_in_brackets(place: Place) -> bool:
    """``(Gasser)``: one word in brackets that is none of the trade."""
    text = place.token.text
    opened = text.startswith("(") or (place.index > 0 and place.flow[place.index - 1].text == "(")
    closed = ")" in text or (place.after is not None and place.after.text.startswith(")"))
    ahead = place.index - (2 if text[:1] != "(" else 1)
    explains = ahead >= 0 and _is_of_finding(place.flow[ahead])  # ``Polyp (Bild)``
    return opened and closed and not explains and not is_clinical(place.token.core)


def _is_subject(place: Place) -> bool:
    """``Salz wurde informiert``: who begins a sentence in which something was done with people."""
    after = place.after
    if place.before is not None or after is None:
        return False
    if (
        after.key == "to"
        and place.index + 2 < len(place.flow)
        and is_english(place.flow[place.index + 2].core)
    ):
        return True  # ``Leder to chase results``
    if after.key not in _COPULAS | _HELPERS:
        return False
    following = [token.core for token in place.flow[place.index + 2 : place.index + _CLOSE + 2]]
    if any(map(is_english, following)) and not is_english(place.token.core):
        return True  # ``Wald was present``
    return any(token.key in _DOINGS for token in place.flow[place.index + 2 : place.index + _CLOSE + 2])


def _is_proper_in_english(place: Place) -> bool:
    """A capital inside an English sentence: there only names have one."""
    before, after = place.before, place.after
    if before is None or is_clinical(place.token.core) or place.token.key in _TIMES:
        return False
    if is_eponym(place.token.core) and stands_for_something(place):
        return False
    if not before.core.islower() or before.text.endswith("."):
        return False
    around = place.flow[max(0, place.index - 3) : place.index + 4]
    small = [token.core for token in around if token.core.islower() and token.core.isalpha()]
    english = sum(map(is_english, small)) >= 2 and not any(map(is_german_only, small))
    return english and (after is None or not _GRADE.fullmatch(after.text))


def _is_in_department(place: Place) -> bool:
    """``Kern (Pflege)``, ``die Chirurgie (Kern)``."""
    following = place.flow[place.index + 1 : place.index + 3]
    if len(following) == 2 and following[0].text == "(" and following[1].key in _DEPARTMENTS:
        return True
    if place.index < 2 or place.flow[place.index - 1].text != "(":
        return False
    return place.flow[place.index - 2].key in _DEPARTMENTS


def is_among_clinical(place: Place) -> bool:
    """Whether words of the trade, or measures, stand close by: ``Stein bei 3 cm``, ``Kopf des Pankreas``."""
    before = place.before
    if before is not None and before.is_name_shaped and not is_clinical(before.core):
        return False
    around = place.flow[max(0, place.index - _CLOSE) : place.index + _CLOSE + 1]
    return any(
        other is not place.token and (other.key in _UNITS or _is_of_finding(other)) for other in around
    )


def _is_of_finding(token: Token) -> bool:
    """Whether a word is of the trade, and neither a name nor a department or a role."""
    if token.key in _DEPARTMENTS or name_risk(token.core) or is_role(token.core):
        return False
    return is_clinical(token.core)


def _judge_compound(place: Place) -> Verdict:
    """The verdict on a compound of two everyday words, as some names are (``Ketter-ing``)."""
    before = place.before
    if is_noun_here(place):
        return Verdict.KNOWN
    named = before is not None and before.key in _PLACE_CUES
    return Verdict.STRANGER if named or place.beside_name or place.is_behind_initial else Verdict.UNSURE


def _is_done(place: Place) -> bool:
    """Whether somebody did something: ``wurde von Stein durchgeführt``, ``Stein übernahm``."""
    before = place.before
    if (
        before is not None
        and before.text.startswith("(")
        and place.flow[max(0, place.index - 2)].key in _DOINGS
    ):
        return True  # ``freigegeben (Kern, 1.2.2024)``
    first = place.index - 1 == 0 or before is None or ends_sentence(place.flow[place.index - 2])
    if before is None or before.key not in _DOERS or (before.is_capitalised and not first):
        return False
    around = place.flow[max(0, place.index - REACH) : place.index + REACH]
    return any(token.key in _DOINGS for token in around)


def stands_for_something(place: Place) -> bool:
    """Whether an eponym stands for a disease, a sign or a score, not for a person."""
    before, after = place.before, place.after
    if place.beside_name or (before is not None and is_salutation(before)):
        return False
    if "-" in place.token.core and is_clinical(place.token.core.split("-")[-1]):
        return True
    if after is not None and (_GRADE.fullmatch(after.text) or is_clinical(after.core)):
        return True
    if name_risk(place.token.core) is Risk.FREQUENT or is_first_name(place.token.core):
        return before is not None and before.key in _EPONYM_CUES
    nearest = [token for token in place.flow[max(0, place.index - 3) : place.index] if token.key]
    return any(
        token.key in _EPONYM_CUES or (token.is_capitalised and _is_of_finding(token)) for token in nearest
    )


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
