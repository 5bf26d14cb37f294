"""Identity is read beside the encoding, and the output is searched for it. In full size, as OCR needs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.text_rules import matches_known, name_key
from endoreg_db.deid.video.image_text import texts_in
from endoreg_db.deid.video.mask import plane_views
from endoreg_db.samples import Encoding, Script, draw_recording, scaled, shipped_profile
from tests.integration.video_clips import codes, decoded, deidentify

PROFILE = shipped_profile()


def test_the_overlay_is_read_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    source = tmp_path / "examination.mp4"
    truth = draw_recording(source, seed=31, seconds=1.0)

    done = deidentify(source, tmp_path / "work", profile=PROFILE, read_text=True)

    read, drawn = done.identity.values(), truth.identity
    assert {f: name_key(read[f] or "") for f in drawn} == {f: name_key(drawn[f]) for f in drawn}
    assert codes(done) == set()
    assert done.verification.scenes_read == 2
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["candidate.mp4"]


def test_a_name_that_flashes_inside_the_image_is_blanked_and_goes_to_review(tmp_path: Path) -> None:
    source = tmp_path / "written.mp4"
    truth = draw_recording(source, seed=32, seconds=0.8, script=Script(note=(0.4, 0.44)))

    done = deidentify(source, tmp_path / "work", profile=PROFILE, read_text=True)

    (finding,) = done.verification.findings
    assert (finding.code, finding.severity) == ("identity_in_image", "review")
    assert finding.start is not None and abs(finding.start - 0.4) < 0.01
    image = PROFILE.image.slices
    before, after = (
        plane_views(decoded(path)[10])[0][image].copy() for path in (source, Path(done.candidate))
    )
    reader, token = TextReader(), {truth.patient.last_name, truth.patient.first_name}
    assert any(matches_known(line.text, token) for line in reader.find_text(before))
    assert texts_in(reader.find_text(after), token) == ()
    changed = np.abs(after.astype(int) - before) > 40
    assert changed.mean() < 0.05, "nothing but the text is blanked"


def test_a_worklist_gives_no_identity(tmp_path: Path) -> None:
    """Its lines lie where the overlay's boxes are, and name other patients."""
    source = tmp_path / "worklist.mp4"
    draw_recording(source, seed=33, seconds=0.6, script=Script(form=(0.0, 1.0)))

    done = deidentify(source, tmp_path / "work", profile=PROFILE, read_text=True)

    assert set(done.identity.values().values()) == {None}
    assert "layout_mismatch" in codes(done)


def test_a_change_of_patient_is_reported_across_segments(tmp_path: Path) -> None:
    source = tmp_path / "two_patients.mp4"
    draw_recording(source, seed=34, seconds=2.2, script=Script(patient_change_at=1.4))

    done = deidentify(source, tmp_path / "work", profile=PROFILE, read_text=True)

    (change,) = [finding for finding in done.findings if finding.code == "patient_changed"]
    assert change.start is not None and 1.3 < change.start < 1.9


def test_a_name_is_blanked_in_time_where_the_first_frames_cannot_be_decoded(tmp_path: Path) -> None:
    """A transport stream that was cut begins amid a group of frames, which count but are not shown."""
    profile, script = scaled(PROFILE, 1 / 2), Script(note=(2.8, 3.4))
    whole, source = tmp_path / "whole.ts", tmp_path / "cut.ts"
    truth = draw_recording(
        whole, seed=36, seconds=4, profile=profile, script=script, encoding=Encoding(gop=50, crf=20)
    )
    data = whole.read_bytes()
    source.write_bytes(data[len(data) // 10 // 188 * 188 :])

    done = deidentify(source, tmp_path / "work", profile=profile, read_text=True)

    output = decoded(done.candidate)
    assert len(output) == 50, "the second group is there"
    reader, token = TextReader(), {truth.patient.last_name, truth.patient.first_name}
    for number in (20, 27, 34):
        luma = plane_views(output[number])[0][profile.image.slices].copy()
        assert texts_in(reader.find_text(luma), token) == ()
        assert luma.max() > 60, "all else is shown"
    assert {finding.severity for finding in done.verification.findings} == {"review"}
