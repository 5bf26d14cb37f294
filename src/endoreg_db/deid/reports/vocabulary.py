"""Which words are ordinary, and so stay, which are clinical, and which may be somebody's name.

Lists lie in ``tables/`` (:mod:`~endoreg_db.deid.reports.tables`); forms and compounds of their words are
found by rule (:mod:`~endoreg_db.deid.reports.morphology`). Many surnames are words (``Klein``, ``Stein``):
those are listed apart, and where they stand decides.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache, lru_cache
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from endoreg_db.deid.reports.likeness import is_like_names, looks_like_a_word
from endoreg_db.deid.reports.morphology import (
    ends_as_a_word,
    ends_as_surnames,
    is_abstract_key,
    is_adjective_key,
    is_clinical_word,
    is_compound_of_trade,
    is_form,
    is_listed_name,
    is_word,
)
from endoreg_db.deid.reports.tables import (
    cue_keys,
    cue_words,
    eponyms,
    folded,
    label_phrases,
    names,
    plain,
    table,
    word_key,
    words,
)

__all__ = [
    "Risk",
    "cue_keys",
    "cue_words",
    "folded",
    "is_abstract",
    "is_adjective",
    "is_clinical",
    "is_english",
    "is_eponym",
    "is_first_name",
    "is_german_only",
    "is_like_words",
    "is_listed",
    "is_listed_as_clinical",
    "is_loose_compound",
    "is_mere_word",
    "is_name",
    "is_only_clinical",
    "is_ordinary",
    "is_plausible",
    "is_rare_eponym",
    "is_role",
    "is_town",
    "is_trade",
    "is_trade_compound",
    "is_word_town",
    "label_phrases",
    "looks_like_names",
    "name_risk",
    "resembles_ordinary",
    "word_key",
]  # fmt: skip

_LOOKALIKES: Final = str.maketrans("01568|", "oisbBl")
_LONGEST_SURNAME: Final = 8  # letters of an everyday word that may be somebody's name
_LONGEST_DOER: Final = 9
_LONGEST_FORM: Final = 10
_DOERS: Final = ("er", "ers")
_NO_SURNAME: Final = re.compile(
    r".{3,}(?:ung|ungen|heit|keit|tion|lich|liche[nrsm]?|isch|ische[nrsm]?|ieren|iert|iger?e?n?)$"
)
_ROLE_END: Final = re.compile(  # ``Zimmernachbar``, ``Schuldirektorin``, ``Studienschwester``
    r".{3,}(?:nachbar|arzt|arztin|schwester|bruder|pfleger|kraft|freund|freundin|sohn|tochter|vater|mutter|leiter|leiterin"
    r"|direktor|direktorin|berater|beraterin|therapeut|therapeutin|betreuer|chirurg|chirurgin|assistent|assistentin"
    r"|kollege|kollegin|partner|partnerin|helfer|helferin|lehrer|lehrerin|pfarrer|pastor|frau|mann|loge|login|iater|buro)s?$"
)
_PARTS: Final = re.compile(r"[-–/'’.+&]")


class Risk(IntEnum):
    """How likely an ordinary word is somebody's name."""

    NONE = 0
    RARE = 1  # now and then a surname
    FREQUENT = 2  # a surname that everybody has met


@lru_cache(maxsize=50_000)
def is_ordinary(text: str) -> bool:
    """Whether every part of the word (parts are joined by hyphens) is a word of the language or the trade."""
    parts = [word_key(part) for part in _PARTS.split(text)]
    letters = [re.sub(r"\d+", "", part) for part in parts]
    if any(c.isdigit() for c in text) and sum(map(len, letters)) < 2:
        return False
    if len(parts) > 1 and word_key(text) in words():
        return True  # ``Hüft-TEP``
    return any(letters) and all(map(_is_part, _PARTS.split(text)))


def _is_part(part: str) -> bool:
    """Whether part of a word is a word; one that is in a list without its accents has to look like it."""
    key = re.sub(r"\d+", "", word_key(part))
    if not key:
        return True
    return is_word(key) and (key not in words() or plain(part) in _spellings() or not is_like_names(key))


@cache
def _spellings() -> frozenset[str]:
    lists = ("words_german", "words_parts", "words_clinical", "words_reports", "words_english", "eponyms")
    labels = (word for phrase in label_phrases() for word in phrase.split())
    return frozenset().union(*map(names, lists)) | frozenset(labels)


