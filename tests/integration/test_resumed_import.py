"""An import that was interrupted goes on at its first unfinished piece, and ends as if it had not been."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from filelock import FileLock

from endoreg_db.bootstrap import current_config
from endoreg_db.deid.client import run_video
from endoreg_db.deid.messages import EncodeSettings, Message, VideoTask
from endoreg_db.deid.video.spool import read_packets
from endoreg_db.errors import DeidentificationError
from endoreg_db.models import ImportAttempt, MediaFile, State, VideoFile
from endoreg_db.samples import ROOM, Scene, Script, draw_recording, scaled, shipped_profile
from endoreg_db.services.store import Store, open_store
from endoreg_db.services.video_import import VideoImportService
from tests.acceptance.command_line import run_installed
from tests.conftest import SMALL_DEVICE, DrawnOnce, _make_empty, _use_database, small_profile
from tests.faults.aftermath import complaints, left_behind, mend
from tests.faults.in_a_long_pass import (
    ENCODING_CRASHES,
    JOINING_CRASHES,
    SHORT,
    stops_after,
    write_hook,
)
from tests.faults.processes import REPOSITORY

PIECES = 4  # of the recording, with the hook
FINISHED = 2  # of them, when the import is killed
STALE_AFTER = 600.0

_IMPORT = f"""
import sys
from endoreg_db.services.video_import import VideoImportService
VideoImportService().import_and_anonymize(sys.argv[1], "test_center", "{SMALL_DEVICE}")
"""


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are finished one after the other."""
    monkeypatch.setenv("ENDOREG_WORKERS", "1")


