"""Which words are ordinary, and so stay, and which are first names.

The lists lie in ``tables/`` and were written for this project. German makes words without end, so a
word is also ordinary if it is an inflection, a derivation or a compound of words in the lists. The
lists leave out what surnames are made of (``-bach``, ``-mann``, ``-hofer``), so that most surnames
are in no list; those that are words (``Klein``, ``Stein``) are found by where they stand.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from endoreg_db.deid.text_rules import fold, name_key

_INFLECTIONS: Final = (
    "", "e", "en", "er", "es", "em", "n", "s", "ns", "r", "t", "te", "ten", "ter", "tes", "tem", "et", "ete",
    "st", "d", "de", "den", "der", "des", "ed", "ing", "ly", "ies",
)  # fmt: skip
_SHORT_ENDINGS: Final = frozenset({"", "e", "en", "er", "es", "em", "n", "s"})
_DERIVATIONS: Final = (
    "ung", "ungen", "ungs", "lich", "isch", "keit", "heit", "bar", "los", "haft", "frei", "artig", "formig",
    "gradig", "seitig", "masig", "fahig", "reich", "arm", "ig", "al", "ar", "iv", "os", "in", "innen", "chen",
    "ismus", "itat", "ation", "ion", "ieren", "iert", "ness", "ment", "able", "fach", "weise",
)  # fmt: skip
_PREFIXES: Final = (
    "un", "vor", "nach", "ab", "an", "auf", "aus", "ein", "be", "ver", "zer", "ent", "er", "ge", "mit", "zu",
    "hin", "her", "uber", "unter", "um", "wieder", "peri", "post", "pra", "intra", "sub", "hyper", "hypo",
    "poly", "mikro", "makro", "endo", "trans", "anti", "inter", "re", "dys", "gastro", "entero", "kolo",
    "colo", "prokto", "ileo", "jejuno", "duodeno", "hepato", "osophago", "cholangio", "rekto", "sigmo",
    "neo", "pseudo", "extra", "para", "non", "pre", "thrombo", "histo", "durch", "los", "fort", "weg",
    "gegen", "haupt", "neben", "zwischen", "rest", "ober", "mis", "dis", "bi", "multi", "elektro",
    "kardio", "psycho",
)  # fmt: skip
#: Endings that only medicine has; with three letters or more before them they say enough.
_MEDICAL: Final = re.compile(
    r".{3,}(?:skop(?:ie|ien|isch\w*|ist|y)|ektomie[ns]?|itis|itiden|iasis|osis|karzinome?n?|adenome?n?|tomie"
    r"|gra(?:ph|f)ie|pathie|plasie|ami[ea]|zytose|ectomy|scopic|oma|blastom|sarkom|trophie|penie|ergie|mycin"
    r"|prazol|sartan|statin|xaban|olol|cillin|mab|azol|idin|amid)"
)
#: Endings of abstract nouns, which no surname has after so many letters.
_ABSTRACT: Final = re.compile(
    r".{4,}(?:keit|heit|schaft|ungs?|ungen|tion|tionen|itat|itaten|ismus|nis|nisse|barkeit|gangs?|verkehr|losung"
    r"|verlauf|abgang|befund|anteil|bereich|gehalt|wert|zeichen|ansatz|versorgung|einlage)"
)
_LINKS: Final = ("", "s", "n", "en", "es", "er", "e", "o")
_SHORTEST_PART: Final = 4  # letters of a part of a compound
_LOOKALIKES: Final = str.maketrans("01568|", "oisbBl")


@lru_cache(maxsize=100_000)
def word_key(text: str) -> str:
    """One spelling for those in use, letters and digits only: ``Oesophagus`` and ``Ösophagus`` are one."""
    return name_key(text).replace(" ", "")


@cache
def _table(name: str) -> frozenset[str]:
    text = resources.files("endoreg_db.deid.reports").joinpath("tables", name).read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word_key(word) for line in lines for word in line.split()) - {""}


@cache
def _words() -> frozenset[str]:
    labels = {word_key(word) for phrase in label_phrases() for word in phrase.split()}
    return _table("words_german.txt") | _table("words_english.txt") | _table("words_clinical.txt") | labels


@cache
def label_phrases() -> dict[str, tuple[str, bool]]:
    """Label, folded → its kind, and whether it is also an ordinary word."""
    file = resources.files("endoreg_db.deid.reports").joinpath("tables", "labels.toml")
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {
        phrase: (kind, strength == "plain")
        for kind, table in tables.items()
        for strength in ("plain", "strong")
        for phrase in table[strength]
    }


@cache
def _stems() -> frozenset[str]:
    """The words, and what is left of verbs and nouns without their endings."""
    words = _words()
    cut = {word[: -len(end)] for word in words for end in ("en", "n", "e") if word.endswith(end)}
    return words | {stem for stem in cut if len(stem) >= _SHORTEST_PART}


@lru_cache(maxsize=50_000)
def is_ordinary(text: str) -> bool:
    """Whether every part of the word (parts are joined by hyphens) is a word of the language or the trade."""
    parts = [word_key(part) for part in re.split(r"[-–/'’.+&]", text)]
    letters = [re.sub(r"\d+", "", part) for part in parts]
    if any(c.isdigit() for c in text) and sum(map(len, letters)) < 2:
        return False
    return any(letters) and all(not part or _is_word(part) for part in letters)


def is_listed(text: str) -> bool:
    """Whether the word itself is in the lists, not only its parts."""
    return word_key(text) in _words()


def _is_word(key: str) -> bool:
    if key in _words() or (len(key) >= 7 and _MEDICAL.fullmatch(key)):
        return True
    if len(key) < _SHORTEST_PART:
        return False
    return _is_form(key) or _is_compound(key)


def _is_form(key: str) -> bool:
    """Whether the word is a word of the list with other endings, and perhaps a prefix."""
    if _inflected(key):
        return True
    return any(
        key.startswith(prefix) and len(key) - len(prefix) >= _SHORTEST_PART and _inflected(key[len(prefix) :])
        for prefix in _PREFIXES
    )


def _inflected(key: str) -> bool:
    stems = _stems()
    for ending in _INFLECTIONS:
        if not key.endswith(ending):
            continue
        base = key[: len(key) - len(ending)]
        if len(base) < (3 if ending in _SHORT_ENDINGS else _SHORTEST_PART):
            continue
        if base in stems or any(_derived(base, derivation, stems) for derivation in _DERIVATIONS):
            return True
    return False


def _derived(base: str, derivation: str, stems: frozenset[str]) -> bool:
    stem = base[: len(base) - len(derivation)]
    return base.endswith(derivation) and len(stem) >= _SHORTEST_PART and stem in stems


def _is_compound(key: str) -> bool:
    """Whether the word is made of two words or more, of four letters each at least."""
    stems = _stems()
    for cut in range(_SHORTEST_PART, len(key) - _SHORTEST_PART + 1):
        head, tail = key[:cut], key[cut:]
        if not any(head.endswith(link) and head[: len(head) - len(link)] in stems for link in _LINKS):
            continue
        if len(head) >= _SHORTEST_PART and (tail in _words() or _is_form(tail) or _is_compound(tail)):
            return True
    return False


@cache
def cue_words(name: str) -> frozenset[str]:
    """One list of ``tables/cues.toml``."""
    file = resources.files("endoreg_db.deid.reports").joinpath("tables", "cues.toml")
    return frozenset(tomllib.loads(file.read_text(encoding="utf-8"))[name].split())


@lru_cache(maxsize=20_000)
def resembles_ordinary(text: str, *, letters: int = 5) -> bool:
    """Whether OCR may have made the text out of an ordinary word: one letter wrong in so many ``letters``."""
    key = word_key(text.translate(_LOOKALIKES))
    if is_ordinary(key):
        return True
    wrong = len(key) // letters
    if not wrong:
        return False
    return process.extractOne(key, _words(), scorer=Levenshtein.distance, score_cutoff=wrong) is not None


@cache
def _first_names() -> frozenset[str]:
    return _table("first_names.txt")


def is_abstract(text: str) -> bool:
    """Whether the word ends as only abstract nouns do: no name, even if it is in no list."""
    return len(text) >= 8 and _ABSTRACT.fullmatch(word_key(text)) is not None


def is_first_name(text: str) -> bool:
    """Whether the word, or every part of it between hyphens, is a first name in use."""
    parts = [word_key(part) for part in re.split(r"[-–]", text)]
    return all(part in _first_names() for part in parts) and bool(parts[0])


@cache
def _towns() -> frozenset[str]:
    return _table("towns.txt")


def is_town(text: str) -> bool:
    """Whether the word is a town of the list, which has the large ones and some that are no other word."""
    return word_key(text) in _towns()


@lru_cache(maxsize=100_000)
def folded(text: str) -> str:
    """As :func:`~endoreg_db.deid.text_rules.fold`; remembered, since reports repeat their words."""
    return fold(text)
