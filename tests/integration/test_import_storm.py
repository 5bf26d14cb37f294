from __future__ import annotations

import json
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
