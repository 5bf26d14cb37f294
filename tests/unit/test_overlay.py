from __future__ import annotations

import io
import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
import pytest
from PIL import Image

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import Line, TextReader
from endoreg_db.deid.overlay import BoxWatcher, OverlayReader, Sighting, first_time, vote
from endoreg_db.deid.profiles import DateOrder
from endoreg_db.deid.text_rules import fold
from endoreg_db.deid.video.mask import plane_views
from endoreg_db.samples import Encoding, Recording, Script, draw_recording, invent_patient, shipped_profile
from endoreg_db.samples.overlay import OverlayText, draw_clock, draw_overlay

PROFILE = shipped_profile()
TODAY = date(2025, 12, 1)


@pytest.fixture(scope="module")
def engine() -> TextReader:
    return TextReader()


class ScriptedReader:
    """Answers with lines given beforehand; counts how often it was asked."""

    def __init__(self, *lines: Line) -> None:
        self.lines = list(lines)

    def read_line(self, picture: np.ndarray) -> Line:
        return self.lines.pop(0)


def overlay_of(recording: Recording, seconds: int = 0, patient_of: Recording | None = None) -> np.ndarray:
    """The luma plane of an overlay, without the picture beside it."""
    moment = recording.examination + timedelta(seconds=seconds)
    patient = (patient_of or recording).patient
    return draw_overlay(
        recording.profile, OverlayText(patient, moment, recording.device, recording.device_serial)
    )


def crop(number: int) -> np.ndarray:
    """A picture that differs from those of other numbers."""
    picture = np.full((30, 200), 16, np.uint8)
    picture[5:25, 10 + 12 * number : 18 + 12 * number] = 235
    return picture


def read(reader: OverlayReader) -> dict[str, str | None]:
    return dict(reader.identity().values())


def scripted(field: str, *looks: tuple[float, str, float]) -> OverlayReader:
    """A reader that has seen these (seconds, text, confidence) in one box."""
    engine = ScriptedReader(*(Line(text, confidence) for _, text, confidence in looks))
    reader = OverlayReader(PROFILE, engine, today=TODAY)
    for number, (at, _, _) in enumerate(looks):
        reader.take(field, crop(number), at)
    return reader


# Reading drawn overlays with the real engine


@pytest.mark.parametrize("seed", range(100, 106))
def test_every_field_of_a_drawn_overlay_is_read_right(engine: TextReader, seed: int) -> None:
    recording = Recording(seed)
    reader = OverlayReader(PROFILE, engine, today=TODAY)
    reader.look(overlay_of(recording), 0.0)
    truth = recording.truth(1).identity
    assert {name: fold(value or "") for name, value in read(reader).items() if name in truth} == {
        name: fold(value) for name, value in truth.items()
    }
    assert reader.findings() == ()


@pytest.mark.parametrize("order", ["month/day/year", "year/month/day"])
def test_dates_are_read_in_the_order_of_the_device(engine: TextReader, order: DateOrder) -> None:
    recording = Recording(7, profile=replace(PROFILE, date_order=order))
    reader = OverlayReader(recording.profile, engine, today=TODAY)
    reader.look(overlay_of(recording), 0.0)
    assert read(reader)["birth_date"] == recording.patient.birth_date.isoformat()
    assert read(reader)["examination_date"] == recording.examination.date().isoformat()


def test_an_encoded_recording_is_read_and_a_change_of_patient_is_reported(
    engine: TextReader, tmp_path: Path
) -> None:
    path = tmp_path / "r.mp4"
    script, coarse = Script(patient_change_at=0.8), Encoding(crf=36)
    truth = draw_recording(path, seed=21, seconds=1.6, script=script, encoding=coarse)
    watcher, reader = BoxWatcher(PROFILE), OverlayReader(PROFILE, engine, today=TODAY)
    looks = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            luma = plane_views(frame)[0]
            for name, picture in watcher.changed_crops(luma, number / 25).items():
                looks.append((number, name))
                reader.take(name, picture, number / 25)
    assert {name: fold(value or "") for name, value in read(reader).items() if value} == {
        name: fold(value) for name, value in truth.identity.items()
    }
    # The boxes once each, then the three that name the patient; noise and clock made no other look.
    assert [name for number, name in looks if number == 0] == list(PROFILE.boxes)
    assert {(number, name) for number, name in looks if number} == {
        (20, "last_name"), (20, "first_name"), (20, "birth_date")
    }  # fmt: skip
    (finding,) = reader.findings()
    assert (finding.code, finding.severity, finding.start, finding.end) == (
        "patient_changed",
        "review",
        0.8,
        None,
    )
    assert truth.later_patient is not None
    assert not any(
        fold(name) in fold(finding.detail)
        for name in (truth.patient.last_name, truth.later_patient.last_name)
    )
    tokens = reader.tokens()
    for patient in (truth.patient, truth.later_patient):
        assert {patient.birth_date.isoformat(), f"{patient.birth_date:%d/%m/%Y}"} <= tokens
        assert fold(patient.last_name) in set(map(fold, tokens))


