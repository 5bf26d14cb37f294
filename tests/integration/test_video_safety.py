"""What must not come out, and what must come out unharmed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from endoreg_db.deid.video.mp4boxes import unexpected_content
from endoreg_db.samples import Encoding, Script, draw_recording, scaled, shipped_profile
from tests.integration.video_clips import (
    SMALL,
    Planes,
    codes,
    decoded,
    deidentify,
    number_in,
    numbered,
    spread,
    write_clip,
)

QUICK = {"preset": "ultrafast", "g": "10"}
THIRD = scaled(shipped_profile(), 1 / 3)


def luma(frame: av.VideoFrame) -> NDArray[np.int16]:
    return frame.to_ndarray(format="gray").astype(np.int16)


def test_something_bright_that_moves_beside_the_image_does_not_change_the_image(tmp_path: Path) -> None:
    """Decoded frames are references: blanking them in place would smear into the kept part."""
    source = tmp_path / "moving.mp4"
    clip = [numbered(n) for n in range(60)]
    write_clip(source, clip, options={"preset": "veryfast", "bf": "3", "g": "30", "crf": "12"})

    done = deidentify(source, tmp_path / "work", preset="veryfast")

    image = SMALL.image.shrunk_to_even().grown(-4, 320, 180).slices
    differences = [
        np.abs(luma(a)[image] - luma(b)[image])
        for a, b in zip(decoded(source), decoded(done.candidate), strict=True)
    ]
    assert max(float(d.mean()) for d in differences) < 1.5
    assert max(int(d.max()) for d in differences) < 40
    assert done.verification.largest_residue <= 4


def test_all_but_the_image_is_black_in_every_frame(tmp_path: Path) -> None:
    source = tmp_path / "overlay.mp4"
    draw_recording(source, seed=11, seconds=2, profile=THIRD)

    done = deidentify(source, tmp_path / "work", profile=THIRD, preset="veryfast")

    column = THIRD.image.x - 16
    for frame in decoded(done.candidate):
        planes = frame.to_ndarray(format="yuv420p")
        assert spread(planes[: frame.height, :column]) <= 4
    assert codes(done) == set()
    assert done.verification.frames == 50


def test_tags_sound_chapters_and_codec_words_stay_behind(tmp_path: Path) -> None:
    source = tmp_path / "talkative.mkv"
    canary = "Mustermann-4711"
    encoding = Encoding(
        audio=True, tags={"title": canary, "comment": canary, "creation_time": "2024-01-02T03:04:05Z"}
    )
    draw_recording(source, seed=12, seconds=1, profile=THIRD, encoding=encoding)
    assert canary.encode() in source.read_bytes()

    done = deidentify(source, tmp_path / "work", profile=THIRD)

    output = Path(done.candidate)
    for word in (canary.encode(), b"x264", b"Lavc", b"Lavf", canary.encode("utf-16-be")):
        assert word not in output.read_bytes()
    assert unexpected_content(output) == []
    with av.open(str(output)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert not container.chapters() and "title" not in container.metadata


def test_the_output_begins_with_its_index_and_with_time_zero(tmp_path: Path) -> None:
    source = tmp_path / "late.ts"
    write_clip(source, [numbered(n) for n in range(20)], options=QUICK)

    done = deidentify(source, tmp_path / "work")

    head = Path(done.candidate).read_bytes()[:4096]
    assert 0 < head.find(b"moov") < head.find(b"mdat")
    assert decoded(done.candidate)[0].pts == 0


def test_a_worklist_of_a_single_frame_is_blanked_and_reported(tmp_path: Path) -> None:
    source = tmp_path / "worklist.mp4"
    draw_recording(source, seed=13, seconds=1.2, profile=THIRD, script=Script(form=(0.4, 0.44)))

    done = deidentify(source, tmp_path / "work", profile=THIRD)

    frames = [luma(frame) for frame in decoded(done.candidate)]
    blank = [number for number, frame in enumerate(frames) if spread(frame) <= 4]
    assert blank == [10]
    (finding,) = done.findings
    assert (finding.code, finding.severity) == ("layout_mismatch", "review")
    assert [finding.start, finding.end] == pytest.approx([0.4, 0.4])
    assert "a form or list fills the picture" in finding.detail


def colour_bars(number: int) -> Planes:
    """What a recorder shows when it has no signal."""
    luma, blue, red = numbered(number)
    bars = ((180, 162, 131, 112, 84, 65), (128, 44, 156, 72, 184, 100), (128, 142, 44, 58, 198, 212))
    for plane, values in zip((luma, blue, red), bars, strict=True):
        plane[:] = np.repeat(np.array(values, np.uint8), plane.shape[1] // 6 + 1)[: plane.shape[1]]
    return luma, blue, red


def second_picture(number: int) -> Planes:
    """Picture in picture, or a second device: another film beside the image."""
    luma, blue, red = numbered(number)
    luma[40:160, 6:84] = luma[20:140, 110:188]
    return luma, blue, red


def other_layout(number: int) -> Planes:
    """The same picture, in another place."""
    luma, blue, red = (np.roll(p, -p.shape[1] // 8, axis=1) for p in numbered(number))
    return luma, blue, red


def test_frames_of_another_layout_are_blanked_and_told_apart(tmp_path: Path) -> None:
    clip = [numbered(n) for n in range(60)]
    for first, draw in ((10, colour_bars), (25, second_picture), (40, other_layout)):
        clip[first : first + 6] = [draw(n) for n in range(first, first + 6)]
    source = tmp_path / "switched.mp4"
    write_clip(source, clip, options=QUICK)

    done = deidentify(source, tmp_path / "work")

    strange = {*range(10, 16), *range(25, 31), *range(40, 46)}
    for number, frame in enumerate(decoded(done.candidate)):
        blank = spread(luma(frame)) <= 4
        assert blank == (number in strange), number
        assert blank or number_in(frame) == number
    told = " ".join(finding.detail for finding in done.findings)
    assert codes(done) == {"layout_mismatch"}
    assert "colour bars" in told and "second picture" in told
    assert "another layout" in told or "beyond the edge" in told


def test_a_recording_of_another_size_than_the_profile_is_blanked_whole(tmp_path: Path) -> None:
    source = tmp_path / "other.mp4"
    write_clip(source, [numbered(n) for n in range(12)], options=QUICK)
    other = replace(SMALL, frame_width=400, frame_height=300)

    done = deidentify(source, tmp_path / "work", profile=other)

    assert all(np.ptp(luma(frame)) <= 4 for frame in decoded(done.candidate))
    assert codes(done) == {"layout_mismatch", "wrong_device"}
    told = {finding.code: finding.detail for finding in done.findings}
    assert "another size" in told["layout_mismatch"]
    assert "320×180" in told["wrong_device"] and "400×300" in told["wrong_device"]


def test_an_unconfirmed_profile_asks_for_review(tmp_path: Path) -> None:
    source = tmp_path / "new_device.mp4"
    write_clip(source, [numbered(n) for n in range(12)], options=QUICK)

    done = deidentify(source, tmp_path / "work", profile=replace(SMALL, confirmed=False))

    assert codes(done) == {"unconfirmed_profile"}
    assert done.findings[0].severity == "review"


def test_cropping_keeps_the_image_alone(tmp_path: Path) -> None:
    source = tmp_path / "crop.mp4"
    write_clip(source, [numbered(n) for n in range(30)], options=QUICK)
    profile = replace(SMALL, output="crop")

    done = deidentify(source, tmp_path / "work", profile=profile)

    box = SMALL.image.shrunk_to_even()
    output = decoded(done.candidate)
    assert (output[0].width, output[0].height) == (box.width, box.height)
    moved = replace(SMALL, image=replace(box, x=0, y=0))
    assert [number_in(frame, moved) for frame in output] == list(range(30))
    assert codes(done) == set()


def test_frames_that_an_edit_list_hides_do_not_come_back(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    write_clip(whole, [numbered(n) for n in range(50)], options=QUICK)
    source = tmp_path / "edited.mp4"
    _hide_first_frames(whole, source, 25)
    assert [number_in(frame) for frame in decoded(source)] == list(range(25, 50))

    done = deidentify(source, tmp_path / "work")

    assert [number_in(frame) for frame in decoded(done.candidate)] == list(range(25, 50))
    assert codes(done) == set()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "again.mp4"
    write_clip(source, [numbered(n) for n in range(60)], options=QUICK)

    first, second = (Path(deidentify(source, tmp_path / name).candidate) for name in ("one", "two"))

    assert first.read_bytes() == second.read_bytes()


def _hide_first_frames(source: Path, target: Path, frames: int) -> None:
    """Set the media time of the only edit (version 0) so that it starts later."""
    data = bytearray(source.read_bytes())
    at = data.find(b"elst")
    assert data[at + 4] == 0 and int.from_bytes(data[at + 8 : at + 12], "big") == 1
    start = int.from_bytes(data[at + 16 : at + 20], "big")
    with av.open(str(source)) as container:
        tick = container.streams.video[0].time_base or Fraction(1, 90_000)
    data[at + 16 : at + 20] = (start + int(frames / 25 / tick)).to_bytes(4, "big")
    target.write_bytes(data)
