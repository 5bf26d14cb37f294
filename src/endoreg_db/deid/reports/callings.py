"""What somebody lives of, or lived of, and for whom: told in a sentence without any label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from endoreg_db.deid.reports.names import is_title
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
    is_listed,
    is_listed_as_clinical,
    is_only_clinical,
    is_ordinary,
    is_trade,
    word_key,
)

_REACH: Final = 8  # tokens in which a word about work speaks of an occupation
_WORK: Final = cue_keys("work")
_FIRMS: Final = frozenset({"firma", "fa", "arbeitgeber", "employer"})
_LONGEST_FIRM: Final = 4  # words
_WORK_BEFORE: Final = cue_keys("work_before")
_ENGLISH_WORK: Final = cue_keys("english_work")
_NEAR: Final = 5  # tokens between work and what somebody worked as
_ENGLISH_TRADES: Final = cue_keys("english_trades")
_ENGLISH_STAFF: Final = cue_keys("english_staff")
_OPENINGS: Final = cue_keys("english_openings")
_BEHIND_CALLINGS: Final = frozenset(
    {"with", "who", "from", "near", "at", "in", "of", "by", "for", "and", "presenting", "referred"}
)
_ENGLISH_END: Final = cue_keys("english_work_ends")
_LONGEST_ENGLISH: Final = 4  # words before the one that says what somebody is
_BEING: Final = cue_keys("being")
_CALLING_ENDS: Final = cue_keys("calling_ends")
_CARE: Final = tuple(cue_keys("care_callings"))
_WHERE_OR_WHEN: Final = frozenset({"at", "for", "with", "in", "until", "since"})
_IN: Final = frozenset({"im", "in", "beim", "bei", "der", "des", "vom", "von"})
_THINGS: Final = cue_keys("thing_callings")
_FORMS: Final = ("in", "innen", "s", "n", "en", "es", "e")
_AGED: Final = re.compile(r"(?:\d{1,3}|\w{4,})?(?:jahrige[rnsm]?|j)")
_OLD: Final = re.compile(r"\d{0,3}(?:yearsold|yearold|yrold|yo|[mf])")
_YEARS: Final = frozenset({"years", "yrs", "y", "yo"})
_RETIRED: Final = frozenset({"retired", "former", "formerly", "ex", "semiretired"})
_NO_CALLINGS: Final = frozenset({"gentleman", "lady", "man", "woman", "patient", "hard", "fine"})
_ENDINGS: Final = ("im ruhestand", "i r", "ir", "a d", "ad", "in rente", "außer dienst", "im vorruhestand")


def told_of_work(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """What the word begins of a calling or an employer: kind of identity, and the words that go."""
    token = flow[index]
    if token.key in _FIRMS and token.is_capitalised:
        yield "institution", _firm(flow, index)
    if token.key == "bei" and not token.ends_clause and _speaks_of_work(flow, index):
        yield "institution", _employer(flow, index)
    if token.key == "mitglied" and index + 1 < len(flow) and flow[index + 1].key in _IN:
        yield "institution", _firm(flow, index + 1)
    if token.key == "berufstatig":
        yield "occupation", _in_brackets(flow, index + 1)
    if token.key in _WORK_BEFORE:
        yield "occupation", _as_what(flow, index)
    if token.is_capitalised and _is_calling(flow, index):
        yield "occupation", (token, *_ending(flow, index + 1))
    if token.key in _BEING or token.key == "rente":
        yield "occupation", _calling(flow, index)
    yield from _told_in_english(flow, index)


def _told_in_english(flow: Sequence[Token], index: int) -> Iterator[tuple[str, tuple[Token, ...]]]:
    token = flow[index]
    if token.key in _ENGLISH_WORK:
        yield "occupation", _english_work(flow, index)
    if token.key == "as" and any(other.key in _ENGLISH_WORK for other in flow[max(0, index - _NEAR) : index]):
        yield "occupation", _english_work(flow, index)
    if token.key == "as":
        yield "occupation", _trade_behind(flow, index)
    if token.key in _ENGLISH_TRADES:
        yield "occupation", _english_trade(flow, index)
    if token.key in ("from", "at", "for") and index and flow[index - 1].key in _ENGLISH_WORK:
        yield "institution", _firm(flow, index)
    if [other.key for other in flow[max(0, index - 2) : index + 1]] == ["used", "to", "be"]:
        yield "occupation", _english_work(flow, index)


def _trade_behind(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``as a pharmacist at``, ``as a day care worker at``: a trade between an article and where or when."""
    if index + 2 >= len(flow) or flow[index + 1].key not in ("a", "an"):
        return ()
    for n in range(index + 2, min(len(flow) - 1, index + 6)):
        if flow[n].key in _ENGLISH_TRADES and flow[n + 1].key in _WHERE_OR_WHEN:
            return tuple(flow[index + 2 : n + 1])
    return ()


