"""Recordings whose device nobody named, or named wrong; none of them is published while it is unsure."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from endoreg_db.certificate import certificate_path, read
from endoreg_db.deid import client
from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Done, EncodeSettings, FoundDevice, Message, VideoTask
from endoreg_db.deid.profiles import DeviceProfile, profile_from_toml, shipped_profiles
from endoreg_db.deid.video.recognise import recognise
from endoreg_db.deid.video.region import kept_image, moving_region
from endoreg_db.deid.video.source import look_into
from endoreg_db.deid.video.survey import PICTURES
from endoreg_db.errors import DeidentificationError, UnknownDeviceError
from endoreg_db.models import Center, EndoscopyProcessor, MediaFile, State, VideoFile
from endoreg_db.samples import scaled, shipped_profile
from endoreg_db.services import proposals, review, video_import
from endoreg_db.services.checks.examination import Examination
from endoreg_db.services.checks.files import proposed_profiles
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService, import_and_anonymize
from endoreg_db.storage.workspace import Workspace
from tests.conftest import SMALL_DEVICE, DrawnOnce
from tests.faults.stand_in import stand_in_pass, write_recording
from tests.integration.video_clips import Planes, codes, decoded, deidentify, is_inside, numbered, write_clip

#: Not one of the shipped ones: the image on the left, the overlay on the right, 4:3.
INVENTED = DeviceProfile(
    name="invented",
    title="Invented device",
    confirmed=True,
    frame_width=800,
    frame_height=600,
    image=Box(16, 60, 560, 480),
    boxes={
        "examination_date": Box(590, 70, 110, 24),
        "last_name": Box(590, 130, 200, 24),
        "birth_date": Box(590, 190, 110, 24),
        "device": Box(590, 400, 200, 24),
    },
    date_order="day/month/year",
)
#: Where there is a picture: the drawn octagon leaves a dark border in the image box.
PICTURE = INVENTED.image.grown(-7, 800, 600)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDOREG_VIDEO_PRESET", "ultrafast")


@pytest.fixture
def invented(drawn_once: DrawnOnce, tmp_path: Path) -> Path:
    return Path(shutil.copy(drawn_once(seed=31, seconds=1.2, profile=INVENTED)[0], tmp_path / "invented.mp4"))


def grey(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)


# ---- pictures from the whole recording


@pytest.mark.parametrize("profile", shipped_profiles(), ids=lambda profile: profile.name)
def test_the_shipped_devices_are_recognised_in_recordings(
    drawn_once: DrawnOnce, profile: DeviceProfile
) -> None:
    """In their true size, as a recorder encodes them."""
    path, _ = drawn_once(seed=1, seconds=1.0, profile=profile)
    seen = look_into(str(path)).survey(shipped_profiles())

    assert seen is not None
    assert recognise(seen, shipped_profiles()) == profile


def test_a_long_recording_is_looked_at_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """Two frames a second, so that 90 seconds are quick to draw; its image moves in the last third only."""
    path = tmp_path / "long.mp4"
    rng = np.random.default_rng(1)

    def frames() -> list[Planes]:
        drawn: list[Planes] = []
        for number in range(180):
            luma, blue, red = numbered(0)
            luma[:] = 16
            luma[40:140, 100:300] = rng.integers(60, 140, (100, 200)) if number > 120 else 90
            drawn.append((luma, blue, red))
        return drawn

    write_clip(path, frames(), rate=2, options={"preset": "ultrafast", "g": "10", "crf": "10"})
    source = look_into(str(path))
    seen = source.survey(())

    assert len(source.segments) >= 8
    assert seen is not None and seen.pictures <= PICTURES
    region = moving_region(seen.activity.active)
    assert region is not None and is_inside(kept_image(region), Box(100, 40, 200, 100))


# ---- recognised


def test_a_recording_of_a_registered_device_is_recognised_and_published(
    store: Store, small_recording: Path
) -> None:
    video = import_and_anonymize(small_recording, "test_center")

    assert video.state == State.PUBLISHED
    assert video.processor is not None and video.processor.name == SMALL_DEVICE
    assert video.device_source == VideoFile.DeviceSource.RECOGNISED
    assert video.profile_digest == video.processor.digest
    assert [finding["code"] for finding in video.findings] == ["device_recognised"]
    certified = read(certificate_path(store.folder.published / video.output_name))
    assert certified["device"] == {"profile": SMALL_DEVICE, "profile_sha256": video.profile_digest}


# ---- proposed


def test_a_recording_of_an_unknown_device_waits_with_a_proposal_until_that_is_registered(
    store: Store, invented: Path, tmp_path: Path
) -> None:
    service = VideoImportService()
    video = service.import_and_anonymize(invented, "test_center")

    assert (video.state, video.processor, video.output_name) == (State.NEEDS_REVIEW, None, "")
    assert list(store.folder.published.iterdir()) == []
    assert {f["code"] for f in video.findings} >= {"device_unknown", "unconfirmed_profile"}
    toml = proposals.path_of(store.folder, video.pk)
    proposed = profile_from_toml(toml.read_text())
    assert not proposed.confirmed
    assert is_inside(proposed.image, PICTURE)
    assert is_inside(PICTURE.grown(-10, 800, 600), proposed.image)
    assert_blank_outside(store, video, proposed.image)

    confirmed = replace(proposed, name="ours", title="Ours", confirmed=True, boxes={})
    EndoscopyProcessor.register(confirmed)
    outcome = service.retry(video)

    again = VideoFile.objects.get(pk=video.pk)
    assert outcome.status == "imported", again.findings
    assert again.processor is not None and again.processor.name == "ours"
    assert (again.device_source, again.proposal) == (VideoFile.DeviceSource.RECOGNISED, None)
    assert not toml.exists()


def assert_blank_outside(store: Store, video: MediaFile, image: Box) -> None:
    """Of the candidate, nothing is left beyond a macroblock around the image."""
    outside = np.ones((600, 800), np.bool_)
    outside[image.grown(16, 800, 600).slices] = False
    with Workspace(store.folder, video.pk) as workspace:
        candidate = workspace.folder / "candidate.mp4"
        store.vault.extract(video.candidate_sha256, candidate)
        lumas = [grey(frame) for frame in decoded(candidate)]
    assert len(lumas) == 30
    assert all(np.ptp(luma[outside]) <= 4 for luma in lumas)
    assert all(np.ptp(luma[image.slices]) > 60 for luma in lumas)


def test_approving_an_unknown_devices_recording_publishes_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = FoundDevice(replace(INVENTED, confirmed=False), proposed=True)

    def passed(task: VideoTask, on_message: Callable[[Message], None], **_: object) -> Done:
        assert task.profile is None and SMALL_DEVICE in {profile.name for profile in task.known}
        return replace(stand_in_pass(task, on_message), found=found)

    monkeypatch.setattr(video_import, "run_video", passed)
    video = import_and_anonymize(write_recording(tmp_path / "strange.mp4"), "test_center")
    assert video.state == State.NEEDS_REVIEW, "although the cell said nothing against it"

    review.approve(store, video, actor="somebody")

    assert (video.state, video.processor) == (State.PUBLISHED, None)
    assert (store.folder.published / video.output_name).stat().st_size > 0


def test_where_nothing_moves_nothing_is_kept_and_a_named_device_helps(store: Store, tmp_path: Path) -> None:
    still = tmp_path / "still.mp4"
    write_clip(still, [numbered(0)] * 30, options={"preset": "ultrafast"})

    with pytest.raises(UnknownDeviceError, match="no one moving picture") as caught:
        import_and_anonymize(still, "test_center")

    assert "device add" in caught.value.advice
    record = VideoFile.objects.get()
    assert (record.state, record.processor, record.device_source) == (State.QUARANTINED, None, "")
    outcome = VideoImportService().retry(record, processor_name=SMALL_DEVICE)
    again = VideoFile.objects.get()
    assert (outcome.status, again.device_source) == ("needs_review", VideoFile.DeviceSource.NAMED)
    assert any(f["code"] == "wrong_device" and "320×180" in f["detail"] for f in again.findings)


# ---- named wrong


def test_a_recording_that_looks_like_another_device_is_told(drawn_once: DrawnOnce, tmp_path: Path) -> None:
    olympus, pentax = (
        scaled(shipped_profile(name), 1 / 2) for name in ("olympus_cv_1500", "pentax_ept_7000")
    )
    path, _ = drawn_once(seed=32, seconds=2.8, profile=pentax)

    done = deidentify(path, tmp_path / "work", profile=olympus, known=(olympus, pentax))

    (finding,) = done.findings
    assert (finding.code, finding.severity) == ("wrong_device", "review")
    assert finding.detail == (
        "The moving picture is smaller than the image of Olympus EVIS X1 CV-1500; "
        "this looks like Pentax EPT-7000 (pentax_ept_7000)"
    )


def test_a_recording_whose_image_is_larger_than_the_named_devices_is_blanked_and_told(
    drawn_once: DrawnOnce, tmp_path: Path
) -> None:
    olympus, pentax = (
        scaled(shipped_profile(name), 1 / 2) for name in ("olympus_cv_1500", "pentax_ept_7000")
    )
    path, _ = drawn_once(seed=33, seconds=1.0, profile=olympus)

    done = deidentify(path, tmp_path / "work", profile=pentax, known=(olympus, pentax))

    assert codes(done) == {"wrong_device", "unconfirmed_profile", "layout_mismatch"}
    wrong = next(f for f in done.findings if f.code == "wrong_device")
    assert wrong.detail == (
        "25 of 25 frames do not look like those of Pentax EPT-7000; "
        "this looks like Olympus EVIS X1 CV-1500 (olympus_cv_1500)"
    )
    mismatch = next(f for f in done.findings if f.code == "layout_mismatch")
    assert "beyond the edge" in mismatch.detail and (mismatch.start, mismatch.end) == (0.0, 0.96)
    assert all(np.ptp(grey(frame)) <= 4 for frame in decoded(done.candidate))


# ---- what a cell may say, and what the doctor mends


@pytest.mark.parametrize(
    ("found", "named", "known"),
    [
        (FoundDevice(INVENTED, proposed=False), INVENTED, (INVENTED,)),
        (None, None, (INVENTED,)),
        (FoundDevice(replace(INVENTED, image=Box(0, 0, 800, 600)), proposed=False), None, (INVENTED,)),
        (FoundDevice(INVENTED, proposed=True), None, ()),
    ],
    ids=["of a named device", "nothing", "another image for a known one", "a confirmed proposal"],
)
def test_a_cell_is_not_believed(
    found: FoundDevice | None,
    named: DeviceProfile | None,
    known: tuple[DeviceProfile, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = VideoTask("/in.mp4", str(tmp_path), named, EncodeSettings(), 1, known=known)
    done: Done = replace(stand_in_pass(task, lambda _: None), found=found)
    monkeypatch.setattr(client, "run_cell", lambda *_: done)

    with pytest.raises(DeidentificationError, match="another question"):
        client.run_video(task, lambda _: None)


def test_the_doctor_writes_lost_proposals_again_and_removes_unwanted_ones(store: Store) -> None:
    data = proposals.as_data(FoundDevice(INVENTED, proposed=True, unclear=(Box(1, 2, 3, 4),)))
    center = Center.objects.get(name="test_center")
    waiting = VideoFile.objects.create(
        kind="video",
        center=center,
        content_sha256="a" * 64,
        size_bytes=1,
        state="needs_review",
        proposal=data,
    )
    done = VideoFile.objects.create(
        kind="video", center=center, content_sha256="b" * 64, size_bytes=1, state="failed"
    )
    unwanted = proposals.write(store.folder, done.pk, data)
    examination = Examination(store, repair=True, deep=False, stale_after=600)

    found = [problem for problem in proposed_profiles(examination) if problem is not None]

    assert [problem.repaired for problem in found] == [True, True]
    written = proposals.path_of(store.folder, waiting.pk).read_text()
    assert profile_from_toml(written) == INVENTED and "[1, 2, 3, 4]" in written
    assert not unwanted.exists()
    assert [problem for problem in proposed_profiles(examination) if problem is not None] == []
