"""Rules about text that hold anywhere: names in spite of accents and OCR, identity by its shape.

Pure functions, shared by overlays, reports and the look at what is about to be published.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

#: Letters that Unicode does not decompose into a base letter and an accent.
_PLAIN_LETTERS = str.maketrans(
    {"ß": "ss", "ẞ": "ss", "ł": "l", "Ł": "l", "ø": "o", "Ø": "o", "đ": "d", "Đ": "d", "ð": "d", "Ð": "d"}
    | {"ı": "i", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}
)

#: Shorter tokens occur in OCR noise by chance and are never searched for on their own.
MIN_TOKEN = 4
_EXACT_UP_TO = 5  # letters; tokens up to this length must be a whole word, letter by letter


def fold(text: str) -> str:
    """Lower case without accents, ``ß`` as ``ss``; what is neither letter nor digit becomes one space."""
    # Decomposed before and after: letters of mathematics and raised ones have no small form of their own.
    small = unicodedata.normalize("NFKD", text).translate(_PLAIN_LETTERS).casefold()
    letters = "".join(c for c in unicodedata.normalize("NFKD", small) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", letters.translate(_PLAIN_LETTERS)).strip()


def name_key(text: str) -> str:
    """Folded, and one spelling for those in use: Müller, Mueller, MULLER are one, as are Groß and Gros.

    With ``ss`` as one letter, an ß that OCR takes for another letter is one error, not two.
    """
    return re.sub(r"([aou])e", r"\1", fold(text)).replace("ss", "s")


def same_name(one: str, other: str, *, similarity: float = 75.0) -> bool:
    """Whether two readings may be the same name, as alike (percent) as two OCR readings of one are."""
    return fuzz.ratio(name_key(one), name_key(other)) >= similarity


def date_forms(day: date) -> frozenset[str]:
    """The day as eight or six digits, in every order that devices and people write it."""
    y, m, d = f"{day.year:04}", f"{day.month:02}", f"{day.day:02}"
    short = y[2:]
    return frozenset({d + m + y, m + d + y, y + m + d, d + m + short, m + d + short, short + m + d})


def matches_known(text: str, tokens: Collection[str]) -> bool:
    """Whether ``text`` contains something that is known to identify this patient.

    Names match folded, whole and in each of their words: up to five letters as a whole word, longer
    ones with one letter wrong in every seven. Numbers match as digits with any separators between
    them, from eight digits on with one wrong. ISO dates match in every usual order. What is shorter
    than four characters is not searched.
    """
    words, digits = name_key(text), digits_of(text)
    return any(_number_in(form, digits) for token in tokens for form in _digit_forms(token)) or any(
        _name_in(name, words) for token in tokens for name in _names_of(token)
    )


def digits_of(text: str) -> str:
    """The digits of the text; anything but a separator between two of them becomes a space."""
    return re.sub(r"\D+", " ", re.sub(r"(?<=\d)[ .,/:\-]{1,3}(?=\d)", "", text)).strip()


def _names_of(token: str) -> frozenset[str]:
    key = name_key(token)
    return frozenset({key, *key.split()})


def _digit_forms(token: str) -> frozenset[str]:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", token):
        return date_forms(date.fromisoformat(token)) if _is_date(*map(int, token.split("-"))) else frozenset()
    digits = digits_of(token)
    return frozenset({digits}) if len(digits) >= MIN_TOKEN and " " not in digits else frozenset()


def _number_in(number: str, digits: str) -> bool:
    if number in digits:
        return True
    return len(number) >= 8 and any(_nearly_in(number, run, wrong=1) for run in digits.split())


def _name_in(name: str, words: str) -> bool:
    letters = name.replace(" ", "")
    if len(letters) < MIN_TOKEN or not any(c.isalpha() for c in letters):
        return False
    if len(letters) <= _EXACT_UP_TO:
        return f" {name} " in f" {words} "
    # Spaces come and go in OCR, so the longer ones are searched without them.
    return _nearly_in(letters, words.replace(" ", ""), wrong=len(letters) // 7)


def _nearly_in(needle: str, text: str, *, wrong: int) -> bool:
    """Whether some piece of ``text`` is ``needle`` but for ``wrong`` signs changed, lost or added."""
    if needle in text:
        return True
    return wrong > 0 and any(
        Levenshtein.distance(needle, text[start : start + size], score_cutoff=wrong) <= wrong
        for size in range(len(needle) - wrong, len(needle) + wrong + 1)
        for start in range(max(1, len(text) - size + 1))
    )


_MONTHS = r"jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]"
_DATE = re.compile(r"(?<!\d)(\d{1,4})\s?([./\-])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?!\d)")
_WORDED_DATE = re.compile(
    rf"(?<!\d)\d{{1,2}}[. \-]{{0,2}}(?:{_MONTHS})[a-zä]*[. \-]{{0,2}}\d{{2,4}}(?!\d)", re.I
)
_TIME = re.compile(r"(?<!\d)([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?!\d)")
_NUMBER = re.compile(r"\d(?:[ .\-/]?\d){5,}")
_LABEL = re.compile(
    r"""\b(?: patient(?:in|en|ennr|en-?id)? | (?:vor|nach|geburts|last\s|first\s|family\s)?name
        | geburtsdatum | geb\.? \s (?:am|dat) | geb\.(?=\s*\d) | d\.?o\.?b\.?(?=\W) | (?:date\sof\s)?birth
        | fall-?(?:nr|nummer) | case\s?(?:no|number|id) | mrn\b | pat(?:ient)?[.\s\-]*(?:id|nr|no)
        | pid\s*[:.] | id\s*[:.] | sex\s*[:.] | age\s*[:.] )""",
    re.I | re.X,
)
_TITLE = re.compile(r"\b(?i:dr\.|prof\.|herrn?\s|frau\s|mrs?\.?\s)\s*[A-ZÄÖÜ]")
_NAME_SHAPE = re.compile(r"\b[^\W\d_]{2,}[\w'’ \-]*,\s?[A-ZÄÖÜ][\w'’\-]+|[A-Z]{2,}\^[A-Z]{2,}")


def looks_like_identity(text: str) -> str | None:
    """Which kind of identity a line of text in a picture looks like, or None.

    Meant for endoscopic images, where any text is an exception; in prose it would find too much.

    Returns:
        ``date``, ``time``, ``number`` (six digits or more), ``name label`` (Patient, Name, geb. …),
        ``title`` (Dr., Herr …) or ``name`` (Last, First and LAST^FIRST).
    """
    if _WORDED_DATE.search(text) or any(_may_be_date(found) for found in _DATE.finditer(text)):
        return "date"
    kinds = {"time": _TIME, "number": _NUMBER, "name label": _LABEL, "title": _TITLE, "name": _NAME_SHAPE}
    return next((kind for kind, shape in kinds.items() if shape.search(text)), None)


def _may_be_date(found: re.Match[str]) -> bool:
    """Whether three numbers can be a day in any order."""
    first, second, third = (int(found[n]) for n in (1, 3, 4))
    orders = ((third, second, first), (third, first, second), (first, second, third))
    return any(_is_date(year if year > 99 else 2000 + year, month, day) for year, month, day in orders)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return 1850 <= year <= 2150
