"""The doctor finds and mends what a crash, a full disk or a hand left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections
from django.db.models.functions import Now

from endoreg_db.certificate import certificate_path
from endoreg_db.locking import lease
from endoreg_db.locking.owner import current_owner
from endoreg_db.models import (
    AuditEvent,
    ContentLease,
    ImportAttempt,
    MediaFile,
    SensitiveMeta,
    SourceSighting,
    State,
    VideoFile,
)
from endoreg_db.services import recovery, review
from endoreg_db.services.checks import files
from endoreg_db.services.checks.examination import CheckResult, Examination
from endoreg_db.services.doctor import CHECKS, examine
from endoreg_db.services.identity_records import seal_path
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from endoreg_db.storage.workspace import Workspace, remove_seized, seized
from tests.conftest import SMALL_DEVICE


def _examine(store: Store, *, repair: bool = False, deep: bool = False) -> dict[str, CheckResult]:
    results = examine(Examination(store, repair=repair, deep=deep, stale_after=600.0))
    return {result.name: result for result in results}


def _found(store: Store, **options: bool) -> dict[str, list[str]]:
    """Check → what is wrong, for the checks that found something."""
    results = _examine(store, **options)
    return {name: [p.what for p in result.problems] for name, result in results.items() if result.problems}


def _import(path: Path) -> VideoFile:
    return VideoImportService().import_and_anonymize(path, "test_center", SMALL_DEVICE)


def test_nothing_is_wrong_after_an_import(store: Store, published: VideoFile) -> None:
    results = _examine(store, deep=True)
    assert list(results) == list(CHECKS)
    assert all(result.is_well for result in results.values())
    assert results["published records"].looked_at == results["stored originals"].looked_at == 1


def test_a_published_file_without_a_record_is_removed(store: Store, published: VideoFile) -> None:
    stray = store.folder.published / f"{uuid4()}.mp4"
    stray.write_bytes(b"never verified")
    assert _found(store) == {"published files": [f"{stray} is named by no record"]}
    assert stray.exists(), "a look changes nothing"
    assert _examine(store, repair=True)["published files"].is_well
    assert not stray.exists()
    assert (store.folder.published / published.output_name).exists()
    assert not _found(store)


def test_a_file_of_a_record_that_is_not_published_is_removed(store: Store, published: VideoFile) -> None:
    output = store.folder.published / published.output_name
    kept = output.read_bytes()
    review.reject(store, published, actor="test", reason="a name shows")
    output.write_bytes(kept)
    assert "published files" in _found(store, repair=True)
    assert not output.exists()


def test_a_published_file_that_is_gone_can_be_made_again(store: Store, published: VideoFile) -> None:
    (store.folder.published / published.output_name).unlink()
    problem = _examine(store, repair=True)["published records"].problems[0]
    assert problem.repaired and str(published.uuid) in problem.advice
    again = VideoImportService()._retry_existing_video(VideoFile.objects.get())
    assert (again.uuid, again.state) == (published.uuid, State.PUBLISHED)
    assert (store.folder.published / again.output_name).is_file()
    assert not _found(store)


def test_a_published_file_that_was_changed_is_found_by_the_deep_look(
    store: Store, published: VideoFile
) -> None:
    with (store.folder.published / published.output_name).open("ab") as file:
        file.write(b"more")
    assert not _found(store)
    assert "is not the file that was verified" in _found(store, deep=True)["published records"][0]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{}")])
def test_a_certificate_that_is_gone_or_damaged_is_issued_again(
    store: Store, published: VideoFile, spoil: Callable[[Path], object]
) -> None:
    spoil(certificate_path(store.folder.published / published.output_name))
    assert list(_found(store)) == ["certificates"]
    assert _examine(store, repair=True)["certificates"].is_well
    assert not _found(store)


def test_a_changed_file_gets_no_certificate(store: Store, published: VideoFile) -> None:
    path = store.folder.published / published.output_name
    path.write_bytes(b"another")
    certificate_path(path).unlink()
    assert not _examine(store, repair=True)["certificates"].is_well
    assert not certificate_path(path).exists()


def test_a_certificate_of_nothing_is_removed(store: Store, published: VideoFile) -> None:
    stray = certificate_path(store.folder.published / f"{uuid4()}.mp4")
    stray.write_bytes(b"{}")
    assert _found(store) == {"published files": [f"{stray} is named by no record"]}
    assert _examine(store, repair=True)["published files"].is_well and not stray.exists()


@pytest.mark.parametrize("deep", [False, True])
def test_an_original_that_is_gone_is_reported(store: Store, published: VideoFile, deep: bool) -> None:
    store.vault.remove(published.content_sha256)
    result = _examine(store, repair=True, deep=deep)["stored originals"]
    assert not result.is_well
    assert "Restore it" in result.problems[0].advice


def test_an_original_that_is_damaged_is_found_by_the_deep_look(store: Store, published: VideoFile) -> None:
    stored = store.vault.path_of(published.content_sha256)
    stored.chmod(0o600)
    with stored.open("r+b") as file:
        file.seek(3000)
        byte = file.read(1)
        file.seek(3000)
        file.write(bytes([byte[0] ^ 1]))
    assert not _found(store)
    assert "stored originals" in _found(store, deep=True)


def test_an_orphan_in_the_vault_is_removed(store: Store, published: VideoFile, tmp_path: Path) -> None:
    (tmp_path / "orphan").write_bytes(b"stored by an attempt that died before it was named")
    sha256 = store.vault.put_file(tmp_path / "orphan", store.folder.tmp)
    lease.release(lease.grant(sha256, uuid4(), is_dead=lambda _: False))  # that attempt's
    assert list(_found(store)) == ["orphaned originals"]
    assert _examine(store, repair=True)["orphaned originals"].is_well
    assert not store.vault.contains(sha256) and store.vault.contains(published.content_sha256)


def test_what_another_database_has_stored_and_published_is_left_alone(
    store: Store, published: VideoFile
) -> None:
    for model in (AuditEvent, SensitiveMeta, SourceSighting, ImportAttempt, VideoFile, ContentLease):
        model.objects.all().delete()  # as in an older copy of it
    results = _examine(store, repair=True)
    for check in ("published files", "orphaned originals"):
        assert [problem.repaired for problem in results[check].problems] != []
        assert all("older copy" in problem.advice for problem in results[check].problems)
    assert store.vault.contains(published.content_sha256)
    output = store.folder.published / published.output_name
    assert output.is_file() and certificate_path(output).is_file()


def test_a_record_that_is_rejected_while_the_doctor_looks_stays_rejected(
    store: Store, published: VideoFile
) -> None:
    looking = files.published_records(Examination(store, repair=True, deep=False, stale_after=600.0))
    assert next(looking) is None, "it has the record in hand"
    review.reject(store, MediaFile.objects.get(), actor="dr_test", reason="a name shows")
    assert [problem.repaired for problem in looking if problem is not None] == [False]
    assert MediaFile.objects.get().state == State.REJECTED


def test_a_folder_that_cannot_be_looked_into_keeps_no_import_from_its_work(
    store: Store, small_recording: Path
) -> None:
    left = store.folder.tmp / str(uuid4())
    left.mkdir()
    (left / "alive").symlink_to("alive")  # fails to open, as another user's does
    assert _import(small_recording).state == State.PUBLISHED
    assert left.exists()


def test_an_object_that_is_just_being_named_is_left_alone(
    store: Store, published: VideoFile, tmp_path: Path
) -> None:
    (tmp_path / "new").write_bytes(b"about to be named by a living worker")
    sha256 = store.vault.put_file(tmp_path / "new", store.folder.tmp)
    lease.grant(sha256, uuid4(), is_dead=lambda _: False)
    assert not _examine(store, repair=True)["orphaned originals"].is_well
    assert store.vault.contains(sha256)


_IMPORT = f"""
import sys
from endoreg_db.services.video_import import VideoImportService
VideoImportService(on_message=lambda m: print(type(m).__name__, flush=True)).import_and_anonymize(
    sys.argv[1], "test_center", "{SMALL_DEVICE}")
