"""A disk or a database that fails at any step of an import: said clearly, nothing left, nothing lost."""

from __future__ import annotations

import errno
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from endoreg_db.errors import InsufficientStorageError, MediaImportError
from endoreg_db.models import ImportAttempt, State, VideoFile
from endoreg_db.services import video_import
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from endoreg_db.storage.layout import DataFolder
from tests.faults.aftermath import (
    complaints,
    left_behind,
    published_names,
    recorded_outputs,
    unfinished_files,
)
from tests.faults.injection import Faults, database_error, faulty_database, faulty_files, file_error
from tests.faults.stand_in import DEVICE, stand_in_pass, write_recording

#: Steps that an import can do without: it goes through, with a lock that says less about its owner.
DISPENSABLE = {"setxattr", "utime"}

Inject = Callable[[Faults], AbstractContextManager[Faults]]


@pytest.fixture(autouse=True)
def pass_without_media(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_import, "run_video", stand_in_pass)


@pytest.fixture
def service(store: Store) -> VideoImportService:
    return VideoImportService()


def _import(service: VideoImportService, source: Path) -> VideoFile:
    return service.import_and_anonymize(source, "test_center", DEVICE)


def _each_step(
    service: VideoImportService,
    inbox: Path,
    inject: Inject,
    fail: Callable[[str], Exception],
    *,
    lasting: bool,
) -> Iterator[tuple[Path, Faults, MediaImportError | None]]:
    """Import a new recording for each step of an import, and let that step fail."""
    for number in itertools.count():
        source = write_recording(inbox / f"{number}.mp4")
        faults = Faults(fail, at=number, lasting=lasting)
        error = None
        with inject(faults):
            try:
                _import(service, source)
            except MediaImportError as raised:
                error = raised
        if not faults.failed:
            assert number > 20, "the steps of an import were hardly counted"
            return
        yield source, faults, error


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_a_disk_that_fails_at_any_step(
    store: Store, service: VideoImportService, tmp_path: Path, number: int, lasting: bool
) -> None:
    for source, faults, error in _each_step(
        service, tmp_path / "inbox", faulty_files, file_error(number), lasting=lasting
    ):
        where = f"step {len(faults.steps)} ({faults.failed[0]})"
        assert left_behind(store, source) == [], where
        assert unfinished_files(store.folder.root) == [], where
        assert published_names(store) == recorded_outputs(), where
        assert source.exists(), where
        if error is None:
            assert set(faults.failed) <= DISPENSABLE, where
            continue
        assert error.path == str(source) and error.step and error.advice, where
        assert isinstance(error, InsufficientStorageError) == (number == errno.ENOSPC), (where, error)
        attempt = ImportAttempt.objects.order_by("-started_at").first()
        if attempt is not None and attempt.correlation_id == error.correlation_id:
            assert attempt.outcome == ImportAttempt.Outcome.FAILED, where
            assert attempt.media is None or attempt.media.state == State.FAILED, where
        assert _import(service, source).state == State.PUBLISHED, where
    assert complaints(store) == []


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR], ids=["full", "I/O error"])
def test_a_database_that_fails_at_any_statement(
    store: Store, service: VideoImportService, tmp_path: Path, code: int, lasting: bool
) -> None:
    for source, faults, error in _each_step(
        service, tmp_path / "inbox", faulty_database, database_error(code), lasting=lasting
    ):
        where = f"step {len(faults.steps)} ({faults.failed[0]}) of {faults.steps}"
        if error is None:
            # Whether the schema is there is asked again; after the last commit, nothing is to be lost.
            assert faults.at in (0, len(faults.steps) - 1), where
            assert VideoFile.objects.latest("created_at").state == State.PUBLISHED, where
            continue
        assert isinstance(error, InsufficientStorageError) == (code == sqlite3.SQLITE_FULL), (where, error)
        assert source.exists(), where
        assert not list(store.folder.tmp.iterdir()) and not list(source.parent.glob("*.lock")), where
        if not lasting:  # else nobody could write down how it ended
            assert left_behind(store, source) == [], where
            assert published_names(store) == recorded_outputs(), where
        assert _import(service, source).state == State.PUBLISHED, where
        assert published_names(store) == recorded_outputs(), where
    assert complaints(store) == [], "each import mends what the one before it could not write down"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_a_first_start_on_a_disk_that_fails(data_dir: Path, number: int) -> None:
    for at in itertools.count():
        folder = DataFolder(data_dir.with_name(f"data-{at}"))
        with faulty_files(Faults(file_error(number), at=at)) as faults:
            try:
                folder.prepare()
            except MediaImportError as error:
                assert isinstance(error, InsufficientStorageError) == (number == errno.ENOSPC)
                assert str(folder.root.parent) in str(error)
            else:
                assert not faults.failed
        if not faults.failed:
            assert at > 15, "the steps of a first start were hardly counted"
            return
        folder.prepare()
        assert unfinished_files(folder.root) == [], faults.steps