def test_an_overlay_that_is_switched_off_gives_no_identity_and_a_note(engine: TextReader) -> None:
    reader = OverlayReader(PROFILE, engine, today=TODAY)
    reader.look(draw_overlay(PROFILE, None), 0.0)
    assert set(read(reader).values()) == {None}
    assert [(f.code, f.severity) for f in reader.findings()] == [("identity_absent", "note")]
    assert reader.tokens() == frozenset()


def test_a_reading_carries_the_picture_that_was_read(engine: TextReader) -> None:
    reader = OverlayReader(PROFILE, engine, today=TODAY)
    frame = overlay_of(Recording(3))
    reader.look(frame, 0.0)
    reading = reader.identity().last_name
    assert reading is not None
    assert 0.9 < reading.confidence <= 1
    shown = np.asarray(Image.open(io.BytesIO(reading.picture)))
    assert np.array_equal(shown, frame[PROFILE.boxes["last_name"].slices])


# Watching boxes


def test_every_box_is_returned_once_and_again_only_when_its_text_changes() -> None:
    watcher, one, other = BoxWatcher(PROFILE), Recording(1), Recording(2)
    frame = overlay_of(one)
    assert set(watcher.changed_crops(frame, 0.0)) == set(PROFILE.boxes)
    noise = np.random.default_rng(1).integers(-12, 13, frame.shape)
    noisy = np.clip(frame + noise, 0, 255).astype(np.uint8)
    assert watcher.changed_crops(noisy, 1.0) == {}
    assert set(watcher.changed_crops(overlay_of(one, patient_of=other), 2.0)) == {
        "last_name", "first_name", "birth_date"
    }  # fmt: skip


def test_one_changed_digit_is_noticed_in_any_date() -> None:
    recording = Recording(1)
    day = date(1961, 3, 8)
    for change in (timedelta(days=1), timedelta(days=-1), timedelta(days=3653)):
        watcher = BoxWatcher(PROFILE)
        for number, shown in enumerate((day, day + change)):
            patient = replace(recording.patient, birth_date=shown)
            text = OverlayText(patient, recording.examination, "CV-1500", "1234567")
            changed = watcher.changed_crops(draw_overlay(PROFILE, text), float(number))
        assert set(changed) == {"birth_date"}


def test_a_ticking_clock_is_looked_at_every_ten_seconds_and_wakes_no_other_box() -> None:
    watcher, recording = BoxWatcher(PROFILE), Recording(5)
    frame = overlay_of(recording)
    watcher.changed_crops(frame, 0.0)
    looks = []
    for second in range(1, 31):
        draw_clock(PROFILE, frame, recording.examination + timedelta(seconds=second))
        looks += [(second, name) for name in watcher.changed_crops(frame, float(second))]
    assert looks == [(second, "examination_time") for second in (10, 20, 30)]


def test_a_clock_that_is_switched_on_is_looked_at_at_once_and_from_then_on_every_ten_seconds() -> None:
    recording, watcher = Recording(5), BoxWatcher(PROFILE)
    off = np.full((PROFILE.frame_height, PROFILE.frame_width), 16, np.uint8)
    box = PROFILE.boxes["examination_time"]

    looks = []
    for second in range(16):
        luma = off.copy()
        if second >= 3:
            luma[box.slices] = recording.planes(25 * second)[0][box.slices]
        looks += [second for name in watcher.changed_crops(luma, float(second)) if name == "examination_time"]

    assert looks == [0, 3, 13]


def test_the_clock_is_not_part_of_the_date_that_surrounds_it() -> None:
    crops = BoxWatcher(PROFILE).changed_crops(overlay_of(Recording(5)), 0.0)
    clock = PROFILE.boxes["examination_time"]
    assert crops["examination_date"][:, clock.x :].max() < 30
    assert crops["examination_date"][:, : clock.x].max() > 200
    assert crops["examination_time"].max() > 200


