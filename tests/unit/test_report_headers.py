"""Heads of reports that name the patient without a label: a name, and beside or below it a day of birth."""

from __future__ import annotations

import pytest

from tests.report_text import find_in

LETTER = """


Sehr geehrte Frau Kollegin,

wir berichten über die Gastroskopie vom 14.03.2023.
Befund
Im Antrum zeigt sich eine Rötung, sonst unauffällig.
"""


def read(head: str, letter: str = LETTER) -> tuple[str | None, str | None, str | None]:
    """First name, surname and day of birth that are read."""
    values = find_in(head + letter).identity.values()
    return values["first_name"], values["last_name"], values["birth_date"]


@pytest.mark.parametrize(
    "head",
    [
        "Klinikum Nord\n\nErika Müller\n12.03.1956\nGartenweg 3\n45127 Essen",
        "Klinikum Nord\n\nMüller, Erika   12.03.1956   w   Fall 4711234",
        "Klinikum Nord\n\nBetreff: Müller, Erika, 12.03.1956, Fallnummer 4711234",
        "Klinikum Nord\n\nPat.: Müller Erika (12.03.1956)",
        "Klinikum Nord\n\nFrau Erika Müller, 12.03.1956",
        "Klinikum Nord\n\nMüller   Erika   12.03.1956   W   4711234",
        "Klinikum Nord\n\nPatientendaten\nMüller\nErika\n12.03.1956\n4711234",
        "Klinikum Nord\n\nMüller, Erika (w), 67 Jahre, geb. 12.03.1956, Station 3B",
        "Klinikum Nord\n\nUnser Patient: Müller, Erika / 12.03.1956 / 4711234",
        "Klinikum Nord\n\nMüller^Erika\n19560312\n4711234",
        "Klinikum Nord\n\nEtikett\nMüller, Erika\n*12.03.1956  w\nFall 4711234",
        "Klinikum Nord\n\nBefund für Erika Müller (geb. 12.03.1956), erhoben am 14.03.2023",
        "Klinikum Nord\n\nErika Müller\nGartenweg 3\n45127 Essen\ngeb. 12.03.1956",
        "Klinikum Nord\n\nMüller, Erika (w, 67 J.)   4711234   geb. 12.03.1956",
    ],
)
def test_a_name_beside_or_above_a_day_of_birth_is_the_patients(head: str) -> None:
    assert read(head) == ("Erika", "Müller", "1956-03-12")


@pytest.mark.parametrize(
    "head",
    [
        "Klinikum Nord\nDr. med. Erika Müller, 12.03.2023",
        "Klinikum Nord\nChefarzt Dr. med. Erika Müller   Essen, den 12.03.2023",
        "Klinikum Nord\nErika Müller, Sekretariat   Datum: 12.03.2023",
        "Klinikum Nord\nPraxis Müller, Essen, gegründet 12.03.1956",
    ],
)
def test_who_signs_and_the_day_of_a_letter_are_no_patient(head: str) -> None:
    assert read(head) == (None, None, None)


@pytest.mark.parametrize(
    "line",
    [
        "Gastroskopie vom 14.03.2023",
        "Befundbericht Koloskopie, 14.03.2023",
        "Operation am 14.03.2023",
        "Eingriffsdatum: 14.03.2023",
        "Datum/Uhrzeit: 14.03.2023 09:12",
        "Endoscopy Report - 14/03/2023",
        "Procedure: Colonoscopy 14/03/2023",
        "Date of service: 14/03/2023",
    ],
)
def test_the_day_of_the_examination_stands_behind_what_was_done(line: str) -> None:
    head = f"Klinikum Nord\nName: Müller, Erika   geb. 12.03.1956\n{line}\n\n\n\nBefund\nRötung.\n"

    assert find_in(head).identity.values()["examination_date"] == "2023-03-14"


@pytest.mark.parametrize("line", ["Letzte Koloskopie vom 14.03.2023", "Essen, den 14.03.2023"])
def test_an_earlier_examination_and_the_day_of_a_letter_are_not_this_one(line: str) -> None:
    head = f"Klinikum Nord\nName: Müller, Erika   geb. 12.03.1956\n{line}\n\n\n\nBefund\nRötung.\n"

    assert find_in(head).identity.values()["examination_date"] is None


