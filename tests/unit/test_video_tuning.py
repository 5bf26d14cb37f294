"""Which of the preset's searches are made: decided by a trial, never by the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from endoreg_db.deid.messages import Analysis, EncodeSettings
from endoreg_db.deid.video.encode import open_encoder
from endoreg_db.deid.video.probe import StreamLook, probe
from endoreg_db.deid.video.segments import Segment, whole_stream
from endoreg_db.deid.video.transcode import SegmentJob
from endoreg_db.deid.video.tuning import (
    CANDIDATES,
    TRIAL_FRAMES,
    Trial,
    choose,
    squared_error,
    trial_jobs,
    try_analysis,
)
from endoreg_db.samples import draw_recording, scaled, shipped_profile

PROFILE = replace(small := scaled(shipped_profile(), 1 / 6), boxes=dict(small.boxes))
LOOK = StreamLook(Fraction(1, 25), Fraction(25), None, 1, 2, 2, 2, "", 0)


def segment_job(number: int, settings: EncodeSettings, source: str = "/nowhere") -> SegmentJob:
    return SegmentJob(
        source=source,
        segment=Segment(number, number * 250, (number + 1) * 250, number * 250, 250, 250),
        profile=PROFILE,
        encode=settings,
        look=LOOK,
        width=PROFILE.frame_width,
        height=PROFILE.frame_height,
        spool="/nowhere",
        zero=0,
        watch_overlay=False,
    )


def trials(**outcomes: tuple[int, int]) -> list[Trial]:
    """Of each way, its size and its error."""
    analyses: dict[str, Analysis] = {name: name for name in CANDIDATES}
    return [Trial(analyses[name], 16, size, error) for name, (size, error) in outcomes.items()]


@pytest.mark.parametrize(
    ("outcomes", "chosen"),
    [
        # A noisy recording: the searches change next to nothing.
        (
            {"preset": (1000, 1000), "no_reordering": (1000, 1000), "whole_blocks": (975, 1005)},
            "whole_blocks",
        ),
        # A film: frames in another order save a lot.
        ({"preset": (1000, 1000), "no_reordering": (1240, 1115), "whole_blocks": (1306, 1162)}, "preset"),
        # Only blocks in parts are worth their time.
        (
            {"preset": (1000, 1000), "no_reordering": (980, 700), "whole_blocks": (1003, 700)},
            "no_reordering",
        ),
        # A smaller file is no excuse for a picture that is visibly worse.
        ({"preset": (1000, 1000), "no_reordering": (900, 1020), "whole_blocks": (800, 1100)}, "preset"),
        # A little worse, and nothing saved by it.
        ({"preset": (1000, 1000), "no_reordering": (999, 1005), "whole_blocks": (999, 1005)}, "preset"),
    ],
)
def test_a_cheaper_way_is_taken_only_where_nothing_is_lost(
    outcomes: dict[str, tuple[int, int]], chosen: Analysis
) -> None:
    assert choose(trials(**outcomes)) == chosen


def test_all_places_are_judged_together() -> None:
    quiet = trials(preset=(1000, 1000), no_reordering=(1000, 1000), whole_blocks=(990, 1000))
    film = trials(preset=(1000, 1000), no_reordering=(1300, 1100), whole_blocks=(1300, 1100))

    assert choose([*quiet, *film]) == "preset"


def test_without_a_frame_to_try_the_whole_preset_is_used() -> None:
    assert choose([Trial(analysis, 0, 0, 0) for analysis in CANDIDATES]) == "preset"
    assert choose([*trials(preset=(10, 10)), Trial("whole_blocks", 3, 1, 1)]) == "preset"


@pytest.mark.parametrize(
    ("segments", "seconds", "places"), [(1, 9.0, []), (6, 60.0, [3]), (24, 240.0, [4, 12, 20])]
)
def test_a_longer_recording_is_tried_at_more_places(
    segments: int, seconds: float, places: Sequence[int]
) -> None:
    jobs = [segment_job(number, EncodeSettings()) for number in range(segments)]

    planned = trial_jobs(jobs, seconds)

    assert sorted({job.segment.number for job in planned}) == places
    assert len(planned) == len(places) * len(CANDIDATES)


def test_an_analysis_that_was_asked_for_is_not_tried() -> None:
    assert trial_jobs([segment_job(0, EncodeSettings(analysis="preset"))], 60.0) == []
    assert trial_jobs([segment_job(0, EncodeSettings(preset="ultrafast"))], 60.0) == []


def test_a_trial_encodes_the_recordings_own_frames(tmp_path: Path) -> None:
    source = tmp_path / "recording.mp4"
    draw_recording(source, seed=3, seconds=1, profile=PROFILE)
    _, look = probe(str(source))
    job = replace(
        segment_job(0, EncodeSettings(analysis="whole_blocks"), str(source)),
        segment=whole_stream(),
        look=look,
    )

    coarse, fine = (
        try_analysis(replace(job, encode=replace(job.encode, crf=crf)), lambda: None) for crf in (30, 10)
    )

    assert coarse.frames == fine.frames == TRIAL_FRAMES
    assert coarse.size < fine.size and coarse.error > fine.error > 0


def test_errors_are_added_up_without_overflow() -> None:
    white, black = np.full((2000, 2000), 255, np.uint8), np.zeros((2000, 2000), np.uint8)

    assert squared_error(white, black) == squared_error(black, white) == 4_000_000 * 255**2


@pytest.mark.parametrize(("analysis", "reorders"), [("preset", True), ("no_reordering", False)])
def test_the_encoder_does_as_it_is_told(analysis: Analysis, reorders: bool) -> None:
    encoder = open_encoder(EncodeSettings(analysis=analysis), LOOK, 320, 180)

    assert encoder.has_b_frames == reorders
