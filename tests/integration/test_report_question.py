"""The one question that a cell may ask: by how many days the dates of a report's patient are moved."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from endoreg_db.deid import cell_process
from endoreg_db.deid.client import run_report
from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.messages import (
    Failed,
    Finding,
    Identified,
    Message,
    ReportDone,
    ReportTask,
    ReportVerification,
    Shift,
)
from endoreg_db.deid.wire import WireError, message_from_line, shift_from_line, to_line
from endoreg_db.errors import DeidentificationError

ERIKA, OTHER = (Identity(last_name=Reading(name, 0.95)) for name in ("Müller", "Peña"))
QUESTION = Identified(ERIKA, (Finding("several_patients", "review", "two"),))

#: Says its first lines, keeps what it is told after each question, and ends.
_CELL = """
import sys
told, heard = sys.argv[1:], []
heard.append(sys.stdin.readline())
for line in told:
    print(line, flush=True)
    if '"Identified"' in line:
        heard.append(sys.stdin.readline())
    open("heard", "w").writelines(heard)
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for name in ("candidate.pdf", "candidate.txt"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def _done(work: Path, identity: Identity) -> ReportDone:
    looked = ReportVerification(1, 9, 0, 0, ())
    return ReportDone(
        str(work / "candidate.pdf"), str(work / "candidate.txt"), 1, 0, 2, identity, (), looked, {}
    )


def _run(work: Path, patch: pytest.MonkeyPatch, *told: Message, shift: bool = True) -> ReportDone:
    def start(_task: ReportTask) -> subprocess.Popen[bytes]:
        lines = [to_line(message).decode().strip() for message in told]
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _CELL, *lines],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=work,
            start_new_session=True,
        )

    patch.setattr(cell_process, "_start", start)
    task = ReportTask("/in/report.pdf", str(work), shift_dates=shift)
    return run_report(
        task, lambda message: _never_told(message), days_back=lambda asked: len(asked.doubts) + 6
    )


def _never_told(message: Message) -> None:
    assert not isinstance(message, Identified), "whom it is about is for the one who answers"


def test_the_cell_is_told_what_it_asked_for(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(work, monkeypatch, QUESTION, _done(work, ERIKA))
    assert done.identity == ERIKA
    _task, answer = (work / "heard").read_bytes().splitlines(keepends=True)
    assert shift_from_line(answer) == Shift(7)


@pytest.mark.parametrize("case", ["not expected", "twice", "about somebody else"])
def test_a_question_out_of_turn_ends_the_cell(work: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    told, shift = {
        "not expected": ((QUESTION, _done(work, ERIKA)), False),
        "twice": ((QUESTION, QUESTION, _done(work, ERIKA)), True),
        "about somebody else": ((QUESTION, _done(work, OTHER)), True),
    }[case]
    with pytest.raises(DeidentificationError, match=r"nobody expects|somebody else"):
        _run(work, monkeypatch, *told, shift=shift)


def test_question_and_answer_arrive_as_they_were_sent_and_cannot_be_mixed_up() -> None:
    assert message_from_line(to_line(QUESTION)) == QUESTION
    for answer in (Shift(364), Shift(None)):
        assert shift_from_line(to_line(answer)) == answer
        with pytest.raises(WireError):
            message_from_line(to_line(answer))
    for nonsense in (b"", b"{}\n", to_line(QUESTION), to_line(Failed("corrupt", "x"))):
        with pytest.raises(WireError):
            shift_from_line(nonsense)