def _is_calling(flow: Sequence[Token], index: int) -> bool:
    """Whether a capitalised word says what the patient is.

    It does by itself if nobody in a hospital is that; near a word about work or an age any does.
    """
    text = flow[index].core
    if not (is_trade(text) or _is_form_of_trade(text)):
        return False
    if not _is_ambiguous(word_key(text)):
        return True
    told = _speaks_of_work(flow, index) or _is_aged(flow, index) or bool(_ending(flow, index + 1))
    return told or _is_apposed(flow, index)


def _is_apposed(flow: Sequence[Token], index: int) -> bool:
    """``Frau Delić, Reinigungskraft,``, ``(geb. 1962), Apothekerin bei``: right behind a name and a comma."""
    before, after = flow[max(0, index - 3) : index], flow[index + 1 : index + 2]
    if not before or not before[-1].text.endswith(","):
        return False
    employed = bool(after) and after[0].key == "bei" and flow[index].text[-1:].isalpha()
    if not employed and not flow[index].text.endswith(","):
        return False
    return any(is_title(token) or token.text.rstrip(",").endswith(")") for token in before)


def _is_ambiguous(key: str) -> bool:
    """Whether people of this trade also care for patients, or the word is a thing's or a name as well."""
    return key in _THINGS or key.endswith(_CARE)


@lru_cache(maxsize=20_000)
def _is_form_of_trade(text: str) -> bool:
    """Whether a word is a trade by its last part (``Schulbusfahrer``, ``Bio-Bauer``) or in another form."""
    head, _, tail = text.replace("–", "-").rpartition("-")
    if head:
        return is_trade(tail) or _is_form_of_trade(tail)
    if any(text.endswith(end) and is_trade(text[: -len(end)]) for end in _FORMS):
        return True
    return not is_listed_as_clinical(text) and _has_calling_end(word_key(text), 4)


def _has_calling_end(key: str, least: int) -> bool:
    """Whether a word ends as callings do, with so many letters before that end at least."""
    return any(key.endswith(end) and len(key) >= len(end) + least for end in _CALLING_ENDS)


def _is_aged(flow: Sequence[Token], index: int) -> bool:
    """Whether it stands right behind an age: ``der 58-jährige Dachdecker``."""
    return any(_AGED.fullmatch(token.key) for token in flow[max(0, index - 2) : index])


