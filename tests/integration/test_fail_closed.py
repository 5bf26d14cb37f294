"""Whatever breaks inside the pass, nothing is published, and the record says why."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from endoreg_db.deid.messages import VideoStage
from endoreg_db.errors import MediaImportError
from endoreg_db.models import EndoscopyProcessor, ImportAttempt, MediaFile, State, VideoFile
from endoreg_db.samples import scaled, shipped_profile
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from tests.conftest import SMALL_DEVICE, DrawnOnce, small_profile
from tests.faults.in_the_cell import FAULTS, write_hook

#: Of the recordings: ten frames, more than any fault lets through.
SECONDS = 0.4
#: Needs an overlay that can be read, so it has a test of its own.
BLIND = "OCR reads nothing"
#: One or two for each stage, those that come closest to passing unnoticed. `make faults` has the others.
IN_THE_SUITE = {
    "probing crashes",
    "nothing is blanked",
    "joining changes a byte",
    "verifier is killed",
    "decoder of the output stops early",
}
THE_OTHERS = FAULTS.keys() - IN_THE_SUITE - {BLIND}


def test_the_suite_has_a_fault_of_every_stage() -> None:
    """A new stage is a failing test until somebody has broken it."""
    assert {FAULTS[name][0] for name in IN_THE_SUITE} == set(get_args(VideoStage))


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer processes to start."""
    monkeypatch.setenv("ENDOREG_WORKERS", "1")


def test_without_a_fault_the_same_recording_is_published(
    store: Store, drawn_once: DrawnOnce, tmp_path: Path
) -> None:
    source, _ = drawn_once(seconds=SECONDS, profile=small_profile())

    video = VideoImportService().import_and_anonymize(
        shutil.copy(source, tmp_path / "recording.mp4"), "test_center", SMALL_DEVICE
    )

    assert video.state == State.PUBLISHED
    assert set(VideoFile.objects.get().timings) == set(get_args(VideoStage))


@pytest.mark.parametrize(
    "name",
    [*sorted(IN_THE_SUITE), *(pytest.param(n, marks=pytest.mark.exhaustive) for n in sorted(THE_OTHERS))],
)
def test_a_fault_inside_the_cell_publishes_nothing(
    store: Store, drawn_once: DrawnOnce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source, _ = drawn_once(seconds=SECONDS, profile=small_profile())
    write_hook(tmp_path / "hook", name)
    monkeypatch.syspath_prepend(str(tmp_path / "hook"))

    ends_closed(store, source, tmp_path, SMALL_DEVICE)


def test_an_engine_that_reads_nothing_of_a_written_overlay_publishes_nothing(
    store: Store, drawn_once: DrawnOnce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = drawn_once(seconds=SECONDS)
    write_hook(tmp_path / "hook", BLIND)
    monkeypatch.syspath_prepend(str(tmp_path / "hook"))

    ends_closed(store, source, tmp_path, "olympus_cv_1500")


def test_a_profile_whose_image_box_takes_in_the_overlay_publishes_nothing(
    store: Store, drawn_once: DrawnOnce, tmp_path: Path
) -> None:
    half = scaled(shipped_profile(), 1 / 2)
    source, _ = drawn_once(seconds=SECONDS, profile=half)
    whole = replace(half.image, x=0, width=half.frame_width)
    EndoscopyProcessor.register(replace(half, name="wrong_boxes", title="Wrong boxes", image=whole))

    ends_closed(store, source, tmp_path, "wrong_boxes")


def ends_closed(store: Store, drawn: Path, folder: Path, processor: str) -> None:
    """Import, and make sure that the record ends in a state without output, with a reason."""
    source = Path(shutil.copy(drawn, folder / "recording.mp4"))  # an import puts its lock beside it
    try:
        VideoImportService().import_and_anonymize(source, "test_center", processor)
    except MediaImportError as error:
        assert str(error) and error.advice

    record = MediaFile.objects.get()
    attempt = ImportAttempt.objects.get()
    assert record.state in (State.NEEDS_REVIEW, State.FAILED, State.QUARANTINED)
    assert list(store.folder.published.iterdir()) == []
    assert record.output_name == "" and store.vault.contains(record.content_sha256)
    assert attempt.error_message or any(f["severity"] == "review" for f in record.findings)
