"""Words in a script that these reports are not written in: whoever has one is called so, or lives there."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

#: Of one or two Greek letters are signs (``α``, ``µ``, ``γδ``); a word has more.
_GREEK_WORD: Final = re.compile("[\u0370-\u03ff\u1f00-\u1fff]{3}")
_OURS: Final = ("LATIN ", "GREEK ")
_LOST: Final = "\ufffd"  # what a text layer has in the place of a letter that its font does not tell


@lru_cache(maxsize=50_000)
def is_of_other_script(text: str) -> bool:
    """Whether letters that are neither Latin nor Greek are in it, or a Greek word.

    Signs that Unicode counts as letters (``℃``, ``Ω`` of ohms, ``ª``) are what they are made of.
    """
    if text.isascii():
        return False
    plain = unicodedata.normalize("NFKD", text)
    letters = (c for c in plain if unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lo"))
    return _GREEK_WORD.search(unicodedata.normalize("NFKC", text)) is not None or any(
        not unicodedata.name(c, "").startswith(_OURS) for c in letters
    )


def is_caseless(letter: str) -> bool:
    """Whether a letter is of a script without capitals; the raised ones in ``1ª`` and ``nº`` are not."""
    return unicodedata.category(letter) == "Lo" and letter not in "ªº"


def belongs_to_letter(sign: str) -> bool:
    """Whether a sign is a vowel's, an accent beside its letter (``Mu¨ller``), or one for a lost letter."""
    if sign == "^":
        return False  # it parts the fields of a name (``MÜLLER^ERIKA``)
    return unicodedata.category(sign) in ("Mn", "Mc", "Sk", "Co") or sign == _LOST
