"""Looks come as often as they must, whatever the recording's clock says."""

from __future__ import annotations

import numpy as np
import pytest

from endoreg_db.deid.video.appearance import AppearanceWatch
from endoreg_db.deid.video.cadence import Cadence, most_frames
from endoreg_db.deid.video.mask import kept_box
from endoreg_db.deid.video.scenes import LOOK_SECONDS, SceneWatcher
from endoreg_db.deid.video.transcode import MotionWatch, OverlayWatch
from endoreg_db.samples import Recording, scaled, shipped_profile

SMALL = scaled(shipped_profile(), 1 / 6)
#: Seconds between two frames: a clock that nearly stands, and a file that states 1000 frames a second.
SLOW = [1 / 90_000, 1 / 1000]


@pytest.mark.parametrize("rate", [1, 10, 23.976, 25, 29.97, 30, 50, 59.94, 60])
@pytest.mark.parametrize("seconds", [0.2, 1.0, 10.0])
@pytest.mark.parametrize("ticks", [1000, 90_000])
def test_a_clock_that_is_right_decides_alone(rate: float, seconds: float, ticks: int) -> None:
    cadence = Cadence(seconds, 1 / ticks)
    times = [round(n / rate * ticks) for n in range(round(5 * seconds * rate) + 3)]

    due, following = [], None
    for time in times:
        if following is None or time >= following:
            due.append(time)
            following = time + seconds * ticks

    assert [time for time in times if cadence.is_due(time)] == pytest.approx(due)
    assert cadence.ahead == 0


@pytest.mark.parametrize("step", SLOW)
def test_frames_count_where_the_clock_is_too_slow(step: float) -> None:
    cadence = Cadence(0.2)

    due = [number for number in range(100) if cadence.is_due(number * step)]

    assert due == list(range(0, 100, most_frames(0.2)))
    assert most_frames(0.2) * step * (len(due) - 1) + cadence.ahead == pytest.approx(0.2 * (len(due) - 1))


@pytest.mark.parametrize("step", SLOW)
def test_a_room_is_looked_at_under_a_slow_clock(step: float) -> None:
    planes = Recording(3, profile=SMALL).planes(0)
    watch = AppearanceWatch(kept_box(SMALL), full_range=False, time_base=step)

    for time in range(75):
        watch.see(planes, time)

    assert len(watch.looks) == 6


@pytest.mark.parametrize("step", SLOW)
def test_movement_is_looked_for_under_a_slow_clock(step: float) -> None:
    watch = MotionWatch(SMALL, full_range=False)
    for number in range(75):
        watch.see(np.full((180, 320), number, np.uint8), number * step)

    assert watch.activity().pictures == 6


@pytest.mark.parametrize("step", SLOW)
def test_each_change_of_an_overlay_box_is_seen_under_a_slow_clock(step: float) -> None:
    profile = shipped_profile()
    box, watch = profile.boxes["last_name"], OverlayWatch(profile)
    for number in range(150):
        luma = np.full((profile.frame_height, profile.frame_width), 16, np.uint8)
        left = box.x + 4 + number // 50 * 40
        luma[box.y + 4 : box.bottom - 4, left : box.right : 7] = 235
        watch.see(luma, number * step)

    assert [round(look.at / step) for look in watch.looks if look.field == "last_name"] == [0, 52, 104]


@pytest.mark.parametrize("step", SLOW)
def test_scenes_are_looked_at_under_a_slow_clock(step: float) -> None:
    one, other = np.full((400, 400), 60, np.uint8), np.full((400, 400), 160, np.uint8)
    watcher = SceneWatcher()
    pictures = [one] * 100 + [other] * 1500

    looks = [number for number, luma in enumerate(pictures) if watcher.wants(luma, number * step)]

    assert looks == [0, 100, 100 + most_frames(LOOK_SECONDS), 100 + 2 * most_frames(LOOK_SECONDS)]