@contextmanager
def hooked(folder: Path, name: str) -> Iterator[Path]:
    """Cells that are started in the block have the hook; its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(write_hook(folder / name.replace(" ", "-"), name)))
        yield folder / name.replace(" ", "-")


@dataclass(frozen=True)
class Interrupted:
    """What is left of an import that was killed, and what one that was not makes of the same recording."""

    data: Path  # the data folder
    source: Path
    sha256: str  # of the output
    findings: list[dict[str, Any]]


@pytest.fixture(scope="module")
def interrupted_once(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, drawn_once: DrawnOnce, migrated_database: Path
) -> Interrupted:
    """Made once for all workers; to be copied."""
    source, _ = drawn_once(seed=7, seconds=2.0, profile=small_profile(), gop=12)
    base = tmp_path_factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / "interrupted"
    with FileLock(f"{root}.making"):
        if not root.exists():
            making = root.with_suffix(".unfinished")
            making.mkdir()
            _kill_import(making, source, migrated_database)
            _run_undisturbed(making, source)
            making.rename(root)
    output = root / "candidate.mp4"
    findings = json.loads((root / "findings.json").read_text())
    return Interrupted(root / "data", source, hashlib.sha256(output.read_bytes()).hexdigest(), findings)


def python_path(hook: Path) -> str:
    """For a process of its own: the hook is found, and what it imports."""
    return f"{hook}{os.pathsep}{REPOSITORY}"


def _kill_import(folder: Path, source: Path, migrated_database: Path) -> None:
    data, before = folder / "data", connections["default"].settings_dict["NAME"]
    _make_empty(data, migrated_database)
    hook = write_hook(folder / "hook", stops_after(FINISHED))
    hooked = {"PYTHONPATH": python_path(hook), "ENDOREG_DATA_DIR": str(data), "ENDOREG_WORKERS": "1"}
    inbox = folder / "inbox"
    inbox.mkdir()
    shutil.copy(source, inbox / "recording.mp4")
    command = [sys.executable, "-c", _IMPORT, str(inbox / "recording.mp4")]
    child = subprocess.Popen(command, env={**os.environ, **hooked})
    deadline = time.monotonic() + 120
    while len([*data.glob("tmp/*/*.manifest")]) < FINISHED:
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    child.kill()
    child.wait()
    _use_database(Path(before))


def _run_undisturbed(folder: Path, source: Path) -> None:
    work = folder / "work"
    work.mkdir()
    with hooked(folder, SHORT):
        done = run_video(_task(source, work), lambda _: None)
    assert (done.encoded, done.taken_over) == (PIECES, 0)
    Path(done.candidate).rename(folder / "candidate.mp4")
    findings = [asdict(finding) for finding in (*done.findings, *done.verification.findings)]
    (folder / "findings.json").write_text(json.dumps(findings))


def _task(source: Path, work: Path, **options: Any) -> VideoTask:
    return VideoTask(str(source), str(work), small_profile(), EncodeSettings("veryfast", 20), 1, **options)


@pytest.fixture
def interrupted(interrupted_once: Interrupted, data_dir: Path, tmp_path: Path) -> Interrupted:
    """A copy of what the killed import has left. The source lies elsewhere now, under its name."""
    shutil.copytree(interrupted_once.data, data_dir)
    (tmp_path / "inbox").mkdir()
    source = Path(shutil.copy(interrupted_once.source, tmp_path / "inbox" / "recording.mp4"))
    return Interrupted(data_dir, source, interrupted_once.sha256, interrupted_once.findings)


def go_on(source: Path, tmp_path: Path, hook: str = SHORT) -> VideoFile:
    with hooked(tmp_path, hook):
        return VideoImportService().import_and_anonymize(source, "test_center", SMALL_DEVICE)


def took_over(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for record in caplog.records if (text := record.getMessage()).startswith("Took over")]


def kept(store: Store) -> list[str]:
    """Names of the pieces that are kept of the one recording."""
    return store.pieces.names(MediaFile.objects.get().content_sha256)


def is_as_if_never_interrupted(store: Store, interrupted: Interrupted) -> bool:
    video = VideoFile.objects.get()
    output = store.folder.published / video.output_name
    assert video.state == State.PUBLISHED
    assert video.findings == interrupted.findings
    assert left_behind(store, interrupted.source) == []
    assert [*store.pieces.folders()] == []
    assert complaints(store) == []
    return hashlib.sha256(output.read_bytes()).hexdigest() == interrupted.sha256


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "endoreg_db")
    return caplog


# ----------------------------------------------------------------------------------- who goes on


def test_the_next_import_goes_on_and_makes_the_same_bytes(
    interrupted: Interrupted, tmp_path: Path, logs: pytest.LogCaptureFixture
) -> None:
    store, uuid = open_store(current_config()), MediaFile.objects.get().uuid
    assert go_on(interrupted.source, tmp_path).uuid == uuid
    assert took_over(logs) == [f"Took over {FINISHED} of {PIECES} segments from an earlier attempt"]
    assert is_as_if_never_interrupted(store, interrupted)


def test_a_retry_goes_on(interrupted: Interrupted, tmp_path: Path) -> None:
    with hooked(tmp_path, SHORT) as hook:
        environment = {**os.environ, "PYTHONPATH": python_path(hook)}
        ended = run_installed("retry", "--all", "--json", "--verbose", env=environment)
    assert [line["status"] for line in ended.lines] == ["imported"], ended.err
    assert f"Took over {FINISHED} of {PIECES} segments" in ended.err
    assert is_as_if_never_interrupted(open_store(current_config()), interrupted)


def test_the_doctor_keeps_what_was_finished_encrypted_and_the_next_import_goes_on(
    interrupted: Interrupted, tmp_path: Path, logs: pytest.LogCaptureFixture
) -> None:
    store = open_store(current_config())
    secrets = _packets_in_clear(store)
    assert len(secrets) >= FINISHED and _are_found(secrets, interrupted.data)

    assert mend(store) >= {"attempts"}

    assert not _are_found(secrets, interrupted.data), "a copied data folder gives nothing away"
    assert not [*store.folder.tmp.iterdir()]
    assert kept(store) == ["segment-00000", "segment-00001"]
    assert MediaFile.objects.get().state == State.FAILED
    assert complaints(store) == []

    go_on(interrupted.source, tmp_path)
    assert took_over(logs) == [f"Took over {FINISHED} of {PIECES} segments from an earlier attempt"]
    assert is_as_if_never_interrupted(store, interrupted)


def _packets_in_clear(store: Store) -> list[bytes]:
    """A part of each packet of the pieces in folders of attempts, torn ones included."""
    found = []
    for spool in store.folder.tmp.glob("*/*.packets"):
        with suppress(EOFError):
            found += [packet.data[8:40] for packet in read_packets(spool)]
    return [one for one in found if len(one) == 32]


def _are_found(secrets: list[bytes], data: Path) -> bool:
    contents = [path.read_bytes() for path in data.rglob("*") if path.is_file()]
    return any(secret in content for secret in secrets for content in contents)


def test_an_import_that_is_stopped_keeps_what_was_finished(
    store: Store, interrupted_once: Interrupted, tmp_path: Path, logs: pytest.LogCaptureFixture
) -> None:
    source = Path(shutil.copy(interrupted_once.source, tmp_path / "recording.mp4"))

    def stop(_message: Message) -> None:
        if len([*store.folder.tmp.glob("*/*.manifest")]) == FINISHED:
            raise KeyboardInterrupt

    with hooked(tmp_path, stops_after(FINISHED)), pytest.raises(KeyboardInterrupt):
        VideoImportService(on_message=stop).import_and_anonymize(source, "test_center", SMALL_DEVICE)

    assert left_behind(store, source) == []
    assert kept(store) == ["segment-00000", "segment-00001"]
    assert ImportAttempt.objects.get().outcome == ImportAttempt.Outcome.INTERRUPTED
    assert complaints(store) == []
    go_on(source, tmp_path)
    assert took_over(logs) == [f"Took over {FINISHED} of {PIECES} segments from an earlier attempt"]
    assert VideoFile.objects.get().output_sha256 == interrupted_once.sha256


def test_where_all_was_finished_nothing_is_encoded(
    store: Store, interrupted_once: Interrupted, tmp_path: Path, logs: pytest.LogCaptureFixture
) -> None:
    source = Path(shutil.copy(interrupted_once.source, tmp_path / "recording.mp4"))
    with pytest.raises(DeidentificationError):
        go_on(source, tmp_path, JOINING_CRASHES)
    assert len(kept(store)) == PIECES

    go_on(source, tmp_path, ENCODING_CRASHES)

    assert took_over(logs) == [f"Took over {PIECES} of {PIECES} segments from an earlier attempt"]
    assert VideoFile.objects.get().output_sha256 == interrupted_once.sha256
    assert complaints(store) == []


def test_an_import_that_is_interrupted_again_and_again_goes_on_from_where_it_was(
    interrupted: Interrupted, tmp_path: Path, logs: pytest.LogCaptureFixture
) -> None:
    store = open_store(current_config())

    def stop(_message: Message) -> None:
        if len([*store.folder.tmp.glob("*/*.manifest")]) == FINISHED + 1:
            raise KeyboardInterrupt

    with hooked(tmp_path, stops_after(FINISHED + 1)), pytest.raises(KeyboardInterrupt):
        VideoImportService(on_message=stop).import_and_anonymize(
            interrupted.source, "test_center", SMALL_DEVICE
        )
    assert len(kept(store)) == FINISHED + 1

    go_on(interrupted.source, tmp_path)
    assert took_over(logs) == [f"Took over {FINISHED + 1} of {PIECES} segments from an earlier attempt"]
    assert is_as_if_never_interrupted(store, interrupted)


def test_a_piece_that_was_changed_since_is_encoded_again(
    interrupted: Interrupted, tmp_path: Path, logs: pytest.LogCaptureFixture
) -> None:
    store = open_store(current_config())
    (first,) = store.folder.tmp.glob("*/segment-00000.packets")
    whole = bytearray(first.read_bytes())
    whole[len(whole) // 2] ^= 1
    first.write_bytes(whole)
    go_on(interrupted.source, tmp_path)
    assert took_over(logs) == [f"Took over {FINISHED - 1} of {PIECES} segments from an earlier attempt"]
    assert is_as_if_never_interrupted(store, interrupted)


def test_another_preset_takes_over_nothing(
    interrupted: Interrupted,
    tmp_path: Path,
    logs: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENDOREG_VIDEO_PRESET", "ultrafast")
    store = open_store(current_config())
    go_on(interrupted.source, tmp_path)
    assert took_over(logs) == []
    assert VideoFile.objects.get().output_sha256 != interrupted.sha256
    assert [*store.pieces.folders()] == []
    assert complaints(store) == []


@pytest.mark.slow
def test_pieces_that_were_made_again_are_taken_over_too(tmp_path: Path) -> None:
    """A room at the beginning: its pieces are made twice, and both are needed to go the same way."""
    profile = scaled(shipped_profile(), 1 / 5)
    script = Script(scenes=(Scene(ROOM, (0.0, 2.0)),), panel=False)
    source, work = tmp_path / "room.mp4", tmp_path / "work"
    draw_recording(source, seed=41, seconds=5, profile=profile, script=script)
    work.mkdir()
    task = VideoTask(str(source), str(work), profile, EncodeSettings("ultrafast", 20), 2, read_text=False)
    other = tmp_path / "other"
    other.mkdir()
    with hooked(tmp_path, SHORT):
        undisturbed = run_video(VideoTask(**{**_fields(task), "work_dir": str(other)}), lambda _: None)
    assert undisturbed.encoded > 4, "some were made twice"
    with hooked(tmp_path, JOINING_CRASHES), pytest.raises(DeidentificationError):
        run_video(task, lambda _: None)

    with hooked(tmp_path, ENCODING_CRASHES):
        done = run_video(task, lambda _: None)

    assert (done.encoded, done.taken_over) == (0, undisturbed.encoded)
    assert Path(done.candidate).read_bytes() == Path(undisturbed.candidate).read_bytes()
    assert (done.findings, done.verification) == (undisturbed.findings, undisturbed.verification)
    assert [str(path) for path in work.iterdir()] == [done.candidate]


def _fields(task: VideoTask) -> dict[str, Any]:
    return {name: getattr(task, name) for name in task.__dataclass_fields__}
