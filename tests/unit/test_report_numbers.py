"""Numbers that lead to somebody go; those that measure, count or grade stay."""

from __future__ import annotations

import pytest

from tests.report_text import assert_gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Insured, policy LH 553 0917 02 for this stay.", ["LH", "553", "0917", "02"]),
        ("Zwei EK 0 42 7819 403 6 wurden transfundiert.", ["0", "42", "7819", "403", "6"]),
        ("Der Spind 721 wurde geräumt.", ["721"]),
        ("Swab MB738 without growth.", ["MB738"]),
        ("Waiting list WL-885 for surgery.", ["WL-885"]),
        ("Video-Nr. 0889 wurde archiviert.", ["0889"]),
        ("Das Protokoll 4713 liegt bei.", ["4713"]),
        ("Ruf bitte den Sucher 7 80 12 an.", ["7", "80", "12"]),
        ("Handelsregister HRB 62056 der Klinik.", ["HRB", "62056"]),
    ],
)
def test_numbers_go_that_lead_to_somebody(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    "sentence",
    [
        "Die Lipase lag initial bei 2395 U/l und fiel.",
        "Die Parazentese ergab 1895 Granulozyten/µl im Punktat.",
        "Screening NRS-2002 mit 4 Punkten auffällig.",
        "Im Jahr 2019 wurde reseziert.",
        "Es wurden 1500 ml Aszites abpunktiert.",
        "ICD-O M8140/3 und Malignität G2.",
        "Block 3 zeigt Dysplasie.",
    ],
)
def test_what_is_measured_or_counted_stays(sentence: str) -> None:
    assert_gone(sentence, [])
