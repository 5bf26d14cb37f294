"""What is blanked inside the kept image: rooms and text, through the whole pass and its verification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import EncodeSettings, Message, Progress, VideoStage, VideoTask
from endoreg_db.deid.profiles import DeviceProfile, Output
from endoreg_db.deid.video.crew import Crew
from endoreg_db.deid.video.deidentify import finish, inspect
from endoreg_db.deid.video.image_text import ImageText, SceneReading
from endoreg_db.deid.video.looks import BoxLook, SceneLook
from endoreg_db.deid.video.making import make_pieces
from endoreg_db.deid.video.mask import FrameMasker, plane_views
from endoreg_db.deid.video.reading import TextProcess
from endoreg_db.deid.video.recording import CANDIDATE
from endoreg_db.deid.video.transcode import Tick
from endoreg_db.deid.video.verify import MAX_RESIDUE
from endoreg_db.deid.video.workers import Workers
from endoreg_db.samples import ROOM, Encoding, Scene, Script, draw_recording, scaled, shipped_profile
from tests.integration.video_clips import SMALL, codes, decoded, deidentify, numbered, write_clip

FIFTH = scaled(shipped_profile(), 1 / 5)
#: Rooms at both ends; the middle piece shows mucosa alone.
VISIT = Script(scenes=(Scene(ROOM, (0.0, 2.0)), Scene(ROOM, (10.0, 12.0))), panel=False)


def image_of(frame: av.VideoFrame, profile: DeviceProfile = FIFTH) -> NDArray[np.int16]:
    return frame.to_ndarray(format="gray").astype(np.int16)[profile.image.slices]


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("visit") / "visit.mp4"
    draw_recording(path, seed=41, seconds=12, profile=FIFTH, script=VISIT)
    return path


def test_rooms_at_both_ends_are_blanked_and_the_examination_is_untouched(visit: Path, tmp_path: Path) -> None:
    done = deidentify(visit, tmp_path / "work", profile=FIFTH, preset="veryfast")

    blank = [number for number, f in enumerate(decoded(done.candidate)) if np.ptp(image_of(f)) <= 4]
    assert set(blank) >= {*range(50), *range(250, 300)}
    assert all(number < 55 or number >= 245 for number in blank)
    assert [(f.code, f.severity) for f in done.findings] == [("outside_body", "note")] * 2
    assert done.verification.findings == () and done.verification.frames == 300
    before, after = (image_of(decoded(path)[150]) for path in (visit, done.candidate))
    assert np.abs(before - after).mean() < 3
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["candidate.mp4"]


def test_a_frame_that_does_not_fit_is_black_to_the_last_grey_levels(tmp_path: Path) -> None:
    """Of the picture before it, prediction left five grey levels here, and the output was destroyed."""
    source, script = tmp_path / "form.mpg", Script(scenes=(Scene(ROOM, (6.0, 9.0)),), panel=False)
    mpeg = Encoding(codec="mpeg2video", preset=None, crf=None, bit_rate=6_000_000, gop=12)
    draw_recording(source, seed=5, seconds=10, profile=SMALL, script=script, encoding=mpeg)

    done = deidentify(source, tmp_path / "work")

    assert "layout_mismatch" in codes(done), "what the room shows has the edges of print"
    assert done.verification.largest_residue <= MAX_RESIDUE
    assert done.verification.findings == ()


def test_what_is_blanked_does_not_depend_on_the_number_of_workers(visit: Path, tmp_path: Path) -> None:
    one, two = (
        Path(deidentify(visit, tmp_path / str(workers), profile=FIFTH, workers=workers).candidate)
        for workers in (1, 2)
    )

    assert one.read_bytes() == two.read_bytes()


def test_a_recording_without_rooms_is_encoded_once(tmp_path: Path) -> None:
    source = tmp_path / "inside.mp4"
    encoded: list[Message] = []
    draw_recording(source, seed=42, seconds=3, profile=FIFTH, script=Script(panel=False))

    done = deidentify(source, tmp_path / "work", profile=FIFTH, on_message=encoded.append)

    stages = [message.stage for message in encoded if isinstance(message, Progress)]
    assert "encode" not in stages[stages.index("join") :]
    assert codes(done) == set()


@pytest.mark.parametrize("output", ["mask", "crop"])
def test_a_covered_box_is_black_and_its_surroundings_are_not(output: Output) -> None:
    profile = replace(SMALL, output=output)
    masker = FrameMasker(profile, 320, 180, full_range=False)
    planes = [np.full((180, 320), 90, np.uint8), *(np.full((90, 160), 160, np.uint8) for _ in range(2))]
    kept = profile.image.shrunk_to_even()
    box = Box(kept.x + 20, kept.y + 30, 40, 20)

    page = [view.copy() for view in plane_views(masker.masked(planes, (box,)))]
    again = plane_views(masker.masked(planes))

    left, top = (box.x, box.y) if output == "mask" else (20, 30)
    assert set(np.unique(page[0][top : top + 20, left : left + 40])) == {16}
    assert set(np.unique(page[1][top // 2 : top // 2 + 10, left // 2 : left // 2 + 20])) == {128}
    assert page[0][top - 1, left] == page[0][top, left + 40] == 90
    assert again[0][top, left] == 90, "a cover ends with its time"


class Inline:
    """Workers that work in this process."""

    def run(
        self,
        work: Callable[[Any, Tick], Any],
        jobs: Sequence[Any],
        on_frames: Callable[[int], None],
        on_result: Callable[[Any], Any] = lambda result: result,
    ) -> list[Any]:
        return [on_result(work(job, lambda: None)) for job in jobs]


class Stubborn:
    """Sees the same text in the middle of the recording, whenever it is given pictures, so many times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.asked = False

    def read_boxes(self, looks: Sequence[BoxLook]) -> None:
        pass

    def read_scenes(self, looks: Sequence[SceneLook]) -> None:
        for look in looks:
            for path in look.paths:
                Path(path).unlink()
        self.asked = True

    def scenes(self) -> tuple[SceneReading, ...]:
        if not self.asked:
            return ()
        self.asked = False
        self.left -= 1
        text = ImageText(Box(60, 60, 40, 12), "Koloskopie", "words", known=False)
        return tuple(
            SceneReading(0, at, (text,) if at == 1.0 and self.left >= 0 else ()) for at in (0.0, 1.0, 1.6)
        )


