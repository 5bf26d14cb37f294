"""What goes wrong in an import of a recording, and what is left of it then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endoreg_db.deid.client import run_video
from endoreg_db.deid.messages import Done, Finding, Message, VideoTask
from endoreg_db.errors import (
    CorruptMediaError,
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
from endoreg_db.models import ContentLease, ImportAttempt, State, VideoFile
from endoreg_db.models.lease import Lease
from endoreg_db.services import video_import
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from tests.conftest import SMALL_DEVICE
from tests.integration.importing import (
    import_small,
    messages_of,
    must_not_run,
    nothing_is_left,
    published_files,
)


@pytest.fixture
def service(store: Store) -> VideoImportService:
    return VideoImportService()


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
            import_small(service, small_recording)
    assert nothing_is_left(store, small_recording) and not published_files(store)
    assert (service.current_video, service.processing_context) == (None, {})
    assert not service.processed_files
    assert f"INFO Removed {small_recording} from processed files (failed processing)" in messages_of(caplog)
    failed = VideoFile.objects.get()
    assert failed.state == State.FAILED
    assert ImportAttempt.objects.get().error_type == "RuntimeError"

    video = import_small(service, small_recording)
    assert video.uuid == failed.uuid
    assert len(published_files(store)) == 1
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
    assert nothing_is_left(store, small_recording)
    assert not VideoFile.objects.exists()


def test_a_missing_file_is_a_file_not_found_error(service: VideoImportService, tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    with pytest.raises(FileNotFoundError) as refused:
        import_small(service, missing)
    assert str(refused.value) == f"Video file not found: {missing}"
    assert isinstance(refused.value, SourceMissingError)
    assert not Path(f"{missing}.lock").exists()


def test_text_with_a_videos_name_is_refused(service: VideoImportService, tmp_path: Path) -> None:
    text = tmp_path / "letter.mp4"
    text.write_text("Dear colleague,\n" * 100)
    with pytest.raises(UnsupportedMediaError, match="not a video file"):
        import_small(service, text)
    assert not Path(f"{text}.lock").exists()


def test_a_file_cut_off_is_quarantined_and_not_tried_again(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = small_recording.read_bytes()
    small_recording.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaImportError) as first:
        import_small(service, small_recording)
    assert isinstance(first.value, CorruptMediaError | UnsupportedMediaError)
    assert VideoFile.objects.get().state == State.QUARANTINED
    assert nothing_is_left(store, small_recording) and not published_files(store)
    monkeypatch.setattr(video_import, "run_video", must_not_run)
    with pytest.raises(type(first.value), match="Quarantined: "):
        import_small(VideoImportService(), small_recording)
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
        import_small(service, small_recording)
    assert VideoFile.objects.get().state == State.QUARANTINED
    assert nothing_is_left(store, small_recording) and not published_files(store)
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
    assert not published_files(store)
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
        import_small(service, small_recording)
    assert VideoFile.objects.get().state == State.FAILED
    assert not published_files(store)


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
        import_small(service, small_recording)
    assert VideoFile.objects.get().state == State.PROCESSING, "it is the other's to settle"
    assert nothing_is_left(store, small_recording) and not published_files(store)
    assert ContentLease.objects.held_by(other[0]).exists()


def test_an_interrupted_import_is_recorded_and_tried_again_at_once(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> Done:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(video_import, "run_video", interrupt)
        with pytest.raises(KeyboardInterrupt):
            import_small(service, small_recording)
    assert ImportAttempt.objects.get().outcome == ImportAttempt.Outcome.INTERRUPTED
    assert nothing_is_left(store, small_recording)
    assert import_small(service, small_recording).state == State.PUBLISHED


def test_a_failed_import_is_retried_from_the_vault_under_its_uuid(
    store: Store, service: VideoImportService, small_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Done:
        raise RuntimeError("Frame extraction failed")

    with monkeypatch.context() as patch:
        patch.setattr(video_import, "run_video", fail)
        with pytest.raises(RuntimeError):
            import_small(service, small_recording)
    small_recording.unlink()
    failed = VideoFile.objects.get()
    video = VideoImportService()._retry_existing_video(failed)
    assert (video.uuid, video.state) == (failed.uuid, State.PUBLISHED)
    assert not list(store.folder.tmp.iterdir())
