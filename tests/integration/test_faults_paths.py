"""Paths as they come: odd things where the lock should be, names that are too long or no text at all."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections

from endoreg_db.errors import FileLockedError, MediaImportError
from endoreg_db.locking.file_lock import LockUnusableError
from endoreg_db.models import State, VideoFile
from endoreg_db.services import catalog, video_import
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from tests.conftest import SMALL_DEVICE
from tests.faults.aftermath import complaints, left_behind
from tests.faults.stand_in import DEVICE, stand_in_pass, write_recording


@pytest.fixture
def pass_without_media(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_import, "run_video", stand_in_pass)


def _import(source: Path) -> VideoFile:
    return VideoImportService().import_and_anonymize(source, "test_center", DEVICE)


# ---------------------------------------------------------------------- where the lock should be


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.symlink_to(path.with_name("elsewhere")), "a symbolic link"),
        (lambda path: path.symlink_to("/dev/zero"), "a symbolic link"),
        (Path.mkdir, "a folder"),
        (os.mkfifo, "a named pipe"),
    ],
    ids=["dangling link", "link to a device", "folder", "pipe"],
)
@pytest.mark.usefixtures("pass_without_media")
def test_what_is_no_lock_is_refused_at_once_and_left_alone(
    store: Store, tmp_path: Path, make: Callable[[Path], None], kind: str
) -> None:
    source = write_recording(tmp_path / "inbox" / "recording.mp4")
    lock = Path(f"{source}.lock")
    make(lock)
    before = lock.lstat()
    began = time.monotonic()
    with pytest.raises(LockUnusableError, match=kind) as refused:
        _import(source)
    assert time.monotonic() - began < 5
    assert refused.value.step == "_validate_and_prepare_file" and str(lock) in str(refused.value)
    assert (lock.lstat().st_ino, lock.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (source.parent / "elsewhere").exists()
    if lock.is_dir():
        lock.rmdir()
    else:
        lock.unlink()
    assert _import(source).state == State.PUBLISHED


@pytest.mark.usefixtures("pass_without_media")
def test_a_lock_from_the_future_is_held_and_left_alone(store: Store, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "recording.mp4")
    lock = Path(f"{source}.lock")
    lock.write_bytes(b"lock")
    future = time.time() + 3600
    os.utime(lock, (future, future))
    with pytest.raises(FileLockedError):
        _import(source)
    assert lock.stat().st_mtime == pytest.approx(future, abs=1)
    lock.unlink()
    assert _import(source).state == State.PUBLISHED


# --------------------------------------------------------------------------------------- names

NAMES = {
    "255 bytes": b"x" * 251 + b".mp4",
    "255 bytes of letters that take two": "ä".encode() * 125 + b"x.mp4",
    "no text in any encoding": b"m\xfcller \xff\xfe.mp4",
    "control characters": b"line\nbreak \x1b[31m.mp4",
    "begins with a dash": b"--help.mp4",
}


@pytest.fixture(params=list(NAMES.values()), ids=list(NAMES))
def oddly_named(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    assert len(request.param) <= 255
    return write_recording(tmp_path / "inbox" / os.fsdecode(request.param))


@pytest.mark.usefixtures("pass_without_media")
def test_a_file_of_any_name_is_imported(
    store: Store, oddly_named: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "endoreg_db")
    with _log_file(oddly_named.parent / "intake.log") as written:
        video = _import(oddly_named)
    assert "Acquired file lock for: " in written.read_text(encoding="utf-8")
    assert video.state == State.PUBLISHED
    summary = catalog.summary(store, video)
    assert summary.source == oddly_named
    assert json.loads(json.dumps(summary.as_json()))["source"] == str(oddly_named)
    assert left_behind(store, oddly_named) == []
    assert complaints(store) == []
    assert "Logging error" not in capfd.readouterr().err


@pytest.mark.usefixtures("pass_without_media")
def test_a_failure_with_a_file_of_any_name_is_recorded(
    store: Store, oddly_named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, name: str, **__: object) -> None:
        raise MediaImportError(f"It did not work: {name}")

    monkeypatch.setattr(video_import, "run_video", fail)
    with pytest.raises(MediaImportError):
        _import(oddly_named)
    summary = catalog.summary(store, VideoFile.objects.get())
    assert summary.error is not None
    assert summary.error["message"] == f"It did not work: {oddly_named}"
    assert left_behind(store, oddly_named) == []


@contextmanager
def _log_file(path: Path) -> Iterator[Path]:
    """A host's log file: in UTF-8, and strict about it."""
    handler = logging.FileHandler(path, encoding="utf-8", errors="strict")
    logging.getLogger("endoreg_db").addHandler(handler)
    try:
        yield path
    finally:
        logging.getLogger("endoreg_db").removeHandler(handler)
        handler.close()


@pytest.mark.parametrize("name", [NAMES["no text in any encoding"], NAMES["control characters"]])
def test_the_whole_command_with_a_name_that_is_no_text(
    store: Store, small_recording: Path, name: bytes
) -> None:
    source = small_recording.rename(small_recording.with_name(os.fsdecode(name)))
    connections.close_all()
    imported = _endoreg("import", source, "--center", "test_center", "--processor", SMALL_DEVICE, "--json")
    listed = _endoreg("status", "--json")
    assert imported["status"] == "imported"
    assert imported["path"] == listed["source"] == str(source)
    assert Path(imported["output"]).is_file()


def _endoreg(*arguments: str | Path) -> dict[str, str]:
    """Run the command line and return the one JSON line that it prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "endoreg_db", *arguments], capture_output=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"Traceback" not in ended.stderr and b"Logging error" not in ended.stderr
    (line,) = ended.stdout.decode("ascii").splitlines()
    return dict(json.loads(line))
