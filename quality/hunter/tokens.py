"""What is hunted: words as a person writes them, and every way in which they may come back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain

#: Below this many letters a word only counts where it stands alone: "Ng" is in every "Ingenieur".
WHOLE_WORD = 5

_STROKED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_SEPARATORS = re.compile(r"[ '’\-]+")
#: What systems put in the place of a blank or a hyphen; ``^`` as DICOM does, ``%20`` as links do.
_JOINTS = ("", " ", "_", "-", "+", "^", "%20")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MONTHS = {
    "de": (
        "januar", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober",
        "november", "dezember",
    ),
    "en": (
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
        "november", "december",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One thing that must not come out."""

    text: str  # as a person writes it; a date in ISO 8601
    label: str = "token"  # what it is, e.g. ``last_name``; results are counted by it


@dataclass(frozen=True, slots=True)
class Hit:
    """A token that was found."""

    token: Token
    path: str  # of the file
    where: str  # in the file, e.g. ``tag 'title'`` or ``picture at 3.20 s``
    how: str  # encoding, or ``ocr``
    excerpt: str  # what was found there, with a little around it


def folded(text: str) -> str:
    """The text without case, accents and strokes: ``Žagar-Łukasz`` becomes ``zagar-lukasz``."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("i̇", "i").translate(_STROKED))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def spellings(token: Token) -> tuple[str, ...]:
    """Every way in which the token is written out, as it stands and folded; no two are equal."""
    written = list(_date_spellings(token.text)) or [token.text]
    forms = chain.from_iterable(_letter_forms(text) for text in written)
    return tuple(dict.fromkeys(joined for form in forms for joined in _joined(form)))


def _letter_forms(text: str) -> Iterator[str]:
    """The text, its decomposed form, and what is left of it where umlauts cannot be written."""
    composed = unicodedata.normalize("NFC", text)
    for form in (composed, composed.lower(), composed.upper()):
        yield form
        yield unicodedata.normalize("NFD", form)
    german = composed.casefold().translate(_GERMAN)
    for form in (composed, german):
        yield folded(form)
        yield folded(form.replace("ß", "s").replace("ss", "s"))  # Weissenfels, and as OCR has it


def _joined(text: str) -> Iterator[str]:
    yield text
    parts = _SEPARATORS.split(text)
    if len(parts) > 1:
        yield from (joint.join(parts) for joint in _JOINTS)


def _date_spellings(text: str) -> Iterator[str]:
    found = _ISO_DATE.fullmatch(text)
    if found is None:
        return
    day = date(*map(int, found.groups()))
    d, m, y = f"{day:%d}", f"{day:%m}", f"{day:%Y}"
    for sign in ("-", ".", "/", ""):
        yield sign.join((y, m, d))
        yield sign.join((d, m, y))
        yield sign.join((m, d, y))
    for sign in (".", "/", "-"):
        yield sign.join((d, m, y[2:]))
        yield sign.join((str(day.day), str(day.month), y))
    yield from (form for names in _MONTHS.values() for form in _named(day, names[day.month - 1]))


def _named(day: date, month: str) -> Iterator[str]:
    for name in (month, month[:3]):
        yield f"{day.day}. {name} {day.year}"
        yield f"{day.day} {name} {day.year}"
        yield f"{name} {day.day}, {day.year}"
