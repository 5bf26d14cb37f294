"""Pseudonyms: the same patient has the same one, in reports and recordings, wherever the key is shared.

A pseudonym is an HMAC of the normalised name and the date of birth, so nobody can get from it to the
patient, or try out names on it, without the key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import date
from typing import Final

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.text_rules import fold, name_key

_BYTES: Final = 15  # 120 bits: 24 signs in base 32; that any two of ten billion patients share one: 4e-17
_SHORTEST_KEY: Final = 16  # bytes
#: Confidence below which a name or a day may be another one, and so another patient's.
_SURE: Final = 0.85

#: Words that are written with a name or left out, and say nothing about who it is.
_LEFT_OUT: Final = frozenset(
    {
        "von",
        "vom",
        "van",
        "de",
        "der",
        "den",
        "del",
        "della",
        "di",
        "da",
        "do",
        "dos",
        "du",
        "la",
        "le",
        "el",
        "al",
    }
    | {
        "zu",
        "zum",
        "zur",
        "ter",
        "ten",
        "v",
        "d",
        "vd",
        "und",
        "freiherr",
        "freifrau",
        "graf",
        "grafin",
        "baron",
    }
    | {"dr", "prof", "med", "dipl", "ing", "herr", "frau", "mr", "mrs", "ms", "jr", "sr"}
)


def pseudonym(key: bytes, first_name: str, last_name: str, birth_date: date) -> str:
    """The pseudonym of a patient: ``P`` and 24 capitals and digits.

    Accents, case, hyphens, spaces, titles and particles make no difference (``von der Heide, Zoë`` is
    ``v.d. HEIDE Zoe``), nor does the spelling of umlauts (``Müller``, ``Mueller``, ``Muller``).

    Not guaranteed: that a patient who changes the name, or whose second first name is written only here
    and there, keeps the pseudonym.

    Args:
        key: secret, of 16 bytes or more; who shares it gets the same pseudonyms.
        first_name: as written.
        last_name: as written.
        birth_date: the day of birth.

    Raises:
        ValueError: the key is too short, or a name has no letters.
    """
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"a key has {_SHORTEST_KEY} bytes or more, not {len(key)}")
    names = (_normal(last_name), _normal(first_name))
    if not all(names):
        raise ValueError("a patient without a name has no pseudonym")
    # The parts have no zero byte, so no two patients give the same message.
    message = "\0".join(("endoreg pseudonym 1", *names, birth_date.isoformat())).encode()
    digest = hmac.digest(key, message, hashlib.sha256)
    return "P" + base64.b32encode(digest[:_BYTES]).decode("ascii")


def pseudonym_of(key: bytes, identity: Identity) -> str | None:
    """The pseudonym of whom was read; None where a name or the date of birth is missing, or not sure."""
    first, last, born = identity.first_name, identity.last_name, identity.birth_date
    if first is None or last is None or born is None:
        return None
    if min(first.confidence, last.confidence, born.confidence) < _SURE:
        return None
    if not _normal(first.value) or not _normal(last.value):
        return None
    return pseudonym(key, first.value, last.value, date.fromisoformat(born.value))


def _normal(name: str) -> str:
    """Letters that say who it is, in one spelling; everything where nothing else would be left."""
    words = fold(name).split()
    telling = [word for word in words if word not in _LEFT_OUT] or words
    return name_key("".join(telling))
