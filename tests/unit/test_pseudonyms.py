"""The same patient has the same pseudonym, however the name is written; without the key nobody has one."""

from __future__ import annotations

from datetime import date

import pytest

from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.pseudonyms import pseudonym, pseudonym_of
from endoreg_db.samples.people import FIRST_NAMES, LAST_NAMES

KEY, DAY = bytes(range(32)), date(1956, 2, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Erika", "Müller"), ("ERIKA", "MUELLER")),
        (("Erika", "Müller"), ("erika", "muller")),
        (("Zoë", "von der Heide"), ("Zoe", "v. d. HEIDE")),
        (("Zoë", "von der Heide"), ("Zoë", "Heide")),
        (("Marie-Luise", "Meyer-Lüdenscheid"), ("Marie Luise", "Meyer Luedenscheid")),
        (("Hans", "Groß"), ("Hans", "GROSS")),
        (("Łucja", "Wójcik"), ("Lucja", "Wojcik")),
        (("Sinéad", "O'Connor"), ("Sinead", "OConnor")),
        (("Karl", "Prof. Dr. Öz"), ("Karl", "Oez")),
    ],
)
def test_spellings_of_one_name_give_one_pseudonym(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert pseudonym(KEY, *one, DAY) == pseudonym(KEY, *other, DAY)


def test_other_people_days_and_keys_give_other_pseudonyms() -> None:
    pairs = {pseudonym(KEY, first, last, DAY) for first in FIRST_NAMES for last in LAST_NAMES}
    assert len(pairs) == len(FIRST_NAMES) * len(LAST_NAMES)
    own = pseudonym(KEY, "Erika", "Müller", DAY)
    assert own != pseudonym(KEY, "Erika", "Müller", date(1956, 1, 2))
    assert own != pseudonym(KEY[::-1], "Erika", "Müller", DAY)
    assert pseudonym(KEY, "Anna", "Bell", DAY) != pseudonym(KEY, "Bell", "Anna", DAY)


def test_a_pseudonym_has_one_shape_and_nothing_of_the_name_in_it() -> None:
    own = pseudonym(KEY, "Erika", "Müller", DAY)
    assert len(own) == 25
    assert own.isalnum()
    assert own[0] == "P"
    # HMAC-SHA-256 of the documented message, from its definition.
    import base64
    import hashlib
    import hmac

    message = b"endoreg pseudonym 1\0muller\0erika\x001956-02-01"
    assert own[1:] == base64.b32encode(hmac.new(KEY, message, hashlib.sha256).digest()[:15]).decode()


def test_a_name_of_particles_alone_still_counts() -> None:
    assert pseudonym(KEY, "Di", "La", DAY) != pseudonym(KEY, "Di", "Van", DAY)


@pytest.mark.parametrize(("key", "last"), [(bytes(15), "Müller"), (KEY, " - "), (KEY, "")])
def test_weak_keys_and_missing_names_are_refused(key: bytes, last: str) -> None:
    with pytest.raises(ValueError, match=r"16 bytes|without a name"):
        pseudonym(key, "Erika", last, DAY)


def test_an_identity_has_one_only_with_both_names_and_the_date_of_birth() -> None:
    def read(value: str) -> Reading:
        return Reading(value, 0.9)

    whole = Identity(first_name=read("Erika"), last_name=read("Müller"), birth_date=read("1956-02-01"))
    assert pseudonym_of(KEY, whole) == pseudonym(KEY, "Erika", "Müller", DAY)
    assert pseudonym_of(KEY, Identity(first_name=read("Erika"), last_name=read("Müller"))) is None
    assert pseudonym_of(KEY, Identity()) is None
