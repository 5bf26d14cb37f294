"""``manage.py import_report``."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from endoreg_db.deid.messages import ReportTask
from endoreg_db.models import MediaFile
from endoreg_db.services.store import Store

CENTER = "test_center"


@pytest.mark.usefixtures("report_tasks")
def test_the_django_command_imports_a_report(store: Store, report: Path) -> None:
    told = StringIO()
    call_command("import_report", str(report), "--center", CENTER, stdout=told)
    assert told.getvalue().startswith("imported ")
    with pytest.raises(CommandError, match="PDF file not found"):
        call_command("import_report", str(report) + "x", "--center", CENTER)


def test_the_django_command_is_told_what_is_known_of_the_people_in_a_report(
    report_tasks: list[ReportTask], store: Store, report: Path, tmp_path: Path
) -> None:
    file = tmp_path / "known.json"
    file.write_text('{"names": ["Müller"], "dates": ["1956-02-01"], "numbers": ["4711"]}', "utf-8")
    call_command("import_report", str(report), "--center", CENTER, "--known", str(file), stdout=StringIO())
    (task,) = report_tasks
    assert (task.names, task.dates, task.numbers) == (("Müller",), ("1956-02-01",), ("4711",))


@pytest.mark.parametrize("written", [None, '{"names": "Quast"}'], ids=["missing", "no list"])
def test_a_file_of_what_is_known_that_cannot_be_read_stops_the_django_command(
    store: Store, report: Path, tmp_path: Path, written: str | None
) -> None:
    file = tmp_path / "known.json"
    if written is not None:
        file.write_text(written, "utf-8")
    with pytest.raises(CommandError, match="--known") as refused:
        call_command("import_report", str(report), "--center", CENTER, "--known", str(file))
    assert refused.value.returncode == 2
    assert "Quast" not in str(refused.value)
    assert not MediaFile.objects.exists(), "nothing was begun"


def test_a_list_of_the_house_that_cannot_be_used_stops_the_django_command(
    store: Store, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOREG_REPORT_HOUSE_FILE", str(tmp_path / "missing.toml"))
    with pytest.raises(CommandError, match="ENDOREG_REPORT_HOUSE_FILE") as refused:
        call_command("import_report", str(report), "--center", CENTER)
    assert refused.value.returncode == 2
    assert not MediaFile.objects.exists(), "nothing was begun"