def _ending(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``im Ruhestand``, ``a. D.``: what says that somebody is a thing no more."""
    for length in (2, 1):
        words = flow[index : index + length]
        if len(words) == length and " ".join(word.phrase for word in words) in _ENDINGS:
            return tuple(words)
    return ()


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


def _employer(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``beschäftigt bei Kali und Salz``: the capitalised words that follow, if none is of the trade."""
    named = _firm(flow, index)
    if not named or is_only_clinical(named[0].core):
        return ()
    end = index + 1 + len(named)
    while named[-1].text[-1:].isalpha() and end + 1 < len(flow) and flow[end].key in ("und", "u"):
        if not flow[end + 1].is_capitalised:
            break
        named += (flow[end], flow[end + 1])
        end += 2
    return named


def _in_brackets(flow: Sequence[Token], start: int) -> tuple[Token, ...]:
    """``(Bankkauffrau)``: up to three words between brackets."""
    if start >= len(flow) or not flow[start].text.startswith("("):
        return ()
    for end in range(start, min(len(flow), start + 4)):
        if ")" in flow[end].text:
            return tuple(token for token in flow[start : end + 1] if token.key)
    return ()


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
    return (*taken[:2], *_ending(flow, index + 1 + len(taken[:2]))) if taken else ()


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
    if _has_calling_end(token.key, 3):
        return True
    return len(token.key) > 6 and token.key.endswith(("er", "in")) and not is_listed(token.core)


def _speaks_of_work(flow: Sequence[Token], index: int) -> bool:
    around = flow[max(0, index - _REACH) : index + _REACH]
    return any(token.key in _WORK for token in around)


def _english_work(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``retired bus driver``, ``occupation home health aide``: up to two small words that follow, or four."""
    told = flow[index].key == "occupation"
    taken: list[Token] = []
    for token in flow[index + 1 : index + 6]:
        if token.key in ("as", "a", "an", "the", "at") and not taken:
            continue
        if not token.core.isalpha() or token.key in _ENGLISH_END or is_clinical(token.core):
            break
        taken.append(token)
        if not token.text[-1:].isalpha() or len(taken) == (_LONGEST_ENGLISH if told else 2):
            break
    if taken and taken[0].key in _NO_CALLINGS:
        return ()
    return (flow[index], *taken) if taken and flow[index].key == "retired" else tuple(taken)


def _english_trade(flow: Sequence[Token], index: int) -> tuple[Token, ...]:
    """``a 61-year-old dinner lady``, ``52F crossing guard``: what stands behind such an opening."""
    staff = flow[index].key in _ENGLISH_STAFF
    for start in range(index, max(-1, index - _LONGEST_ENGLISH - 1), -1):
        if start < index and (flow[start].key in _ENGLISH_END or not _runs_on(flow[start])):
            return ()
        opening = flow[start - 1] if start else None
        if _is_age(flow[max(0, start - 2) : start]):
            return tuple(flow[start : index + 1])
        if opening is None or _ends(opening):
            return tuple(flow[start : index + 1]) if _stands_first(flow, start, index) and not staff else ()
        if opening.key in _RETIRED or opening.key == "old" or _OLD.fullmatch(opening.key):
            return tuple(flow[start : index + 1])
        if opening.key in _OPENINGS and (not staff or _says_who(flow, start - 1)):
            return tuple(flow[start : index + 1])
    return ()


def _says_who(flow: Sequence[Token], index: int) -> bool:
    """``Mrs Wood is a``, ``she was an``: whether the article before a calling tells of somebody."""
    if index < 2 or flow[index].key not in ("a", "an") or flow[index - 1].key not in ("is", "was"):
        return False
    return flow[index - 2].key in ("he", "she") or (index > 2 and is_title(flow[index - 3]))


def _is_age(tokens: Sequence[Token]) -> bool:
    """``(64 years, farmer)``: an age before a comma."""
    return len(tokens) == 2 and tokens[0].has_digit and tokens[1].key in _YEARS and tokens[1].text[-1] == ","


def _ends(token: Token) -> bool:
    return token.ends_clause or token.text[-1:] in ".:;–-"


def _stands_first(flow: Sequence[Token], start: int, index: int) -> bool:
    """``Cattle rancher near``, ``Occ: welder.``: what begins a sentence and does nothing in it."""
    after = flow[index + 1] if index + 1 < len(flow) else None
    ends = not flow[index].text[-1:].isalpha() or after is None
    return index - start <= 2 and (ends or (after is not None and after.key in _BEHIND_CALLINGS))


def _runs_on(token: Token) -> bool:
    return token.text[-1:].isalpha() or token.text[-1:] in "-–"
