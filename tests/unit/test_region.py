"""Finding the endoscopic image among all that moves in a recording."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.video.region import (
    Activity,
    ActivityMeter,
    combined,
    hull,
    kept_image,
    moving_region,
)
from endoreg_db.samples.mucosa import Mucosa
from tests.integration.video_clips import is_inside

Luma = NDArray[np.uint8]

WIDTH, HEIGHT = 960, 540
LOOKS = 26
IMAGES = {
    "right": Box(320, 10, 620, 520),
    "left": Box(10, 0, 620, 540),
    "centred": Box(200, 20, 560, 500),
    "small": Box(500, 120, 360, 300),
}
LUMAS: dict[tuple[Box, str], list[Luma]] = {}


def pictures(image: Box, mask: str) -> Iterator[Luma]:
    """What an endoscope shows, half a second apart, behind an octagonal, round or rectangular mask."""
    scale = 1.4 if mask == "rectangle" else 1.0
    mucosa = Mucosa(4, round(image.width * scale / 2) * 2, round(image.height * scale / 2) * 2)
    for number in range(LOOKS):
        luma = mucosa.draw(number, number * 0.5)[0]
        y, x = (
            (whole - part) // 2 for whole, part in zip(luma.shape, (image.height, image.width), strict=True)
        )
        luma = luma[y : y + image.height, x : x + image.width]
        yield np.where(circle(image), luma, 16).astype(np.uint8) if mask == "circle" else luma


def circle(image: Box) -> NDArray[np.bool_]:
    radius = min(image.width, image.height) / 2 - 12
    rows, columns = np.ogrid[: image.height, : image.width]
    return np.asarray((rows - image.height / 2) ** 2 + (columns - image.width / 2) ** 2 < radius**2)


def truth(image: Box, mask: str) -> Box:
    """Where there is a picture, to the pixel."""
    if mask == "rectangle":
        return image
    if mask == "octagon":
        return image.grown(-ceil(0.012 * image.width), WIDTH, HEIGHT)
    inside = circle(image)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return Box(
        image.x + int(columns[0]), image.y + int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    )


def frames(image: Box, mask: str = "octagon") -> list[Luma]:
    """Whole frames, black around the image; copies, to be drawn into."""
    key = (image, mask)
    if key not in LUMAS:
        LUMAS[key] = []
        for picture in pictures(image, mask):
            frame = np.full((HEIGHT, WIDTH), 16, np.uint8)
            frame[image.slices] = picture
            LUMAS[key].append(frame)
    return [frame.copy() for frame in LUMAS[key]]


def seen(lumas: list[Luma]) -> Activity:
    meter = ActivityMeter(lumas[0].shape[1], lumas[0].shape[0], lit_from=64)
    for luma in lumas:
        meter.add(luma)
    return meter.activity()


def region_of(lumas: list[Luma]) -> Box | None:
    return moving_region(seen(lumas).active)


def assert_close_and_inside(found: Box | None, picture: Box, most: int = 10) -> None:
    """The kept image lies in the picture, and no edge is further in than ``most`` pixels."""
    assert found is not None
    kept = kept_image(found)
    assert is_inside(kept, picture), (kept, picture)
    lost = (kept.x - picture.x, kept.y - picture.y, picture.right - kept.right, picture.bottom - kept.bottom)
    assert max(lost) <= most, (kept, picture)


@pytest.mark.parametrize("mask", ["octagon", "circle", "rectangle"])
@pytest.mark.parametrize("place", IMAGES)
def test_the_image_is_found_wherever_it_is_and_whatever_its_shape(place: str, mask: str) -> None:
    assert_close_and_inside(region_of(frames(IMAGES[place], mask)), truth(IMAGES[place], mask))


def test_a_clock_and_a_panel_that_move_are_not_the_image() -> None:
    image = IMAGES["right"]
    lumas = frames(image)
    for number, luma in enumerate(lumas):
        luma[200:380, 30:270] = 40
        wave = (290 + 80 * np.sin(np.arange(240) / 30 + number)).astype(int)
        luma[wave, np.arange(30, 270)] = 235
        luma[20:40, 120:220] = np.random.default_rng(number).integers(16, 235, (20, 100))

    assert_close_and_inside(region_of(lumas), truth(image, "octagon"))


def test_a_panel_that_touches_the_image_does_not_make_it_wider() -> None:
    image = IMAGES["centred"]
    lumas = frames(image, "rectangle")
    for number, luma in enumerate(lumas):
        luma[100:210, 60:200] = np.random.default_rng(number).integers(16, 235, (110, 140))

    assert_close_and_inside(region_of(lumas), image)


def test_a_bright_overlay_that_stands_still_is_not_the_image() -> None:
    image = IMAGES["left"]
    lumas = frames(image)
    for luma in lumas:
        luma[:, 650:] = 180
        luma[40:60, 700:900:3] = 16

    assert_close_and_inside(region_of(lumas), truth(image, "octagon"))


def test_a_text_that_is_replaced_is_not_the_image() -> None:
    image = IMAGES["small"]
    lumas = frames(image)
    for number, luma in enumerate(lumas):
        luma[40:500, 20:440] = 235 if number < 11 else 16

    assert_close_and_inside(region_of(lumas), truth(image, "octagon"))


def test_of_two_pictures_the_larger_one_is_the_image() -> None:
    image, inset = IMAGES["right"], Box(20, 300, 240, 200)
    lumas = frames(image)
    for luma, picture in zip(lumas, pictures(inset, "rectangle"), strict=True):
        luma[inset.slices] = picture

    assert_close_and_inside(region_of(lumas), truth(image, "octagon"))


def test_two_pictures_of_about_the_same_size_cannot_be_told_apart() -> None:
    one, other = Box(20, 40, 440, 440), Box(500, 60, 420, 420)
    lumas = frames(one)
    for luma, picture in zip(lumas, pictures(other, "octagon"), strict=True):
        luma[other.slices] = picture

    assert region_of(lumas) is None


def test_where_nothing_or_only_something_small_moves_there_is_no_image() -> None:
    still = [frames(IMAGES["right"])[0] for _ in range(LOOKS)]
    assert region_of(still) is None
    for number, luma in enumerate(still):
        luma[20:140, 20:220] = np.random.default_rng(number).integers(16, 235, (120, 200))
    assert region_of(still) is None


def test_a_few_looks_are_not_enough_to_say_anything() -> None:
    lumas = frames(IMAGES["right"])

    assert not seen(lumas[:12]).is_enough
    assert seen(lumas[:13]).is_enough


def test_what_several_parts_saw_adds_up() -> None:
    lumas = frames(IMAGES["right"])
    parts = [seen(lumas[:9]), seen(lumas[9:17]), seen(lumas[17:])]

    both = combined(parts)

    assert (both.pictures, both.pairs, both.is_enough) == (26, 23, True)
    assert_close_and_inside(moving_region(both.active), truth(IMAGES["right"], "octagon"))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 200),
    st.integers(0, 100),
    st.integers(110, 240),
    st.integers(90, 160),
    st.integers(0, 2**32),
)
def test_no_pixel_outside_a_moving_rectangle_is_ever_kept(x: int, y: int, w: int, h: int, seed: int) -> None:
    image = Box(x, y, min(w, 320 - x), min(h, 180 - y))
    rng = np.random.default_rng(seed)
    lumas = [np.full((180, 320), 16, np.uint8) for _ in range(16)]
    for luma in lumas:
        luma[image.slices] = rng.integers(60, 140, (image.height, image.width))

    found = region_of(lumas)

    assert found is None or is_inside(kept_image(found), image)
    assert found is not None or image.width * image.height < 0.08 * 320 * 180


def test_the_hull_of_what_moves_leaves_out_the_corners_of_an_octagon() -> None:
    image = IMAGES["right"]
    inside = hull(seen(frames(image)).active)[image.slices]

    assert not inside[:20, :20].any()
    assert inside[image.height // 2, 20:-20].all()
