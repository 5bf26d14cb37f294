"""People who are named without a label: after a salutation, by their first name, or near a cue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.institutions import institution_at
from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import (
    LEADING,
    NO_NAMES,
    is_particle,
    is_salutation,
    is_title,
    may_be_name,
    surname_after,
    unknown,
)
from endoreg_db.deid.reports.sheets import Row, Sheet, Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    cue_words,
    is_eponym,
    is_first_name,
    is_listed_as_clinical,
    is_loose_compound,
    is_only_clinical,
    is_ordinary,
    is_town,
    looks_like_names,
    name_risk,
)

_PERSON_CUES: Final = cue_words("person")
_PLACE_CUES: Final = cue_words("place")
_GREETINGS: Final = cue_keys("greetings")
_AGENT_CUES: Final = cue_words("agent")
_NOBLE: Final = cue_keys("noble")
_OPENINGS: Final = cue_keys("surname_openings")
_LONGEST_BRACKET: Final = 4  # tokens
_LONGEST_NAME: Final = 12  # letters; longer unknown words without a hyphen are compounds of the trade
_NEAR: Final = 7  # tokens on either side of a preposition in which a deed may stand
_DOINGS: Final = cue_keys("doings")
_DEEDS: Final = cue_keys("deeds")
_BEFORE_INITIALS: Final = frozenset({"by", "for", "with", "durch", "von", "mit", "bei", "an", "to", "from"})
_KIN: Final = frozenset({"verwandter", "verwandte", "verwandten", "relative", "bekannten"})
_MONTH_NAMES: Final = frozenset({"April", "May", "June"})  # they are first names in English
_IN_BRACKETS: Final = re.compile(r"\(?[^()]{2,}\)[.,;]?")
_AHEAD: Final = 5  # tokens of the next line that a name may run into


def people_marks(sheets: Sequence[Sheet]) -> list[Mark]:
    """Names, places and institutions in running text."""
    return [mark for page, sheet in enumerate(sheets) for mark in _sheet_marks(page, sheet)]


def _sheet_marks(page: int, sheet: Sheet) -> Iterator[Mark]:
    for row in sheet.rows:
        following = sheet.continuation(row)
        flow = row.tokens if following is None else row.tokens + following.tokens[:_AHEAD]
        for index in range(len(row.tokens)):
            yield from _after_salutation(page, flow, index, lambda row=row: _address_below(sheet, row))  # type: ignore[misc]
            yield from _first_name(page, flow, index)
            yield from _cued(page, flow, index)
            yield from _abbreviated(page, flow, index)
            yield from _bracketed(page, flow, index)
            yield from _signed(page, flow, index)
            yield from _elder(page, flow, index)
        for index in range(len(flow)):
            yield from institution_at(page, flow, index)


def _after_salutation(
    page: int, flow: Sequence[Token], index: int, below: Callable[[], Sequence[Token]]
) -> Iterator[Mark]:
    if flow[index].key in _GREETINGS and flow[index].text[-1:].isalpha():
        greeted = _addressed(flow[index + 1 : index + 3])
        if greeted:
            yield Mark("name", page, greeted, text_of(greeted), 0.9, "greeting")
    if not is_salutation(flow[index]) and not _is_for_hands_of(flow, index):
        return
    name = _addressed(_behind_titles(flow[index + 1 :]) or below())
    if name:
        yield Mark("name", page, name, text_of(name), 0.95, "salutation")


def _is_for_hands_of(flow: Sequence[Token], index: int) -> bool:
    """``z. Hd. Schenkel``, ``zu Händen Schenkel``."""
    before = flow[index - 1].key if index else ""
    return (flow[index].text in ("Hd.", "Hdn.", "Hden.") and before == "z") or (
        flow[index].key == "handen" and before == "zu"
    )


def _address_below(sheet: Sheet, row: Row) -> Sequence[Token]:
    """A line that ends after ``Herrn`` or ``Dr. med.`` goes on below, as in an address."""
    under = sheet.below(row)
    return under.tokens if under is not None else ()


def _addressed(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The name after a salutation: its first word may be any that is capitalised."""
    tokens = _behind_titles(tokens)
    lead = next((n for n, token in enumerate(tokens) if not _may_open(tokens, n)), len(tokens))
    if lead == len(tokens) or tokens[lead].phrase in NO_NAMES or tokens[lead].has_digit:
        return ()
    first = tokens[lead]
    if not first.is_capitalised or (len(first.core) < 2 and not first.is_initial):
        return ()
    head = tuple(tokens[: lead + 1])
    return head if first.ends_clause else (*head, *_more_names(first, tokens[lead + 1 :]))


def _behind_titles(tokens: Sequence[Token]) -> Sequence[Token]:
    """What follows titles, and the bracket that says who gave them (``Dr. (Univ. Szeged)``)."""
    while tokens:
        end = next(
            (n for n, token in enumerate(tokens[:_LONGEST_BRACKET], 1) if ")" in token.text), len(tokens)
        )
        if tokens[0].text.startswith("(") and any(t.key for t in tokens[end : end + 1]):
            tokens = tokens[end:]
        elif tokens[0].text == "." or _is_broken_title(tokens) or _is_mere_title(tokens):
            tokens = tokens[1:]
        else:
            break
    return tokens


