from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import ImageFont

from endoreg_db.samples import (
    Encoding,
    Recording,
    Script,
    draw_recording,
    draw_report,
    draw_samples,
    invent_patient,
    leaky_tags,
    scaled,
    shipped_profile,
)
from endoreg_db.samples.layout import font_path, overlay_boxes, overlay_panel
from endoreg_db.samples.people import FIRST_NAMES, LAST_NAMES

SMALL = scaled(shipped_profile(), 1 / 4)


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def luma(recording: Recording, number: int) -> np.ndarray:
    return recording.planes(number)[0].astype(int)


def test_the_font_draws_every_letter_of_every_name() -> None:
    face = ImageFont.truetype(str(font_path()), 40)
    missing = bytes(face.getmask("\U000e0000"))
    letters = set("".join(FIRST_NAMES + LAST_NAMES)) - {" "}
    assert [letter for letter in sorted(letters) if bytes(face.getmask(letter)) == missing] == []


def test_every_name_fits_its_box_at_the_size_that_ocr_needs() -> None:
    face = ImageFont.truetype(str(font_path()), 24)
    boxes = shipped_profile().boxes
    assert max(map(face.getlength, LAST_NAMES)) < boxes["last_name"].width
    assert max(map(face.getlength, FIRST_NAMES)) < boxes["first_name"].width


