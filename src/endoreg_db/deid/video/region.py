"""Where the moving picture of a recording is: the rectangle that changes from look to look.

Text, icons and panels stay as they are, or change in small places; the endoscopic image changes
everywhere and all the time. What is returned is measured on the safe side: an edge that is not sure
lies further inside, because what is kept too much may show a name, and what is kept too little not.

Pure functions over counts of changes; frames are sampled in :mod:`endoreg_db.deid.video.survey`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box

Mask = NDArray[np.bool_]

_CELL = 8  # pixels; side of the squares that are joined to regions
_CELL_FULL = 0.3  # share of a square's pixels that must be active
#: Grey levels that a pixel changes on average from look to look, each change capped at ``_CHANGE_CAP``.
#: Drawn mucosa has 2 and more everywhere, a black surround at most 0.7 (beside the image, from the
#: codec), and a text that is replaced once in the twelve looks that are the fewest, 0.7 as well.
_ACTIVE = 1.0
_CHANGE_CAP = 8
_FEWEST_PAIRS = 12
#: Share of the frame that changes only where another screen comes up or goes: nothing is learned then.
_ALL_CHANGED = 0.85

_MIN_AREA = 0.06  # of the frame; anything smaller is a panel or a thumbnail
_MIN_FILL = 0.5  # of its own box; a circle fills 0.79 of it
_RIVAL = 0.5  # of the largest region's area: a second one of that size cannot be told apart

_EDGE = 0.10  # share of a column (or row) of the region that is active at its outermost edge
_BODY = 0.35  # the same where the region is certain
_SLOPE = 0.04  # of the region's extent: how far a round edge may reach from ``_BODY`` to ``_EDGE``

#: Pixels by which a kept image is smaller than the measured one, on each side.
SAFETY_MARGIN = 4


@dataclass(frozen=True, slots=True)
class Activity:
    """How much each pixel moved, and how often it was lit, over pictures from a whole recording."""

    movement: NDArray[np.uint32]  # H×W; sum of its changes from picture to picture, each capped
    lit: NDArray[np.uint32]  # H×W; in how many pictures it was not black
    pictures: int
    pairs: int  # of pictures that were compared

    @property
    def is_enough(self) -> bool:
        """Whether enough was seen to say anything."""
        return self.pairs >= _FEWEST_PAIRS

    @property
    def active(self) -> Mask:
        """The pixels (H×W) that keep changing."""
        return np.asarray(self.movement >= _ACTIVE * max(1, self.pairs))


def combined(parts: Sequence[Activity]) -> Activity:
    """What was seen in several parts of a recording (at least one), pictures of the same size."""
    return Activity(
        movement=np.sum([part.movement for part in parts], axis=0, dtype=np.uint32),
        lit=np.sum([part.lit for part in parts], axis=0, dtype=np.uint32),
        pictures=sum(part.pictures for part in parts),
        pairs=sum(part.pairs for part in parts),
    )


class ActivitySum:
    """Adds up what was seen in parts of a recording as they come; keeps none of them."""

    def __init__(self) -> None:
        self.total: Activity | None = None  # None: of no part yet

    def add(self, part: Activity) -> None:
        """One more part, pictures of the same size."""
        self.total = part if self.total is None else combined((self.total, part))


class ActivityMeter:
    """Adds up an :class:`Activity` picture by picture; keeps none but the last."""

    def __init__(self, width: int, height: int, *, lit_from: int) -> None:
        """Begin with nothing seen.

        Args:
            width: of the pictures, in pixels.
            height: of the pictures, in pixels.
            lit_from: grey level above which a pixel counts as lit.
        """
        self._lit_from = lit_from
        self._movement = np.zeros((height, width), np.uint32)
        self._lit = np.zeros((height, width), np.uint32)
        self._before: NDArray[np.uint8] | None = None
        self._pairs = 0
        self.pictures = 0

    def add(self, luma: NDArray[np.uint8]) -> None:
        """Look at the next picture (H×W)."""
        self._lit += luma > self._lit_from
        if self._before is not None:
            change = np.maximum(luma, self._before) - np.minimum(luma, self._before)
            if np.count_nonzero(change > _CHANGE_CAP) <= _ALL_CHANGED * change.size:
                self._movement += np.minimum(change, _CHANGE_CAP)
                self._pairs += 1
        self._before = luma.copy()
        self.pictures += 1

    def activity(self) -> Activity:
        """What was seen so far."""
        return Activity(self._movement, self._lit, self.pictures, self._pairs)


def moving_region(active: Mask, *, cell: int = _CELL) -> Box | None:
    """The rectangle of the one moving picture among active pixels (H×W).

    Args:
        active: what :attr:`Activity.active` says.
        cell: side of the squares that are joined to regions; 1 where the pixels are samples already.

    Returns:
        Its measured edges; None where nothing large moves, or two regions are about as large.
    """
    cells = _cells(active, cell)
    regions = sorted(_regions(cells, cell), key=lambda region: region.size, reverse=True)
    if not regions:
        return None
    largest = regions[0]
    rival = regions[1].size if len(regions) > 1 else 0
    if largest.size < _MIN_AREA * cells.size or rival > _RIVAL * largest.size:
        return None
    box = _edges(active, largest.box, cell)
    if box is None or active[box.slices].mean() < _MIN_FILL:
        return None
    return box


def kept_image(region: Box) -> Box:
    """The image box to propose for a measured region: smaller by the safety margin, on even pixels."""
    margin = SAFETY_MARGIN
    inner = Box(region.x + margin, region.y + margin, region.width - 2 * margin, region.height - 2 * margin)
    return inner.shrunk_to_even()


def hull(active: Mask) -> Mask:
    """The pixels between the outermost active ones of their row, and of their column."""
    return _between(active) & _between(active.T).T


def widened(mask: Mask, margin: int) -> Mask:
    """The mask (H×W) with ``margin`` pixels more on every side of whatever is true."""
    wide = mask.copy()
    for _ in range(margin):
        wide[1:] |= wide[:-1].copy()
        wide[:-1] |= wide[1:].copy()
    for _ in range(margin):
        wide[:, 1:] |= wide[:, :-1].copy()
        wide[:, :-1] |= wide[:, 1:].copy()
    return wide


@dataclass(frozen=True, slots=True)
class _Region:
    box: Box  # in pixels
    size: int  # cells


def _between(active: Mask) -> Mask:
    after_first = np.logical_or.accumulate(active, axis=1)
    before_last = np.logical_or.accumulate(active[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(after_first & before_last)


def _cells(active: Mask, side: int) -> Mask:
    rows, columns = (n // side for n in active.shape)
    whole = active[: rows * side, : columns * side]
    share = whole.reshape(rows, side, columns, side).mean(axis=(1, 3))
    return np.asarray(share >= _CELL_FULL)


def _regions(cells: Mask, side: int) -> list[_Region]:
    """Groups of active cells that touch at a side."""
    runs = [(row, first, behind) for row, line in enumerate(cells) for first, behind in _runs(line)]
    parents = list(range(len(runs)))
    above: list[int] = []
    current: list[int] = []
    for number, (row, first, behind) in enumerate(runs):
        if current and runs[current[0]][0] != row:
            above, current = (current if runs[current[0]][0] == row - 1 else []), []
        current.append(number)
        for other in above:
            if runs[other][1] < behind and first < runs[other][2]:
                parents[_root(parents, other)] = _root(parents, number)
    groups: dict[int, list[tuple[int, int, int]]] = {}
    for number, run in enumerate(runs):
        groups.setdefault(_root(parents, number), []).append(run)
    return [_as_region(group, side) for group in groups.values()]


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def _as_region(runs: list[tuple[int, int, int]], side: int) -> _Region:
    top, bottom = runs[0][0], runs[-1][0] + 1
    left, right = min(run[1] for run in runs), max(run[2] for run in runs)
    box = Box(left * side, top * side, (right - left) * side, (bottom - top) * side)
    return _Region(box, sum(behind - first for _, first, behind in runs))


def _runs(line: Mask) -> list[tuple[int, int]]:
    """First and first-after of the runs of true values."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], line, [False])).astype(np.int8)))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))