def _is_mere_title(tokens: Sequence[Token]) -> bool:
    """Whether a title stands first; one of nobility that nothing follows is the surname (``Pfl. Graf``)."""
    first, following = tokens[0], tokens[1:2]
    if not is_title(first) or first.key not in _NOBLE:
        return is_title(first)
    return first.text[-1:].isalpha() and any(t.is_capitalised or is_particle(t) for t in following)


def _may_open(tokens: Sequence[Token], n: int) -> bool:
    """Whether a small word may be the beginning of the surname (``Dr. aus dem Moore``)."""
    if tokens[n].key in _NOBLE and not _is_mere_title(tokens[n:]):
        return False
    return is_particle(tokens[n]) or (n < 2 and tokens[n].key in _OPENINGS and tokens[n].core.islower())


def _is_broken_title(tokens: Sequence[Token]) -> bool:
    """Whether OCR made the first of the tokens of ``med.``, or of a title before another one."""
    token = tokens[0]
    if token.source != "ocr" or is_particle(token) or not token.text.endswith("."):
        return False
    return (len(token.core) <= 5 and token.core.islower()) or (
        len(token.core) <= 3 and len(tokens) > 1 and is_title(tokens[1])
    )


def _more_names(first: Token, rest: Sequence[Token]) -> tuple[Token, ...]:
    """What follows the first name of somebody addressed: more unknown words, or one that may be any.

    ``Dr. Ottokar Zimmermann``: an ordinary word is taken for the surname, since nouns hardly ever follow
    a name directly.
    """
    run = _unknown_run(rest)
    if run:
        return (
            run
            if not is_first_name(run[-1].core) or run[-1].ends_clause
            else (*run, *surname_after(rest[len(run) :]))
        )
    if first.text.endswith(",") and not first.is_initial:
        return ()
    surname = surname_after(rest)
    return (
        surname
        if is_first_name(first.core) or first.is_initial or len(surname) != 1 or _ends_here(surname, rest)
        else ()
    )


def _ends_here(surname: tuple[Token, ...], rest: Sequence[Token]) -> bool:
    """Whether the line, the clause or the capitals end behind the surname."""
    following = rest[len(surname) :]
    return not following or not surname[-1].text[-1:].isalpha() or not following[0].is_capitalised


