"""How names are written: titles, particles, initials; where a name begins and where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    cue_words,
    is_abstract,
    is_first_name,
    is_ordinary,
    name_risk,
    resembles_ordinary,
)

TITLES: Final = cue_words("titles")
NO_NAMES: Final = cue_words("no_names")
PARTICLES: Final = cue_words("particles")
LEADING: Final = cue_words("leading")
_SALUTATIONS: Final = cue_words("salutations")
_ENDS: Final = cue_words("name_ends")
_SMALL_TITLES: Final = cue_words("small_titles")
_SMALL_SALUTATIONS: Final = ("dr.", "lek.", "medic")
_LONG_TITLES: Final = frozenset(
    {"ass arzt", "ass arztin", "o arzt", "o arztin", "st arzt", "st arztin", "dipl med"}
)
_BEFORE_ARTICLES: Final = frozenset({"vor", "auf", "aus", "in", "an", "op", "unter", "ob"})
_ARTICLES: Final = frozenset({"der", "dem", "den"})
_ANDS: Final = ("und", "and", "u", "sowie")


def is_title(token: Token) -> bool:
    """Whether the token is a title, a salutation or a role before a name."""
    words = token.phrase.split()
    if token.text in ("h.", "c.", "h.c."):
        return True  # ``Dr. h. c.``
    known = bool(words) and (all(word in TITLES for word in words) or token.phrase in _LONG_TITLES)
    return known and (token.core[:1].isupper() or token.key in _SMALL_TITLES or token.text == "dr.")


def is_particle(token: Token) -> bool:
    """Whether the token may stand inside a surname: ``von``, ``v.``, ``de la``."""
    words = token.phrase.split()
    return bool(words) and all(word in PARTICLES for word in words) and not token.core.isupper()


def is_salutation(token: Token) -> bool:
    """Whether a name must follow: ``Herr``, ``Dr.``, ``OÄ``."""
    words = token.phrase.split()
    known = bool(words) and (words[-1] in _SALUTATIONS or token.phrase in _LONG_TITLES)
    return known and (token.core[:1].isupper() or token.text in _SMALL_SALUTATIONS)


def may_be_name(token: Token) -> bool:
    """Whether the token is shaped like a name and is no ordinary word."""
    return token.is_name_shaped and (not is_ordinary(token.core) or is_first_name(token.core))


def unknown(token: Token) -> bool:
    """Whether the token is a capitalised word that is in no list and looks like no abbreviation."""
    if not token.is_name_shaped or is_ordinary(token.core) or is_abstract(token.core):
        return False
    if token.source == "ocr" and resembles_ordinary(token.core):
        return False
    letters = sum(c.isalpha() for c in token.core)
    capitals = sum(c.isupper() for c in token.core)
    return letters >= 3 and not (capitals >= 2 and letters <= 6 and capitals >= letters - 1)


def starts_name(tokens: Sequence[Token]) -> bool:
    """Whether a name, a title or an initial stands first."""
    written = [token for token in tokens if token.key]
    while len(written) > 1 and is_particle(written[0]) and written[0].key in LEADING | PARTICLES:
        written = written[1:]
    if not written:
        return False
    first = written[0]
    if first is not tokens[0] and first.is_capitalised:
        return True
    return is_title(first) or may_be_name(first) or (first.is_initial and first.text.endswith("."))


def name_run(tokens: Sequence[Token], *, labelled: bool, several: bool = False) -> tuple[Token, ...]:
    """The name at the beginning of the tokens, with titles; empty if there is none.

    Args:
        tokens: what follows a label or a salutation, up to the end of the line.
        labelled: a label says that a name follows, so that ordinary words may be one (``Klein, Rosa``).
        several: more than one name may follow (``Sr. Petra / OA Dr. Vogel``).
    """
    taken: list[Token] = []
    names = opened = 0  # ``aus dem`` of a surname reaches to ``opened``
    for number, token in enumerate(tokens):
        if labelled and _opens_with_place(tokens[number:]):
            opened = number + 2
        belongs = _belongs(token, taken, names, labelled=labelled, several=several)
        if not belongs and number >= opened:
            break
        taken.append(token)
        names += token.is_name_shaped and not is_title(token)
        if token.text.endswith((";", ")")) and not several:
            break
    while taken and (
        not taken[-1].key
        or taken[-1].phrase in _ANDS
        or (is_particle(taken[-1]) and not taken[-1].is_capitalised)
    ):
        taken.pop()
    called = names or any(token.is_initial for token in taken) or (bool(taken) and is_particle(taken[-1]))
    return tuple(taken) if called or (labelled and taken) else ()


def _belongs(token: Token, taken: list[Token], names: int, *, labelled: bool, several: bool) -> bool:
    if not token.key:
        return token.text in (",", "-", "–", ".") or several
    if token.has_digit:
        return False
    if is_title(token):
        return True
    if token.key in _ENDS and not token.is_capitalised and (len(token.key) > 1 or token.text == token.core):
        return False
    if is_particle(token) and token.key != "und":
        return True
    if token.phrase in _ANDS:
        return several
    if token.is_initial:
        return True
    if not token.is_capitalised:
        return labelled and not is_ordinary(token.core) and token.core.isalpha()
    return _capital_belongs(token, taken, names, labelled=labelled)


def _capital_belongs(token: Token, taken: list[Token], names: int, *, labelled: bool) -> bool:
    if not is_ordinary(token.core) or is_first_name(token.core):
        return True
    before = next((other for other in reversed(taken) if other.key), None)
    if labelled:
        return names < 2 or (before is not None and before.text.endswith(","))
    # In a sentence an ordinary word is a surname only right after a first name, an initial or a comma.
    return before is not None and (
        is_first_name(before.core) or before.is_initial or before.text.endswith(",")
    )


def surname_after(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The surname that stands directly behind a first name: with its particles, and be it any word.

    ``van den Berg``, ``de la Cruz``, ``Schwarz``, ``M. Klein``; empty if no capitalised word follows.
    """
    lead = 2 if _opens_with_place(tokens) else 0
    while lead < min(len(tokens), 4) and _leads(tokens, lead):
        lead += 1
    if lead == len(tokens):
        return ()
    word = tokens[lead]
    if is_title(word) or word.phrase in NO_NAMES or not word.is_name_shaped or word.text.endswith(":"):
        return ()
    return tuple(tokens[: lead + 1])


