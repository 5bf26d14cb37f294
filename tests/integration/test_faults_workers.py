"""Workers that get in each other's way: sixteen writers, one that sleeps, clocks that jump."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from django.db import connection, connections
from django.db.models.functions import Now

from endoreg_db.bootstrap import current_config, prepare
from endoreg_db.errors import FileLockedError
from endoreg_db.locking import lease
from endoreg_db.models import ContentLease, ImportAttempt, State, VideoFile
from endoreg_db.services import video_import
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from endoreg_db.storage.layout import DataFolder
from tests.faults.aftermath import complaints, left_behind, mend, published_names, recorded_outputs
from tests.faults.processes import Worker
from tests.faults.stand_in import DEVICE, stand_in_pass, write_recording


def test_sixteen_processes_write_to_one_sqlite_database(store: Store, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    shares = [[write_recording(inbox / f"{worker}-{n}.mp4") for n in range(4)] for worker in range(16)]
    connections.close_all()
    with ExitStack() as workers:
        running = [workers.enter_context(Worker(share, wait_first=True)) for share in shares]
        assert [worker.hear() for worker in running] == [{"event": "ready"}] * 16
        for worker in running:
            worker.go_on()
        results = [result for worker in running for result in worker.results(timeout=120)]
    assert [result for result in results if result["status"] != "imported"] == []
    assert VideoFile.objects.filter(state=State.PUBLISHED).count() == len(results) == 64
    assert complaints(store) == []


def test_a_first_start_of_many_processes_at_once(data_dir: Path, tmp_path: Path) -> None:
    sources = [write_recording(tmp_path / "inbox" / f"{n}.mp4") for n in range(6)]
    with ExitStack() as workers:
        running = [workers.enter_context(Worker([source], wait_first=True)) for source in sources]
        assert [worker.hear() for worker in running] == [{"event": "ready"}] * 6
        for worker in running:
            worker.go_on()
        results = [result for worker in running for result in worker.results()]
    assert [result["status"] for result in results] == ["imported"] * 6
    assert VideoFile.objects.count() == 6


def test_a_first_start_waits_for_another_that_makes_the_database_ready(data_dir: Path) -> None:
    folder = DataFolder(data_dir)
    folder.prepare()
    with closing(sqlite3.connect(folder.database, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE made (by_another)")
        other.execute("BEGIN IMMEDIATE")  # as in the middle of its switch to the write-ahead log
        timer = threading.Timer(0.5, other.rollback)
        timer.start()
        prepare(current_config())
        timer.join()
    assert not VideoFile.objects.exists()


# ------------------------------------------------------------------- slept through the lease


def _sleeper(source: Path) -> Worker:
    return Worker([source], wait=True, lease_seconds=0.5, heartbeat_seconds=0.1)


def _put_to_sleep(sleeper: Worker) -> None:
    """Stop it in its pass, until its lease has run out."""
    assert sleeper.hear() == {"event": "in pass"}
    deadline = time.monotonic() + 30
    sleeper.signal(signal.SIGSTOP)
    while not _database_is_free():  # stopped in the middle of a heartbeat: nobody could go on
        assert time.monotonic() < deadline, "the worker never lets go of the database"
        sleeper.signal(signal.SIGCONT)
        time.sleep(0.03)
        sleeper.signal(signal.SIGSTOP)
    while ContentLease.objects.filter(expires_at__gt=Now()).exists():
        assert time.monotonic() < deadline, "somebody renews the lease of a worker that is stopped"
        time.sleep(0.05)


def _database_is_free() -> bool:
    """Whether somebody could begin to write within half a second."""
    asking = sqlite3.connect(connection.settings_dict["NAME"], timeout=0.5, isolation_level=None)
    with closing(asking):
        try:
            asking.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        asking.execute("ROLLBACK")
    return True


def test_one_that_slept_through_its_lease_changes_nothing(store: Store, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "inbox" / "recording.mp4")
    copy = source.with_name("copy.mp4")
    copy.write_bytes(source.read_bytes())
    with _sleeper(source) as sleeper:
        _put_to_sleep(sleeper)
        with Worker([copy]) as other:
            (taken_over,) = other.results()
        assert taken_over["status"] == "imported"
        before = _what_is_stored(store)
        sleeper.signal(signal.SIGCONT)
        sleeper.go_on()
        (awake,) = sleeper.results()
    assert (awake["status"], awake["path"]) == ("LeaseLostError", str(source))
    assert _what_is_stored(store) == before
    assert left_behind(store, source) == []
    assert complaints(store) == []
    assert VideoFile.objects.get().state == State.PUBLISHED


def test_one_that_wakes_beside_its_successor_leaves_it_its_lock_and_its_output(
    store: Store, tmp_path: Path
) -> None:
    source = write_recording(tmp_path / "inbox" / "recording.mp4")
    lock = Path(f"{source}.lock")
    with _sleeper(source) as sleeper:
        _put_to_sleep(sleeper)
        lock.unlink()  # by a person's hand: nothing else lets two in at one path
        with Worker([source], wait=True) as successor:
            assert successor.hear() == {"event": "in pass"}
            its_lock = lock.stat().st_ino
            sleeper.signal(signal.SIGCONT)
            sleeper.go_on()
            (awake,) = sleeper.results()
            assert awake["status"] == "LeaseLostError"
            assert lock.stat().st_ino == its_lock
            successor.go_on()
            (imported,) = successor.results()
    assert imported["status"] == "imported"
    assert published_names(store) == recorded_outputs() == {f"{imported['uuid']}.mp4"}
    assert left_behind(store, source) == []
    assert complaints(store) == []


def test_the_path_of_one_that_is_stopped_stays_locked(store: Store, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "inbox" / "recording.mp4")
    with _sleeper(source) as sleeper:
        _put_to_sleep(sleeper)
        with pytest.raises(FileLockedError):
            VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
        sleeper.signal(signal.SIGCONT)
        sleeper.go_on()
        (awake,) = sleeper.results()
    assert awake["status"] == "imported", "nobody else took the content meanwhile"


def test_the_doctor_leaves_one_that_slept_what_nobody_else_has_taken(store: Store, tmp_path: Path) -> None:
    source = write_recording(tmp_path / "inbox" / "recording.mp4")
    with _sleeper(source) as sleeper:
        _put_to_sleep(sleeper)
        assert mend(store) == set()
        sleeper.signal(signal.SIGCONT)
        sleeper.go_on()
        assert sleeper.results()[0]["status"] == "imported"


def _what_is_stored(store: Store) -> dict[str, tuple[int, int]]:
    """Every lasting file below the data folder: inode and time of its last change."""
    rooms = (store.folder.vault, store.folder.published)
    files = [path for room in rooms for path in room.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


# --------------------------------------------------------------------------- clocks that jump

YEAR = 365 * 24 * 3600.0


@pytest.fixture
def pass_without_media(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_import, "run_video", stand_in_pass)


@pytest.mark.parametrize("jump", [-YEAR, YEAR], ids=["back", "forward"])
@pytest.mark.usefixtures("pass_without_media")
def test_a_clock_that_jumps_during_an_import_changes_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    source = write_recording(tmp_path / "recording.mp4")
    real = time.time

    def jumps(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        return stand_in_pass(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(video_import, "run_video", jumps)
    video = VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
    assert video.state == State.PUBLISHED
    attempt = ImportAttempt.objects.get()
    assert attempt.ended_at is not None and abs(attempt.ended_at.timestamp() - real()) < 60
    assert left_behind(store, source) == []


@pytest.mark.parametrize("jump", [-YEAR, YEAR], ids=["back", "forward"])
def test_a_jumping_clock_neither_ends_nor_prolongs_a_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    from uuid import uuid4

    held = lease.grant("ab" * 32, uuid4(), is_dead=lambda _: False)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    with pytest.raises(lease.LeaseHeldError):
        lease.grant("ab" * 32, uuid4(), is_dead=lambda _: False)
    assert lease.renew(held, seconds=-1)
    assert lease.grant("ab" * 32, uuid4(), is_dead=lambda _: False).token > held.token


@pytest.mark.parametrize("jump", [-YEAR, YEAR], ids=["back", "forward"])
@pytest.mark.usefixtures("pass_without_media")
def test_a_jumping_clock_makes_no_lock_stale(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    source = write_recording(tmp_path / "recording.mp4")
    lock = Path(f"{source}.lock")
    lock.write_bytes(b"lock")  # of an unknown owner: only its age can tell
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    with pytest.raises(FileLockedError):
        VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
    os.utime(lock, (real() - 601, real() - 601))
    video = VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
    assert video.state == State.PUBLISHED
    assert not lock.exists()