def _unknown_run(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Unknown capitalised words, and particles before them."""
    taken: list[Token] = []
    for token in tokens:
        if not (may_be_name(token) or (is_particle(token) and not is_ordinary_link(token))):
            break
        taken.append(token)
        if token.ends_clause or token.text.endswith(","):
            break
    while taken and is_particle(taken[-1]):
        taken.pop()
    return tuple(taken)


def is_ordinary_link(token: Token) -> bool:
    """Whether a particle is more often a word of the sentence (``zu``, ``und``)."""
    return token.phrase in ("zu", "zum", "zur", "und", "y", "e", "i", "o", "vom", "der", "den", "dem")


def _first_name(page: int, flow: Sequence[Token], index: int) -> Iterator[Mark]:
    """A first name, and the words beside it that are the surname."""
    token = flow[index]
    if not token.is_name_shaped or not is_first_name(token.core):
        return
    if token.core.isupper() and is_listed_as_clinical(token.core):
        return  # ``ASA III``
    before = _surname_before(flow[:index], token)
    after = () if token.ends_clause else _surname_behind(flow[index + 1 :], token)
    if before or after or not _is_no_name_alone(token):
        name = (*before, token, *after)
        yield Mark("name", page, name, text_of(name), 0.85, "first_name")


def _is_no_name_alone(token: Token) -> bool:
    """Whether a first name may be something else where no surname stands beside it: a word, a sign."""
    return is_ordinary(token.core) or (token.core.isupper() and len(token.core) <= 3)


def _surname_before(tokens: Sequence[Token], first_name: Token) -> tuple[Token, ...]:
    """``Müller, Erika``: the word right before with its particles; any word if a comma says so."""
    if not tokens:
        return ()
    last = tokens[-1]
    listed = last.text.endswith(",") and not is_ordinary(first_name.core) and last.is_name_shaped
    if last.ends_clause or is_title(last) or not (may_be_name(last) or listed):
        return ()
    start = len(tokens) - 1
    while (
        start
        and is_particle(tokens[start - 1])
        and any(t.key in LEADING for t in tokens[max(0, start - 2) : start])
    ):
        start -= 1
    return tuple(tokens[start:])


def _surname_behind(tokens: Sequence[Token], first_name: Token) -> tuple[Token, ...]:
    """The surname after a first name: unknown words, or any after a first name that is no other word."""
    if first_name.text.endswith(","):
        return ()
    run = _unknown_run(tokens)
    if run:
        return (
            run if not is_first_name(run[-1].core) else (*run, *_surname_behind(tokens[len(run) :], run[-1]))
        )
    return () if is_ordinary(first_name.core) else surname_after(tokens)


def _abbreviated(page: int, flow: Sequence[Token], index: int) -> Iterator[Mark]:
    """``ask for J. Ramsbottom``, ``Ray Blood (husband)``: any word beside an initial or what says who."""
    name = tuple(flow[index : index + 2])
    if len(name) < 2 or not name[1].is_name_shaped or is_eponym(name[1].core):
        return
    plain = is_only_clinical(name[1].core)
    initial = name[0].is_initial and name[0].text.endswith(".") and name[0].is_capitalised
    if index and flow[index - 1].phrase in _BEFORE_INITIALS and initial and not plain:
        yield Mark("name", page, name, text_of(name), 0.7, "initial")
    kin = flow[index + 2] if index + 2 < len(flow) else None
    if kin is not None and kin.text.startswith("(") and name[0].is_name_shaped:
        said = kin if kin.key else flow[index + 3] if index + 3 < len(flow) else kin
        if said.phrase in _PERSON_CUES:
            yield Mark("name", page, name, text_of(name), 0.8, "kin")


def _bracketed(page: int, flow: Sequence[Token], index: int) -> Iterator[Mark]:
    """``Ein Verwandter (Bogen) starb``: one word in brackets behind what somebody is to the patient."""
    if not _cue(flow[index]) and flow[index].key not in _KIN:
        return
    opened = index + 1
    if opened + 1 < len(flow) and flow[opened].text == "(":
        opened += 1
    if opened < len(flow) and _IN_BRACKETS.fullmatch(flow[opened].text) and flow[opened].is_name_shaped:
        yield Mark("name", page, (flow[opened],), flow[opened].core, 0.7, "bracket")


def _signed(page: int, flow: Sequence[Token], index: int) -> Iterator[Mark]:
    """``freigegeben (Hand, 01.08.2021)``: one word and a day in brackets behind what somebody did."""
    name = index + (flow[index].text == "(")
    day = name + 1
    if not index or day >= len(flow) or flow[index - 1].key not in _DOINGS:
        return
    opened = flow[index].text.startswith("(") and flow[name].text.endswith(",")
    if opened and flow[name].is_name_shaped and find_days(flow[day].core):
        yield Mark("name", page, (flow[name],), flow[name].core, 0.8, "signed")


def _elder(page: int, flow: Sequence[Token], index: int) -> Iterator[Mark]:
    """``Blitz sen.``: nobody else is called elder or younger."""
    named = tuple(flow[index : index + 2])
    if len(named) < 2 or not named[0].is_name_shaped or not named[0].text[-1:].isalpha():
        return
    if named[1].text.rstrip(",;)") in ("sen.", "jun."):
        yield Mark("name", page, named, text_of(named), 0.8, "elder")


def _cued(page: int, flow: Sequence[Token], index: int) -> Iterator[Mark]:
    """Unknown words, initials and towns that the word before them gives away."""
    cue = flow[index]
    if is_town(cue.core) and cue.is_capitalised:
        yield Mark("address", page, (cue,), cue.core, 0.8, "town")
    if cue.ends_clause or not cue.key or index + 1 == len(flow):
        return
    token, rest = flow[index + 1], flow[index + 1 :]
    if _cue(cue):
        name = _cued_name(rest)
        if name:
            yield Mark("name", page, name, text_of(name), 0.8, "cue")
    elif not 3 < len(token.core) <= _LONGEST_NAME or not unknown(token):
        return
    elif cue.phrase in _PLACE_CUES:
        yield Mark("address", page, (token,), token.core, 0.6, "place")
    elif cue.phrase in _AGENT_CUES and (looks_like_names(token.core) or _is_deed(flow, index)):
        name = (token,) if token.ends_clause else (token, *_more_names(token, rest[1:]))
        yield Mark("name", page, name, text_of(name), 0.6, "agent")


def _is_deed(flow: Sequence[Token], index: int) -> bool:
    """Whether something was done by people close by: ``mit Xyz besprochen``, and not ``mit Xyz gespült``."""
    return any(token.key in _DOINGS | _DEEDS for token in flow[max(0, index - _NEAR) : index + _NEAR])


def _cued_name(rest: Sequence[Token]) -> tuple[Token, ...]:
    """The name after ``Patient`` or ``Tochter``: unknown words, an initial, or particles and any word."""
    first = rest[0]
    if first.key in LEADING and not first.is_capitalised:
        return surname_after(rest)
    if first.text.rstrip(",.;") in _MONTH_NAMES:
        return (first, *_more_names(first, rest[1:]))  # ``daughter April``
    risky = first.is_name_shaped and bool(name_risk(first.core) or is_loose_compound(first.core))
    if not (may_be_name(first) or risky or (first.is_initial and first.text.endswith("."))):
        return ()
    return (first,) if first.ends_clause else (first, *_more_names(first, rest[1:]))


def _cue(token: Token) -> bool:
    words = token.phrase.split()
    return bool(words) and words[-1] in _PERSON_CUES
