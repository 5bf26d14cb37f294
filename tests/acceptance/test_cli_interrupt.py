"""Being stopped in the middle: nothing half-done stays, nobody is left running, a retry finishes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from endoreg_db.models import ImportAttempt, State, VideoFile
from endoreg_db.services.store import Store
from tests.acceptance.command_line import ENDOREG, OPTIONS, Endoreg, Untouched, lock_of


def _start(source: Path, *options: str, ignored: signal.Signals | None = None) -> subprocess.Popen[bytes]:
    """Start an import that ignores one signal, or none: whoever started us may have had us ignore some."""

    def handlers() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number is ignored else signal.SIG_DFL)

    command = [ENDOREG, "import", str(source), *OPTIONS, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=handlers)


def _cell_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Wait until the cell is at work; it and what it started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        children: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
        if len(children) > 1:
            return children
        time.sleep(0.01)
    raise AssertionError("the import ended before its cell was seen")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_import_that_is_stopped_can_be_taken_up_again(
    endoreg: Endoreg, store: Store, small_recording: Path, number: int, code: int
) -> None:
    source = small_recording
    before = Untouched.now(source)
    process = _start(source)
    children = _cell_of(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == b"" and b"Traceback" not in err
    assert err.decode().splitlines()[:2] == [
        f"not finished: {source}",
        f"interrupted by {signal.Signals(number).name}",
    ]
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert gone and not alive
    assert Untouched.now(source) == before
    assert not lock_of(source).exists() and not list(store.folder.tmp.iterdir())
    assert not list(store.publisher.published_files())
    assert ImportAttempt.objects.get().outcome == ImportAttempt.Outcome.INTERRUPTED
    video = VideoFile.objects.get()
    assert video.state == State.FAILED

    if number == signal.SIGINT:
        (line,) = endoreg("retry", "--all", "--json").lines
        assert (line["status"], line["uuid"]) == ("imported", str(video.uuid))
        assert line["path"] == str(source)


def test_the_interrupted_file_has_its_json_line(store: Store, small_recording: Path) -> None:
    process = _start(small_recording, "--json")
    _cell_of(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    line = json.loads(out)
    assert (line["path"], line["status"], line["output"]) == (str(small_recording), "failed", None)
    assert line["uuid"] == str(VideoFile.objects.get().uuid)
    assert line["error"]["message"] == "interrupted by SIGINT"
    assert all(json.loads(text) for text in err.splitlines())


def test_a_killed_import_is_found_by_retry(endoreg: Endoreg, store: Store, small_recording: Path) -> None:
    process = _start(small_recording)
    children = _cell_of(process)
    process.kill()
    process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "the cell outlived its parent"
    (line,) = endoreg("retry", "--all", "--json").lines
    assert (line["status"], line["uuid"]) == ("imported", str(VideoFile.objects.get().uuid))


def test_a_stop_signal_that_was_to_be_ignored_is_ignored(store: Store, small_recording: Path) -> None:
    process = _start(small_recording, ignored=signal.SIGHUP)
    _cell_of(process)
    os.kill(process.pid, signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0
