"""What the endoscopic image looks like at one moment, in a handful of numbers.

They are taken beside the encoding, a few times a second, and later tell the inside of a body from
a room (:mod:`endoreg_db.deid.video.outside`). Colours are measured against the light that falls on
them, so that they mean the same in bright and in dim pictures.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.video.cadence import Cadence
from endoreg_db.deid.video.mask import Plane, black

LOOK_SECONDS = 0.2  # between two looks
_SAMPLES = 64  # rows that are looked at, whatever the size of the image
_DIM, _BLINDING = 20, 195  # grey levels above black; beyond them a colour is not to be trusted
_LEAST = 0.20  # share of the pixels that must lie between them

#: Red minus blue chroma from which tissue, blood, bile and stool begin; all in shares of the light.
_WARM = 0.15
_GREY = 0.10  # summed chroma up to which a thing is white, grey or black
_VIVID = 0.30  # chroma of dyed cloth and coloured lights
_FARTHEST = 0.5  # a colour counts as at most that far from the usual one, so that a spot weighs little
_LIGHT_FLOOR = 8.0  # grey levels added to the light, so that noise in the dark does not become colour


@dataclass(frozen=True, slots=True)
class Appearance:
    """One look at the image. All values are shares of the pixels with a colour to be trusted."""

    time: int  # presentation time in ticks
    warm: float  # coloured as tissue, blood, bile or stool are in white light
    grey: float  # without colour: walls, metal, paper
    vivid: float  # strongly blue or green, as cloth is
    spread: float  # mean distance of the colours from the usual one
    judged: bool  # False: too dark or too bright to say anything


def packed(looks: Iterable[Appearance]) -> array[float]:
    """The looks as bare numbers: an hour has twenty thousand, which as objects are four times as large."""
    return array("d", (n for a in looks for n in (a.time, a.warm, a.grey, a.vivid, a.spread, a.judged)))


def unpacked(numbers: array[float]) -> Iterator[Appearance]:
    """What was packed; times up to 2⁵³ ticks are the same."""
    rows = iter(numbers)
    for time, warm, grey, vivid, spread, judged in zip(*[rows] * 6, strict=True):
        yield Appearance(int(time), warm, grey, vivid, spread, bool(judged))


def appearance(planes: Sequence[Plane], image: Box, time: int, *, full_range: bool) -> Appearance:
    """Look at the image of one frame.

    Args:
        planes: the frame's luma (H×W) and chroma (H/2×W/2), 8-bit 4:2:0.
        image: where the endoscopic image lies in it; even.
        time: the frame's presentation time in ticks.
        full_range: whether luma black is 0 (else 16).
    """
    light, blue, red = _samples(planes, image, black(full_range=full_range)[0])
    trusted = (light > _DIM) & (light < _BLINDING)
    if np.count_nonzero(trusted) < _LEAST * light.size:
        return Appearance(time, 0.0, 0.0, 0.0, 0.0, judged=False)
    by = light[trusted] + _LIGHT_FLOOR
    blue, red = blue[trusted] / by, red[trusted] / by
    away = np.hypot(blue - np.median(blue), red - np.median(red))
    return Appearance(
        time,
        warm=float(np.mean(red - blue > _WARM)),
        grey=float(np.mean(np.abs(red) + np.abs(blue) < _GREY)),
        vivid=float(np.mean((red < blue) & (np.hypot(red, blue) > _VIVID))),
        spread=float(np.mean(np.minimum(away, _FARTHEST))),
        judged=True,
    )


class AppearanceWatch:
    """Looks at the image of frame after frame, a few times a second."""

    def __init__(self, image: Box | None, *, full_range: bool, time_base: float) -> None:
        """Look at ``image``, or at nothing; ``time_base`` is seconds per tick."""
        self._image = image
        self._full_range = full_range
        self._cadence = Cadence(LOOK_SECONDS, time_base)
        self.looks: list[Appearance] = []

    def see(self, planes: Sequence[Plane], time: int) -> None:
        """Look at a frame, shown at ``time`` (ticks), if it is time to."""
        if self._image is None or not self._cadence.is_due(time):
            return
        self.looks.append(appearance(planes, self._image, time, full_range=self._full_range))


def _samples(planes: Sequence[Plane], image: Box, dark: int) -> tuple[NDArray[np.float32], ...]:
    """Luma above black and both chroma planes around grey, at the same places of the image."""
    step = max(2, image.height // _SAMPLES // 2 * 2)
    luma = planes[0][image.slices][::step, ::step].astype(np.float32) - dark
    half = Box(image.x // 2, image.y // 2, image.width // 2, image.height // 2)
    blue, red = (
        plane[half.slices][:: step // 2, :: step // 2].astype(np.float32) - 128 for plane in planes[1:]
    )
    return luma[: blue.shape[0], : blue.shape[1]], blue, red
