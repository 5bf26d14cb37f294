"""The text for research: placeholders for what goes, dates moved by each patient's own number of days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.pdf.deidentify import tokens_of
from endoreg_db.deid.pdf.plain_text import page_text
from endoreg_db.deid.pdf.read import Sheet
from endoreg_db.deid.pdf.rebuild import Plan, plan_page
from endoreg_db.deid.pdf.upright import View
from endoreg_db.deid.pdf.verify import tells
from endoreg_db.deid.reports.date_shift import days_of_shift, moved_words, shifted_text
from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.reports.words import Findings, Hit, KnownIdentity, Page, Source
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


def _planned(page: Page, findings: Findings, days: int | None) -> Plan:
    tokens = tokens_of(findings)
    moved = [] if days is None else list(moved_words([page], findings, days, lambda t: tells(t, tokens)))
    hit = {word for found in findings.hits for word in found.words}
    return plan_page(Sheet(page, View(150), False, (), (), (), (), ()), hit, moved)


def cleaned(text: str, days: int | None = None, *, source: Source = "text") -> list[str]:
    """The lines of the cleaned text of a report."""
    page = page_of(text, source=source)
    findings = find_identity([page], KnownIdentity())
    kinds = {word: hit.kind for hit in findings.hits for word in hit.words}
    return page_text(_planned(page, findings, days), kinds).splitlines()


def test_identity_becomes_typed_placeholders_and_the_rest_stays() -> None:
    assert cleaned(REPORT) == [
        "Patient: [NAME]",
        "geb. am: [BIRTH_DATE]",
        "Fall-Nr.: [CASE_NUMBER]",
        "Befund",
        "Vorbefund vom [DATE] liegt vor. Kontrolle am [DATE] geplant.",
        "Frau [NAME] ist beschwerdefrei.",
    ]


def test_dates_are_moved_where_they_can_be_and_dates_of_birth_never_stay() -> None:
    text = cleaned(REPORT, -40)
    assert "Vorbefund vom 31.01.2023 liegt vor. Kontrolle am [DATE] geplant." in text
    assert "geb. am: [BIRTH_DATE]" in text


@pytest.mark.parametrize(
    "line",
    [
        "Anamnese: Quast, 01.02.1956, seit Jahren bekannt.",  # the date of birth without its label
        "Anamnese: laut Akte 01.02.1966 erstmals.",  # may be it, but for one digit
        "Anamnese: im Februar 1956 erstmals.",
        "Anamnese: Pohl/12.03.2022 liegt bei.",  # a name may be run into it
        "Anamnese: zuletzt am 21.04.2023 hier.",  # would become a date of the report
        "Anamnese: zuletzt am 21. April 2023 hier.",
    ],
)
def test_a_date_that_might_tell_too_much_is_removed_even_where_dates_are_moved(line: str) -> None:
    moved = cleaned(REPORT + line, -40)[-1]
    assert "[" in moved and not find_days(moved)


def test_what_ocr_has_hardly_read_is_not_moved() -> None:
    page = page_of("Kontrolle am 12.03.2023 geplant.", source="ocr")
    unsure = Hit("date", 1, (2,), "2023-03-12", 0.5, "test")
    findings = Findings((unsure,), Identity())
    assert len(_planned(page, findings, -40).moved) == 1
    words = tuple(replace(word, confidence=0.8) for word in page.words)
    blurred = replace(page, lines=(replace(page.lines[0], words=words),))
    assert _planned(blurred, findings, -40).moved == ()


def test_a_moved_date_stands_in_the_filled_area_and_in_the_text_layer() -> None:
    page = page_of("Vorbefund vom 12. März 2024, Kontrolle")
    findings = Findings((Hit("date", 1, (2, 3, 4), "2024-03-12", 0.9, "test"),), Identity())
    plan = _planned(page, findings, -40)
    (moved,) = plan.moved
    assert (moved.text, moved.words) == ("1. Februar 2024,", (2, 3, 4))
    (filled,) = plan.filled
    assert filled.x0 <= moved.box.x0 < moved.box.x1 <= filled.x1
    assert filled.y0 <= moved.box.y0 < moved.box.y1 <= filled.y1
    (line,) = plan.text_lines
    assert [run.text for run in line] == ["Vorbefund", "vom", "1. Februar 2024,", "Kontrolle"]


def test_of_a_labels_value_only_the_date_is_moved() -> None:
    assert cleaned("Gedruckt am 12.03.2024 12:53, Seite 1", -40)[0].startswith("Gedruckt am 01.02.2024 [")


def test_hidden_words_never_stay() -> None:
    assert cleaned("Polyp im Sigma vom 12.03.2023", -40, source="hidden") == []


def test_a_hit_of_two_runs_has_two_placeholders() -> None:
    page = page_of("eins zwei drei")
    findings = Findings((Hit("name", 1, (0, 2), "x", 1.0, "test"),), Identity())
    assert page_text(_planned(page, findings, None), {0: "name", 2: "name"}) == "[NAME] zwei [NAME]\n"


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
        ("(12.03.2024):", "(01.02.2024):"),
        ("Quast,12.03.2024", None),  # whatever is run into it must not stay
        ("12.03.2024/4711", None),
        ("Polyp", None),
    ],
)
def test_a_date_is_moved_in_its_own_spelling_or_not_at_all(written: str, moved: str | None) -> None:
    assert shifted_text(written, -40) == moved


@given(day=st.dates(date(1951, 1, 1), date(2090, 12, 31)), days=st.integers(-729, -1))
def test_every_date_is_moved_by_just_that_many_days(day: date, days: int) -> None:
    for form in ("%d.%m.%Y", "%Y-%m-%d"):
        moved = shifted_text(day.strftime(form), days)
        assert moved is not None
        assert find_days(moved)[0].readings[0] == day + timedelta(days=days)


def test_hardly_a_moved_date_may_be_taken_for_the_old_one() -> None:
    """Those that may be have to be removed; by less than a year it was one in twenty-seven."""
    days = [date(2019, 1, 1) + timedelta(days=n) for n in range(0, 1461, 7)]
    moves = [days_of_shift(KEY, f"P{n}") for n in range(20)]
    alike = sum(
        tells(f"{day + timedelta(days=move):%d.%m.%Y}", {day.isoformat()}) for day in days for move in moves
    )
    assert alike <= 0.005 * len(days) * len(moves)


def test_each_patient_has_a_number_of_days_that_needs_the_key() -> None:
    numbers = [days_of_shift(KEY, f"P{n}") for n in range(2000)]
    assert numbers == [days_of_shift(KEY, f"P{n}") for n in range(2000)]
    assert set(numbers) <= set(range(-729, -365))
    assert len(set(numbers)) > 350
    assert numbers != [days_of_shift(KEY[::-1], f"P{n}") for n in range(2000)]
    with pytest.raises(ValueError, match="16 bytes"):
        days_of_shift(bytes(8), "P1")
