"""The pure parts of the look at frames and at the finished file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.video.condense import MOST_OF_A_KIND, condensed
from endoreg_db.deid.video.finished import Outline, compare_times
from endoreg_db.deid.video.layout import LayoutGuard, Mismatch
from endoreg_db.deid.video.transcode import BlankRun, Runs
from endoreg_db.deid.video.verify import VerifyResult, blank_areas, blank_residue
from endoreg_db.samples import Recording, Script, shipped_profile

PROFILE = shipped_profile()
Plane = NDArray[np.uint8]
Planes = list[Plane]


@pytest.fixture(scope="module")
def worklist() -> Planes:
    return list(Recording(21, script=Script(form=(0, 1))).planes(0))


@pytest.fixture
def guard() -> LayoutGuard:
    return LayoutGuard(PROFILE, full_range=False)


def black_frame() -> Planes:
    return [np.full((1080, 1920), 16, np.uint8), *(np.full((540, 960), 128, np.uint8) for _ in range(2))]


@pytest.mark.parametrize("seed", range(6))
def test_the_devices_own_frames_fit(guard: LayoutGuard, seed: int) -> None:
    recording = Recording(seed)

    assert all(guard.fits(recording.planes(number)) for number in (0, 40, 333))


def test_a_dark_frame_fits(guard: LayoutGuard) -> None:
    assert guard.fits(black_frame())


def test_a_white_balance_fits(guard: LayoutGuard) -> None:
    """Every examination begins by looking at something white."""
    frame = black_frame()
    frame[0][20:1060, 570:1880] = np.linspace(190, 225, 1310).astype(np.uint8)

    assert guard.fits(frame)


def test_a_worklist_does_not_fit(guard: LayoutGuard, worklist: Planes) -> None:
    assert guard.mismatch(worklist) == "form"


def test_a_dark_worklist_does_not_fit(guard: LayoutGuard, worklist: Planes) -> None:
    luma = np.where(worklist[0] < 90, 200, 16).astype(np.uint8)

    assert guard.mismatch([luma, *worklist[1:]]) == "form"


def test_a_form_inside_the_image_only_does_not_fit(
    guard: LayoutGuard, worklist: Planes, examination: Planes
) -> None:
    image = PROFILE.image.slices
    frame = black_frame()
    frame[0][:, :540] = examination[0][:, :540]
    frame[0][image] = worklist[0][image]

    assert guard.mismatch(frame) == "form"


@pytest.mark.parametrize("place", [Box(0, 0, 1920, 1080), PROFILE.image], ids=["everywhere", "in the image"])
def test_colour_bars_do_not_fit(guard: LayoutGuard, place: Box) -> None:
    frame = black_frame()
    bars = ((180, 162, 131, 112, 84, 65), (128, 44, 156, 72, 184, 100), (128, 142, 44, 58, 198, 212))
    for plane, values, step in zip(frame, bars, (1, 2, 2), strict=True):
        for number, value in enumerate(values):
            left, right = (place.x + place.width * n // 6 for n in (number, number + 1))
            plane[place.y // step : place.bottom // step, left // step : right // step] = value

    assert guard.mismatch(frame) == "colour_bars"


def test_a_second_picture_beside_the_image_does_not_fit(guard: LayoutGuard, examination: Planes) -> None:
    frame = [plane.copy() for plane in examination]
    frame[0][300:1000, 30:520] = examination[0][300:1000, 900:1390]

    assert guard.mismatch(frame) == "second_picture"


def test_a_picture_that_fills_the_frame_does_not_fit(guard: LayoutGuard, examination: Planes) -> None:
    wide = [
        np.tile(p[100 // s : 980 // s, 800 // s : 1760 // s], (2, 2))
        for p, s in zip(examination, (1, 2, 2), strict=True)
    ]

    filled = [plane[: 1080 // s, : 1920 // s] for plane, s in zip(wide, (1, 2, 2), strict=True)]
    assert guard.mismatch(filled) == "other_layout"


@pytest.mark.parametrize("shift", [-200, -40, 80])
def test_a_picture_in_another_place_does_not_fit(guard: LayoutGuard, examination: Planes, shift: int) -> None:
    """Another device, or a switched layout: part of its picture would be cut, and its overlay kept."""
    moved = [
        np.roll(plane, shift // step, axis=1) for plane, step in zip(examination, (1, 2, 2), strict=True)
    ]

    assert guard.mismatch(moved) in ("beyond_edge", "other_layout")


def test_frames_in_full_range_are_judged_alike(worklist: Planes, examination: Planes) -> None:
    guard = LayoutGuard(PROFILE, full_range=True)
    full = [
        np.clip((plane.astype(np.float32) - 16) * 255 / 219, 0, 255).astype(np.uint8)
        for plane in (examination[0], worklist[0])
    ]

    assert guard.fits([full[0], *examination[1:]])
    assert not guard.fits([full[1], *worklist[1:]])


def test_a_strange_picture_that_stands_still_is_told_from_a_film() -> None:
    still, film = Runs(), Runs()
    for number in range(12):
        still.add(number * 40, number, "other_layout", np.full((64, 64), 90, np.uint8))
        film.add(number * 40, number, "other_layout", np.full((64, 64), 90 + 5 * number, np.uint8))

    assert still.runs() == (BlankRun(0, 440, 12, "still_picture"),)
    assert film.runs() == (BlankRun(0, 440, 12, "other_layout"),)


def test_frames_that_do_not_fit_for_different_reasons_are_different_runs() -> None:
    runs = Runs()
    for number, reason in (
        (3, "form"),
        (4, "form"),
        (5, "colour_bars"),
        (8, "colour_bars"),
        (9, "other_size"),
    ):
        runs.add(number * 10, number, cast(Mismatch, reason), None)

    assert runs.runs() == (
        BlankRun(30, 40, 2, "form"),
        BlankRun(50, 50, 1, "colour_bars"),
        BlankRun(80, 80, 1, "colour_bars"),
        BlankRun(90, 90, 1, "other_size"),
    )


# ---- the blank area


KEPT = Box(40, 0, 60, 80)


def test_blank_areas_are_all_but_the_kept_box_and_its_margin() -> None:
    covered = np.zeros((80, 120), int)
    for area in blank_areas(120, 80, KEPT):
        covered[area.slices] += 1

    assert set(np.unique(covered[:, :24])) == {1}
    assert not covered[:, 24:116].any()
    assert set(np.unique(covered[:, 116:])) == {1}


def test_a_kept_box_as_large_as_the_frame_leaves_nothing_to_check() -> None:
    assert blank_areas(60, 80, Box(0, 0, 60, 80)) == ()


@pytest.mark.parametrize(("plane", "row", "column"), [(0, 79, 23), (0, 0, 119), (1, 39, 0), (2, 0, 59)])
def test_one_pixel_in_the_blank_area_is_found(plane: int, row: int, column: int) -> None:
    planes = [np.full((80, 120), 16, np.uint8), *(np.full((40, 60), 128, np.uint8) for _ in range(2))]
    areas = blank_areas(120, 80, KEPT)
    assert blank_residue(planes, areas, (16, 128, 128)) == 0

    planes[plane][row, column] += 9

    assert blank_residue(planes, areas, (16, 128, 128)) == 9


def test_a_blank_area_that_is_even_but_not_black_is_found() -> None:
    planes = [np.full((80, 120), 60, np.uint8), *(np.full((40, 60), 128, np.uint8) for _ in range(2))]

    assert blank_residue(planes, blank_areas(120, 80, KEPT), (16, 128, 128)) == 44


def looked_at(*times: int, damaged: int = 0) -> VerifyResult:
    return VerifyResult(0, times, damaged, 0, None, (), False, len(times), "")


def finished(*times: int) -> Outline:
    return Outline(times, Fraction(1, 12800), (), ())


@pytest.mark.parametrize(
    ("looks", "times", "codes"),
    [
        ([looked_at(5, 6), looked_at(7)], (0, 512, 1024), []),
        ([looked_at(5, 6)], (0, 512, 1024), ["frames_differ"]),
        ([looked_at(5, 6, 7)], (0, 512), ["frames_differ"]),
        ([looked_at(5, 6, 7, 8)], (0, 512, 1024, 1536), ["frames_differ"]),
        ([looked_at(5, 6, 7)], (0, 512, 1025), ["times_differ"]),
        ([looked_at(5, 6, 8)], (0, 512, 1024), ["times_differ"]),
        ([looked_at(5, 6, 7, damaged=1)], (0, 512, 1024), ["output_damaged"]),
    ],
)
def test_frames_in_are_frames_out(
    looks: list[VerifyResult], times: tuple[int, ...], codes: list[str]
) -> None:
    findings = compare_times(looks, finished(*times), [5, 6, 7], Fraction(512))

    assert [finding.code for finding in findings] == codes
    assert all(finding.severity == "fatal" for finding in findings)


# ---- findings


def test_neighbouring_findings_become_one_span() -> None:
    moments = [Finding("a", "review", "x", t / 25, t / 25) for t in (0, 1, 2, 50, 51)]

    spans = [(f.start, f.end) for f in condensed(moments, gap=0.5)]

    assert spans == [(0.0, 2 / 25), (2.0, 51 / 25)]


def test_findings_are_never_too_many_to_send() -> None:
    moments = [Finding("a", "review", "x", float(2 * t)) for t in range(5000)]

    spans = condensed(moments, gap=0.5)

    assert len(spans) == MOST_OF_A_KIND and spans[-1].end == 9998.0


def test_findings_of_different_kinds_stay_apart() -> None:
    mixed = [
        Finding("a", "review", "x", 1.0),
        Finding("b", "review", "x", 1.0),
        Finding("a", "review", "y", 1.1),
    ]

    assert set(condensed(mixed, gap=9.0)) == set(mixed)


def test_a_profile_with_an_odd_image_keeps_whole_colour_samples_only() -> None:
    from endoreg_db.deid.video.mask import kept_box, kept_in_output, output_size

    odd = replace(PROFILE, image=Box(551, 1, 1301, 1001))

    assert kept_box(odd) == Box(552, 2, 1300, 1000)
    assert output_size(odd, 1921, 1081) == (1922, 1082)
    cropped = replace(odd, output="crop")
    assert (output_size(cropped, 1921, 1081), kept_in_output(cropped)) == (
        (1300, 1000),
        Box(0, 0, 1300, 1000),
    )
