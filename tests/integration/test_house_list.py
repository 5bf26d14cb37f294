"""What a house has listed goes from its reports; a list that cannot be used is told and nothing comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.errors import ConfigurationError
from endoreg_db.models import MediaFile, State
from endoreg_db.services.pdf_import import PdfImportService, import_and_anonymize
from endoreg_db.services.store import Store

CENTER = "test_center"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report that names a ward by a word like any other."""
    source = tmp_path / "report.pdf"
    canvas = Canvas(str(source), pagesize=(380, 160), invariant=1)
    canvas.drawString(30, 120, "Patient: Peters, Erika, geb. 01.02.1956")
    canvas.drawString(30, 90, "Polyp im Sigma, die Kurve liegt in der Welle bereit.")
    canvas.save()
    return source


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the setting; it lists nothing yet."""
    file = tmp_path / "house.toml"
    monkeypatch.setenv("ENDOREG_REPORT_HOUSE_FILE", str(file))
    file.write_text("", encoding="utf-8")
    return file


def test_what_is_listed_goes_and_says_what_it_was(store: Store, report: Path, house: Path) -> None:
    house.write_text('wards = ["Welle"]\n', encoding="utf-8")

    made = import_and_anonymize(report, CENTER)
    assert made.state == State.PUBLISHED, made.findings

    text = (store.folder.published / made.text_name).read_text("utf-8")
    assert "Welle" not in text and "[WARD]" in text
    assert "Polyp im Sigma, die Kurve liegt in" in text


def test_without_it_such_a_word_only_raises_a_doubt(store: Store, report: Path, house: Path) -> None:
    made = import_and_anonymize(report, CENTER)

    assert made.state == State.NEEDS_REVIEW
    assert "risky_words" in {finding["code"] for finding in made.findings}


def test_a_list_that_cannot_be_used_fails_the_import_and_a_mended_one_lets_it_go_on(
    store: Store, report: Path, house: Path
) -> None:
    house.write_text('wards = ["7"]\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="would go wherever it stands"):
        import_and_anonymize(report, CENTER)

    record = MediaFile.objects.get()
    assert (record.state, list(store.publisher.published_files())) == (State.FAILED, [])

    house.write_text('wards = ["Station 7", "Welle"]\n', encoding="utf-8")
    again = PdfImportService()._retry_existing_pdf(record)
    assert (again.uuid, again.state) == (record.uuid, State.PUBLISHED)
    assert "Welle" not in (store.folder.published / again.text_name).read_text("utf-8")


def test_a_list_of_more_entries_than_other_lists_may_have_is_used(
    store: Store, report: Path, house: Path
) -> None:
    staff = [f"Übersee-{number:05}" for number in range(1500)]
    house.write_text(f'wards = ["Welle"]\nstaff = {staff}\n', encoding="utf-8")

    made = import_and_anonymize(report, CENTER)

    assert made.state == State.PUBLISHED, made.findings
    assert "Welle" not in (store.folder.published / made.text_name).read_text("utf-8")