def test_a_box_in_front_of_something_that_moves_is_not_looked_at_in_every_frame() -> None:
    watcher, rng = BoxWatcher(PROFILE), np.random.default_rng(1)
    coarse = [rng.integers(0, 255, (68, 120)).astype(np.uint8) for _ in range(25)]
    frames = [np.kron(cells, np.ones((16, 16), np.uint8))[:1080] for cells in coarse]
    looks = sum("last_name" in watcher.changed_crops(frame, n / 25) for n, frame in enumerate(frames))
    assert 2 <= looks <= 6


def test_luma_and_colour_frames_are_watched_alike() -> None:
    luma = overlay_of(Recording(6))
    colour = np.stack([luma] * 3, axis=2)
    watcher = BoxWatcher(PROFILE)
    crops = watcher.changed_crops(colour, 0.0)
    assert crops["last_name"].shape == (27, 450, 3)
    assert watcher.changed_crops(luma, 1.0) == {}


def test_boxes_of_odd_and_single_pixel_sizes_are_watched() -> None:
    profile = replace(
        PROFILE, boxes=MappingProxyType({"device": Box(0, 0, 1, 1), "last_name": Box(3, 3, 5, 7)})
    )
    watcher = BoxWatcher(profile)
    assert set(watcher.changed_crops(np.zeros((1080, 1920), np.uint8), 0.0)) == {"device", "last_name"}
    assert set(watcher.changed_crops(np.full((1080, 1920), 255, np.uint8), 1.0)) == {"last_name"}


# What several looks say together


def test_the_better_read_name_wins_and_disagreement_costs_confidence() -> None:
    reader = scripted("last_name", (0, "Schäfer", 0.99), (1, "Schäler", 0.75), (2, "SCHÄFER", 0.9))
    reading = reader.identity().last_name
    assert reading is not None
    assert reading.value == "Schäfer"
    assert reading.confidence == pytest.approx(0.99 * (0.99 + 0.9) / (0.99 + 0.75 + 0.9), abs=1e-3)


def test_two_names_as_sure_as_each_other_are_none() -> None:
    assert scripted("last_name", (0, "Möller", 0.9), (1, "Müller", 0.9)).identity().last_name is None


def test_an_unsure_reading_is_none_but_is_searched_for() -> None:
    reader = scripted("last_name", (0, "Schäfer", 0.5))
    assert reader.identity().last_name is None
    assert reader.tokens() == {"Schäfer"}
    assert [(f.code, f.severity) for f in reader.findings()] == [("identity_unread", "review")]
    assert "last name" in reader.findings()[0].detail


def test_text_that_makes_no_sense_is_reported_without_repeating_it() -> None:
    reader = scripted("birth_date", (0, "31/02/1960", 0.99))
    (finding,) = reader.findings()
    assert (finding.code, finding.severity) == ("identity_unread", "review")
    assert "1960" not in finding.detail
    assert reader.tokens() == {"31/02/1960"}


def test_a_change_of_patient_splits_the_record_at_its_time_in_whatever_order_looks_come() -> None:
    looks = [(9.0, "Kaya", 0.99), (4.0, "Groß", 0.95), (0.0, "GroB", 0.9), (6.0, "Kaya", 0.97)]
    reader = scripted("last_name", *looks)
    (finding,) = reader.findings()
    assert (finding.code, finding.start, finding.end) == ("patient_changed", 6.0, None)
    assert read(reader)["last_name"] == "Groß"


def test_several_changes_are_one_finding_from_first_to_last() -> None:
    reader = scripted("birth_date", (0, "01/02/1960", 1), (3, "05/06/1970", 1), (8, "01/02/1960", 1))
    (finding,) = reader.findings()
    assert (finding.start, finding.end) == (3.0, 8.0)


@pytest.mark.parametrize(
    "misread", [("Groß", "GROSS"), ("Łukaszewicz", "tukaszewicz"), ("Müller", "Mueller")]
)
def test_two_readings_of_one_name_are_no_change_of_patient(misread: tuple[str, str]) -> None:
    reader = scripted("last_name", (0, misread[0], 0.95), (1, misread[1], 0.9))
    assert reader.findings() == ()


def test_an_unsure_reading_is_no_change_of_patient() -> None:
    assert scripted("last_name", (0, "Schäfer", 0.99), (1, "Xyzw", 0.5)).findings() == ()


