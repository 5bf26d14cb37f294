"""What a house lists as its own goes wherever a report has it, and nothing else goes because of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from endoreg_db.deid.messages import HouseTerm, ReportTask
from endoreg_db.deid.reports.house import tells_enough
from endoreg_db.deid.reports.words import KnownIdentity
from endoreg_db.deid.wire import MAX_HOUSE_TERMS, MAX_LINE, task_from_line, to_line
from endoreg_db.errors import ConfigurationError
from endoreg_db.intake.house_file import house_terms
from tests.report_text import find_in, gone_from, in_body

HOUSE = KnownIdentity(
    house=(
        HouseTerm("ward", "Welle"),
        HouseTerm("ward", "G2"),
        HouseTerm("ward", "Grüner Bereich"),
        HouseTerm("institution", "Haus am Alten Markt"),
        HouseTerm("staff", "Blum"),
        HouseTerm("phone", "704"),
    )
)


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Die Kurve liegt noch in der Welle bereit.", ["Welle"]),
        ("Die Farbe ist Grüner Bereich genannt.", ["Grüner", "Bereich"]),
        ("Rückfragen unter 704 bis zum Mittag.", ["704"]),
    ],
)
def test_what_is_listed_goes_wherever_it_stands(sentence: str, gone: list[str]) -> None:
    went = gone_from(in_body(sentence), HOUSE)

    assert [word for word in went if word in gone] == gone
    assert not set(gone) <= set(gone_from(in_body(sentence))), "no rule would have found it without the list"


@pytest.mark.parametrize(
    "sentence",
    [
        "Histologisch neuroendokriner Tumor, Grading G2 nach WHO.",
        "Die Dysplasie stieg von G1 auf G2 an.",
        "Insgesamt 704 ml Flüssigkeit abgesaugt.",
        "Bei jeder peristaltischen welle öffnet sich die Kardia.",
    ],
)
def test_stages_measures_and_other_words_stay(sentence: str) -> None:
    assert gone_from(in_body(sentence), HOUSE) == []


def test_a_name_that_runs_over_the_end_of_a_line_goes() -> None:
    text = in_body(
        "Die Einweisung in die Klinik erfolgte gestern am Abend aus dem Haus am\nAlten Markt mit Fieber."
    )

    assert {"Haus", "am", "Alten", "Markt"} <= set(gone_from(text, HOUSE))


def test_ocr_may_have_read_one_letter_wrong() -> None:
    assert "Berelch" in gone_from(in_body("Die Farbe ist Grüner Berelch genannt."), HOUSE, source="ocr")


def test_the_placeholder_says_what_it_was() -> None:
    hits = find_in(in_body("Die Kurve liegt noch in der Welle bereit."), HOUSE).hits

    assert [(hit.kind, hit.value) for hit in hits if hit.reason == "house"] == [("ward", "Welle")]


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("G2", True),
        ("704", True),
        ("Station 7", True),
        ("7", False),
        ("B", False),
        ("–", False),
        ("am", False),
    ],
)
def test_a_single_letter_digit_or_small_word_says_too_little(text: str, enough: bool) -> None:
    assert tells_enough(text) is enough


def test_the_file_lists_them_by_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_text('wards = ["G2", "Station 7"]\nstaff = ["Dr. Anna Blum"]\n', encoding="utf-8")

    assert house_terms(file) == (
        HouseTerm("ward", "G2"),
        HouseTerm("ward", "Station 7"),
        HouseTerm("staff", "Dr. Anna Blum"),
    )
    assert house_terms(None) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('wards = ["7"]', "'7' of 'wards'"),
        ('wards = "G2"', "'wards'"),
        ('cars = ["G2"]', "'cars'"),
        ("wards = [", "cannot be read as TOML"),
    ],
)
def test_a_file_that_would_do_harm_or_nothing_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "house.toml"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError) as refused:
        house_terms(file)

    assert said in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        house_terms(tmp_path / "none.toml")


def test_as_many_entries_as_may_be_reach_the_cell_and_find_what_they_list(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    staff = ", ".join(f'"Dr. Ömer Übersee-{number:07}"' for number in range(MAX_HOUSE_TERMS - 1))
    file.write_text(f'wards = ["Welle"]\nstaff = [{staff}]\n', encoding="utf-8")

    line = to_line(ReportTask("source", "work", house=house_terms(file)))
    task = task_from_line(line)

    assert isinstance(task, ReportTask) and len(task.house) == MAX_HOUSE_TERMS
    assert len(line) <= MAX_LINE
    sentence = in_body("Die Kurve liegt noch in der Welle bereit.")
    assert "Welle" in gone_from(sentence, KnownIdentity(house=task.house))


def test_the_largest_file_fits_into_a_line_to_the_cell(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    entries = ", ".join(f'"{number:05}{"ü" * 44}"' for number in range(MAX_HOUSE_TERMS))
    file.write_text(f"institutions = [{entries}]\n", encoding="utf-8")

    assert 1.8 * 1024**2 < file.stat().st_size <= 2 * 1024**2
    assert len(to_line(ReportTask("source", "work", house=house_terms(file)))) <= MAX_LINE


@pytest.mark.parametrize(("listed", "given"), [(MAX_HOUSE_TERMS + 1, 0), (MAX_HOUSE_TERMS, 1)])
def test_too_many_entries_are_refused_with_the_limit_and_the_file(
    tmp_path: Path, listed: int, given: int
) -> None:
    file = tmp_path / "house.toml"
    file.write_text(f"numbers = {[str(number) for number in range(100_000, 100_000 + listed)]}", "utf-8")

    with pytest.raises(ConfigurationError, match="20,000 may be in all") as refused:
        house_terms(file, [HouseTerm("ward", "Welle")] * given)

    assert str(file) in str(refused.value)


def test_too_large_a_file_is_refused_with_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_text("#" * (2 * 1024**2 + 1), "utf-8")

    with pytest.raises(ConfigurationError, match="2,097,152 may be"):
        house_terms(file)
