"""Days and times of a report: in which order it writes them, and spellings without a year or a colon."""

from __future__ import annotations

from datetime import date

import pytest

from endoreg_db.deid.reports.dates import find_clocks, find_days
from endoreg_db.deid.reports.days import Calendar
from tests.report_text import find_in


@pytest.mark.parametrize(
    ("lines", "born"),
    [
        (["DOB: 08/03/1956", "Seen 03/14/2023"], date(1956, 8, 3)),
        (["DOB: 08/03/1956", "Seen 14/03/2023"], date(1956, 3, 8)),
        (["DOB: 08/03/1956", "Riverton, UT 17046"], date(1956, 8, 3)),
        (["DOB: 08/03/1956", "(715) 555-2328"], date(1956, 8, 3)),
        (["DOB: 08/03/1956", "Leeds LS1 4AB"], date(1956, 3, 8)),
    ],
)
def test_a_report_writes_all_its_days_in_one_order(lines: list[str], born: date) -> None:
    assert Calendar.of(lines).day_of_birth(lines[0]) == born


def test_a_day_of_two_digits_is_not_after_the_report_and_not_guessed() -> None:
    calendar = Calendar.of(["Untersuchung am 14.03.2023"])

    assert calendar.day_of_birth("12.03.56") == date(1956, 3, 12)
    assert calendar.day_of_birth("12.03.12") is None, "a child, or somebody of 111 years"
    assert calendar.day_of_examination("14.03.23") == date(2023, 3, 14)
    assert calendar.day_of_examination("kein Datum") is None


def test_the_days_that_a_birth_may_mean_are_in_the_order_of_the_report() -> None:
    both = frozenset({date(1912, 3, 12), date(2012, 3, 12)})

    assert Calendar.of(["Untersuchung am 14.03.2023"]).days_of_birth("12.03.12") == both
    assert Calendar.of(["Untersuchung am 14.03.2023"]).days_of_birth("12.03.56") == {date(1956, 3, 12)}
    assert Calendar.of(["Seen 03/14/2023"]).days_of_birth("08/03/1956") == {date(1956, 8, 3)}
    assert Calendar.of([]).days_of_birth("heute") == frozenset()


def test_the_date_of_a_finding_is_the_day_of_the_examination_and_that_of_a_letter_is_not() -> None:
    finding = "County Hospital\nName: Mary Smith\nDate: 10/03/2023\nOperator: Dr Short\n"
    letter = "County Hospital\nName: Mary Smith\nDate: 10/03/2023\nConsultant: Dr Short\n"

    assert find_in(finding).identity.values()["examination_date"] == "2023-03-10"
    assert find_in(letter).identity.values()["examination_date"] is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Einverständnis liegt vor, IV/2022.", "IV/2022"),
        ("co-sign due Sunday 11/26 please", "11/26"),
        ("reviewed on the 17th; ceiling of care", "17th"),
        ("before Friday the 9th if bleeding persists", "9th"),
    ],
)
def test_days_without_a_year_are_found(text: str, day: str) -> None:
    assert [text[found.start : found.end] for found in find_days(text)] == [day]


@pytest.mark.parametrize(
    "text",
    [
        "TSH 11.2. Otherwise well",
        "Laktat 1.1. und fallend",
        "fatigue, pH 7.08.",
        "pain 4/10 on movement",
        "L4/5 prolapse",
        "ratio was 1.9.",
    ],
)
def test_values_at_the_end_of_a_sentence_are_no_days(text: str) -> None:
    assert not find_days(text)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("issued 21h20; INR 1.4", ["21h20"]),
        ("Beginn 9.02, Zökum nach 6 min", ["9.02"]),
        ("Room entry 11.37. Scope in 11.52.", ["11.37", "11.52"]),
        ("zwischen 13 und 15 Uhr", ["13", "15 Uhr"]),
        ("Anruf Viertel nach drei, Antikörper positiv", ["Viertel nach drei"]),
        ("Nil by mouth from 2 am", ["2 am"]),
        ("um 7.35 mmol/l gesunken", []),
        ("Marisken bei 3 und 7 Uhr", []),
        ("Apgar 9:10", []),
    ],
)
def test_times_are_found_and_values_and_places_on_a_clock_are_not(text: str, times: list[str]) -> None:
    assert sorted(text[found.start : found.end] for found in find_clocks(text)) == sorted(times)