def test_the_same_picture_is_not_read_twice() -> None:
    engine = ScriptedReader(Line("Schäfer", 0.99), Line("Kaya", 0.99))
    reader = OverlayReader(PROFILE, engine, today=TODAY)
    for at, number in ((0.0, 0), (1.0, 0), (2.0, 1), (3.0, 0)):
        reader.take("last_name", crop(number), at)
    assert engine.lines == []


def test_other_pictures_of_one_text_are_read_a_few_times_and_vote() -> None:
    engine = ScriptedReader(Line("Schäler", 0.9), Line("Schäfer", 0.95), Line("Schäfer", 0.97))
    reader = OverlayReader(PROFILE, engine, today=TODAY)
    for number in range(6):
        reader.take("last_name", crop(0) + np.uint8(number), float(number))
    assert engine.lines == []
    reading = reader.identity().last_name
    assert reading is not None and reading.value == "Schäfer"
    assert reader.findings() == ()


def test_a_profile_with_one_box_for_the_whole_name_is_read() -> None:
    box = PROFILE.boxes["last_name"]
    boxes = MappingProxyType({"last_name": box, "first_name": box})
    engine = ScriptedReader(Line("Meyer-Lüdenscheid, Zoë", 0.9), Line("Meyer-Lüdenscheid, Zoë", 0.9))
    reader = OverlayReader(replace(PROFILE, boxes=boxes), engine, today=TODAY)
    for name in boxes:
        reader.take(name, crop(0), 0.0)
    assert read(reader)["last_name"] == "Meyer-Lüdenscheid"
    assert read(reader)["first_name"] == "Zoë"


def test_the_clock_is_taken_as_first_shown_unless_the_others_contradict_it() -> None:
    looks = [(0, "15:37:47", 0.9), (10, "15:37:57", 0.9), (20, "15:38:07", 0.9)]
    assert read(scripted("examination_time", *looks))["examination_time"] == "15:37:47"
    looks[0] = (0, "16:37:47", 0.99)
    assert read(scripted("examination_time", *looks))["examination_time"] == "15:37:57"


def test_a_clock_runs_over_midnight() -> None:
    seen = [Sighting(at, "", value, 0.9) for at, value in ((0, "23:59:55"), (10, "00:00:05"))]
    assert first_time(seen) == ("23:59:55", 0.9)


def test_a_clock_without_seconds_is_read_as_well() -> None:
    looks = ((0, "15:37:00"), (10, "15:37:00"), (55, "15:38:00"), (130, "15:39:00"))
    assert first_time([Sighting(at, "", value, 0.9) for at, value in looks]) == ("15:37:00", 0.9)


def test_an_examination_over_midnight_has_the_day_it_began() -> None:
    over_midnight = [(0, "01/12/2025", 1), (20, "02/12/2025", 1), (30, "02/12/2025", 1)]
    assert read(scripted("examination_date", *over_midnight))["examination_date"] == "2025-12-01"
    misread = [(0, "07/12/2024", 0.8), (20, "02/12/2024", 1), (30, "02/12/2024", 1)]
    assert read(scripted("examination_date", *misread))["examination_date"] == "2024-12-02"


def test_two_clocks_that_contradict_each_other_are_none() -> None:
    assert first_time([Sighting(0, "", "10:00:00", 1), Sighting(10, "", "12:00:00", 1)]) is None
    assert first_time([]) is None


def test_nothing_read_has_no_vote() -> None:
    assert vote([Sighting(0, "??", None, 0.9)]) is None


def test_a_date_after_today_is_none() -> None:
    assert scripted("examination_date", (0, "03/12/2025", 1)).identity().examination_date is None
    assert read(scripted("examination_date", (0, "02/12/2025", 1)))["examination_date"] == "2025-12-02"


def test_many_patients_at_a_glance_are_read_right(engine: TextReader) -> None:
    """The names alone, of 24 patients: none wrong, at most one unread."""
    rng, recording = random.Random(99), Recording(1)
    wrong, unread = [], []
    for _ in range(24):
        patient = invent_patient(rng)
        frame = draw_overlay(PROFILE, OverlayText(patient, recording.examination, "CV-1500", "2000000"))
        reader = OverlayReader(PROFILE, engine, today=TODAY)
        for name in ("last_name", "first_name"):
            reader.take(name, frame[PROFILE.boxes[name].slices], 0.0)
            value = read(reader)[name]
            if value is None:
                unread.append(getattr(patient, name))
            elif fold(value) != fold(getattr(patient, name)):
                wrong.append((getattr(patient, name), value))
    assert wrong == []
    assert len(unread) <= 1
