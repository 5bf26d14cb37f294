"""What says, beside a word that may be a name, that it is somebody: a deed, a role, a list of names."""

from __future__ import annotations

import re
from typing import Final

from endoreg_db.deid.reports.names import is_title
from endoreg_db.deid.reports.places import Place, ends_sentence
from endoreg_db.deid.reports.senses import is_of_finding, stands_for_something
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
    is_english,
    is_eponym,
    is_first_name,
    is_german_only,
    is_listed_as_clinical,
    is_only_clinical,
    is_role,
)

_DETERMINERS: Final = cue_keys("determiners")
_TIMES: Final = cue_keys("times")
_PEOPLE_DO: Final = cue_keys("people_do")
_DOERS: Final = cue_keys("doers")
_DOINGS: Final = cue_keys("doings")
_GRADE: Final = re.compile(r"(?:[IVXL]{1,5}(?:[a-cps]|sp)?|\d[\w\-+,.]*|[A-D]\d?|[CL]\d\w*)[,;.)]*")
_FOREIGN_PARTICLES: Final = cue_keys("foreign_particles")
_PARTICIPLE: Final = re.compile(r"(?:\w*ge\w+|\w{2,}iert|[vzeb]e?r?\w+)(?:te|ten|ter|tes|ene|enen|ener|enes)")
_DONE: Final = re.compile(r"(?:ge\w{3,}[tn]|\w{3,}iert)")
_NO_AGENTS: Final = cue_keys("no_agents")
_HELPERS: Final = frozenset({"hat", "hatte", "has", "had", "will"})
_OPENINGS: Final = cue_keys("surname_openings") - {"am", "im", "beim", "in", "aus"}
_TEXT_DOINGS: Final = cue_keys("text_doings")
_MERGED: Final = frozenset({"vom", "zum", "zur"})  # no preposition stands before these
_CARERS: Final = cue_keys("carers")
_WHO_DID: Final = cue_keys("who_did")
_LEADS_TO: Final = cue_keys("leads_to")
_STEMS_FROM: Final = cue_keys("stems_from")
_COPULAS: Final = cue_keys("copulas")
_DEPARTMENTS: Final = cue_keys("departments")
_SAYERS: Final = cue_keys("sayers")
_SHIFTS: Final = cue_keys("shifts")
_LIES_IN: Final = cue_keys("lies_in")
_ASKED: Final = cue_keys("asked")
_WHAT_FOR: Final = frozenset({"to", "about", "for", "by", "today", "and"})
_CLOSE: Final = 4  # tokens on either side whose sense a word shares
REACH: Final = 9  # tokens on either side in which a verb says who did something


def is_named_here(place: Place) -> bool:
    """Whether something beside a word says that it is somebody, however seldom it is a surname."""
    before, after = place.before, place.after
    if after is not None and after.key in _PEOPLE_DO and not is_listed_as_clinical(place.token.core):
        return True
    if before is not None and _is_foreign_particle(before) and not is_listed_as_clinical(place.token.core):
        return True
    if _is_in_department(place) or place.is_listed or _begins_list(place):
        return True
    if _is_agent(place) or _is_gone_to(place):
        return True
    if before is not None and before.key in _ASKED and after is not None and after.key in _WHAT_FOR:
        return True  # ``I have asked Galle to review the scans``
    called = after is not None and after.key in _COPULAS and not is_role(place.token.core)
    if called and {place.index + 2, place.index + 3} & set(place.sure):
        return True  # ``Salz ist gelernter Bestatter``
    if before is not None and (before.key in _WHO_DID or _opens_surname(place)):
        return True
    if _is_alone_in_brackets(place) or _is_subject(place) or is_proper_in_english(place):
        return True
    return _is_behind_doing(place) or _is_called(place)


