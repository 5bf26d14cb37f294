"""What an operator knows of the people in a report, as a file tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.pdf.deidentify import tokens_of
from endoreg_db.deid.reports.words import Findings, Hit, KnownIdentity
from endoreg_db.intake.known_file import KnownFileError, known_from
from tests.report_text import find_in, gone_from, in_body


def test_a_file_tells_names_dates_and_numbers(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text('{"names": ["Müller, Erika"], "dates": ["19560201"]}', "utf-8")
    assert known_from(file) == KnownIdentity(names=("Müller, Erika",), dates=("1956-02-01",))
    assert known_from(None) == KnownIdentity()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"name": []}', '{"names": "Quast"}', '{"names": [7]}', '{"names": ["Qua\\u0000st"]}',
     '{"dates": ["1.2.1956 Quast"]}', '{"names": ["Dr."]}', '{"names": ["Q"]}', '{"numbers": ["12-3"]}',
     f'{{"names": ["Quast {"x" * 200}"]}}'],
)  # fmt: skip
def test_any_other_file_is_a_usage_error_that_quotes_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(text, "utf-8")
    with pytest.raises(KnownFileError, match="--known") as refused:
        known_from(file)
    assert "Quast" not in str(refused.value)


def test_what_would_be_looked_for_nowhere_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text('{"numbers": ["48211", "703"]}', "utf-8")
    with pytest.raises(KnownFileError, match="shorter than 4 letters and digits") as refused:
        known_from(file)
    assert "703" not in str(refused.value)


def test_what_is_known_goes_and_is_looked_for_in_the_output_even_where_it_was_not_found() -> None:
    known = KnownIdentity(names=("Xyrgblom",))
    assert gone_from(in_body("Mit Xyrgblom besprochen."), known) == ["Xyrgblom"]
    assert "Xyrgblom" in tokens_of(find_in(in_body("Unauffällig.")), known.names)


def test_words_that_name_nobody_are_not_looked_for_in_the_output() -> None:
    hits = [
        Hit("name", 1, (0, 1), "Ihre Patienten Heinz Xyrgblom", 0.9, "label"),
        Hit("address", 1, (2, 3), "Unter den Eichen 10, 63706 Halle", 0.9, "label"),
    ]
    assert tokens_of(Findings(tuple(hits), Identity(), ())) == {"Heinz Xyrgblom", "10, 63706"}
