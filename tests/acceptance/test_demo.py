"""The demo: what somebody sees who has just cloned the project, and the wheel alone does as well."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from endoreg_db.samples import Recording
from tests.acceptance.clean_environment import ROOT, clean_python
from tests.acceptance.command_line import run_endoreg


def _run(python: Path, *arguments: str, folder: Path) -> str:
    """Run Python in ``folder``, without any setting of ours; what it prints."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ENDOREG_", "PYTHON"))}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    command = [str(python), *arguments]
    ended = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_the_wheel_alone_passes_the_demo_which_imports_once_and_shows_what_was_read(tmp_path: Path) -> None:
    """The wheel is complete, and content with what it declares; a checkout goes on where it ended."""
    elsewhere, python = tmp_path / "elsewhere", clean_python(tmp_path / "wheel")
    elsewhere.mkdir()
    shutil.copy(ROOT / "tools" / "demo.py", elsewhere)
    where = Path(
        _run(python, "-c", "import endoreg_db; print(endoreg_db.__file__)", folder=elsewhere).strip()
    )
    assert where.is_relative_to(python.parent.parent)
    assert "py.typed" in {path.name for path in where.parent.iterdir()}

    first = _run(python, "demo.py", "demo-data", folder=elsewhere)
    assert "2 files: 1 imported, 1 duplicate" in first
    (safe,) = (elsewhere / "demo-data" / "data" / "published").glob("*.mp4")
    assert f"The safe file is   {safe}" in first
    _is_a_whole_recording(safe)
    _shows_what_was_read(elsewhere / "demo-data" / "data", safe)
    _shows_before_and_after(elsewhere / "demo-data" / "before-after.png")

    second = _run(Path(sys.executable), str(ROOT / "tools" / "demo.py"), "demo-data", folder=elsewhere)
    assert "2 files: 2 duplicate" in second
    assert "Both files were known already, so nothing was done twice." in second
    assert {path.name for path in safe.parent.iterdir()} == {safe.name, f"{safe.name}.certificate.json"}


def _is_a_whole_recording(safe: Path) -> None:
    with av.open(str(safe)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frames = sum(1 for _ in container.decode(video=0))
        assert frames == container.streams.video[0].frames == 100


def _shows_what_was_read(data: Path, safe: Path) -> None:
    environ = {**os.environ, "ENDOREG_DATA_DIR": str(data)}
    (line,) = run_endoreg("show", safe.stem, "--identity", "--json", env=environ).lines
    drawn = Recording(seed=1)
    assert line["birth_date"] == drawn.patient.birth_date.isoformat()
    assert line["examination_date"] == drawn.examination.date().isoformat()
    assert line["last_name"].casefold() == drawn.patient.last_name.casefold()
    assert [event["action"] for event in line["events"]] == ["identity_shown"] * 2


def _shows_before_and_after(both: Path) -> None:
    picture = np.asarray(Image.open(both).convert("L"))
    half = (picture.shape[1] - 8) // 2
    overlay = slice(0, 250)  # left of the endoscopic image, in a picture of half the size
    assert picture[:, overlay].max() > 150, "the name is in the picture before"
    assert picture[:, half + 8 :][:, overlay].max() < 40, "and not after"
