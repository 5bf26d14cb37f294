"""Nothing that reads a patient's name may phone home, in whichever process it runs."""

from __future__ import annotations

import os
import subprocess
import sys

from endoreg_db.deid.cell_process import cell_environment

#: Notes what the environment said at the moment when ONNX Runtime was first imported.
_WATCH = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
            sys.meta_path.remove(self)

sys.meta_path.insert(0, Watch())
import numpy as np
from endoreg_db.deid.ocr import TextReader
picture = np.zeros((60, 200, 3), np.uint8)
picture[20:40, 30:150:8] = 255  # something to read: the engine is loaded at the first reading
TextReader().read_line(picture)
assert "onnxruntime" in sys.modules
"""


def test_telemetry_is_off_before_the_engine_is_imported() -> None:
    environ = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    ended = subprocess.run(
        [sys.executable, "-c", _WATCH], env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["1"]


def test_the_cell_starts_with_telemetry_off() -> None:
    assert cell_environment("/work")["ORT_DISABLE_TELEMETRY"] == "1"