def _edges(active: Mask, rough: Box, side: int) -> Box | None:
    """The rectangle to the pixel, starting from one that is right to a cell."""
    height, width = active.shape
    around = rough.grown(side, width, height)
    part = active[around.slices]
    columns = _extent(part.sum(axis=0) / rough.height)
    if columns is None:
        return None
    rows = _extent(part[:, columns[0] : columns[1]].mean(axis=1))
    if rows is None:
        return None
    # Once more, now that nothing above and below counts any longer.
    columns = _extent(part[rows[0] : rows[1]].mean(axis=0)) or columns
    return Box(around.x + columns[0], around.y + rows[0], columns[1] - columns[0], rows[1] - rows[0])


def _extent(share: NDArray[np.float64]) -> tuple[int, int] | None:
    """First and first-after of the columns (or rows) that belong to the picture.

    From where it is certain, the edge goes on outwards as far as it slopes like a round one; where
    it goes on for longer, something else is beside the picture, and it ends where it is certain.
    """
    bodies = _runs(share >= _BODY)
    if not bodies:
        return None
    first, behind = max(bodies, key=lambda run: run[1] - run[0])
    reach = round(_SLOPE * (behind - first))
    inside = share >= _EDGE
    before = int(np.argmin(inside[:first][::-1])) if not inside[:first].all() else first
    after = int(np.argmin(inside[behind:])) if not inside[behind:].all() else len(share) - behind
    return (
        first - (before if before <= reach else 0),
        behind + (after if after <= reach else 0),
    )
