"""Words that no list has: inflections, derivations and compounds of those that one has.

German makes words without end. A word counts as known if its parts are; but not if it ends as surnames do
(``-mann``, ``-häuser``, ``-bach``), unless what stands before is clinical: ``Pankreaskopf`` is a word,
``Schwarzkopf`` is somebody.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cache, lru_cache
from typing import Final

from endoreg_db.deid.reports.likeness import is_like_names
from endoreg_db.deid.reports.tables import cue_keys, table, words

_INFLECTIONS: Final = (
    "", "e", "en", "er", "es", "em", "n", "s", "ns", "r", "t", "te", "ten", "ter", "tes", "tem", "et", "ete",
    "st", "d", "de", "den", "der", "des", "ed", "ing", "ly", "ies",
)  # fmt: skip
_ENGLISH_INFLECTIONS: Final = ("s", "es", "ed", "d", "ing", "ly", "ies", "ness", "ment", "able")
_SHORT_ENDINGS: Final = frozenset({"", "e", "en", "er", "es", "em", "n", "s"})
_REGULAR: Final = ("s", "n", "en", "es", "er", "e", "ed", "ing", "ly")
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
    "kardio", "psycho", "mini", "mega", "hetero", "homo", "iso", "juxta", "supra", "infra", "retro", "ultra",
    "auto", "immun", "video", "tele", "radio", "pan", "semi", "sero", "myo", "angio", "broncho", "neuro",
)  # fmt: skip
#: Endings that only medicine has; with three letters or more before them they say enough.
_MEDICAL: Final = re.compile(
    r".{3,}(?:skop(?:ie|ien|isch\w*|ist|y)|ektomie[ns]?|itis|itiden|iasis|osis|karzinome?n?|adenome?n?|tomie"
    r"|gra(?:ph|f)ie|pathie|plasie|ami[ea]|zytose|ectomy|scopic|oma|blastom|sarkom|trophie|penie|ergie|mycin"
    r"|prazol|sartan|statin|xaban|olol|cillin|mab|azol|idin|amid|floxacin|cyclin|micin|tinib|parin|gliptin|gliflozin"
    r"|setron|triptan|dipin|terol|caine?|phyllin|zepam|zolam|dronat|fibrat|lukast|oxetin|azepin|peridol|thiazid|semid"
    r"|grel|platin|rubicin|taxel|poetin|vudin|ciclovir|buvir|citabin|mustin|trexat|prim|oxacin)"
)
#: Endings of abstract nouns, which no surname has after so many letters.
_ABSTRACT: Final = re.compile(
    r".{4,}(?:keit|heit|schaft|ungs?|ungen|tion|tionen|itat|itaten|ismus|nis|nisse|barkeit|gangs?|verkehr|losung"
    r"|verlauf|abgang|befund|anteil|bereich|gehalt|wert|zeichen|ansatz|versorgung|einlage|ierung|ologie|ologe"
    r"|ologin|ologen|ikum|ator|atoren|gramm|graphie|metrie|stomie|stoma|zele|lyse|algie|gonie|genese|tropie"
    r"|phagie|pnoe|rrhoe|rho|uri[ea]|zyten?|zytar|phil|philen|phile|glob[iu]n|kokken|bakterien|trop|ase"
    r"|therapie|prophylaxe|diagnostik|technik|klinik|politik|statik|dynamik|kinetik)"
)
#: Endings of adjectives; names have none of them after so many letters.
_ADJECTIVE: Final = re.compile(
    r".{4,}(?:isch|lich|artig|formig|gradig|seitig|fahig|maßig|masig|haltig|farben|farbig|wertig|zeitig|giebig"
    r"|ell|oid|iert|ziert|siert|iv|os|ar|al|abel|ibel|ant|ent|gen|frei|arm|reich|nah|fern|los|voll|bar|haft|sam"
    r"|fest|dicht|weit|standig|wandig|kernig|zellig|end|ig)(?:e|er|es|en|em)"
)
_LINKS: Final = ("", "s", "n", "en", "es", "er", "e", "o")
_SHORTEST_PART: Final = 4  # letters of a part of a compound
_SHORTEST_TAIL: Final = 5  # letters by which the last part of a compound says that it is a word


_PLACE_END: Final = re.compile(
    r".{3,}(?:berg|burg|dorf|hausen|heim|bruck|bruk|stadt|feld|bach|tal|ingen|furt|hagen|wald|kirchen|munde|weiler)(?:er)?$"
)
_SURNAME_ENDS: Final = cue_keys("surname_ends")
_SURNAME_END: Final = re.compile(rf".{{3,}}?({'|'.join(sorted(_SURNAME_ENDS))})")


@cache
def _stems_of(name: str) -> frozenset[str]:
    """The words of a list, and what is left of verbs and nouns without their endings."""
    listed = table(name)
    cut = {word[: -len(end)] for word in listed for end in ("en", "n", "e") if word.endswith(end)}
    return listed | {stem for stem in cut if len(stem) >= _SHORTEST_PART}


@cache
def _stems() -> frozenset[str]:
    return _stems_of("words_german") | _stems_of("words_parts") | _stems_of("words_clinical")


@lru_cache(maxsize=100_000)
def is_word(key: str) -> bool:
    """Whether it is a word, a form of one, or made of some; ``key`` as of :func:`word_key`."""
    return is_form(key) or (
        len(key) >= _SHORTEST_PART
        and not is_listed_name(key)
        and not is_like_names(key)
        and not ends_as_surnames(key)
        and (_is_prefixed(key, _stems()) or _is_compound(key))
    )


@lru_cache(maxsize=100_000)
def is_form(key: str) -> bool:
    """Whether it is a form of a word in a list, or ends as only medicine's words and abstract ones do."""
    if key in words():
        return True
    if is_listed_name(key) or is_like_names(key, more=True):
        return False
    if (len(key) >= 7 and _MEDICAL.fullmatch(key)) or is_abstract_key(key):
        return True
    return len(key) >= _SHORTEST_PART and (_inflected(key, _stems(), _INFLECTIONS) or _is_english_form(key))


