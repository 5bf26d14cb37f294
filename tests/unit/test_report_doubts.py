"""What stays and might be somebody sends the report to a person."""

from __future__ import annotations

import pytest

from tests.report_text import find_in, gone_from, in_body


def codes_of(sentence: str) -> set[str]:
    return {doubt.code for doubt in find_in(f"Patient: Quast, Ilse\n{in_body(sentence)}").doubts}


@pytest.mark.parametrize(
    "sentence",
    [
        "Reizlose Schleimhaut, kleiner Stein im Gang, Biopsien aus dem Antrum.",
        "Gabe von Propofol 120 mg, Vitamin D. Bei Fieber bitte Vorstellung.",
        "Hämoglobin 9,8 g/dl, Thrombozyten 250000/µl, OPS 5-452.61, ICD K57.30.",
        "Sigmadivertikulose, Hüft-TEP rechts, Kontrolle in drei Jahren.",
        "Bowel preparation was good, two polyps were removed from the sigmoid colon.",
    ],
)
def test_a_plain_finding_raises_none(sentence: str) -> None:
    assert codes_of(sentence) == set()


@pytest.mark.parametrize(
    "sentence",
    [
        "Frau Quast und das Team, Magen.",  # an item of a list by itself
        "Frau Odermatt kam vom Stein zurück.",  # ``vom`` may be part of a name
    ],
)
def test_a_word_that_is_a_name_as_well_raises_one_where_people_are_named(sentence: str) -> None:
    assert "risky_words" in codes_of(sentence)


def test_a_word_in_no_list_that_ends_as_words_do_raises_one() -> None:
    assert codes_of("Es zeigt sich der Zwylpengebrauch der Wand.") & {"unknown_words", "risky_words"}


def test_a_long_number_that_nothing_explains_goes_or_raises_one() -> None:
    sentence = "Ablage unter 48213 im Keller."
    assert "48213" in gone_from(in_body(sentence)) or "unknown_numbers" in codes_of(sentence)


def test_a_doubt_says_nothing_of_what_raised_it() -> None:
    found = find_in(in_body("Frau Odermatt kam vom Stein zurück."))
    assert all("Stein" not in doubt.detail and "Odermatt" not in doubt.detail for doubt in found.doubts)


@pytest.mark.parametrize(
    "sentence",
    [
        "Frau Quast wurde danach in Haus gebracht, B4 bitte anrufen.",  # a ward
        "Ablage unter 4821 im Keller.",
        "Besprochen mit Dr. Odermatt am Abend 10.04 auf der Station.",
    ],
)
def test_a_short_code_or_time_that_nothing_explains_goes_or_raises_one(sentence: str) -> None:
    gone = gone_from(in_body(sentence))
    assert set(gone) & {"B4", "4821", "10.04"} or "unknown_numbers" in codes_of(sentence)


@pytest.mark.parametrize(
    "sentence", ["Barrett C2 M4 im distalen Ösophagus.", "Rezidiv seit 2018, Kontrolle."]
)
def test_grades_and_years_raise_none(sentence: str) -> None:
    assert "unknown_numbers" not in codes_of(sentence)


@pytest.mark.parametrize(("last", "word"), [("sch", "sch"), ("Dr E. Nurse, 9", "Nurse,")])
def test_a_sign_alone_and_a_title_that_may_be_a_surname_raise_one(last: str, word: str) -> None:
    text = f"{in_body('Reizlose Schleimhaut ohne Befund.')}\n\n{last}"
    assert "risky_words" in {doubt.code for doubt in find_in(text).doubts} or word in gone_from(text)


def test_who_does_what_only_people_do_raises_one() -> None:
    assert "risky_words" in codes_of("Klammer agreed to see him in clinic.")


def test_a_word_in_brackets_behind_a_relative_goes() -> None:
    assert gone_from(in_body("Ein Verwandter (Bogen) starb an Darmkrebs.")) == ["(Bogen)"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Die von Grünlich gelegte Sonde lag korrekt.",
        "Dieser Befund wurde erstellt von Friend und ist gültig.",
        "Frühdienst Odermatt, Spätdienst Laut, bitte melden.",
        "Gerät gereinigt: Hals.",
        "Laut empfiehlt Frau Odermatt die Resektion.",
        "Frau Odermatt kam danach Grünlich entgegen.",
    ],
)
def test_a_word_that_is_nobodys_name_raises_one_where_only_a_name_would_stand(sentence: str) -> None:
    assert "risky_words" in codes_of(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Der Befund wurde mit Frau Odermatt besprochen. Der Eingriff war gut.",
        "Frau Odermatt hatte kein Fieber. Beginn 17:45 Uhr.",
        "Mit Frau Odermatt besprochen. Weitere Befunde folgen.",
        "Mit Frau Odermatt besprochen: Endoscopy Unit.",
    ],
)
def test_a_word_of_the_sentence_beside_a_name_raises_none(sentence: str) -> None:
    assert codes_of(sentence) == set()


def test_a_count_in_micro_litres_raises_none_however_its_sign_was_read() -> None:
    sentence = "CRP 45 mg/l, Thrombozyten 250000/ {}l, INR 1,1."
    assert [
        codes_of(sentence.format(micro)) for micro in ("\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}")
    ] == [
        set(),
        set(),
    ]
