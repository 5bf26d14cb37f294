"""What a dead attempt had finished is kept for the next one, if that is to come; else it is removed."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from endoreg_db.deid.messages import Done, Message, VideoTask
from endoreg_db.deid.video.manifest import Manifest, finished, write_manifest
from endoreg_db.errors import (
    CorruptMediaError,
    DeidentificationError,
    InsufficientStorageError,
    LeaseLostError,
    MediaImportError,
    StorageFailedError,
    VerificationError,
)
from endoreg_db.locking import lease
from endoreg_db.locking.owner import current_owner
from endoreg_db.models import Center, ContentLease, ImportAttempt, MediaFile, State, VideoFile
from endoreg_db.models.states import REACHABLE
from endoreg_db.services import pieces, recovery, video_import
from endoreg_db.services.checks.examination import CheckResult, Examination
from endoreg_db.services.doctor import examine
from endoreg_db.services.identity_records import seal_path
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from endoreg_db.storage import vault
from endoreg_db.storage.pieces import SealedPieces
from tests.faults.aftermath import complaints, left_behind
from tests.faults.stand_in import DEVICE, stand_in_pass, write_recording

STALE_AFTER = 600.0
CONTENT = "c0" * 32
NAMES = ["segment-00000", "segment-00001-2", "whole"]


def finish_piece(folder: Path, name: str) -> bytes:
    """Write a finished piece as a worker would; returns its packets."""
    path = folder / f"{name}.packets"
    path.write_bytes(hashlib.shake_256(name.encode()).digest(5000))
    write_manifest(path, "0a" * 32, "0b" * 32)
    return path.read_bytes()


@pytest.fixture
def record(store: Store) -> VideoFile:
    """One that an attempt works on, which is dead: its folder is there, and nobody holds it."""
    center = Center.objects.get(name="test_center")
    record = VideoFile(
        kind="video", center=center, content_sha256=CONTENT, size_bytes=5, state=State.PROCESSING
    )
    record.save(force_insert=True)
    attempt = ImportAttempt(uuid=uuid4(), kind="video", step="x", host="here", pid=1, media=record)
    attempt.boot = current_owner().process.place.boot.hex()
    attempt.sealed_source = seal_path(store.sealer, store.folder.root / "source.mp4", attempt.uuid)
    attempt.token = lease.grant(CONTENT, attempt.uuid, is_dead=lambda _: False).token
    attempt.save(force_insert=True)
    store.folder.make_attempt_folder(attempt.uuid)
    return record


def folder_of(store: Store) -> Path:
    return store.folder.attempt_folder(ImportAttempt.objects.get().uuid)


def settle_as(state: State) -> None:
    """Let the record be in that state; only of a published one may there be an output."""
    output = {"output_name": "output.mp4", "output_sha256": "0c" * 32} if state in REACHABLE else {}
    MediaFile.objects.update(state=state, **output)


def bury(store: Store) -> None:
    recovery.clear_up(store, stale_after=STALE_AFTER)
    assert ImportAttempt.objects.get().ended_at is not None
    assert not [*store.folder.tmp.iterdir()]


def handed_over(store: Store, folder: Path) -> dict[str, bytes]:
    """The pieces that the next attempt finds in its folder, each whole."""
    folder.mkdir()
    pieces.hand_over(store, CONTENT, folder)
    assert len([*finished(folder)]) == len([*folder.glob("*.packets")])
    return {packets.stem: packets.read_bytes() for packets, _ in finished(folder)}


def test_whole_pieces_are_kept_and_handed_over_as_they_were(
    store: Store, record: VideoFile, tmp_path: Path
) -> None:
    made = {name: finish_piece(folder_of(store), name) for name in NAMES}
    told = {packets.stem: manifest for packets, manifest in finished(folder_of(store))}
    bury(store)
    assert store.pieces.names(CONTENT) == NAMES
    assert ContentLease.objects.get().owner is None

    assert handed_over(store, tmp_path / "next") == made
    assert {packets.stem: manifest for packets, manifest in finished(tmp_path / "next")} == told
    assert [*store.pieces.folders()] == [], "nothing takes its room twice"


def test_what_is_not_whole_is_dropped(store: Store, record: VideoFile) -> None:
    folder = folder_of(store)
    finish_piece(folder, "segment-00000")
    for name in ("segment-00001", "segment-00002", "segment-00003", "segment-00004", "odd"):
        finish_piece(folder, name)
    (folder / "segment-00001.packets").write_bytes(b"torn")
    (folder / "segment-00002.manifest").unlink()
    with (folder / "segment-00003.packets").open("r+b") as file:
        file.write(b"as long, but other")
    (folder / "segment-00004.packets").unlink()
    (folder / "segment-00005.packets").write_bytes(b"unfinished")
    bury(store)
    assert store.pieces.names(CONTENT) == ["segment-00000"]


def test_a_link_that_the_cell_has_left_leads_nowhere(store: Store, record: VideoFile) -> None:
    """Or the key itself would be kept, and handed to the next cell."""
    folder, key = folder_of(store), store.folder.keys / "vault.key"
    finish_piece(folder, "segment-00000")
    (folder / "segment-00000.packets").unlink()
    (folder / "segment-00000.packets").symlink_to(key)
    told = Manifest("0a" * 32, "0b" * 32, hashlib.sha256(key.read_bytes()).hexdigest(), key.stat().st_size)
    (folder / "segment-00000.manifest").write_bytes(told.to_bytes())
    bury(store)
    assert store.pieces.names(CONTENT) == []
    assert key.exists()


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (State.RECEIVED, True),
        (State.PROCESSING, True),
        (State.FAILED, True),
        (State.PUBLISHED, False),
        (State.RELEASED, False),
        (State.NEEDS_REVIEW, False),
        (State.QUARANTINED, False),
        (State.REJECTED, False),
        (State.ERASED, False),
    ],
)
def test_pieces_are_kept_of_records_that_are_not_settled(
    store: Store, record: VideoFile, state: State, wanted: bool
) -> None:
    settle_as(state)
    finish_piece(folder_of(store), "segment-00000")
    bury(store)
    assert bool(store.pieces.names(CONTENT)) is wanted
    assert bool([*store.pieces.folders()]) is wanted


def test_what_was_kept_goes_with_the_burial_of_one_that_had_settled_its_record(
    store: Store, record: VideoFile
) -> None:
    """It was killed after its last commit, before it had dropped what it no longer needed."""
    finish_piece(folder_of(store), "segment-00000")
    pieces.keep(store, CONTENT, folder_of(store))
    settle_as(State.PUBLISHED)
    ImportAttempt.objects.update(ended_at=Now(), outcome="imported")
    bury(store)
    assert [*store.pieces.folders()] == []


def test_a_record_that_is_settled_while_pieces_are_being_kept_keeps_none(
    store: Store, record: VideoFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = SealedPieces.put

    def put_late(self: SealedPieces, *arguments: object, **options: object) -> bool:
        MediaFile.objects.update(state=State.NEEDS_REVIEW)
        pieces.drop(store, CONTENT)
        return put(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(SealedPieces, "put", put_late)
    finish_piece(folder_of(store), "segment-00000")
    bury(store)
    assert [*store.pieces.folders()] == []


# --------------------------------------------------------------------------- what is in the way


def no_room(_folder: Path, _size: int) -> None:
    raise InsufficientStorageError("the disk is full")


def no_disk(_folder: Path, _size: int) -> None:
    raise StorageFailedError("the disk is broken")


@pytest.mark.parametrize("trouble", [no_room, no_disk])
def test_pieces_that_cannot_be_kept_are_dropped_and_the_burial_goes_on(
    store: Store,
    record: VideoFile,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: Callable[[Path, int], None],
) -> None:
    finish_piece(folder_of(store), "segment-00000")
    monkeypatch.setattr(vault, "require_room", trouble)
    bury(store)
    assert store.pieces.names(CONTENT) == []
    assert "Could not keep finished segments" in caplog.text
    assert recovery.bury(store, ImportAttempt.objects.get().uuid, stale_after=STALE_AFTER)


def test_a_full_disk_does_not_keep_the_next_attempt_from_its_work(
    store: Store, record: VideoFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        finish_piece(folder_of(store), name)
    bury(store)
    written: list[Path] = []
    extract = vault.Vault.extract

    def extract_one(self: vault.Vault, sha256: str, target: Path) -> None:
        if written:
            no_room(target, 0)
        written.append(target)
        extract(self, sha256, target)

    monkeypatch.setattr(vault.Vault, "extract", extract_one)
    (tmp_path / "next").mkdir()
    pieces.hand_over(store, CONTENT, tmp_path / "next")
    assert [packets.stem for packets, _ in finished(tmp_path / "next")] == NAMES[:1]


def _flip(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[60] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize("suffix", [".sealed", ".enc"])
def test_a_kept_piece_that_was_changed_is_dropped_and_the_others_are_not(
    store: Store, record: VideoFile, tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    finish_piece(folder_of(store), "segment-00000")
    pieces.keep(store, CONTENT, folder_of(store))
    (spoiled,) = store.pieces.folder_of(CONTENT).rglob(f"*{suffix}")
    finish_piece(folder_of(store), "segment-00001")
    bury(store)
    _flip(spoiled)
    assert list(handed_over(store, tmp_path / "next")) == ["segment-00001"]
    assert "Dropped a finished segment" in caplog.text
    assert [*store.pieces.folders()] == []


def test_a_kept_piece_of_another_recording_is_not_handed_over(
    store: Store, record: VideoFile, tmp_path: Path
) -> None:
    finish_piece(folder_of(store), "segment-00000")
    bury(store)
    store.pieces.folder_of(CONTENT).rename(store.pieces.folder_of("ee" * 32))
    folder = tmp_path / "next"
    folder.mkdir()
    pieces.hand_over(store, "ee" * 32, folder)
    assert [*folder.iterdir()] == []


# ----------------------------------------------------------------------------------- the import


def one_piece_and_then(error: BaseException | None) -> Callable[..., Done]:
    """A pass that finishes a piece, and then ends so."""

    def run(task: VideoTask, on_message: Callable[[Message], None], **options: object) -> Done:
        finish_piece(Path(task.work_dir), "segment-00000")
        if error is not None:
            raise error
        for path in Path(task.work_dir).glob("segment-*"):
            path.unlink()
        return stand_in_pass(task, on_message)

    return run


@pytest.mark.parametrize(
    ("error", "are_kept"),
    [
        (KeyboardInterrupt(), True),
        (DeidentificationError("a worker died"), True),
        (StorageFailedError("a share is gone"), True),
        (InsufficientStorageError("the disk is full"), False),
        (LeaseLostError("slept too long"), False),
        (VerificationError("it leaks"), False),
        (CorruptMediaError("cut off"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_import_that_fails_keeps_pieces_only_for_a_next_try(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, are_kept: bool
) -> None:
    source = write_recording(tmp_path / "recording.mp4")
    monkeypatch.setattr(video_import, "run_video", one_piece_and_then(error))
    with pytest.raises((KeyboardInterrupt, MediaImportError)):
        VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
    content = MediaFile.objects.get().content_sha256
    assert store.pieces.names(content) == (["segment-00000"] if are_kept else [])
    assert left_behind(store, source) == []
    assert not [told for told in complaints(store) if told.startswith("kept segments")]


def test_an_import_that_fails_for_good_drops_what_an_earlier_one_had_finished(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_recording(tmp_path / "recording.mp4")
    for error in (DeidentificationError("a worker died"), CorruptMediaError("cut off")):
        monkeypatch.setattr(video_import, "run_video", one_piece_and_then(error))
        with pytest.raises(MediaImportError):
            VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
        assert len([*store.pieces.folders()]) == (0 if isinstance(error, CorruptMediaError) else 1)


def test_the_next_attempt_has_the_pieces_in_its_folder_and_leaves_none(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_recording(tmp_path / "recording.mp4")
    monkeypatch.setattr(video_import, "run_video", one_piece_and_then(DeidentificationError("died")))
    with pytest.raises(DeidentificationError):
        VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
    seen: list[str] = []

    def look(task: VideoTask, on_message: Callable[[Message], None], **options: object) -> Done:
        seen.extend(packets.stem for packets, _ in finished(Path(task.work_dir)))
        return one_piece_and_then(None)(task, on_message)

    monkeypatch.setattr(video_import, "run_video", look)
    video = VideoImportService().import_and_anonymize(source, "test_center", DEVICE)
    assert seen == ["segment-00000"]
    assert video.state == State.PUBLISHED
    assert [*store.pieces.folders()] == []
    assert complaints(store) == []


# ------------------------------------------------------------------------------------ the doctor


def doctor(store: Store, *, repair: bool = False) -> CheckResult:
    results = examine(Examination(store, repair=repair, deep=False, stale_after=STALE_AFTER))
    return next(result for result in results if result.name == "kept segments")


def _is_of_nobody(store: Store) -> None:
    store.pieces.folder_of(CONTENT).rename(store.pieces.folder_of("ee" * 32))


def _is_of_a_settled_record(_store: Store) -> None:
    MediaFile.objects.update(state=State.REJECTED)


def _is_old(store: Store) -> None:
    then = time.time() - timedelta(days=8).total_seconds()
    os.utime(store.pieces.folder_of(CONTENT), (then, then))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_is_of_nobody, "is of no record"),
        (_is_of_a_settled_record, "which is rejected"),
        (_is_old, "was kept 8 days ago, and nobody has gone on with it"),
    ],
)
def test_the_doctor_removes_what_no_import_will_take_over(
    store: Store, record: VideoFile, change: Callable[[Store], None], words: str
) -> None:
    finish_piece(folder_of(store), "segment-00000")
    bury(store)
    MediaFile.objects.update(state=State.FAILED)
    assert doctor(store).is_well and doctor(store).looked_at == 1
    change(store)
    (problem,) = doctor(store).problems
    assert problem.what.endswith(words) and not problem.repaired
    assert [*store.pieces.folders()], "a look changes nothing"
    assert doctor(store, repair=True).is_well
    assert [*store.pieces.folders()] == []


def test_the_doctor_leaves_what_somebody_is_just_working_with(store: Store, record: VideoFile) -> None:
    finish_piece(folder_of(store), "segment-00000")
    bury(store)
    _is_old(store)
    lease.grant(CONTENT, uuid4(), is_dead=lambda _: False)
    assert not doctor(store, repair=True).is_well
    assert store.pieces.names(CONTENT) == ["segment-00000"]


def test_the_doctor_reports_what_is_not_the_intakes(store: Store, record: VideoFile) -> None:
    finish_piece(folder_of(store), "segment-00000")
    bury(store)
    shutil.copytree(store.pieces.folder_of(CONTENT), store.folder.pieces / "copy")
    (problem,) = doctor(store, repair=True).problems
    assert not problem.repaired and "by hand" in problem.advice
    assert (store.folder.pieces / "copy").exists()