@pytest.mark.parametrize(
    ("times", "severities", "whole"),
    [
        (0, [], False),
        (1, ["review"], False),
        (2, ["review", "review"], True),
        (3, ["review", "review", "fatal"], True),
    ],
)
def test_text_that_stays_is_blanked_then_the_whole_image_is_then_the_output_is_unsafe(
    tmp_path: Path, times: int, severities: list[str], whole: bool
) -> None:
    source = tmp_path / "source.mp4"
    write_clip(source, [numbered(n) for n in range(60)], options={"g": "10", "crf": "12"})
    task = VideoTask(str(source), str(tmp_path), SMALL, EncodeSettings("ultrafast", 16), 1)
    crew = Crew(cast(Workers, Inline()), cast(TextProcess, Stubborn(times)), lambda _: None)
    recording, work = make_pieces(inspect(task, crew.workers), crew)

    _, verification = finish(recording, work, crew, dict.fromkeys(get_args(VideoStage), 0.0))

    assert [finding.severity for finding in verification.findings] == severities
    frames = decoded(tmp_path / CANDIDATE)
    assert len(frames) == verification.frames == 60
    kept = SMALL.image.shrunk_to_even()
    text = Box(kept.x - 16 + 60, 60, 40, 12).slices
    for number, frame in enumerate(frames):
        luma = frame.to_ndarray(format="gray").astype(np.int16)
        inside = number <= 40
        assert (luma[text].max() <= 20) == (bool(times) and inside)
        assert (luma[kept.slices].max() <= 20) == (whole and inside)
    assert not list(tmp_path.glob("*.packets")) and not list(tmp_path.glob("*.npy"))
