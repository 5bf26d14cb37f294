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

from endoreg_db.errors import (
    AlreadyProcessedError,
    FileLockedError,
)
from endoreg_db.models import AuditEvent, SensitiveMeta, State, VideoFile
from endoreg_db.services import video_import
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import STALE_LOCK_SECONDS, VideoImportService
from tests.conftest import FRAMES, SMALL_DEVICE
from tests.integration.importing import (
    import_small,
    messages_of,
    must_not_run,
    nothing_is_left,
    published_files,
)

Import = Callable[..., VideoFile]


@pytest.fixture
def service(store: Store) -> VideoImportService:
    return VideoImportService()


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
    said = messages_of(caplog)
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
    assert nothing_is_left(store, small_recording)


def test_concurrent_processing_is_blocked(
    store: Store, small_recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service1, service2 = VideoImportService(), VideoImportService()
    with service1._file_lock(small_recording):
        before = Path(f"{small_recording}.lock").stat()
        caplog.set_level(logging.INFO, "endoreg_db")
        with pytest.raises(ValueError, match="File already being processed") as refused:
            import_small(service2, small_recording)
        after = Path(f"{small_recording}.lock").stat()
    assert str(refused.value) == f"File already being processed: {small_recording}"
    assert isinstance(refused.value, FileLockedError)
    assert refused.value.path == str(small_recording)
    assert refused.value.step == "_validate_and_prepare_file"
    assert refused.value.correlation_id and refused.value.advice
    assert messages_of(caplog) == [
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
    video3 = import_small(VideoImportService(), small_recording)
    said = messages_of(caplog)
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
        import_small(service, small_recording)
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
    video = import_small(service, small_recording)
    assert video.state in (State.PUBLISHED, State.NEEDS_REVIEW)
    assert VideoFile.objects.get(pk=video.pk).frames == FRAMES
    outcome_file = store.folder.published / video.output_name
    assert hashlib.sha256(outcome_file.read_bytes()).hexdigest() == video.output_sha256
    with av.open(str(outcome_file)) as output:
        assert [stream.type for stream in output.streams] == ["video"]
        assert sum(1 for _ in output.decode(video=0)) == FRAMES


def test_the_original_is_kept_encrypted(
    store: Store, service: VideoImportService, small_recording: Path
) -> None:
    video = import_small(service, small_recording)
    stored = store.vault.path_of(video.content_sha256).read_bytes()
    plain = small_recording.read_bytes()
    assert video.original_kept and store.vault.verify(video.content_sha256)
    assert plain[64:128] not in stored


def test_without_save_video_no_original_is_kept(
    store: Store, service: VideoImportService, small_recording: Path
) -> None:
    video = import_small(service, small_recording, save_video=False)
    assert not video.original_kept
    assert not store.vault.contains(video.content_sha256)
    assert small_recording.exists()


def test_a_source_is_removed_only_when_asked_to_and_its_copy_is_whole(
    store: Store, service: VideoImportService, small_recording: Path
) -> None:
    content = small_recording.read_bytes()
    video = import_small(service, small_recording, delete_source=True)
    assert not small_recording.exists()
    assert b"".join(store.vault.read(video.content_sha256)) == content
    assert AuditEvent.objects.get(media=video).action == AuditEvent.Action.SOURCE_REMOVED


def test_the_only_original_cannot_be_deleted(service: VideoImportService, small_recording: Path) -> None:
    with pytest.raises(ValueError, match="save_video"):
        import_small(service, small_recording, save_video=False, delete_source=True)
    assert small_recording.exists()


def test_a_source_whose_copy_is_damaged_stays(
    store: Store, service: VideoImportService, small_recording: Path, tmp_path: Path
) -> None:
    video = import_small(service, small_recording)
    stored = store.vault.path_of(video.content_sha256)
    stored.chmod(0o600)
    content = bytearray(stored.read_bytes())
    content[5000] ^= 1
    stored.write_bytes(content)
    copy = Path(shutil.copy(small_recording, tmp_path / "copy.mp4"))
    import_small(service, copy, delete_source=True)
    assert copy.exists()
    assert AuditEvent.objects.get(media=video).action == AuditEvent.Action.SOURCE_KEPT


def test_identity_is_nowhere_in_clear(
    store: Store, service: VideoImportService, small_recording: Path, data_dir: Path
) -> None:
    named = small_recording.rename(small_recording.with_name("Mustermann_Erika_1961.mp4"))
    video = import_small(service, named)
    assert SensitiveMeta.objects.filter(media=video).exists()
    for file in data_dir.rglob("*"):
        if file.is_file():
            assert b"Mustermann" not in file.read_bytes(), file


# ------------------------------------------------------------------------- known and changed


def test_the_same_service_refuses_an_unchanged_file(
    service: VideoImportService, small_recording: Path
) -> None:
    import_small(service, small_recording)
    with pytest.raises(AlreadyProcessedError) as refused:
        import_small(service, small_recording)
    assert str(refused.value) == f"File already processed: {small_recording}"
    with pytest.raises(ValueError, match="File already processed"):  # and still does
        import_small(service, small_recording)


def test_a_changed_file_under_the_same_name_is_a_new_file(
    service: VideoImportService, small_recording: Path, drawn_once: Callable[..., Any]
) -> None:
    from tests.conftest import small_profile

    first = import_small(service, small_recording)
    other, _ = drawn_once(seed=2, profile=small_profile())
    shutil.copy(other, small_recording)
    second = import_small(service, small_recording)
    assert first.uuid != second.uuid
    assert VideoFile.objects.count() == 2


def test_known_content_costs_no_second_import(
    store: Store, small_recording: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = import_small(VideoImportService(), small_recording)
    monkeypatch.setattr(video_import, "run_video", must_not_run)
    copy = Path(shutil.copy(small_recording, tmp_path / "another name.mov"))
    again, renamed = (
        import_small(VideoImportService(), small_recording),
        import_small(VideoImportService(), copy),
    )
    assert first.uuid == again.uuid == renamed.uuid
    assert len(published_files(store)) == 1 and len(list(store.vault.addresses())) == 1
    assert nothing_is_left(store, copy)


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
            results[path] = import_small(service, path).uuid
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
    assert len(published_files(store)) == 2
