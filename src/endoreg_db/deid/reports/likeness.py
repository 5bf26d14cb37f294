"""How much a word in no list looks like those of the word lists, and how little like a name.

Pieces of three to five letters are counted in the lists of words and in those of names and towns
(naive Bayes). German words are long and made of known pieces, so most of those that the lists lack are still
far from any name; short ones say too little either way, and are never taken for words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Final

from endoreg_db.deid.reports.tables import table, words

_SIZES: Final = (3, 4, 5)  # letters of a piece
_SMOOTH: Final = 0.3
_SHORTEST: Final = 6  # letters
_LONG: Final = 8  # letters from which on a word says more of itself
#: From here on two of a thousand names that are in no list would be taken for words, and seven of ten long
#: words are; of the short ones one in five. Counted on fifths of the lists that the others did not know.
_LIKE_WORDS: Final = 6.0
_LIKE_WORDS_IF_SHORT: Final = 7.5
_LIKE_WORDS_WITH_PART: Final = 4.0  # if a word of the lists, six letters long or more, is part of it
_FAR_FROM_WORDS: Final = -2.5  # what is a mere form of a word may look a little like a name


@lru_cache(maxsize=50_000)
def looks_like_a_word(key: str) -> bool:
    """Whether a word in no list, ``key`` as of ``word_key``, is far more like words than like names."""
    if len(key) < _SHORTEST:
        return False
    if len(key) < _LONG:
        return likeness(key) >= _LIKE_WORDS_IF_SHORT
    least = _LIKE_WORDS_WITH_PART if _has_listed_part(key) else _LIKE_WORDS
    return likeness(key) >= least


def _has_listed_part(key: str) -> bool:
    heads = (key[:cut] for cut in range(_SHORTEST, len(key) - 2))
    tails = (key[cut:] for cut in range(3, len(key) - _SHORTEST + 1))
    return any(part in words() for part in (*heads, *tails))


@lru_cache(maxsize=50_000)
def is_like_names(key: str, *, more: bool = False) -> bool:
    """Whether a word in no list is more (or far more) like names: being made of words means little then."""
    return likeness(key) < (_FAR_FROM_WORDS if more else 0)


def likeness(key: str) -> float:
    """Above zero: more like words. Grows with what is sure, hardly with the length."""
    ratios = _ratios()
    return sum(ratios.get(piece, 0.0) for piece in set(_pieces(key))) / math.sqrt(len(key))


def _pieces(key: str) -> Iterator[str]:
    ended = f"^{key}$"
    for size in _SIZES:
        yield from (ended[start : start + size] for start in range(len(ended) - size + 1))
    yield str(min(len(key), 16))


@cache
def _ratios() -> dict[str, float]:
    """Piece → logarithm of how much more frequent it is in words than in names."""
    known = table("words_german") | table("words_clinical")
    people = table("first_names") | table("surnames") | table("more_names") | table("towns")
    in_words = _counted(word for word in known if len(word) > 4)
    in_names = _counted(name for name in people - words() if len(name) > 3)
    all_words, all_names = in_words.total(), in_names.total()
    return {
        piece: math.log((in_words[piece] + _SMOOTH) / all_words)
        - math.log((in_names[piece] + _SMOOTH) / all_names)
        for piece in in_words.keys() | in_names.keys()
    }


def _counted(listed: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for word in listed:
        counts.update(set(_pieces(word)))
    return counts