def may_act(place: Place) -> bool:
    """Whether a word, be it nobody's name, stands where only who does something can: for a person to look."""
    text, before, after = place.token.core, place.before, place.after
    if place.is_behind_role and before is not None and before.key in _SHIFTS:
        return True  # ``Spätdienst Laut``
    if place.index and place.flow[place.index - 1].text.endswith(":") and _is_alone_behind_doing(place):
        return True
    begins = place.before is None and place.token.text.endswith(",") and place.index + 1 < len(place.flow)
    if begins and place.flow[place.index + 1].key in _LIES_IN:
        return True  # ``Zungenbein, ward 78L``
    role = is_role(text) and not is_english(text)
    if is_clinical(text) or role or place.token.key in _NO_AGENTS:
        return False
    if _is_in_department(place):
        return True
    if before is not None and before.key in ("von", "durch", "by") and (is_done(place) or _is_agent(place)):
        return True
    return after is not None and not is_english(text) and _is_subject(place)


def _is_alone_behind_doing(place: Place) -> bool:
    """``Gerät gereinigt: Hals.``: one word behind what somebody did, and the sentence ends."""
    ends = place.token.text.endswith((".", ";")) or place.index + 1 == len(place.flow)
    last = place.flow[place.index - 1]
    done = last.key in _DOINGS or _DONE.fullmatch(last.key) is not None
    return ends and done and not is_role(place.token.core)


def _is_behind_doing(place: Place) -> bool:
    """``Bilder gesehen: Kreisel``, ``geschrieben Kalt am 3.4.2020``: right behind what somebody did."""
    last = place.flow[place.index - 1] if place.index else None
    if last is None:
        return False
    if last.text.endswith(":"):
        return last.key in _DOINGS or is_role(last.core)
    return last.key in _TEXT_DOINGS and last.text[-1:].isalpha()


def _is_called(place: Place) -> bool:
    """``Hausarzt wird Wand``, ``Labor Kern``."""
    before = place.before
    if before is None or not before.text[-1:].isalpha():
        return False
    earlier = place.flow[max(0, place.index - 3) : place.index - 1]
    is_so = before.key in _COPULAS and any(is_role(other.core) for other in earlier)
    return is_so or place.is_named_after


def is_done(place: Place) -> bool:
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


def _opens_surname(place: Place) -> bool:
    """``freigegeben (vom Stein)``, ``Nachbarin von Berg``: a particle where a name begins."""
    start = place.index
    while start and place.flow[start - 1].key in _OPENINGS and place.index - start < 2:
        start -= 1
    if start == place.index or start == 0:
        return False
    ahead = place.flow[start - 1]
    first = place.flow[start].key
    if ahead.key in _DOERS | _SAYERS and not ahead.ends_clause and first not in _DETERMINERS - _MERGED:
        return True  # ``von aus dem Moore``: no two prepositions stand together otherwise
    if ahead.key in _TEXT_DOINGS:
        return True  # ``gezeichnet vom Bruch``
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
    between = place.before is not None and place.before.key in ("zwischen", "between")
    if joined and between and place.index + 2 in place.named:
        return True
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
    return not is_only_clinical(place.token.core)


def _is_alone_in_brackets(place: Place) -> bool:
    """``(Gasser)``: one word in brackets that is none of the trade."""
    text = place.token.text
    opened = text.startswith("(") or (place.index > 0 and place.flow[place.index - 1].text == "(")
    closed = ")" in text or (place.after is not None and place.after.text.startswith(")"))
    ahead = place.index - (2 if text[:1] != "(" else 1)
    explains = ahead >= 0 and is_of_finding(place.flow[ahead])  # ``Polyp (Bild)``
    return opened and closed and not explains and not is_clinical(place.token.core)


def _is_subject(place: Place) -> bool:
    """``Salz wurde informiert``: who begins a sentence in which something was done with people."""
    after, before = place.after, place.before
    numbered = before is not None and re.fullmatch(r"\d+[a-z]?\.", before.text)  # ``bed 52. Habenicht was``
    if (before is not None and not numbered) or after is None:
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


def is_proper_in_english(place: Place) -> bool:
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
