"""What a cell's pages took of memory goes back to the system, whatever lies between them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from endoreg_db.deid import cell_process
from endoreg_db.deid.cell_process import REPORT_MEMORY, cell_environment
from endoreg_db.deid.messages import EncodeSettings, ReportTask, Task, VideoTask

#: Draws 40 pages one after the other, keeps a little of each, and says how many megabytes stayed.
_PAGES = """
import numpy as np, psutil

def memory():
    return psutil.Process().memory_info().rss / 2**20

kept, before = [], memory()
for page in range(40):
    picture = np.ones((2339, 1653, 4), np.uint8)
    kept.append([bytearray(3000) for _ in range(200)])
    del picture
print(round(memory() - before))
"""


def test_pictures_of_pages_do_not_pile_up() -> None:
    environ = cell_environment("/nowhere") | REPORT_MEMORY
    ended = subprocess.run([sys.executable, "-c", _PAGES], env=environ, capture_output=True, check=True)

    assert int(ended.stdout) < 60, "40 x 200 x 3000 bytes are kept, and no page's 15 MB"


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (ReportTask("report.pdf", "/nowhere"), True),
        (VideoTask("recording.mp4", "/nowhere", None, EncodeSettings(), 1), False),
    ],
)
def test_only_cells_that_draw_pages_are_told(monkeypatch: pytest.MonkeyPatch, task: Task, told: bool) -> None:
    """Frames are smaller, and encoders keep their own."""
    environments = []
    monkeypatch.setattr(subprocess, "Popen", lambda *_args, env, **_options: environments.append(env))

    cell_process._start(task)

    (environ,) = environments
    assert (REPORT_MEMORY.items() <= environ.items()) is told