@lru_cache(maxsize=100_000)
def is_clinical_word(key: str) -> bool:
    """Whether it is a word of the trade: listed, a form of one, or made of those alone."""
    stems = _stems_of("words_clinical")
    if key in table("words_clinical") or _is_of_reports(key) or (len(key) >= 7 and _MEDICAL.fullmatch(key)):
        return True
    return len(key) >= _SHORTEST_PART and (
        _inflected(key, stems, _INFLECTIONS) or (not ends_as_surnames(key) and _is_prefixed(key, stems))
    )


def _is_of_reports(key: str) -> bool:
    """Whether the list of words that reports use has it, or its singular; compounds are not made of these."""
    listed = table("words_reports")
    return key in listed or any(
        key.endswith(end) and len(key) - len(end) >= _SHORTEST_TAIL and key[: -len(end)] in listed
        for end in _REGULAR
    )


@lru_cache(maxsize=100_000)
def is_compound_of_trade(key: str) -> bool:
    """Whether it is a compound that begins or ends with a word of the trade of five letters or more.

    ``Strömberg`` begins with one as well: what ends as towns do has to be in a list.
    """
    if _PLACE_END.search(key) or is_like_names(key, more=True):
        return False
    for cut in range(_SHORTEST_TAIL, len(key) - 2):
        if (
            len(key) - cut >= _SHORTEST_TAIL
            and is_clinical_word(key[cut:])
            and not _is_surname_part(key[cut:])
        ):
            return True
        if _is_linked(key[:cut], _stems_of("words_clinical"), _SHORTEST_TAIL) and is_word(key[cut:]):
            return True
    return len(key) > 2 * _SHORTEST_TAIL and any(
        is_clinical_word(key[cut:]) and not _is_surname_part(key[cut:])
        for cut in range(3, len(key) - _SHORTEST_TAIL + 1)
    )


