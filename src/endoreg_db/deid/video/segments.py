"""Where a recording may be cut so that its pieces can be decoded apart from each other.

A cut lies at a keyframe. Frames belong to a piece by their presentation time: piece *k* holds the
frames in ``[start, end)``. With an open GOP, frames that are shown before the keyframe follow it in
the file and need the pictures before it; the piece before the cut decodes them, the one after it
drops them. Every frame therefore belongs to exactly one piece.

The boundaries depend on the file alone, never on the machine, so that the output does not either.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SEGMENT_SECONDS = 10.0  # longest piece, where keyframes allow it
SHORTEST_SECONDS = 2.0  # shorter recordings are not cut: a new encoder costs more than it saves
_LEADING = 64  # most frames that may follow a keyframe in the file and be shown before it
_MISSING = np.iinfo(np.int64).min
_STEADY = 0.9  # share of the frames that follow each other at one distance where the rate is constant


class PacketLike(Protocol):
    """The part of a demuxed packet that cutting needs."""

    @property
    def pts(self) -> int | None: ...  # noqa: D102
    @property
    def dts(self) -> int | None: ...  # noqa: D102
    @property
    def is_keyframe(self) -> bool: ...  # noqa: D102
    @property
    def is_discard(self) -> bool: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Index:
    """Every packet of the stream in the order of the file; times in ticks of the time base."""

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    key: NDArray[np.bool_]
    shown: NDArray[np.bool_]  # False: an edit list hides it

    @property
    def timed(self) -> bool:
        """Whether presentation times are there for all frames, each once, and decoding times rise."""
        incomplete = bool(np.any(self.pts == _MISSING) or np.any(self.dts == _MISSING))
        if incomplete or not np.any(self.shown):
            return False
        return len(np.unique(self.pts)) == len(self.pts) and bool(np.all(np.diff(self.dts) > 0))

    @property
    def span(self) -> int:
        """Ticks from the first time to the last, of whichever kind of time is there; 0 if none is."""
        for times in (self.pts, self.dts):
            known = times[times != _MISSING]
            if len(known):
                return int(known.max() - known.min())
        return 0

    @property
    def gaps(self) -> int:
        """How many frames are left out between the others of a stream with a constant rate.

        Broadcast containers (MPEG-TS, MPEG-PS) promise no number of frames; where packets were lost
        whole, this is the only trace of them. 0 where the rate varies.
        """
        steps = np.diff(np.unique(self.pts[self.pts != _MISSING]))
        if len(steps) == 0:
            return 0
        step = int(np.median(steps))
        # 29.97 frames a second are 3003 ticks of MPEG's clock, but a clock of milliseconds has 33 or 34.
        steady = np.abs(steps - step) <= max(1, step // 8)
        if np.count_nonzero(steady) < _STEADY * len(steps):
            return 0
        return int(np.maximum(np.rint(steps / step) - 1, 0).sum())


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a recording; times in ticks of the stream's time base."""

    number: int  # from 0, in order of time
    start: int | None  # presentation time of its first frame; None: unknown, from the very beginning
    end: int | None  # first presentation time that is no longer in it; None: to the very end
    seek: int | None  # decoding time of the keyframe to begin at; None: the beginning of the file
    packets: int | None  # how many packets to decode from there on; None: all
    frames: int | None  # how many frames they promise; None: unknown


def read_index(packets: Iterable[PacketLike]) -> Index:
    """Note times and flags of all packets; the packets themselves are not kept (33 bytes each are)."""
    pts, dts, key, shown = array("q"), array("q"), array("b"), array("b")
    for packet in packets:
        if packet.size == 0:
            continue  # the demuxer's end marker
        pts.append(_MISSING if packet.pts is None else packet.pts)
        dts.append(_MISSING if packet.dts is None else packet.dts)
        key.append(packet.is_keyframe)
        shown.append(not packet.is_discard)
    return Index(
        np.frombuffer(pts, np.int64) if pts else np.zeros(0, np.int64),
        np.frombuffer(dts, np.int64) if dts else np.zeros(0, np.int64),
        np.array(key, np.bool_),
        np.array(shown, np.bool_),
    )


def whole_stream(frames: int | None = None) -> Segment:
    """The recording in one piece, however many frames it may hold."""
    return Segment(number=0, start=None, end=None, seek=None, packets=None, frames=frames)


def plan(index: Index, time_base: Fraction) -> list[Segment]:
    """Cut the recording into pieces of equal length, as far as its keyframes allow.

    The number of pieces is even (or one), so that two or more workers end at about the same time.
    A stream that cannot be cut safely is one piece.
    """
    if not index.timed:
        return [whole_stream()]
    cuts = _choose(_safe_cuts(index), index, time_base)
    borders: list[int | None] = [None, *cuts, None]
    return [
        _segment(index, number, first, behind) for number, (first, behind) in enumerate(pairwise(borders))
    ]


def _safe_cuts(index: Index) -> NDArray[np.int64]:
    """Positions of the keyframes before which the stream may be cut.

    All packets before it are shown before it, and so are at most ``_LEADING`` packets after it.
    """
    pts, n = index.pts, len(index.pts)
    before = np.concatenate(([_MISSING], np.maximum.accumulate(pts)[:-1]))
    lowest_from = np.minimum.accumulate(pts[::-1])[::-1]
    keys = np.flatnonzero(index.key & index.shown)
    keys = keys[keys > 0]
    after_leading = np.minimum(keys + 1 + _LEADING, n - 1)
    clean_after = (keys + 1 + _LEADING >= n) | (lowest_from[after_leading] > pts[keys])
    return keys[(before[keys] < pts[keys]) & clean_after]


def _choose(cuts: NDArray[np.int64], index: Index, time_base: Fraction) -> list[int]:
    """Of the possible cuts, those nearest to where equal pieces would end."""
    if len(cuts) == 0:
        return []
    times = index.pts[index.shown]
    first, last = int(times.min()), int(times.max())
    seconds = float((last - first) * time_base)
    if seconds < SHORTEST_SECONDS:
        return []
    pieces = 2 * int(np.ceil(seconds / SEGMENT_SECONDS / 2))
    wanted = np.array([first + (last - first) * k // pieces for k in range(1, pieces)])
    at = index.pts[cuts]
    right = np.clip(np.searchsorted(at, wanted), 1, len(cuts) - 1) if len(cuts) > 1 else np.zeros(1, np.int64)
    left = np.maximum(right - 1, 0)
    nearest = np.where(wanted - at[left] <= at[right] - wanted, left, right)
    return [int(cuts[i]) for i in np.unique(nearest)]


def _segment(index: Index, number: int, first: int | None, behind: int | None) -> Segment:
    """The piece from the keyframe at position ``first`` to before the one at ``behind``."""
    start = int(index.pts[index.shown].min() if first is None else index.pts[first])
    end = None if behind is None else int(index.pts[behind])
    inside = index.shown.copy()
    inside &= index.pts >= start
    inside &= index.pts < (end if end is not None else np.iinfo(np.int64).max)
    return Segment(
        number=number,
        start=start,
        end=end,
        seek=None if first is None else int(index.dts[first]),
        packets=None if behind is None else _end_of_leading(index, behind) - (first or 0),
        frames=int(np.count_nonzero(inside)),
    )


def _end_of_leading(index: Index, key: int) -> int:
    """Position after the last packet that is shown before the keyframe at position ``key``."""
    earlier = np.flatnonzero(index.pts[key + 1 : key + 1 + _LEADING] < index.pts[key])
    return key + 2 + int(earlier[-1]) if len(earlier) else key