def is_listed(text: str) -> bool:
    """Whether the word itself is in the lists, not only its parts."""
    return word_key(text) in words()


@lru_cache(maxsize=50_000)
def is_clinical(text: str) -> bool:
    """Whether the word, or one of its parts between hyphens, is of the trade, and none is a stranger."""
    parts = [part for part in map(word_key, _PARTS.split(text)) if part]
    if not parts:
        return False
    if len(parts) == 1 and parts[0] in table("words_clinical") and plain(text) not in names("words_clinical"):
        return False  # ``Hohe`` is not ``Höhe``
    return any(is_clinical_word(part) or _of_trade(part) for part in parts) and all(
        is_word(part) or part in eponyms() for part in parts
    )


def _of_trade(key: str) -> bool:
    return is_word(key) and is_compound_of_trade(key)


def is_english(text: str) -> bool:
    """Whether a small word is in the list of English ones and in no German one."""
    return word_key(text) in table("words_english") and word_key(text) not in _german()


def is_german_only(text: str) -> bool:
    """Whether a small word is in the list of German ones and in no English one."""
    return word_key(text) in _german() and word_key(text) not in table("words_english")


@cache
def _german() -> frozenset[str]:
    return table("words_german")


def is_listed_as_clinical(text: str) -> bool:
    """Whether the word itself is in the list of the trade."""
    key = word_key(text)
    return key in table("words_clinical") or key in table("words_reports")


@lru_cache(maxsize=50_000)
def is_trade_compound(text: str) -> bool:
    """Whether a word in no list is a compound of the trade, or ends as only such words do."""
    parts = [part for part in map(word_key, _PARTS.split(text)) if part]
    if len(parts) > 1:
        return (
            len(parts[-1]) > 3
            and is_clinical_word(parts[-1])
            and not ends_as_surnames(parts[-1])
            and not name_risk(parts[-1])
        )
    return any(is_compound_of_trade(part) or is_abstract_key(part) for part in parts)


def is_adjective(text: str) -> bool:
    """Whether a word in no list ends as adjectives do; inside a sentence only names have a capital then."""
    return is_adjective_key(word_key(text))


@lru_cache(maxsize=50_000)
def is_like_words(text: str) -> bool:
    """Whether a word in no list looks like words and like no name."""
    parts = [part for part in map(word_key, _PARTS.split(text)) if part]
    strange = [part for part in parts if not is_word(part)]
    return bool(strange) and all(looks_like_a_word(part) and not ends_as_surnames(part) for part in strange)


def looks_like_names(text: str) -> bool:
    """Whether a word, or one of its parts between hyphens, looks more like names than like words."""
    parts = [part for part in map(word_key, _PARTS.split(text)) if part]
    return any(is_like_names(part) for part in parts if not is_word(part))


@lru_cache(maxsize=50_000)
def is_plausible(text: str) -> bool:
    """Whether a word in no list ends in one that surnames do not end in."""
    parts = [part for part in map(word_key, _PARTS.split(text)) if part]
    if len(parts) > 1:
        return is_word(parts[-1]) and not name_risk(parts[-1])
    return bool(parts) and ends_as_a_word(parts[0])


def is_abstract(text: str) -> bool:
    """Whether the word ends as only abstract nouns do: no name, even if it is in no list."""
    return is_abstract_key(word_key(text))


@lru_cache(maxsize=20_000)
def resembles_ordinary(text: str, *, letters: int = 5) -> bool:
    """Whether OCR may have made the text out of an ordinary word: one letter wrong in so many ``letters``."""
    key = word_key(text.translate(_LOOKALIKES))
    if is_ordinary(key):
        return True
    wrong = len(key) // letters
    if not wrong:
        return False
    return process.extractOne(key, words(), scorer=Levenshtein.distance, score_cutoff=wrong) is not None


@lru_cache(maxsize=50_000)
def name_risk(text: str) -> Risk:
    """Whether a word is also a surname, in any form that letters give a name (``Kerns``)."""
    parts = re.split(r"[-–]", text)
    if len(parts) > 1 and all(len(part) > 2 for part in parts):
        return min(map(name_risk, parts))  # ``Lang-Wende``
    written = plain(text)
    forms = {written, written[:-1]} if written.endswith("s") and len(written) > 3 else {written}
    if forms & names("surnames"):
        return Risk.FREQUENT
    return Risk.RARE if forms & _rare() or is_word_town(text) or _may_be_surname(text) else Risk.NONE


