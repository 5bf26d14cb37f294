from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endoreg_db.deid.video.decode import Clock
from endoreg_db.deid.video.segments import Segment, plan, read_index

TICK = Fraction(1, 25)


@dataclass(frozen=True)
class Packet:
    pts: int | None
    dts: int | None
    is_keyframe: bool = False
    is_discard: bool = False
    size: int = 10


def stream(frames: int, gop: int, *, leading: int = 0) -> list[Packet]:
    """Packets in decoding order; ``leading`` frames before each later keyframe are decoded after it."""
    order: list[tuple[int, bool]] = []
    for first in range(0, frames, gop):
        group = list(range(first, min(first + gop, frames)))
        moved = order[len(order) - leading :] if first and leading else []
        order = order[: len(order) - len(moved)]
        order += [(group[0], True), *moved, *((n, False) for n in group[1:])]
    return [Packet(pts, dts - 2, key) for dts, (pts, key) in enumerate(order)]


def cut(packets: list[Packet]) -> list[Segment]:
    return plan(read_index(packets), TICK)


def frames_fed(packets: list[Packet], segment: Segment) -> list[Packet]:
    """What a decoder of this segment is given."""
    first = 0 if segment.seek is None else next(n for n, p in enumerate(packets) if p.dts == segment.seek)
    return packets[first:] if segment.packets is None else packets[first : first + segment.packets]


def test_pieces_are_of_about_equal_length_and_never_longer_than_needed() -> None:
    segments = cut(stream(1500, 30))

    lengths = [segment.frames or 0 for segment in segments]
    assert sum(lengths) == 1500 and len(segments) == 6
    assert max(lengths) - min(lengths) <= 60
    assert max(lengths) <= 250 + 30


@pytest.mark.parametrize("leading", [0, 2])
@given(frames=st.integers(1, 900), gop=st.integers(3, 400))
def test_every_frame_is_in_one_piece_and_its_packet_is_given_to_that_pieces_decoder(
    leading: int, frames: int, gop: int
) -> None:
    packets = stream(frames, gop, leading=leading)
    segments = cut(packets)

    seen: list[int] = []
    for segment in segments:
        fed = frames_fed(packets, segment)
        assert fed[0].is_keyframe
        mine = [
            packet.pts
            for packet in fed
            if packet.pts is not None
            and packet.pts >= (segment.start or 0)
            and (segment.end is None or packet.pts < segment.end)
        ]
        assert len(mine) == segment.frames
        seen += mine
    assert sorted(seen) == list(range(frames))