def test_what_labels_give_is_not_asked_for_again() -> None:
    head = "Klinikum Nord\nPatient: Schulz, Karl   geb. 01.02.1940\n\nKopie an Erika Müller, 12.03.1956"

    assert read(head) == ("Karl", "Schulz", "1940-02-01")


def test_a_name_that_no_label_announces_is_known_in_the_text_as_well() -> None:
    found = find_in("Klinikum Nord\n\nErika Wald\n12.03.1956" + LETTER + "Wald klagt über Schmerzen.")

    assert "Wald" in [hit.value for hit in found.hits if hit.page == 1 and len(hit.words) == 1]


def test_a_day_behind_a_labelled_name_is_that_of_the_birth() -> None:
    assert read("Praxis Nord\n\nPatient: Rösli Flückiger, 23.03.1927") == ("Rösli", "Flückiger", "1927-03-23")


def test_which_of_two_words_in_no_list_is_the_surname_is_not_guessed() -> None:
    assert read("Spital Nord\n\nHürlimann Nikodem, 24.05.1960, Oberdorf 3") == (None, None, "1960-05-24")


def test_a_name_ends_before_a_number_that_is_called_something() -> None:
    head = "Klinikum Nord\n\nPatient/in: FELLNER Engelbert, VNr. 8994 261134, 26.11.1934"
    assert read(head) == ("Engelbert", "FELLNER", "1934-11-26")


@pytest.mark.parametrize(
    "head",
    [
        "Klinikum Nord\n\nPat.: Klein, Rosa geb.: 20.02.1925\nDatum: 14.03.2023 Beginn: 15:48",
        "Klinikum Nord\n\nPatientin: Rosa Klein\nUnters. 14.03.2023\nFall F5165678",
        "Klinikum Nord\n\nPatientin: Rosa Klein\nDatum 14.03.2023 Untersucher Dr. Vogel",
    ],
)
def test_the_day_of_the_examination_is_read_from_the_head(head: str) -> None:
    letter = LETTER.replace(" vom 14.03.2023", "")
    assert find_in(head + letter).identity.values()["examination_date"] == "2023-03-14"


def test_a_long_number_behind_the_word_for_a_case_is_its_number() -> None:
    head = "Klinikum Nord\n\nPatientin: Rosa Klein\nPat-ID 56672851\nFall F5165678"
    assert find_in(head + LETTER).identity.values()["case_number"] == "F5165678"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("Practice\n\nByrne, Tadhg   d.o.b. 24/05/1938", ("Tadhg", "Byrne")),
        ("Practice\n\nMrs Deborah Norris - date of birth 24/05/1938", ("Deborah", "Norris")),
        ("Practice\n\nName: LAWSON, Gillian (Lawson)\nDOB: 24/05/1938", ("Gillian", "LAWSON")),
        ("Spital\n\nEgli, M.   *24.05.1938", (None, "Egli")),
    ],
)
def test_names_beside_a_birth_are_read_as_the_head_writes_them(
    head: str, name: tuple[str | None, str]
) -> None:
    assert read(head) == (*name, "1938-05-24")


def test_a_date_with_a_time_is_that_of_the_examination() -> None:
    head = "Klinikum Nord\n\nPatientin: Rosa Klein\n\nDatum: 14.03.2023, 11.43 Uhr"
    letter = LETTER.replace(" vom 14.03.2023", "")
    assert find_in(head + letter).identity.values()["examination_date"] == "2023-03-14"


@pytest.mark.parametrize(
    ("read_as", "name"),
    [("Peters, lonut", ("Ionut", "Peters")), ("Peters, Ingeborg g", ("Ingeborg", "Peters"))],
)
def test_slips_of_ocr_in_a_name_are_mended(read_as: str, name: tuple[str, str]) -> None:
    values = find_in(f"Patient: {read_as}\n{LETTER}", source="ocr").identity.values()

    assert (values["first_name"], values["last_name"]) == name