def _may_be_surname(text: str) -> bool:
    """Whether a word is an everyday one and short, as surnames that no list has are, or a doer (``Prager``).

    Any noun or adjective of everyday life may be a surname; lists of those that are never end. Words of the
    trade and of labels are left out, and so are abstract nouns.
    """
    key = word_key(text)
    if not len(key) >= 3 or "-" in text or is_abstract_key(key) or _NO_SURNAME.search(key):
        return False
    if key in table("words_clinical") or key in _label_words():
        return False
    if key in words():
        return len(key) <= _LONGEST_SURNAME and (key in _everyday() or key in table("words_reports"))
    if key.endswith(_DOERS) and len(key) <= _LONGEST_DOER:
        return is_form(key)
    return len(key) <= _LONGEST_FORM and is_form(key) and not is_clinical_word(key)


@cache
def _everyday() -> frozenset[str]:
    return table("words_german") | table("words_english") | table("words_parts")


@cache
def _label_words() -> frozenset[str]:
    labels = frozenset(word_key(word) for phrase in label_phrases() for word in phrase.split())
    lists = (
        "titles",
        "roles",
        "headings",
        "times",
        "units",
        "departments",
        "determiners",
        "before_times",
        "sayers",
        "doers",
    )
    return labels.union(*map(cue_keys, lists), cue_keys("finite"), cue_keys("person"))


@cache
def _rare() -> frozenset[str]:
    return names("rare_surnames") | names("eponyms") | names("eponyms_rare") | names("more_names")


@lru_cache(maxsize=50_000)
def is_eponym(text: str) -> bool:
    """Whether a disease, a sign or a score is called so."""
    parts = [word_key(part) for part in re.split(r"[-–]", text)]
    return word_key(text) in eponyms() or (len(parts) > 1 and all(part in eponyms() for part in parts))


def is_rare_eponym(text: str) -> bool:
    """Whether something is called so that few reports mention; many of these are also somebody's name."""
    return word_key(text) in table("eponyms_rare")


@lru_cache(maxsize=50_000)
def is_loose_compound(text: str) -> bool:
    """Whether it is a word only by being made of everyday ones: no list has it, and it is not clinical."""
    if is_listed(text):
        return False
    parts = [part for part in map(word_key, _PARTS.split(text)) if part]
    return any(is_word(part) and not is_form(part) and not is_compound_of_trade(part) for part in parts)


def is_first_name(text: str) -> bool:
    """Whether the word, or every part of it between hyphens, is a first name in use."""
    parts = [word_key(part) for part in re.split(r"[-–]", text)]
    return all(part in table("first_names") for part in parts) and bool(parts[0])


def is_only_clinical(text: str) -> bool:
    """Whether it is a word of the trade, and nobody's name."""
    return is_clinical(text) and not name_risk(text)


def is_mere_word(text: str) -> bool:
    """Whether it is a word of the language or the trade, and nobody's name as far as any list knows."""
    if word_key(text) in cue_keys("page_words"):
        return True
    return is_ordinary(text) and not name_risk(text) and not is_first_name(text)


def is_name(text: str) -> bool:
    """Whether a word, or one of its parts between hyphens, is in a list of names of people or places."""
    parts = [part for part in map(word_key, _PARTS.split(text)) if part]
    return any(map(is_listed_name, parts))


def is_town(text: str) -> bool:
    """Whether the word is a town of the list, which has the large ones and some that are no other word."""
    return word_key(text) in table("towns")


def is_role(text: str) -> bool:
    """Whether a capitalised word says what a person is to others or lives of, or is a compound of one."""
    return text[:1].isupper() and (
        is_trade(text)
        or bool({folded(text)} & (cue_words("person") | cue_words("roles")))
        or bool(_ROLE_END.search(word_key(text)))
    )


def is_trade(text: str) -> bool:
    """Whether people live of being that."""
    return plain(text) in names("trades")


def is_word_town(text: str) -> bool:
    """Whether a capitalised word is both a town and something else."""
    return text[:1].isupper() and word_key(text) in cue_keys("word_towns")
