"""Which of the output's pictures OCR looks at: each distinct scene, and whatever may be print.

OCR takes as long as decoding a hundred frames, so it cannot see them all. A frame is looked at when
it is the first or the last, when the last look is ten seconds old, when the scene changes at once,
or when somewhere there are more strokes, as fine as those of print, than there were: in the frames
right before it, were it for a single frame and hardly brighter than what is behind, or at any look.
Seconds are those of the recording's clock, but never more frames than the fastest recording has in them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.video.cadence import most_frames
from endoreg_db.deid.video.looks import Allowance
from endoreg_db.deid.video.mask import Plane

LOOK_SECONDS = 10.0  # longest time without a look
_CUT = 20.0  # grey levels; mean change from one frame to the next that makes a new scene
_CUT_PAUSE = 1.0  # seconds between two looks for that reason
_THUMB_STEP = 16  # pixels between the samples that are compared for cuts

_FULL = 1080  # rows of the picture for which the figures below were measured
_ROW_STEP = 6 / _FULL  # share of the picture's rows between those in which strokes are counted
_STROKE = 12  # grey levels by which a stroke, one to three pixels wide, differs from both its sides
#: Rows and columns of half tiles. A tile is two by two of them, about as high as two lines of print, and
#: overlaps its neighbours by half: a line of print on the border of one is in the middle of another.
_HALVES = (24, 20)

#: More strokes in a tile (share of its pixels) than in any of the frames right before. Drawn mucosa stays
#: below 0.028 at 1080 rows, and grows finer in smaller pictures: 0.031 at 720, 0.042 at 576, 0.082 at 360.
#: A name 20 grey levels brighter than mucosa adds 0.039 to 0.05, one of 30 levels 0.073 and more.
_COMES = 0.04
_COMES_SMALL = 0.027  # the same, to be multiplied by 1080 and divided by the picture's rows
_FORGET = 0.9  # what is left of "right before" after each frame
#: More strokes in a tile than at any look so far: print that fades in. To be multiplied by the square
#: root of 1080 divided by the picture's rows; drawn mucosa is looked at for this about once in ten seconds.
_PRINT = 0.07

#: Looks in ten seconds, for whatever reason. More would take longer than the encoding.
_MOST_LOOKS = 80


class SceneWatcher:
    """Picks the frames of one piece, given in order, that are worth a look."""

    def __init__(self) -> None:
        self._looked_at: float | None = None
        self._passed = 0  # frames since then
        self._allowance = Allowance(_MOST_LOOKS)
        self._seen: NDArray[np.float64] | None = None  # most strokes per tile at any look
        self._recent: NDArray[np.float64] | None = None  # most strokes per tile right before
        self._thumb: NDArray[np.int16] | None = None  # of the frame before
        self.sudden = False  # whether the last frame shows what the frame right before did not
        self.restless = False  # whether frames that were worth a look did not get one

    def wants(self, luma: Plane, at: float) -> bool:
        """Whether OCR should look at this picture (H×W, the kept part only) at ``at`` seconds."""
        strokes, cut = stroke_shares(luma), self._is_cut(luma)
        comes, more = self._is_print(strokes, _FULL / luma.shape[0])
        print_like, self.sudden = comes or more, comes or cut
        if print_like and self._allowance.is_used_up(at):
            self.restless, print_like = True, False
        self._passed += 1
        wanted = self._is_over(LOOK_SECONDS, at) or (cut and self._is_over(_CUT_PAUSE, at)) or print_like
        if wanted:
            self._looked_at, self._passed = at, 0
            self._allowance.use(at)
            # The maximum of all looks: bubbles and instruments are looked at once, not again and again.
            self._seen = strokes if self._seen is None else np.maximum(self._seen, strokes)
        return wanted

    def _is_over(self, seconds: float, at: float) -> bool:
        """Whether the last look is so long ago."""
        since = math.inf if self._looked_at is None else at - self._looked_at
        return since >= seconds or self._passed >= most_frames(seconds)

    def _is_print(self, strokes: NDArray[np.float64], scale: float) -> tuple[bool, bool]:
        """Whether there are more strokes than right before, and whether there are more than at any look."""
        recent, seen = self._recent, self._seen
        self._recent = strokes if recent is None else np.maximum(strokes, recent * _FORGET)
        if recent is None or seen is None:
            return False, False
        comes = float((strokes - recent).max()) > max(_COMES, _COMES_SMALL * scale)
        return comes, float((strokes - seen).max()) > _PRINT * math.sqrt(scale)

    def _is_cut(self, luma: Plane) -> bool:
        thumb = luma[::_THUMB_STEP, ::_THUMB_STEP].astype(np.int16)
        before, self._thumb = self._thumb, thumb
        return before is not None and float(np.abs(thumb - before).mean()) > _CUT


def stroke_shares(luma: Plane) -> NDArray[np.float64]:
    """Share of the pixels of each tile (23×19 of them) that lie on strokes as fine as those of print.

    Args:
        luma: the picture, H×W, at least 24 sampled rows and 24 columns large.
    """
    rows = luma[:: max(1, round(_ROW_STEP * luma.shape[0]))].astype(np.int16)
    stroke = 2 * rows[:, 2:-2]
    stroke -= rows[:, 4:]
    stroke -= rows[:, :-4]
    marks = np.abs(stroke, out=stroke) > 2 * _STROKE
    down, across = (np.arange(parts) * n // parts for parts, n in zip(_HALVES, marks.shape, strict=True))
    # Along the rows first, and in small numbers: four times as fast as the other way round.
    bands = np.add.reduceat(marks.view(np.uint8), across, axis=1, dtype=np.uint16)
    halves = np.add.reduceat(bands, down, axis=0, dtype=np.int32)
    pairs = halves[:-1] + halves[1:]
    return np.asarray((pairs[:, :-1] + pairs[:, 1:]) * (math.prod(_HALVES) / (4 * marks.size)))
