"""Rooms are told from the inside of bodies. Drawn recordings; the benchmark's and their seeds are apart."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.outside import measure
from endoreg_db.deid.geometry import Box
from endoreg_db.deid.video.appearance import (
    LOOK_SECONDS,
    Appearance,
    AppearanceWatch,
    appearance,
    packed,
    unpacked,
)
from endoreg_db.deid.video.findings import encode_findings
from endoreg_db.deid.video.outside import Outside, outside_findings, outside_spans
from endoreg_db.deid.video.region import ActivityMeter
from endoreg_db.deid.video.transcode import BlankRun, SegmentResult
from endoreg_db.samples import CONDITIONS, ROOM, Recording, Scene, Script, scaled, shipped_profile
from endoreg_db.samples.conditions import change

SMALL = scaled(shipped_profile(), 1 / 6)
IMAGE = SMALL.image.shrunk_to_even()
TICK = 0.04  # seconds; a look is five frames

ROOM_LOOK = Appearance(0, warm=0.0, grey=0.7, vivid=0.1, spread=0.1, judged=True)
TISSUE = Appearance(0, warm=1.0, grey=0.0, vivid=0.0, spread=0.06, judged=True)
DARK = Appearance(0, 0.0, 0.0, 0.0, 0.0, judged=False)


def looks(*parts: tuple[Appearance, float]) -> list[Appearance]:
    """Looks at scenes of so many seconds each."""
    shown = [look for look, seconds in parts for _ in range(round(seconds / LOOK_SECONDS))]
    return [replace(look, time=1000 + 5 * number) for number, look in enumerate(shown)]


def spans(*parts: tuple[Appearance, float]) -> list[tuple[float, float, str]]:
    """Begin, end (seconds) and place of what is outside."""
    seen = looks(*parts)
    found = outside_spans(seen, 1000, seen[-1].time + 4, TICK)
    return [(round((s.first - 1000) * TICK, 2), round((s.last - 1000) * TICK, 2), s.place) for s in found]


def test_looks_are_the_same_after_they_were_packed() -> None:
    seen = [replace(ROOM_LOOK, time=2**52 + 1, spread=1 / 3), DARK, replace(TISSUE, time=-7)]

    assert list(unpacked(packed(seen))) == seen
    assert list(unpacked(packed([]))) == []


def test_drawn_rooms_are_found_and_the_inside_is_left_alone() -> None:
    """By scene, over recordings with rooms at both ends and sometimes in the middle."""
    tallies = measure(range(500, 532))

    inside = [tally for kind, tally in tallies.items() if kind != ROOM]
    assert set(tallies) == {ROOM, "plain", *CONDITIONS}
    assert tallies[ROOM].seconds > 150 and sum(t.seconds for t in inside) > 200
    assert tallies[ROOM].blanked >= 0.99 * tallies[ROOM].seconds
    assert sum(t.blanked for t in inside) <= 0.005 * sum(t.seconds for t in inside)


@pytest.mark.parametrize("condition", ["plain", *CONDITIONS])
def test_an_examination_without_a_room_stays_as_it_is(condition: str) -> None:
    """Under each condition from the first frame to the last, where the detector is most ready."""
    for seed in (700, 701):
        script = Script(scenes=(Scene(condition, (0, 99)),) if condition != "plain" else (), panel=False)
        recording = Recording(seed, profile=SMALL, script=script)
        seen = [
            appearance(recording.planes(number), IMAGE, number, full_range=False)
            for number in range(0, 100, 5)
        ]
        assert outside_spans(seen, 0, 99, TICK) == ()


def test_a_room_at_either_end_reaches_that_end_and_is_only_noted() -> None:
    seen = looks((ROOM_LOOK, 3), (TISSUE, 10), (ROOM_LOOK, 2))
    last = seen[-1].time + 4

    found = outside_spans(seen, 1000, last, TICK)

    assert [(s.place, s.first, s.last) for s in found] == [("before", 1000, 1074), ("after", 1321, last)]
    findings = outside_findings(found, 1000, 1000, last, TICK)
    assert [(f.code, f.severity) for f in findings] == [("outside_body", "note")] * 2
    assert findings[0].start == 0.0 and findings[0].end == pytest.approx(2.96)


def test_a_room_in_the_middle_is_blanked_and_asks_for_a_person() -> None:
    seen = looks((TISSUE, 10), (ROOM_LOOK, 3), (TISSUE, 10))

    found = outside_spans(seen, 1000, seen[-1].time, TICK)

    assert [s.place for s in found] == ["between"]
    assert [f.severity for f in outside_findings(found, 1000, 1000, seen[-1].time, TICK)] == ["review"]


def test_a_recording_that_is_mostly_outside_asks_for_a_person() -> None:
    found = (Outside(0, 600, "before"),)

    assert outside_findings(found, 0, 0, 1000, TICK)[0].severity == "review"
    assert outside_findings(found, 0, 0, 5000, TICK)[0].severity == "note"


def test_findings_count_from_where_the_recording_begins_even_if_its_first_frames_are_lost() -> None:
    (finding,) = outside_findings((Outside(1000, 1500, "before"),), 900, 1000, 9000, TICK)
    run = BlankRun(1000, 1500, 501, "form")
    still = ActivityMeter(4, 4, lit_from=64).activity()
    result = SegmentResult(0, "", range(1000, 9001), 0, (run,), 0, b"", (), False, still)

    (other,) = encode_findings([result], 0, 900, Fraction(1, 25))

    assert (finding.start, finding.end) == pytest.approx((4.0, 24.0))
    assert (other.start, other.end) == pytest.approx((4.0, 24.0))


def test_one_look_alone_decides_nothing() -> None:
    assert spans((TISSUE, 5), (ROOM_LOOK, 0.4), (TISSUE, 5)) == []
    assert spans((ROOM_LOOK, 5), (TISSUE, 0.4), (ROOM_LOOK, 5)) == [(0.0, 10.36, "throughout")]


def test_what_cannot_be_judged_takes_after_what_is_beside_it() -> None:
    assert spans((ROOM_LOOK, 3), (DARK, 2), (TISSUE, 5)) == [(0.0, 4.96, "before")]
    assert spans((TISSUE, 5), (DARK, 2), (TISSUE, 5)) == []
    assert spans((DARK, 5)) == []
    assert outside_spans([], 0, 100, TICK) == ()


def test_a_bright_and_a_dim_picture_of_one_thing_look_alike() -> None:
    planes = Recording(3, profile=SMALL).planes(0)
    luma, blue, red = (plane[part] for plane, part in zip(planes, _slices(), strict=True))
    dim = change((luma, blue, red), "dark", 3, 0.0)
    bright = appearance(planes, IMAGE, 0, full_range=False)
    dark = appearance(dim, Box(0, 0, IMAGE.width, IMAGE.height), 0, full_range=False)

    assert bright.warm > 0.95 and dark.warm > 0.95
    assert abs(bright.spread - dark.spread) < 0.04


def test_a_room_that_many_looks_saw_is_blanked_however_short_the_clock_calls_it() -> None:
    shown = [TISSUE] * 5000 + [ROOM_LOOK] * 6 + [TISSUE] * 5000
    seen = [replace(look, time=number) for number, look in enumerate(shown)]

    (found,) = outside_spans(seen, 0, 10_005, 1 / 1000)

    assert found == Outside(5000, 5005, "between")


def test_full_range_pictures_look_like_those_in_limited_range() -> None:
    luma, blue, red = Recording(3, profile=SMALL).planes(0)
    full = np.clip((luma.astype(np.float32) - 16) * 255 / 219, 0, 255).astype(np.uint8)

    one = appearance((luma, blue, red), IMAGE, 0, full_range=False)
    other = appearance((full, blue, red), IMAGE, 0, full_range=True)

    assert abs(one.warm - other.warm) < 0.02 and abs(one.spread - other.spread) < 0.02


def test_a_picture_is_looked_at_five_times_a_second_whatever_its_rate() -> None:
    planes = Recording(3, profile=SMALL).planes(0)
    watch = AppearanceWatch(IMAGE, full_range=False, time_base=1 / 1000)
    for time in range(0, 2000, 20):
        watch.see(planes, time)

    assert [look.time for look in watch.looks] == list(range(0, 2000, 200))


def test_a_black_and_a_white_picture_say_nothing() -> None:
    grey = np.full((180, 320), 128, np.uint8)
    for level in (16, 235):
        look = appearance(
            (np.full((360, 640), level, np.uint8), grey, grey), Box(0, 0, 640, 360), 0, full_range=False
        )
        assert not look.judged


def _slices() -> list[tuple[slice, slice]]:
    half = Box(IMAGE.x // 2, IMAGE.y // 2, IMAGE.width // 2, IMAGE.height // 2)
    return [IMAGE.slices, half.slices, half.slices]
