"""The text for research: placeholders for what goes, dates moved by each patient's own number of days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endoreg_db.deid.reports.date_shift import days_of_shift, shifted_text
from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.reports.placeholders import cleaned_text
from endoreg_db.deid.reports.words import Hit, KnownIdentity
from tests.report_text import page_of

KEY = bytes(range(32))
REPORT = """
Patient: Quast, Ilse
geb. am: 01.02.1956
Fall-Nr.: 12345678
Befund
Vorbefund vom 12.03.2023 liegt vor. Kontrolle am 12.04. geplant.
Frau Quast ist beschwerdefrei.
"""


def test_identity_becomes_typed_placeholders_and_the_rest_stays() -> None:
    pages = [page_of(REPORT)]
    hits = find_identity(pages, KnownIdentity()).hits
    assert cleaned_text(pages, hits).split("\n") == [
        "Patient: [NAME]",
        "geb. am: [BIRTH_DATE]",
        "Fall-Nr.: [CASE_NUMBER]",
        "Befund",
        "Vorbefund vom [DATE] liegt vor. Kontrolle am [DATE] geplant.",
        "Frau [NAME] ist beschwerdefrei.",
    ]


def test_dates_are_moved_where_they_can_be_and_dates_of_birth_never_stay() -> None:
    pages = [page_of(REPORT)]
    hits = find_identity(pages, KnownIdentity()).hits
    text = cleaned_text(pages, hits, shift_days=-40)
    assert "Vorbefund vom 31.01.2023 liegt vor. Kontrolle am [DATE] geplant." in text
    assert "geb. am: [BIRTH_DATE]" in text


def test_hidden_words_never_stay() -> None:
    pages = [page_of("Polyp im Sigma", source="hidden")]
    assert cleaned_text(pages, ()) == ""


def test_pages_are_parted_and_a_hit_of_two_runs_has_two_placeholders() -> None:
    pages = [page_of("eins zwei drei"), page_of("vier", number=2)]
    hits = (Hit("name", 1, (0, 2), "x", 1.0, "test"),)
    assert cleaned_text(pages, hits) == "[NAME] zwei [NAME]\fvier"


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("12.03.2024", "01.02.2024"),
        ("1.2.24", "23.12.23"),
        ("2024-03-12", "2024-02-01"),
        ("12. März 2024,", "1. Februar 2024,"),
        ("May 5, 2020", "Mar 26, 2020"),
        ("12-MAY-1980", "2-APR-1980"),
        ("03/2019", "02/2019"),
        ("12.03.", None),  # without a year nobody knows the distance to the end of February
        ("5 Sept 2024", None),  # a spelling that cannot be written back
        ("12.03.2024 und 13.03.2024", None),
        ("Polyp", None),
    ],
)
def test_a_date_is_moved_in_its_own_spelling_or_not_at_all(written: str, moved: str | None) -> None:
    assert shifted_text(written, -40) == moved


@given(day=st.dates(date(1951, 1, 1), date(2090, 12, 31)), days=st.integers(-364, -1))
def test_every_date_is_moved_by_just_that_many_days(day: date, days: int) -> None:
    for form in ("%d.%m.%Y", "%Y-%m-%d"):
        moved = shifted_text(day.strftime(form), days)
        assert moved is not None
        assert find_days(moved)[0].readings[0] == day + timedelta(days=days)


def test_each_patient_has_a_number_of_days_that_needs_the_key() -> None:
    numbers = [days_of_shift(KEY, f"P{n}") for n in range(2000)]
    assert numbers == [days_of_shift(KEY, f"P{n}") for n in range(2000)]
    assert set(numbers) <= set(range(-364, 0))
    assert len(set(numbers)) > 350
    assert numbers != [days_of_shift(KEY[::-1], f"P{n}") for n in range(2000)]
    with pytest.raises(ValueError, match="16 bytes"):
        days_of_shift(bytes(8), "P1")
