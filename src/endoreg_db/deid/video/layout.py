"""Does a frame look like the device's? A frame that does not is blanked whole.

Worklists, data-entry screens, colour bars and other devices' pictures show names where this device
shows the endoscopic image. Each frame is judged by itself, without regard to its neighbours, so
that a worklist of a single frame is caught as well.

The rules hold for any profile; they use only where the image lies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.mask import Plane, black, kept_box

_STEP = 16  # pixels between the samples that are looked at; even, so that colour samples match
_EDGE_ROWS = 12  # pixels between the rows in which sharp edges are counted

_LIT = 48  # grey levels above black from which a pixel counts as lit
#: Share of lit pixels outside the image. Text, icons and a waveform panel stay below a quarter.
_MAX_LIT_OUTSIDE = 0.35
_GUTTER = 16  # pixels beside the image that the device leaves dark, but for thin lines
_MAX_LIT_GUTTER = 0.30
#: Distance of Cb and Cr (summed) from grey. Mucosa, also in narrow-band light, is beyond it.
_GREY = 8
_MAX_GREY = 0.70  # share of the lit pixels
#: Pixels in a thousand with a step of ``_SHARP`` grey levels to their neighbours: print, not tissue.
_SHARP = 56
_MAX_SHARP = 0.006


class LayoutGuard:
    """Compares frames with one device's layout. Built once for a recording; holds no frame."""

    def __init__(self, profile: DeviceProfile, *, full_range: bool) -> None:
        """Prepare for 8-bit 4:2:0 frames of the profile's size."""
        width, height = profile.frame_width, profile.frame_height
        self._lit = black(full_range=full_range)[0] + _LIT
        self._image = kept_box(profile)
        outside = np.ones((height, width), np.bool_)
        outside[self._image.slices] = False
        self._outside = outside[::_STEP, ::_STEP]
        self._gutters = _gutters(self._image, width, height)

    def fits(self, planes: Sequence[Plane]) -> bool:
        """Whether the frame (its three planes) looks like the device's."""
        luma = planes[0]
        return (
            self._dark_outside(luma)
            and all(self._lit_share(luma[box.slices]) <= _MAX_LIT_GUTTER for box in self._gutters)
            and not self._looks_printed(planes)
        )

    def _dark_outside(self, luma: Plane) -> bool:
        outside = luma[::_STEP, ::_STEP][self._outside]
        return outside.size == 0 or self._lit_share(outside) <= _MAX_LIT_OUTSIDE

    def _lit_share(self, part: NDArray[np.uint8]) -> float:
        return float(np.count_nonzero(part > self._lit)) / part.size

    def _looks_printed(self, planes: Sequence[Plane]) -> bool:
        """A form fills the image: nearly all that is lit is grey, and it has the edges of print."""
        return self._is_grey(planes) and _sharpness(planes[0][self._image.slices]) > _MAX_SHARP

    def _is_grey(self, planes: Sequence[Plane]) -> bool:
        luma = planes[0][self._image.slices][::_STEP, ::_STEP]
        half = Box(self._image.x // 2, self._image.y // 2, self._image.width // 2, self._image.height // 2)
        cb, cr = (
            np.abs(plane[half.slices][:: _STEP // 2, :: _STEP // 2].astype(np.int16) - 128)
            for plane in planes[1:]
        )
        lit = luma > self._lit
        count = int(np.count_nonzero(lit))
        grey = int(np.count_nonzero((cb + cr)[lit] <= _GREY))
        return count > 0 and grey > _MAX_GREY * count


def _gutters(image: Box, width: int, height: int) -> tuple[Box, ...]:
    """The strips left and right of the image, as far as the frame has them."""
    near = image.grown(_GUTTER, width, height)
    strips = ((near.x, image.x), (image.right, near.right))
    return tuple(Box(a, image.y, b - a, image.height) for a, b in strips if b > a)


def _sharpness(luma: Plane) -> float:
    """Share of pixels that differ sharply from the one two to the right."""
    rows = luma[::_EDGE_ROWS].astype(np.int16)
    steps = np.abs(rows[:, 2:] - rows[:, :-2])
    return int(np.count_nonzero(steps > _SHARP)) / int(steps.size)