def test_the_same_seed_draws_the_same_bytes_and_another_seed_another_patient(tmp_path: Path) -> None:
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4"]
    truths = [
        draw_recording(path, seed=seed, seconds=0.4, profile=SMALL)
        for path, seed in zip(paths, (5, 5, 6), strict=True)
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()
    assert truths[0] == truths[1]
    assert truths[0].patient != truths[2].patient


def test_a_recording_has_the_promised_frames_and_key_frames(tmp_path: Path) -> None:
    path = tmp_path / "r.mp4"
    truth = draw_recording(path, seed=1, seconds=1.6, profile=SMALL, encoding=Encoding(gop=20))
    frames = frames_of(path)
    assert len(frames) == truth.frames == 40
    assert [n for n, frame in enumerate(frames) if frame.key_frame] == [0, 20]
    assert (frames[0].width, frames[0].height) == (SMALL.frame_width, SMALL.frame_height)


def test_the_endoscopic_image_moves_and_stays_inside_its_box() -> None:
    recording = Recording(2, profile=SMALL, script=Script(panel=False))
    first, later = luma(recording, 0), luma(recording, 10)
    rows, columns = SMALL.image.slices
    assert np.abs(first - later)[rows, columns].mean() > 4
    first[rows, columns] = later[rows, columns] = 0
    assert np.array_equal(first, later)


def test_something_bright_moves_in_the_overlay_unless_the_script_forbids_it() -> None:
    where = overlay_panel(SMALL).slices
    moving, still = (Recording(2, profile=SMALL, script=Script(panel=panel)) for panel in (True, False))
    assert luma(moving, 0)[where].max() == 235
    assert np.abs(luma(moving, 0) - luma(moving, 10))[where].max() > 150
    assert not np.any(luma(still, 0)[where] != luma(still, 10)[where])


@pytest.mark.parametrize("name", ["olympus_cv_1500", "fujifilm_4450hd", "pentax_ept_7000"])
def test_the_panel_hides_no_text_and_no_image(name: str) -> None:
    profile = shipped_profile(name)
    panel = overlay_panel(profile)
    assert not any(panel.overlaps(box) for box in (profile.image, *overlay_boxes(profile).values()))


def test_the_clock_ticks_and_nothing_else_of_the_text_changes() -> None:
    recording = Recording(3, profile=SMALL, script=Script(panel=False))
    changed = luma(recording, 0) != luma(recording, 25)
    changed[SMALL.image.slices] = False
    clock = SMALL.boxes["examination_time"]
    assert changed[clock.slices].any()
    changed[clock.slices] = False
    assert not changed.any()


def test_a_change_of_patient_changes_the_name_at_its_time_and_nothing_before() -> None:
    plain, script = Recording(4, profile=SMALL), Script(patient_change_at=1.0)
    changing = Recording(4, profile=SMALL, script=script)
    name = SMALL.boxes["last_name"].slices
    assert changing.truth(2).later_patient not in (None, changing.patient)
    assert np.array_equal(luma(plain, 24), luma(changing, 24))
    assert not np.array_equal(luma(plain, 25)[name], luma(changing, 25)[name])


def test_a_hidden_overlay_shows_no_line_of_text() -> None:
    recording = Recording(4, profile=SMALL, script=Script(overlay_hidden=(0.0, 0.5)))
    for box in SMALL.boxes.values():
        assert luma(recording, 0)[box.slices].max() < 30
    assert luma(recording, 13)[SMALL.boxes["last_name"].slices].max() > 150


def test_a_form_fills_the_screen_for_its_span_only() -> None:
    recording = Recording(4, profile=SMALL, script=Script(form=(0.2, 0.4)))
    means = [luma(recording, number)[:, : SMALL.image.x].mean() for number in (4, 5, 9, 10)]
    assert means[0] < 60 < 150 < means[1]
    assert means[3] < 60 < 150 < means[2]


def test_a_note_is_written_inside_the_image() -> None:
    plain, noted = (Recording(4, profile=SMALL, script=Script(note=note)) for note in (None, (0.0, 1.0)))
    changed = np.argwhere(luma(plain, 0) != luma(noted, 0))
    assert len(changed) > 50
    assert changed[:, 1].min() >= SMALL.image.x


def test_tags_and_sound_are_written_on_request(tmp_path: Path) -> None:
    recording = Recording(8)
    tags = leaky_tags(recording.patient, recording.examination)
    path = tmp_path / "r.mp4"
    draw_recording(path, seed=8, seconds=0.4, profile=SMALL, encoding=Encoding(tags=tags, audio=True))
    with av.open(str(path)) as container:
        assert recording.patient.full_name in container.metadata["title"]
        assert container.metadata["creation_time"].startswith(recording.examination.date().isoformat())
        assert [stream.type for stream in container.streams] == ["video", "audio"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("r.mkv", Encoding(codec="libx265", b_frames=2)),
        ("r.ts", Encoding(codec="mpeg2video", preset=None, crf=None, bit_rate=4_000_000, b_frames=2)),
        ("r.avi", Encoding(codec="mjpeg", preset=None, crf=None, pixel_format="yuvj420p")),
        ("r.mp4", Encoding(pixel_format="yuv422p10le")),
    ],
)
def test_other_codecs_and_containers_are_written(tmp_path: Path, name: str, encoding: Encoding) -> None:
    path = tmp_path / name
    truth = draw_recording(path, seed=9, seconds=0.4, profile=SMALL, encoding=encoding)
    assert len(frames_of(path)) == truth.frames


def test_invented_patients_are_adults_of_many_names() -> None:
    rng = random.Random(1)
    patients = [invent_patient(rng) for _ in range(300)]
    assert {patient.last_name for patient in patients} == set(LAST_NAMES)
    assert all(patient.birth_date.year <= 2007 and patient.case_number.isdigit() for patient in patients)


def test_a_report_is_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    truths = [draw_report(tmp_path / f"{n}.pdf", seed=seed) for n, seed in enumerate((1, 1, 2))]
    contents = [(tmp_path / f"{n}.pdf").read_bytes() for n in range(3)]
    assert contents[0] == contents[1] != contents[2]
    assert contents[0].startswith(b"%PDF-")
    assert truths[0] == truths[1]


def test_sample_set_shows_one_patient_in_both_files(tmp_path: Path) -> None:
    samples = draw_samples(tmp_path / "new" / "folder", 3, seconds=0.2)
    assert samples.recording.name == "sample-recording.mp4"
    assert len(frames_of(samples.recording)) == 5
    report, recording = samples.report_truth, samples.recording_truth
    assert (report.patient, report.examination) == (recording.patient, recording.examination)
    assert report.physician.full_name != report.patient.full_name
    assert samples.report.read_bytes().rstrip().endswith(b"%%EOF")
