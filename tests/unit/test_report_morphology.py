"""Which words that no list has count as words, and which may be names."""

from __future__ import annotations

import pytest

from endoreg_db.deid.reports.likeness import is_like_names, likeness, looks_like_a_word
from endoreg_db.deid.reports.morphology import (
    ends_as_a_word,
    ends_as_surnames,
    is_abstract_key,
    is_compound_of_trade,
    is_word,
)
from endoreg_db.deid.reports.tables import word_key
from endoreg_db.deid.reports.vocabulary import Risk, is_role, name_risk


@pytest.mark.parametrize(
    "word",
    ["Schleimhautrötung", "Kolonpolypen", "Pankreaskopf", "Rückzugszeit", "Magenspiegelung", "Vorbefund"],
)
def test_inflections_and_compounds_of_listed_words_are_words(word: str) -> None:
    assert is_word(word_key(word))


@pytest.mark.parametrize("name", ["Schwarzkopf", "Quastenbarg", "Niederhuber", "Wülfinghoff", "Strömberg"])
def test_what_ends_as_surnames_and_towns_do_is_no_word_by_its_parts(name: str) -> None:
    assert not is_word(word_key(name))
    assert not is_compound_of_trade(word_key(name))


def test_a_clinical_word_before_the_end_of_a_surname_makes_it_a_word() -> None:
    assert not ends_as_surnames(word_key("Pankreaskopf"))
    assert ends_as_surnames(word_key("Schwarzkopf"))


def test_abstract_ends_say_that_a_long_word_is_one() -> None:
    assert is_abstract_key(word_key("Quorxierbarkeit"))
    assert not is_abstract_key(word_key("Keit"))


def test_a_long_word_ends_as_one_if_surnames_do_not_end_so() -> None:
    assert ends_as_a_word(word_key("Quorxgebrauch"))
    assert not ends_as_a_word(word_key("Quorxmeier"))


@pytest.mark.parametrize(
    ("word", "risk"),
    [
        ("Klein", Risk.FREQUENT),
        ("Kleins", Risk.FREQUENT),  # the genitive
        ("Lang-Wende", Risk.RARE),  # as unlikely as its rarer part
        ("Amsel", Risk.RARE),
        ("Prager", Risk.RARE),  # in no list, but made as names are
        ("Schleimhaut", Risk.NONE),
        ("Untersuchung", Risk.NONE),
    ],
)
def test_how_likely_a_word_is_somebody(word: str, risk: Risk) -> None:
    assert name_risk(word) is risk


def test_compounds_of_callings_are_callings() -> None:
    assert is_role("Zimmernachbar") and is_role("Studienschwester")
    assert not is_role("Schleimhaut")


def test_words_are_more_like_words_and_names_more_like_names() -> None:
    assert likeness(word_key("Entlassungsgespräch")) > likeness(word_key("Wieczorek"))
    assert is_like_names(word_key("Kowalczewski"))
    assert not looks_like_a_word("kurz")  # five letters say too little
