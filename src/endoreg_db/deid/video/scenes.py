"""Which of the output's pictures OCR looks at: each distinct scene, and whatever may be print.

OCR takes as long as decoding a hundred frames, so it cannot see them all. A frame is looked at when
it is the first or the last, when the last look is ten seconds old, when the scene changes at once,
or when sharp edges appear somewhere as print has them, were it for a single frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.video.mask import Plane

LOOK_SECONDS = 10.0  # longest time without a look
_CUT = 20.0  # grey levels; mean change from one frame to the next that makes a new scene
_CUT_PAUSE = 1.0  # seconds between two looks for that reason
_THUMB_STEP = 16  # pixels between the samples that are compared for cuts

_SHARP = 56  # grey levels between pixels two apart: print has such steps, mucosa hardly any
_ROW_STEP = 6  # pixels between the rows in which they are counted
_TILES = (12, 10)  # rows and columns of tiles, each about as high as two lines of print
#: More sharp steps in one tile than ever seen at a look, as a share of its pixels. Drawn mucosa
#: with highlights stays below 0.005 from look to look, a short name adds 0.013.
_PRINT = 0.009


class SceneWatcher:
    """Picks the frames of one piece, given in order, that are worth a look."""

    def __init__(self) -> None:
        self._looked_at: float | None = None
        self._steps: NDArray[np.int64] | None = None  # most sharp steps per tile at any look
        self._thumb: NDArray[np.int16] | None = None  # of the frame before

    def wants(self, luma: Plane, at: float) -> bool:
        """Whether OCR should look at this picture (H×W, the kept part only) at ``at`` seconds."""
        steps, room = sharp_steps(luma)
        cut = self._is_cut(luma)
        since = None if self._looked_at is None else at - self._looked_at
        wanted = (
            since is None
            or self._steps is None
            or since >= LOOK_SECONDS
            or (cut and since >= _CUT_PAUSE)
            or int((steps - self._steps).max()) > _PRINT * room
        )
        if wanted:
            self._looked_at = at
            # The maximum of all looks: bubbles and instruments are looked at once, not again and again.
            self._steps = steps if self._steps is None else np.maximum(self._steps, steps)
        return wanted

    def _is_cut(self, luma: Plane) -> bool:
        thumb = luma[::_THUMB_STEP, ::_THUMB_STEP].astype(np.int16)
        before, self._thumb = self._thumb, thumb
        return before is not None and float(np.abs(thumb - before).mean()) > _CUT


def sharp_steps(luma: Plane) -> tuple[NDArray[np.int64], int]:
    """How many pixels of each tile differ sharply from their neighbour, and how many it has at most."""
    rows = luma[::_ROW_STEP]
    left, right = rows[:, :-2], rows[:, 2:]
    sharp = np.maximum(left, right) - np.minimum(left, right) > _SHARP
    down, across = (max(1, n // parts) for n, parts in zip(sharp.shape, _TILES, strict=True))
    tiles = sharp[: sharp.shape[0] // down * down, : sharp.shape[1] // across * across]
    counted = tiles.reshape(tiles.shape[0] // down, down, -1, across).sum(axis=(1, 3))
    return counted, down * across
