"""The demo: what somebody sees who has just cloned the project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endoreg_db.samples import Recording
from tests.acceptance.command_line import run_endoreg

DEMO = Path(__file__).parents[2] / "tools" / "demo.py"


def _run_demo(folder: Path) -> str:
    ended = subprocess.run(
        [sys.executable, str(DEMO), folder.name],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_the_demo_imports_once_and_shows_what_was_read(tmp_path: Path) -> None:
    folder = tmp_path / "demo-data"
    first = _run_demo(folder)
    assert "2 files: 1 imported, 1 duplicate" in first
    (safe,) = (folder / "data" / "published").glob("*.mp4")
    assert f"The safe file is   {safe}" in first

    environ = {**os.environ, "ENDOREG_DATA_DIR": str(folder / "data")}
    (line,) = run_endoreg("show", safe.stem, "--identity", "--json", env=environ).lines
    drawn = Recording(seed=1)
    assert line["birth_date"] == drawn.patient.birth_date.isoformat()
    assert line["examination_date"] == drawn.examination.date().isoformat()
    assert line["last_name"].casefold() == drawn.patient.last_name.casefold()
    assert [event["action"] for event in line["events"]] == ["identity_shown"] * 2

    picture = np.asarray(Image.open(folder / "before-after.png").convert("L"))
    half = (picture.shape[1] - 8) // 2
    overlay = slice(0, 250)  # left of the endoscopic image, in a picture of half the size
    assert picture[:, overlay].max() > 150, "the name is in the picture before"
    assert picture[:, half + 8 :][:, overlay].max() < 40, "and not after"

    second = _run_demo(folder)
    assert "2 files: 2 duplicate" in second
    assert "Both files were known already, so nothing was done twice." in second
    assert {path.name for path in safe.parent.iterdir()} == {safe.name, f"{safe.name}.certificate.json"}