def test_an_open_gop_gives_its_leading_frames_to_the_piece_before() -> None:
    packets = stream(100, 10, leading=2)
    first, second = cut(packets)

    given = [packet.pts for packet in frames_fed(packets, first)]
    assert second.start is not None
    assert given[-3:] == [second.start, second.start - 2, second.start - 1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: [Packet(None, x.dts, x.is_keyframe) for x in p],
        lambda p: [Packet(x.pts, None, x.is_keyframe) for x in p],
        lambda p: [Packet(x.pts // 2 if x.pts else 0, x.dts, x.is_keyframe) for x in p],
        lambda p: [Packet(x.pts, 5, x.is_keyframe) for x in p],
        lambda p: [Packet(x.pts, x.dts, False) for x in p],
    ],
    ids=["no times", "no decoding times", "times twice", "decoding times stand still", "no keyframes"],
)
def test_a_stream_that_cannot_be_cut_safely_is_one_piece(spoil: object) -> None:
    (segment,) = cut(spoil(stream(500, 25)))  # type: ignore[operator]

    assert (segment.seek, segment.end, segment.packets) == (None, None, None)


def test_a_time_jump_backwards_is_no_place_to_cut() -> None:
    one, two = stream(250, 25), stream(250, 25)
    # The second half lies in time before the first, as after a wrapped counter.
    packets = [Packet((p.pts or 0) + 1000, p.dts, p.is_keyframe) for p in one]
    packets += [Packet(p.pts, (p.dts or 0) + 250, p.is_keyframe) for p in two]

    for segment in cut(packets):
        fed = {packet.pts for packet in frames_fed(packets, segment)}
        wanted = {p.pts for p in packets if _is_in(segment, p)}
        assert wanted <= fed


def _is_in(segment: Segment, packet: Packet) -> bool:
    assert packet.pts is not None and segment.start is not None
    return segment.start <= packet.pts and (segment.end is None or packet.pts < segment.end)


def test_frames_hidden_by_an_edit_list_are_not_promised() -> None:
    packets = [Packet(p.pts, p.dts, p.is_keyframe, is_discard=(p.pts or 0) < 25) for p in stream(75, 25)]

    assert sum(segment.frames or 0 for segment in cut(packets)) == 50


def test_short_recordings_are_not_cut() -> None:
    assert len(cut(stream(49, 5))) == 1


def test_the_end_marker_of_the_demuxer_is_no_packet() -> None:
    index = read_index([*stream(10, 5), Packet(None, None, size=0)])

    assert len(index.pts) == 10 and index.timed and index.span == 9


def test_an_empty_stream_has_an_index_too() -> None:
    index = read_index([])

    assert index.span == 0 and not index.timed and index.pts.dtype == np.int64


OWN_TIMES = st.lists(st.none() | st.integers(-50, 50), max_size=60)


@given(OWN_TIMES, st.integers(1, 9))
def test_frame_times_always_rise(times: list[int | None], step: int) -> None:
    shown = times_of(times, step)

    assert all(one < other for one, other in pairwise(shown))


def test_a_frame_without_any_time_follows_at_the_nominal_rate() -> None:
    assert times_of([10, None, None, 10_900], 3600) == [10, 3610, 7210, 10_900]


@given(st.lists(st.integers(-500, 500), unique=True), st.integers(1, 9))
def test_times_that_rise_are_kept(times: list[int], step: int) -> None:
    clock = Clock(step)

    assert [clock.time_of(time) for time in sorted(times)] == sorted(times)
    assert (clock.mended, clock.mended_from) == (0, None)


def test_a_frame_that_comes_a_little_early_follows_at_once() -> None:
    clock = Clock(3600)

    assert [clock.time_of(time) for time in (0, 7200, 3600, 7200, 14_400)] == [0, 7200, 7201, 7202, 14_400]
    assert clock.mended == 0


def test_a_recording_goes_on_where_its_clock_goes_back() -> None:
    clock = Clock(3600)
    cell = [n * 3000 for n in range(100)]

    times = [clock.time_of(time) for time in (*cell, *cell, *cell)]

    assert times[99:101] == [297_000, 300_600]
    assert [later - one for one, later in pairwise(times)].count(3000) == 297
    assert (clock.mended, clock.mended_from) == (200, 300_600)


def test_a_clock_that_jumps_forward_again_is_believed_again() -> None:
    assert times_of([900_000, 0, 3600, 1_000_000, 1_003_600], 3600)[1:] == [
        903_600,
        907_200,
        1_000_000,
        1_003_600,
    ]


@pytest.mark.parametrize(
    "own",
    [
        [7] * 250,
        [n % 4 * 3600 for n in range(250)],
        [-n * 3600 for n in range(250)],
        [-n for n in range(250)],
    ],
    ids=["stands still", "goes round", "runs back", "creeps back"],
)
def test_frames_are_no_faster_than_a_few_times_the_rate_whatever_the_clock_does(own: list[int]) -> None:
    times = times_of(own, 3600)

    assert times[-1] - times[0] >= 250 / 5 * 3600


def times_of(own: list[int] | list[int | None], step: int) -> list[int]:
    """What a clock makes of the container's times."""
    clock = Clock(step)
    return [clock.time_of(time) for time in own]


@pytest.mark.parametrize(
    ("times", "left_out"),
    [
        (range(0, 90_000, 3600), 0),
        ([n * 3600 for n in range(25) if n not in (7, 8, 15)], 3),
        ([round(n * 1000 / 30) for n in range(60)], 0),
        ([n * n for n in range(60)], 0),
        ([5], 0),
        ([], 0),
    ],
)
def test_frames_left_out_of_a_stream_with_a_constant_rate_are_counted(
    times: list[int], left_out: int
) -> None:
    assert read_index([Packet(time, time) for time in times]).gaps == left_out
