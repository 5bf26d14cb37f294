"""When the image is looked at, and when it changes too often for that."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.video.scenes import LOOK_SECONDS, SceneWatcher
from endoreg_db.deid.video.transcode import OverlayWatch
from endoreg_db.deid.video.verify import SceneCollector, VerifyJob
from endoreg_db.samples import Recording, Script, scaled, shipped_profile

PROFILE = shipped_profile()
Plane = NDArray[np.uint8]
Planes = list[Plane]


def test_a_quiet_scene_is_looked_at_every_ten_seconds(examination: Planes) -> None:
    image = examination[0][PROFILE.image.slices]
    watcher = SceneWatcher()

    looks = [second / 2 for second in range(60) if watcher.wants(image, second / 2)]

    assert looks == [0.0, LOOK_SECONDS, 2 * LOOK_SECONDS]


def test_print_in_the_image_is_looked_at_even_if_it_flashes_for_one_frame() -> None:
    plain, written = Recording(22), Recording(22, script=Script(note=(0.0, 9.0)))
    watcher = SceneWatcher()

    looks = []
    for number in range(8):
        planes = (written if number == 5 else plain).planes(number)
        if watcher.wants(planes[0][PROFILE.image.slices], number / 25):
            looks.append(number)

    assert looks == [0, 5]


@pytest.mark.parametrize("height", [1080, 576])
@pytest.mark.parametrize("shown_at", [1, 5])
def test_the_faintest_print_that_can_be_read_is_looked_at_when_it_comes(height: int, shown_at: int) -> None:
    profile = scaled(shipped_profile(), height / 1080)
    image, recording = profile.image, Recording(22, profile=profile)
    font = ImageFont.load_default(round(28 * height / 1080))
    watcher = SceneWatcher()

    looks = []
    for number in range(8):
        luma = recording.planes(number)[0][image.slices].copy()
        if number == shown_at:
            ink = Image.new("L", (image.width, image.height))
            ImageDraw.Draw(ink).text((image.width // 3, image.height // 2), "Kaya 07.09.1992", 255, font)
            luma = np.minimum(luma + 22 * (np.asarray(ink) / 255), 255).astype(np.uint8)
        if watcher.wants(luma, number / 25):
            looks.append(number)

    assert shown_at in looks and len(looks) <= 3


def test_a_picture_with_something_new_in_every_frame_is_called_restless() -> None:
    watcher = SceneWatcher()

    looks = 0
    for number in range(100):
        luma = np.full((480, 400), 60, np.uint8)
        y, x = number // 10 * 40, number % 10 * 40
        luma[y : y + 40, x : x + 40 : 4] = 200
        looks += watcher.wants(luma, number / 25)

    assert looks == 80 and watcher.restless


def _flickering(number: int) -> Plane:
    """Something as fine as print, each time in another place."""
    luma = np.full((480, 400), 60, np.uint8)
    y, x = number // 10 * 40, number % 10 * 40
    luma[y : y + 40, x : x + 40 : 4] = 200
    return luma


def test_looks_that_come_regularly_use_up_nothing_of_a_recording_that_cannot_be_cut() -> None:
    """Such a recording is one piece: after 80 looks, a quarter of an hour, print was still to come."""
    still, watcher = np.full((480, 400), 60, np.uint8), SceneWatcher()

    regular = [second for second in range(0, 900, 10) if watcher.wants(still, float(second))]
    watcher.wants(still, 901.0)

    assert len(regular) == 90
    assert watcher.wants(_flickering(0), 901.04) and not watcher.restless


def test_a_flicker_late_in_a_long_piece_is_called_restless_too() -> None:
    still, watcher = np.full((480, 400), 60, np.uint8), SceneWatcher()
    for second in range(0, 900, 10):
        watcher.wants(still, float(second))

    looks = sum(watcher.wants(_flickering(number), 900.0 + number / 25) for number in range(100))

    assert looks == 80 and watcher.restless


def test_a_clock_may_tick_for_as_long_as_a_recording_lasts() -> None:
    """A clock is looked at every ten seconds: after half an hour that was called a moving picture."""
    watch = OverlayWatch(PROFILE)
    box = PROFILE.boxes["examination_time"]
    for look in range(250):
        luma = np.full((PROFILE.frame_height, PROFILE.frame_width), 16, np.uint8)
        luma[box.y + 4 : box.bottom - 4, box.x + 4 + look % 2 * 40 :: 7][:, :6] = 235
        watch.see(luma, 10.5 * look)

    assert len([look for look in watch.looks if look.field == "examination_time"]) == 250
    assert not watch.restless


def test_boxes_that_change_all_the_time_are_called_restless() -> None:
    watch, noise = OverlayWatch(PROFILE), np.random.default_rng(1)
    for number in range(48):
        coarse = noise.choice(np.array([16, 235], np.uint8), (PROFILE.frame_height // 8, 240))
        watch.see(coarse.repeat(8, axis=0).repeat(8, axis=1), 0.205 * number)

    assert watch.restless and 200 <= len(watch.looks) < 210


def test_what_comes_with_one_frame_is_told_from_what_is_looked_at_in_turn() -> None:
    still, watcher = np.full((480, 400), 60, np.uint8), SceneWatcher()

    sudden = []
    for at, luma in ((0.0, still), (0.04, still), (0.08, _flickering(0)), (0.12, still), (10.2, still)):
        watcher.wants(luma, at)
        sudden.append(watcher.sudden)

    assert sudden == [False, False, True, False, False]


def test_the_picture_right_before_a_sudden_one_is_kept_for_a_look(tmp_path: Path) -> None:
    job = VerifyJob(
        number=0,
        spool="",
        extradata=b"",
        size=(400, 480),
        kept=Box(0, 0, 400, 480),
        full_range=False,
        time_base=Fraction(1, 25),
        zero=0,
        covers=(),
        scenes=str(tmp_path / "piece"),
        is_last=True,
    )
    collector = SceneCollector(job)
    for at, luma in enumerate((np.full((480, 400), 60, np.uint8), np.full((480, 400), 61, np.uint8))):
        collector.see(luma, at / 25)

    collector.see(_flickering(0), 0.08)
    collector.see(_flickering(1), 0.12)

    first, second, third = collector.finish()
    assert first.before is None and third.before is None, "what is before the third is the second"
    assert second.before is not None and second.before.at == 0.04
    assert np.load(second.before.path)[0, 0] == 61
    assert {str(path) for path in tmp_path.iterdir()} == {*first.paths, *second.paths, *third.paths}


def test_a_sudden_change_of_scene_is_looked_at() -> None:
    one, other = np.full((400, 400), 60, np.uint8), np.full((400, 400), 160, np.uint8)
    watcher = SceneWatcher()

    assert [watcher.wants(one, 0.0), watcher.wants(one, 2.0), watcher.wants(other, 2.04)] == [
        True,
        False,
        True,
    ]
