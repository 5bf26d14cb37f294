"""The import service against a real database, real files and a real cell."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from endoreg_db.deid.client import run_video
from endoreg_db.deid.messages import Done, Finding, Message, VideoTask
from endoreg_db.errors import (
    AlreadyProcessedError,
    CorruptMediaError,
    FileLockedError,
    LeaseLostError,
    MediaImportError,
    SourceChangedError,
    SourceMissingError,
    UnknownCenterError,
    UnknownProcessorError,
    UnsupportedMediaError,
    VerificationError,
)
from endoreg_db.locking import lease
from endoreg_db.models import AuditEvent, ContentLease, ImportAttempt, SensitiveMeta, State, VideoFile
from endoreg_db.models.lease import Lease
from endoreg_db.services import video_import
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import STALE_LOCK_SECONDS, VideoImportService
from tests.conftest import SMALL_DEVICE

Import = Callable[..., VideoFile]


@pytest.fixture
def service(store: Store) -> VideoImportService:
    return VideoImportService()


def _import(service: VideoImportService, path: Path, **options: Any) -> VideoFile:
    return service.import_and_anonymize(
        file_path=path, center_name="test_center", processor_name=SMALL_DEVICE, **options
    )


def _published(store: Store) -> list[Path]:
    return list(store.publisher.published_files())


def _messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def _nothing_is_left(store: Store, source: Path) -> bool:
    return not Path(f"{source}.lock").exists() and not list(store.folder.tmp.iterdir())


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


# ---------------------------------------------------------------- the seed's three manual tests


def test_normal_processing_says_so(
    store: Store, small_recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "endoreg_db")
    service1 = VideoImportService()
    video1 = service1.import_and_anonymize(
        file_path=str(small_recording), center_name="test_center", processor_name=SMALL_DEVICE
    )
    said = _messages(caplog)
    assert said[:4] == [
        f"INFO Initialized processing context for: {small_recording}",
        f"INFO Acquired file lock for: {small_recording}",
        f"INFO File validation completed for: {small_recording}",
        f"INFO Created VideoFile with UUID: {video1.uuid}",
    ]
    assert said[-1] == "INFO Released file lock"
    assert all(record.name.startswith("endoreg_db.") for record in caplog.records)
    assert {record.correlation_id for record in caplog.records} != {None}  # type: ignore[attr-defined]
    assert len({record.correlation_id for record in caplog.records}) == 1  # type: ignore[attr-defined]
    assert _nothing_is_left(store, small_recording)


def test_concurrent_processing_is_blocked(
    store: Store, small_recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service1, service2 = VideoImportService(), VideoImportService()
    with service1._file_lock(small_recording):
        before = Path(f"{small_recording}.lock").stat()
        caplog.set_level(logging.INFO, "endoreg_db")
        with pytest.raises(ValueError, match="File already being processed") as refused:
            _import(service2, small_recording)
        after = Path(f"{small_recording}.lock").stat()
    assert str(refused.value) == f"File already being processed: {small_recording}"
    assert isinstance(refused.value, FileLockedError)
    assert refused.value.path == str(small_recording)
    assert refused.value.step == "_validate_and_prepare_file"
    assert refused.value.correlation_id and refused.value.advice
    assert _messages(caplog) == [
        f"INFO Initialized processing context for: {small_recording}",
        f"ERROR File already being processed: {small_recording}",
    ]
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns), "left alone"
    assert not service2.processed_files


def test_a_stale_lock_is_reclaimed(
    store: Store, small_recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock_path = Path(f"{small_recording}.lock")
    lock_path.touch()
    _age(lock_path, STALE_LOCK_SECONDS + 1)
    caplog.set_level(logging.INFO, "endoreg_db")
    video3 = _import(VideoImportService(), small_recording)
    said = _messages(caplog)
    assert said[:3] == [
        f"INFO Initialized processing context for: {small_recording}",
        f"WARNING Stale lock detected for {small_recording} (age 601s). Reclaiming lock...",
        f"INFO Acquired file lock for: {small_recording}",
    ]
    assert said[-1] == "INFO Released file lock"
    assert not lock_path.exists()
    assert VideoFile.objects.get().uuid == video3.uuid


def test_a_corrupt_lock_is_held_until_it_is_stale(service: VideoImportService, small_recording: Path) -> None:
    lock_path = Path(f"{small_recording}.lock")
    lock_path.write_text("corrupted data")
    with pytest.raises(FileLockedError):
        _import(service, small_recording)
    assert lock_path.read_text() == "corrupted data"


def test_a_changed_setting_overrides_the_stale_limit(
    service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_path = Path(f"{small_recording}.lock")
    lock_path.touch()
    _age(lock_path, 31)
    monkeypatch.setenv("ENDOREG_STALE_LOCK_SECONDS", "30")
    with service._file_lock(small_recording):
        assert lock_path.read_bytes() == b"lock"
    assert not lock_path.exists()


# -------------------------------------------------------------------------------- what is made


def test_the_output_is_a_playable_video_and_nothing_else(
    store: Store, service: VideoImportService, small_recording: Path
) -> None:
    video = _import(service, small_recording)
    assert video.state in (State.PUBLISHED, State.NEEDS_REVIEW)
    assert VideoFile.objects.get(pk=video.pk).frames == 25
    outcome_file = store.folder.published / video.output_name
    assert hashlib.sha256(outcome_file.read_bytes()).hexdigest() == video.output_sha256
    with av.open(str(outcome_file)) as output:
        assert [stream.type for stream in output.streams] == ["video"]
        assert sum(1 for _ in output.decode(video=0)) == 25


def test_the_original_is_kept_encrypted(
    store: Store, service: VideoImportService, small_recording: Path
) -> None:
    video = _import(service, small_recording)
    stored = store.vault.path_of(video.content_sha256).read_bytes()
    plain = small_recording.read_bytes()
    assert video.original_kept and store.vault.verify(video.content_sha256)
    assert plain[64:128] not in stored


def test_without_save_video_no_original_is_kept(
    store: Store, service: VideoImportService, small_recording: Path
) -> None:
    video = _import(service, small_recording, save_video=False)
    assert not video.original_kept
    assert not store.vault.contains(video.content_sha256)
    assert small_recording.exists()


def test_a_source_is_removed_only_when_asked_to_and_its_copy_is_whole(
    store: Store, service: VideoImportService, small_recording: Path
) -> None:
    content = small_recording.read_bytes()
    video = _import(service, small_recording, delete_source=True)
    assert not small_recording.exists()
    assert b"".join(store.vault.read(video.content_sha256)) == content
    assert AuditEvent.objects.get(media=video).action == AuditEvent.Action.SOURCE_REMOVED


def test_the_only_original_cannot_be_deleted(service: VideoImportService, small_recording: Path) -> None:
    with pytest.raises(ValueError, match="save_video"):
        _import(service, small_recording, save_video=False, delete_source=True)
    assert small_recording.exists()


def test_a_source_whose_copy_is_damaged_stays(
    store: Store, service: VideoImportService, small_recording: Path, tmp_path: Path
) -> None:
    video = _import(service, small_recording)
    stored = store.vault.path_of(video.content_sha256)
    stored.chmod(0o600)
    content = bytearray(stored.read_bytes())
    content[5000] ^= 1
    stored.write_bytes(content)
    copy = Path(shutil.copy(small_recording, tmp_path / "copy.mp4"))
    _import(service, copy, delete_source=True)
    assert copy.exists()
    assert AuditEvent.objects.get(media=video).action == AuditEvent.Action.SOURCE_KEPT


def test_identity_is_nowhere_in_clear(
    store: Store, service: VideoImportService, small_recording: Path, data_dir: Path
) -> None:
    named = small_recording.rename(small_recording.with_name("Mustermann_Erika_1961.mp4"))
    video = _import(service, named)
    assert SensitiveMeta.objects.filter(media=video).exists()
    for file in data_dir.rglob("*"):
        if file.is_file():
            assert b"Mustermann" not in file.read_bytes(), file


# ------------------------------------------------------------------------- known and changed


def test_the_same_service_refuses_an_unchanged_file(
    service: VideoImportService, small_recording: Path
) -> None:
    _import(service, small_recording)
    with pytest.raises(AlreadyProcessedError) as refused:
        _import(service, small_recording)
    assert str(refused.value) == f"File already processed: {small_recording}"
    with pytest.raises(ValueError, match="File already processed"):  # and still does
        _import(service, small_recording)


def test_a_changed_file_under_the_same_name_is_a_new_file(
    service: VideoImportService, small_recording: Path, drawn_once: Callable[..., Any]
) -> None:
    from tests.conftest import small_profile

    first = _import(service, small_recording)
    other, _ = drawn_once(seed=2, profile=small_profile())
    shutil.copy(other, small_recording)
    second = _import(service, small_recording)
    assert first.uuid != second.uuid
    assert VideoFile.objects.count() == 2


def test_known_content_costs_no_second_import(
    store: Store, small_recording: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = _import(VideoImportService(), small_recording)
    monkeypatch.setattr(video_import, "run_video", _must_not_run)
    copy = Path(shutil.copy(small_recording, tmp_path / "another name.mov"))
    again, renamed = _import(VideoImportService(), small_recording), _import(VideoImportService(), copy)
    assert first.uuid == again.uuid == renamed.uuid
    assert len(_published(store)) == 1 and len(list(store.vault.addresses())) == 1
    assert _nothing_is_left(store, copy)


def _must_not_run(*_: object, **__: object) -> Done:
    raise AssertionError("media work was done for a known content")


# ------------------------------------------------------------------------------- what goes wrong


def test_a_failure_half_way_leaves_no_lock_and_the_next_call_imports(
    store: Store,
    service: VideoImportService,
    small_recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "endoreg_db")

    def fail() -> None:
        assert Path(f"{small_recording}.lock").read_bytes() == b"lock"
        assert str(small_recording) in service.processed_files
        assert service.processing_context["file_path"] == small_recording
        assert service.current_video is not None
        raise RuntimeError("Frame extraction failed")

    with monkeypatch.context() as patch:
        patch.setattr(service, "_process_frames_and_metadata", fail)
        with pytest.raises(RuntimeError, match="Frame extraction failed"):
            _import(service, small_recording)
    assert _nothing_is_left(store, small_recording) and not _published(store)
    assert (service.current_video, service.processing_context) == (None, {})
    assert not service.processed_files
    assert f"INFO Removed {small_recording} from processed files (failed processing)" in _messages(caplog)
    failed = VideoFile.objects.get()
    assert failed.state == State.FAILED
    assert ImportAttempt.objects.get().error_type == "RuntimeError"

    video = _import(service, small_recording)
    assert video.uuid == failed.uuid
    assert len(_published(store)) == 1
    assert [a.outcome for a in ImportAttempt.objects.all()] == ["failed", "imported"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"center_name": "test_centre"}, UnknownCenterError, "Did you mean 'test_center'"),
        ({"processor_name": "olympus_cv1500"}, UnknownProcessorError, "'olympus_cv_1500'"),
    ],
)
def test_a_mistyped_name_gets_the_nearest(
    store: Store,
    service: VideoImportService,
    small_recording: Path,
    options: dict[str, str],
    error: type[MediaImportError],
    message: str,
) -> None:
    asked: dict[str, Any] = {"center_name": "test_center", "processor_name": SMALL_DEVICE, **options}
    with pytest.raises(error, match=message):
        service.import_and_anonymize(small_recording, **asked)
    assert _nothing_is_left(store, small_recording)
    assert not VideoFile.objects.exists()


def test_a_missing_file_is_a_file_not_found_error(service: VideoImportService, tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    with pytest.raises(FileNotFoundError) as refused:
        _import(service, missing)
    assert str(refused.value) == f"Video file not found: {missing}"
    assert isinstance(refused.value, SourceMissingError)
    assert not Path(f"{missing}.lock").exists()


def test_text_with_a_videos_name_is_refused(service: VideoImportService, tmp_path: Path) -> None:
    text = tmp_path / "letter.mp4"
    text.write_text("Dear colleague,\n" * 100)
    with pytest.raises(UnsupportedMediaError, match="not a video file"):
        _import(service, text)
    assert not Path(f"{text}.lock").exists()


def test_a_file_cut_off_is_quarantined_and_not_tried_again(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = small_recording.read_bytes()
    small_recording.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaImportError) as first:
        _import(service, small_recording)
    assert isinstance(first.value, CorruptMediaError | UnsupportedMediaError)
    assert VideoFile.objects.get().state == State.QUARANTINED
    assert _nothing_is_left(store, small_recording) and not _published(store)
    monkeypatch.setattr(video_import, "run_video", _must_not_run)
    with pytest.raises(type(first.value), match="Quarantined: "):
        _import(VideoImportService(), small_recording)
    small_recording.write_bytes(content)
    monkeypatch.undo()


def _after_the_pass(change: Callable[[Done], Done]) -> Callable[..., Done]:
    def run(task: VideoTask, on_message: Callable[[Message], None], **options: Any) -> Done:
        return change(run_video(task, on_message, **options))

    return run


def test_an_output_that_leaks_is_destroyed(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    leak = Finding("blanked_area_not_constant", "fatal", "something shows in the blanked area")
    monkeypatch.setattr(
        video_import, "run_video", _after_the_pass(lambda done: replace(done, findings=(leak,)))
    )
    with pytest.raises(VerificationError, match="something shows in the blanked area"):
        _import(service, small_recording)
    assert VideoFile.objects.get().state == State.QUARANTINED
    assert _nothing_is_left(store, small_recording) and not _published(store)
    assert len(list(store.vault.addresses())) == 1, "only the original"


def test_an_unconfirmed_device_waits_for_review(
    store: Store, service: VideoImportService, small_recording: Path, drawn_once: Callable[..., Any]
) -> None:
    from dataclasses import replace

    from endoreg_db.models import EndoscopyProcessor
    from tests.conftest import small_profile

    EndoscopyProcessor.register(replace(small_profile(), name="new_device", confirmed=False))
    video = service.import_and_anonymize(small_recording, "test_center", "new_device")
    assert video.state == State.NEEDS_REVIEW
    assert "unconfirmed_profile" in {finding["code"] for finding in video.findings}
    assert not _published(store)
    assert store.vault.verify(video.candidate_sha256)


def test_a_source_that_changes_meanwhile_is_not_published(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append(done: Done) -> Done:
        with small_recording.open("ab") as file:
            file.write(b"more")
        return done

    monkeypatch.setattr(video_import, "run_video", _after_the_pass(append))
    with pytest.raises(SourceChangedError):
        _import(service, small_recording)
    assert VideoFile.objects.get().state == State.FAILED
    assert not _published(store)


def test_a_lost_lease_publishes_nothing(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: list[Lease] = []

    def another_takes_over(done: Done) -> Done:
        from uuid import uuid4

        sha256 = ContentLease.objects.get().content_sha256
        other.append(lease.grant(sha256, uuid4(), is_dead=lambda _: True))
        return done

    monkeypatch.setattr(video_import, "run_video", _after_the_pass(another_takes_over))
    with pytest.raises(LeaseLostError):
        _import(service, small_recording)
    assert VideoFile.objects.get().state == State.PROCESSING, "it is the other's to settle"
    assert _nothing_is_left(store, small_recording) and not _published(store)
    assert ContentLease.objects.held_by(other[0]).exists()


def test_an_interrupted_import_is_recorded_and_tried_again_at_once(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> Done:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(video_import, "run_video", interrupt)
        with pytest.raises(KeyboardInterrupt):
            _import(service, small_recording)
    assert ImportAttempt.objects.get().outcome == ImportAttempt.Outcome.INTERRUPTED
    assert _nothing_is_left(store, small_recording)
    assert _import(service, small_recording).state == State.PUBLISHED


def test_a_failed_import_is_retried_from_the_vault_under_its_uuid(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Done:
        raise RuntimeError("Frame extraction failed")

    with monkeypatch.context() as patch:
        patch.setattr(video_import, "run_video", fail)
        with pytest.raises(RuntimeError):
            _import(service, small_recording)
    small_recording.unlink()
    failed = VideoFile.objects.get()
    video = VideoImportService()._retry_existing_video(failed)
    assert (video.uuid, video.state) == (failed.uuid, State.PUBLISHED)
    assert not list(store.folder.tmp.iterdir())


# ------------------------------------------------------------------------------ several at once


def test_two_threads_share_a_service_without_seeing_each_other(
    store: Store, service: VideoImportService, small_recording: Path, drawn_once: Callable[..., Any]
) -> None:
    from django.db import connections

    from tests.conftest import small_profile

    other = small_recording.with_name("other.mp4")
    shutil.copy(drawn_once(seed=2, profile=small_profile())[0], other)
    seen: dict[Path, set[object]] = {small_recording: set(), other: set()}
    results: dict[Path, object] = {}

    def work(path: Path) -> None:
        try:
            results[path] = _import(service, path).uuid
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            results[path] = error
        finally:
            connections.close_all()

    service._on_message = lambda _message: seen[service.processing_context["file_path"]].add(
        threading.get_ident()
    )
    threads = [threading.Thread(target=work, args=(path,)) for path in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {str(uuid) for uuid in results.values()} == {str(v.uuid) for v in VideoFile.objects.all()}
    assert all(len(idents) == 1 for idents in seen.values())
    assert seen[small_recording] != seen[other]
    assert len(_published(store)) == 2