def _opens_with_place(tokens: Sequence[Token]) -> bool:
    """``vor dem Berge``, ``auf der Heyde``: a surname that says where the first of the family lived."""
    if len(tokens) < 3 or tokens[0].key not in _BEFORE_ARTICLES or tokens[1].key not in _ARTICLES:
        return False
    return tokens[2].is_name_shaped and (not is_ordinary(tokens[2].core) or bool(name_risk(tokens[2].core)))


def _leads(tokens: Sequence[Token], index: int) -> bool:
    token = tokens[index]
    if token.is_initial and token.text.endswith("."):
        return True
    words = token.phrase.split()
    if not words:
        return False
    particle = words[0] in LEADING if index == 0 else all(word in PARTICLES for word in words)
    if index and token.source == "ocr" and len(token.core) <= 3 and token.core.islower():
        return True  # ``van dcn Berg``
    return particle and not token.core.isupper()


def name_before(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The name that ends here: up to four capitalised words and their particles, whatever they are.

    It begins behind a salutation or a word like ``Patientin``, or where the capitals begin; a comma
    inside it (``Müller, Erika, geb.``) may stand once.
    """
    taken: list[Token] = []
    for token in reversed(tokens):
        if (
            token.phrase in NO_NAMES
            or is_salutation(token)
            or (taken and token.ends_clause)
            or token.text.endswith(":")
        ):
            break
        if token.text.endswith(",") and sum(other.text.endswith(",") for other in taken) > 1:
            break
        if not (token.is_name_shaped or token.is_initial or is_particle(token)) or len(taken) >= 5:
            break
        taken.insert(0, token)
    while taken and is_particle(taken[0]) and taken[0].key not in LEADING:
        taken.pop(0)
    return tuple(taken) if any(may_be_name(token) for token in taken) else ()
