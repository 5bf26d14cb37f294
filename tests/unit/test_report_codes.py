"""Codes of medicine stay; those by which houses tell wards, rooms and samples apart go."""

from __future__ import annotations

import pytest

from endoreg_db.deid.reports.codes import is_code_of_house, is_medical_code, may_be_ward
from tests.report_text import assert_gone


@pytest.mark.parametrize(
    "code",
    [
        *("pT1b", "N0", "G2", "C3M5", "GOV2", "0-IIa", "0-Ila", "4R", "RB9", "Th10", "L4/5"),
        *("CD117", "Ki-67", "PD-L1", "CK20", "B12", "SpO2", "FEV1"),
        *("GIF-HQ190", "25G", "1-650.2", "K29.5", "M8140/3"),
    ],
)
def test_medicine_stages_counts_and_marks_so(code: str) -> None:
    assert is_medical_code(code)
    assert not is_code_of_house(code)


@pytest.mark.parametrize("code", ["WL-885", "A-22", "0092-HBX", "AL-46775", "MB738", "DR3-5919", "CF-83823"])
def test_houses_number_what_is_theirs_so(code: str) -> None:
    assert is_code_of_house(code)


@pytest.mark.parametrize("code", ["NRS-2002", "COVID-19", "ICD-10"])
def test_a_score_or_a_disease_with_a_year_is_no_code_of_a_house(code: str) -> None:
    assert not is_code_of_house(code)


def test_some_codes_of_medicine_also_name_wards() -> None:
    assert may_be_ward("C2")
    assert may_be_ward("7B")
    assert not may_be_ward("CD117")
    assert not may_be_ward("SpO2")


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Gastroenterologisches Konsil für 7A heute.", ["7A"]),
        ("Rückverlegung nach C5 geplant.", ["C5"]),
        ("Patient lies on F7 since yesterday.", ["F7"]),
        ("Holdienst: Patient von D-33 in gutem Zustand.", ["D-33"]),
        ("Herr K. wurde von Station 4 West gebracht.", ["Station", "4", "West"]),
        ("Verlegt auf die 12.", ["12."]),
        ("Kardio 1 wurde informiert.", ["Kardio", "1"]),
        ("Konsil für Med. 5 am Nachmittag.", ["Med.", "5"]),
        ("Die Patientin kommt von der Station Rosengarten zurück.", ["Station", "Rosengarten"]),
        ("Currently on St Luke's Ward, stable.", ["St", "Luke's", "Ward,"]),
        ("Admitted to 6 North for observation.", ["6", "North"]),
        ("Handed over to the team on the 2nd floor.", ["2nd", "floor."]),
        ("Handover: SAU chair 6 awaiting CT.", ["SAU", "chair", "6"]),
        ("Die 4. Station ist informiert.", ["4.", "Station"]),
    ],
)
def test_where_somebody_lies_goes_without_a_label(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    "sentence",
    [
        "Der Tumor wurde von T2 auf T3 hochgestuft.",
        "Die Dysplasie stieg von G1 auf G2 an.",
        "Bürstenzytologie und BAL aus RB9 entnommen.",
        "Haemoglobin dropped from 9.9 to 7.2 g/dl overnight.",
        "Das Kalium stieg auf 4.2 mmol/l an.",
        "Die Läsion lag auf Höhe Th10 und war klein.",
        "Nach 3 Tagen auf 38 mg reduziert.",
        "The duodenum was normal to D2 on withdrawal.",
        "Überwachung auf IMC für 24 Stunden.",
        "Lymphknoten Station 7 mit 12 mm punktiert.",
    ],
)
def test_what_is_measured_staged_or_graded_stays(sentence: str) -> None:
    assert_gone(sentence, [])
