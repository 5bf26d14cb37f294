"""What is made of an interlaced recording's frames, and what is never mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import av
import numpy as np
import pytest
from av.filter import Graph

from endoreg_db.deid.video.layout import LayoutGuard
from endoreg_db.deid.video.mask import with_field_order
from endoreg_db.deid.video.pictures import Picture, pictures
from tests.integration.video_clips import SMALL, Planes, as_frame, numbered, woven

PROFILE = replace(SMALL, frame_height=184)


def frames_of(planes: Sequence[Planes], order: str = "tff") -> list[tuple[int, av.VideoFrame]]:
    return [(40 * n, with_field_order(as_frame(p), order)) for n, p in enumerate(planes)]


def seen(frames: Sequence[tuple[int, av.VideoFrame]], *, deinterlace: bool = True) -> list[Picture]:
    guard = LayoutGuard(PROFILE, full_range=False)
    return list(pictures(frames, (320, 184), guard, full_range=False, deinterlace=deinterlace))


def combing(picture: Picture) -> float:
    """Grey levels by which neighbouring rows of the image differ, that is those of its two fields."""
    assert picture.planes is not None
    rows = picture.planes[0][PROFILE.image.slices][60:140].astype(np.int16)
    return float(np.abs(np.diff(rows, axis=0)).mean())


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("count", [2, 9])
def test_each_frame_becomes_one_picture_at_its_time(order: str, count: int) -> None:
    frames = frames_of([woven(n, PROFILE, order) for n in range(count)], order)

    kept, mixed = seen(frames, deinterlace=False), seen(frames)

    assert [p.time for p in mixed] == [p.time for p in kept] == [40 * n for n in range(count)]
    for before, after in zip(kept, mixed, strict=True):
        assert combing(after) < combing(before) / 3


def test_a_frame_without_neighbours_is_not_lost() -> None:
    (alone,) = seen(frames_of([woven(0, PROFILE)]))
    assert alone.planes is not None and alone.mismatch is None


def test_progressive_frames_stay_as_they_are_to_the_last_sample() -> None:
    frames = frames_of([numbered(n, PROFILE) for n in range(5)], "prog")

    for before, after in zip(seen(frames, deinterlace=False), seen(frames), strict=True):
        assert before.planes is not None and after.planes is not None
        assert all(np.array_equal(a, b) for a, b in zip(before.planes, after.planes, strict=True))


def test_nothing_of_a_frame_that_is_blanked_gets_into_its_neighbours() -> None:
    clip = [woven(n, PROFILE) for n in range(9)]
    strange = clip[4][0].copy()
    strange[:] = 235
    frames = frames_of([*clip[:4], (strange, *clip[4][1:]), *clip[5:]])

    mixed = seen(frames)

    assert [p.mismatch is None for p in mixed] == [n != 4 for n in range(9)]
    apart = [*seen(frames[:4]), *seen(frames[5:])]
    for one, other in zip([*mixed[:4], *mixed[5:]], apart, strict=True):
        assert one.planes is not None and other.planes is not None
        assert one.time == other.time
        assert all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True))


def test_a_change_of_size_or_format_begins_anew() -> None:
    clip = [woven(n, PROFILE) for n in range(6)]
    small = replace(SMALL, frame_height=160)
    frames = frames_of([*clip[:3], *(numbered(n, small) for n in range(2)), *clip[3:]])
    frames[-1] = (frames[-1][0], frames[-1][1].reformat(format="yuv422p"))

    mixed = seen(frames)

    assert [p.time for p in mixed] == [time for time, _ in frames]
    assert [p.mismatch for p in mixed] == [None] * 3 + ["other_size"] * 2 + [None] * 3


def test_the_filter_is_one_that_ffmpeg_has() -> None:
    assert Graph().add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