"""


@pytest.fixture
def killed_import(store: Store, drawn_once: Callable[..., tuple[Path, object]], tmp_path: Path) -> Path:
    """A source whose import was killed, by SIGKILL, in the middle of the pass."""
    from tests.conftest import small_profile

    drawn, _ = drawn_once(seed=5, seconds=8.0, profile=small_profile())
    source = Path(shutil.copy(drawn, tmp_path / "killed.mp4"))
    child = subprocess.Popen([sys.executable, "-c", _IMPORT, source], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "Probed\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    return source


def test_what_a_killed_import_leaves_is_found_and_mended(store: Store, killed_import: Path) -> None:
    assert Path(f"{killed_import}.lock").exists()
    assert set(_found(store)) == {"attempts", "leases", "locks"}
    results = _examine(store, repair=True)
    assert all(result.is_well for result in results.values()), results
    assert VideoFile.objects.get().state == State.FAILED
    assert ImportAttempt.objects.get().outcome == ImportAttempt.Outcome.INTERRUPTED
    assert not Path(f"{killed_import}.lock").exists()
    assert not list(store.folder.tmp.iterdir())
    assert not _found(store, deep=True)


def test_the_next_import_takes_over_from_a_killed_one_at_once(
    store: Store, killed_import: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uuid = VideoFile.objects.get().uuid
    video = _import(killed_import)
    assert (video.uuid, video.state) == (uuid, State.PUBLISHED)
    assert any(
        record.levelname == "WARNING"
        and record.getMessage().startswith(f"Stale lock detected for {killed_import} (age ")
        for record in caplog.records
    )
    assert [a.outcome for a in ImportAttempt.objects.all()] == ["interrupted", "imported"]
    assert not _found(store, deep=True)


def test_one_that_was_only_moving_in_when_it_was_looked_at_is_not_buried(
    store: Store, published: VideoFile
) -> None:
    """Found without a row, it has written one and taken the lease before the burial begins."""
    attempt = ImportAttempt(uuid=uuid4(), kind="video", step="reading", host="here", pid=os.getpid())
    attempt.boot = current_owner().process.place.boot.hex()
    attempt.sealed_source = seal_path(store.sealer, store.folder.root / "source.mp4", attempt.uuid)
    with Workspace(store.folder, attempt.uuid) as workspace:
        attempt.save(force_insert=True)
        granted = lease.grant(published.content_sha256, attempt.uuid, is_dead=lambda _: False)
        assert not recovery.bury(store, attempt.uuid, stale_after=600.0)
        assert lease.renew(granted)
        assert workspace.folder.exists()
        assert ImportAttempt.objects.get(pk=attempt.uuid).ended_at is None
    assert recovery.bury(store, attempt.uuid, stale_after=600.0)
    assert not lease.renew(granted)
    assert ImportAttempt.objects.get(pk=attempt.uuid).outcome == ImportAttempt.Outcome.INTERRUPTED


def test_one_that_moves_in_while_its_folder_is_gone_waits_for_the_burial_and_lives(store: Store) -> None:
    """Two recoveries find the folder that is just being made; the first has removed it already."""
    attempt_id = uuid4()
    with ThreadPoolExecutor() as pool, seized(store.folder, attempt_id) as dead:
        assert dead
        moving_in = pool.submit(Workspace, store.folder, attempt_id)
        assert wait([moving_in], timeout=0.3).not_done, "nobody moves in where somebody else clears up"
        remove_seized(store.folder, attempt_id)
    with moving_in.result() as workspace:
        assert not recovery.bury(store, attempt_id, stale_after=600.0)
        assert workspace.folder.exists()


def test_a_living_import_is_left_alone(store: Store, small_recording: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _IMPORT, small_recording], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "Probed\n"
    os.kill(child.pid, signal.SIGSTOP)
    try:
        connections.close_all()
        assert not _found(store, repair=True)
    finally:
        os.kill(child.pid, signal.SIGCONT)
    child.communicate(timeout=60)
    assert child.returncode == 0
    assert VideoFile.objects.get().state == State.PUBLISHED


def test_an_attempt_under_another_kernel_is_dead_when_its_lease_has_run_out(
    store: Store, killed_import: Path
) -> None:
    ImportAttempt.objects.update(boot="0f" * 16)
    assert "attempts" not in _found(store), "nobody can know yet"
    ContentLease.objects.update(expires_at=Now() - timedelta(seconds=1))
    results = _examine(store, repair=True)
    assert results["attempts"].is_well and results["leases"].is_well
    assert VideoFile.objects.get().state == State.FAILED


def test_a_record_that_nobody_works_on_becomes_retryable(store: Store, published: VideoFile) -> None:
    MediaFile.objects.update(state=State.PROCESSING, output_name="", output_sha256="")
    assert set(_found(store, repair=True)) == {"records", "published files"}
    assert VideoFile.objects.get().state == State.FAILED


def test_what_is_not_the_intakes_is_reported_and_left(store: Store, published: VideoFile) -> None:
    foreign = store.folder.tmp / "notes"
    foreign.mkdir()
    result = _examine(store, repair=True)["temporary files"]
    assert not result.is_well
    assert foreign.exists()


def test_a_candidate_in_review_is_no_orphan(store: Store, waiting: VideoFile) -> None:
    assert not _found(store, repair=True, deep=True)
    candidate = waiting.candidate_sha256
    assert review.approve(store, waiting, actor="test").state == State.PUBLISHED
    assert not _found(store, repair=True, deep=True)
    assert not store.vault.contains(candidate)


def test_an_unchanged_finished_file_is_known_without_reading_it(
    store: Store, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from endoreg_db.services import records

    then = time.time() - 60
    os.utime(small_recording, (then, then))
    monkeypatch.setattr("endoreg_db.intake.sightings.SETTLING_SECONDS", -1.0)
    first = _import(small_recording)

    def must_not_read(_path: Path) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr(records, "hash_file", must_not_read)
    monkeypatch.setattr(type(store.vault), "ingest", must_not_read)
    assert _import(small_recording).uuid == first.uuid