@lru_cache(maxsize=100_000)
def ends_as_a_word(key: str) -> bool:
    """Whether it is long and its last part is a word that surnames do not end in (``…gebrauch``)."""
    if len(key) < 9 or ends_as_surnames(key):
        return False
    return any(
        is_word(key[cut:]) and not _is_surname_part(key[cut:])
        for cut in range(3, len(key) - _SHORTEST_TAIL + 1)
    )


@lru_cache(maxsize=100_000)
def is_listed_name(key: str) -> bool:
    """Whether a list of names of people or places has it."""
    return any(key in table(name) for name in ("first_names", "surnames", "more_names", "towns"))


def is_abstract_key(key: str) -> bool:
    """Whether the word ends as only abstract nouns and words of medicine do."""
    return len(key) >= 8 and bool(_ABSTRACT.fullmatch(key))


def is_adjective_key(key: str) -> bool:
    """Whether the word ends as only adjectives do."""
    return len(key) >= 8 and bool(_ADJECTIVE.fullmatch(key))


@lru_cache(maxsize=100_000)
def ends_as_surnames(key: str) -> bool:
    """Whether the word ends as surnames do and nothing clinical stands before that end."""
    found = _SURNAME_END.fullmatch(key)
    if found is None or key in words():
        return False
    longer = (key[cut:] for cut in range(3, found.start(1)))
    if any(tail in words() and not _is_surname_part(tail) for tail in longer):
        return False  # ``Gesamtdauer`` does not end in -auer
    return not _is_linked(key[: found.start(1)], _stems_of("words_clinical"), _SHORTEST_PART)


def _is_surname_part(key: str) -> bool:
    return key in table("surnames") or key in _SURNAME_ENDS


def _is_linked(head: str, stems: Set[str], least: int) -> bool:
    """Whether a compound may begin so: a stem and what joins it to the next part."""
    return any(
        head.endswith(link) and len(head) - len(link) >= least and head[: len(head) - len(link)] in stems
        for link in _LINKS
    )


def _is_prefixed(key: str, stems: Set[str]) -> bool:
    return any(
        key.startswith(prefix)
        and len(key) - len(prefix) >= _SHORTEST_PART
        and (key[len(prefix) :] in stems or _inflected(key[len(prefix) :], stems, _INFLECTIONS))
        for prefix in _PREFIXES
    )


def _inflected(key: str, stems: Set[str], endings: tuple[str, ...]) -> bool:
    for ending in endings:
        if not key.endswith(ending):
            continue
        base = key[: len(key) - len(ending)]
        if len(base) < (3 if ending in _SHORT_ENDINGS else _SHORTEST_PART):
            continue
        if ending and base in stems:
            return True
        if any(_derived(base, derivation, stems) for derivation in _DERIVATIONS):
            return True
    return False


def _is_english_form(key: str) -> bool:
    stems = _stems_of("words_english")
    return any(
        key.endswith(end) and len(key) - len(end) >= _SHORTEST_PART and key[: -len(end)] in stems
        for end in _ENGLISH_INFLECTIONS
    )


def _derived(base: str, derivation: str, stems: Set[str]) -> bool:
    stem = base[: len(base) - len(derivation)]
    return base.endswith(derivation) and len(stem) >= _SHORTEST_PART and stem in stems


def _is_compound(key: str) -> bool:
    """Whether the word is made of two words or more, of four letters each at least."""
    stems = _stems()
    for cut in range(_SHORTEST_PART, len(key) - _SHORTEST_PART + 1):
        head, tail = key[:cut], key[cut:]
        if not any(head.endswith(link) and head[: len(head) - len(link)] in stems for link in _LINKS):
            continue
        if tail in stems or _inflected(tail, stems, _INFLECTIONS) or _is_prefixed(tail, stems):
            return True
        if _is_compound(tail):
            return True
    heads = (prefix for prefix in _PREFIXES if len(prefix) >= _SHORTEST_PART and key.startswith(prefix))
    return any(_is_compound(key[len(head) :]) for head in heads)
