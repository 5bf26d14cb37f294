"""Who a report is about is read from stickers and cards, where no label says what a name is."""

from __future__ import annotations

import pytest

from tests.report_text import find_in

BODY = "\n\n\n\nBefund\nDie Schleimhaut ist gerötet, Koloskopie am 12.03.2021 bis ins Zökum."


@pytest.mark.parametrize(
    "header",
    [
        "QUASTENBERG, ERIKA\n04.05.1956 W",
        "QUASTENBERG, ERIKA\ngeb. 04.05.1956 W 65 J.",
        "Quastenberg\nErika\ngeb. 04.05.1956",
        "Pat.: Quastenberg geb. Odermatt\nErika\n04.05.1956 (w)",
        "QUASTENBERG Erika, *04.05.1956, 78284 Darmsheim",
        "Versicherte Person   Geburtsdatum\nQuastenberg, Erika   04.05.1956",
        "Nachname, Vorname\nQuastenberg, Erika\nGeburtsdatum (Alter)\n04.05.1956 (65)",
        "Surname   QUASTENBERG\nForename(s)   Erika\nD.o.B.   4 May 1956",
        "Patient:Quastenberg^Erika\nGeb.:1956-05-04",
    ],
)
def test_name_and_day_of_birth_are_read_from_headers(header: str) -> None:
    read = find_in(header + BODY).identity.values()

    assert (read["first_name"] or "").casefold() == "erika"
    assert (read["last_name"] or "").casefold() == "quastenberg"
    assert read["birth_date"] == "1956-05-04"


def test_an_insurance_card_has_the_surname_above_the_first_name_and_the_day_beside() -> None:
    card = (
        "AOK Plus\n"
        "Quastenberg\n"
        "Erika                              geb. am\n"
        "Sonnenhang 134                     04.05.1956\n"
        "78284 Darmsheim"
    )

    read = find_in(card + BODY).identity.values()

    assert (read["first_name"], read["last_name"]) == ("Erika", "Quastenberg")
    assert read["birth_date"] == "1956-05-04"


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("Justus aus dem Moore", "Justus", "aus dem Moore"),
        ("IMMENHOF Kirsten", "Kirsten", "IMMENHOF"),
        ("zur Linden", None, "zur Linden"),
    ],
)
def test_small_words_and_capitals_tell_the_surname(written: str, first: str | None, last: str) -> None:
    read = find_in(f"Patient: {written}{BODY}").identity.values()

    assert (read["first_name"], read["last_name"]) == (first, last)


def test_an_examination_of_two_digits_is_read_though_the_birth_is_the_only_whole_year() -> None:
    read = find_in("Patient: Erika Quast\nGeb.-Dat.: 04.05.1956\nUnt.-Datum: 13.3.18\n\nBefund\nGerötet.")

    assert read.identity.values()["examination_date"] == "2018-03-13"


@pytest.mark.parametrize("rows", ["Kolon, Sigma\n12.03.2021", "Biopsie\nAntrum\n12.03.2021 (w)"])
def test_findings_above_a_day_are_nobody(rows: str) -> None:
    read = find_in(f"{rows}{BODY}").identity.values()

    assert read["last_name"] is None and read["birth_date"] is None
