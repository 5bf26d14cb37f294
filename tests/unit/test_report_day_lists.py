"""The list of a day names everybody who is examined, whatever words their names are."""

from __future__ import annotations

import pytest

from tests.report_text import gone_from, in_body


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("18:10 Rippe Gastroskopie Short Tag 4", ["18:10", "Rippe", "Short", "Tag", "4"]),
        ("09.30 Zungenbein, Ada Koloskopie Innere 1", ["09.30", "Zungenbein,", "Ada", "Innere", "1"]),
        ("11:00 von Stein ERCP Propofol", ["11:00", "von", "Stein"]),
    ],
)
def test_who_is_examined_by_whom_and_where_they_lie_goes(line: str, gone: list[str]) -> None:
    assert gone_from(in_body(line)) == gone


@pytest.mark.parametrize(
    "line",
    ["10:12 Beginn Koloskopie", "10:15 Vorschub bei Koloskopie erschwert", "10:20 Koloskopie Propofol"],
)
def test_a_list_of_times_loses_only_the_time(line: str) -> None:
    assert gone_from(in_body(line)) == line.split()[:1]


def test_a_patient_of_the_list_is_known_in_the_rest_of_it() -> None:
    text = in_body("18:10 Zungenbein Gastroskopie Short\n\n\nEtikett geklebt: Zungenbein, Ada.")
    assert [word for word in gone_from(text) if "Zungenbein" in word] == ["Zungenbein", "Zungenbein,"]
