"""What tests of whole imports share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from endoreg_db.deid.messages import ReportDone, ReportTask
from endoreg_db.samples import draw_report
from endoreg_db.services import pdf_import
from tests.crash.scenarios import report_stand_in
from tests.crash.standing import Harness, standing_harness


@pytest.fixture(scope="session")
def crash() -> Iterator[Harness]:
    """Runs ``tools/crash.py``. It forks, so it has a process of its own, one for each worker."""
    with standing_harness() as harness:
        yield harness


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report in a folder of its own."""
    source = tmp_path / "inbox" / "befund.pdf"
    source.parent.mkdir()
    draw_report(source, seed=3)
    return source


@pytest.fixture
def report_tasks(monkeypatch: pytest.MonkeyPatch) -> list[ReportTask]:
    """The cell of reports has a stand-in, everything else is the real thing; what the cell was asked for."""
    asked: list[ReportTask] = []

    def run(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        asked.append(task)
        return report_stand_in(task, on_message)

    monkeypatch.setattr(pdf_import, "run_report", run)
    return asked
