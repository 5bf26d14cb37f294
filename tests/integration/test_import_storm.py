from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "import_storm.py"


def test_many_processes_import_one_file_at_once_and_one_of_them_does_it() -> None:
    """Three rounds of what ``make storm`` does two hundred times."""
    ended = subprocess.run(
        [sys.executable, str(TOOL), "--rounds", "3", "--processes", "8"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert report["answers"]["imported"] == 3
    assert sum(report["answers"].values()) == 24


def test_a_storm_that_is_interrupted_ends_its_round_and_reports_what_it_has() -> None:
    with subprocess.Popen(
        [sys.executable, str(TOOL), "--rounds", "50", "--processes", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as storm:
        assert storm.stderr is not None
        assert storm.stderr.readline().startswith("1 of 50 rounds: ")
        storm.send_signal(signal.SIGINT)
        out, err = storm.communicate(timeout=300)
    assert storm.returncode == 130, out + err
    report = json.loads(out)
    assert (report["violations"], report["problems"]) == (0, [])
    assert 1 <= report["rounds"] == report["answers"]["imported"] < 50
