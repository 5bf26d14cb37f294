"""Does a frame look like the device's, and if not, why? A frame that does not is blanked whole.

Worklists, data-entry screens, colour bars and other devices' pictures show names where this device
shows the endoscopic image. Each frame is judged by itself, without regard to its neighbours, so
that a worklist of a single frame is caught as well.

The rules hold for any profile; they use only where the image lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.mask import Plane, black, kept_box

_STEP = 16  # pixels between the samples that are looked at; even, so that colour samples match
_EDGE_ROWS = 12  # pixels between the rows in which sharp edges are counted

LIT = 48  # grey levels above black from which a pixel counts as lit
#: Share of lit pixels outside the image. Text, icons and a waveform panel stay below a quarter.
_MAX_LIT_OUTSIDE = 0.35
_GUTTER = 8  # pixels beside the image that the device leaves dark, but for thin lines
#: Pixels between image and gutter: a proposed image box is smaller than the image by about as much.
_GUTTER_GAP = 6
_MAX_LIT_GUTTER = 0.30
#: Distance of Cb and Cr (summed) from grey. Mucosa, also in narrow-band light, is beyond it.
_GREY = 8
_MAX_GREY = 0.70  # share of the lit pixels
#: Pixels in a thousand with a step of ``_SHARP`` grey levels to their neighbours: print, not tissue.
_SHARP = 56
_MAX_SHARP = 0.006
#: Colour bars: rows of the image that are far apart are alike, and step from column to column.
_BAR_ROWS = 64  # pixels between the rows that are compared
_BAR_ALIKE = 8  # grey levels
_BAR_STEP = 12  # grey levels
_BAR_STEPS = 4
_BAR_COLUMNS = 0.8  # share of the columns that must be alike
#: A second picture fills this share of its own box, and at most that share of what is outside.
_PICTURE_FILL = 0.8
_PICTURE_OUTSIDE = 0.85

#: Why a frame does not look like the device's.
Mismatch = Literal[
    "other_size", "colour_bars", "form", "second_picture", "still_picture", "other_layout", "beyond_edge"
]

#: In words, to follow "blanked whole:".
REASONS: Mapping[Mismatch, str] = MappingProxyType(
    {
        "other_size": "the frame has another size than the device's",
        "colour_bars": "colour bars",
        "form": "a form or list fills the picture",
        "second_picture": "a second picture beside the image (picture in picture, or a second device)",
        "still_picture": "a still picture fills the frame",
        "other_layout": "what should be dark is not (another layout, a second device or another program)",
        "beyond_edge": "the picture reaches beyond the edge of the device's image",
    }
)


class LayoutGuard:
    """Compares frames with one device's layout. Built once for a recording; holds no frame."""

    def __init__(self, profile: DeviceProfile, *, full_range: bool) -> None:
        """Prepare for 8-bit 4:2:0 frames of the profile's size."""
        width, height = profile.frame_width, profile.frame_height
        self._lit = black(full_range=full_range)[0] + LIT
        self._image = kept_box(profile)
        self._frame = Box(0, 0, width, height).shrunk_to_even()
        outside = np.ones((height, width), np.bool_)
        outside[self._image.slices] = False
        self._outside = outside[::_STEP, ::_STEP]
        self._gutters = _gutters(self._image, width, height)

    def fits(self, planes: Sequence[Plane]) -> bool:
        """Whether the frame (its three planes) looks like the device's."""
        return self.mismatch(planes) is None

    def mismatch(self, planes: Sequence[Plane]) -> Mismatch | None:
        """Why the frame (its three planes) does not look like the device's; None if it does."""
        luma = planes[0]
        if _are_bars(luma[self._image.slices], self._lit):
            return "colour_bars"
        if not self._dark_outside(luma):
            return self._what_is_outside(planes)
        if any(self._lit_share(luma[box.slices]) > _MAX_LIT_GUTTER for box in self._gutters):
            return "beyond_edge"
        return "form" if self._looks_printed(planes) else None

    def _what_is_outside(self, planes: Sequence[Plane]) -> Mismatch:
        """What a frame shows that is lit where the device is dark."""
        luma = planes[0]
        if _are_bars(luma, self._lit):
            return "colour_bars"
        if self._is_grey(planes, self._frame) and _sharpness(luma) > _MAX_SHARP:
            return "form"
        lit = (luma[::_STEP, ::_STEP] > self._lit) & self._outside
        rows, columns = (np.flatnonzero(lit.mean(axis=axis) > 0.1) for axis in (1, 0))
        if len(rows) and len(columns):
            box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            fills_its_box = lit[box].sum() > _PICTURE_FILL * self._outside[box].sum()
            if fills_its_box and self._outside[box].sum() < _PICTURE_OUTSIDE * self._outside.sum():
                return "second_picture"
        return "other_layout"

    def _dark_outside(self, luma: Plane) -> bool:
        outside = luma[::_STEP, ::_STEP][self._outside]
        return outside.size == 0 or self._lit_share(outside) <= _MAX_LIT_OUTSIDE

    def _lit_share(self, part: NDArray[np.uint8]) -> float:
        return float(np.count_nonzero(part > self._lit)) / part.size

    def _looks_printed(self, planes: Sequence[Plane]) -> bool:
        """A form fills the image: nearly all that is lit is grey, and it has the edges of print."""
        return self._is_grey(planes, self._image) and _sharpness(planes[0][self._image.slices]) > _MAX_SHARP

    def _is_grey(self, planes: Sequence[Plane], part: Box) -> bool:
        luma = planes[0][part.slices][::_STEP, ::_STEP]
        half = Box(part.x // 2, part.y // 2, part.width // 2, part.height // 2)
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
    near = image.grown(_GUTTER_GAP, width, height)
    far = image.grown(_GUTTER_GAP + _GUTTER, width, height)
    strips = ((far.x, near.x), (near.right, far.right))
    return tuple(Box(a, image.y, b - a, image.height) for a, b in strips if b > a)


def _are_bars(luma: Plane, lit: int) -> bool:
    """Whether the picture consists of upright bars of different brightness, at least in its upper half.

    Below there may be other bars; the top may be cut by an octagonal mask.
    """
    height = luma.shape[0]
    first, last = (luma[row, ::_STEP].astype(np.int16) for row in (height // 8, height // 2))
    # Nearly every frame is dismissed here, by two rows.
    if not _alike(first, last) or np.count_nonzero(first > lit) < len(first) // 2:
        return False
    rows = luma[height // 8 : height // 2 : max(1, min(_BAR_ROWS, height // 8)), ::_STEP].astype(np.int16)
    steps = np.count_nonzero(np.abs(np.diff(first)) > _BAR_STEP)
    return bool(steps >= _BAR_STEPS) and all(_alike(first, row) for row in rows)


def _alike(row: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    return int(np.count_nonzero(np.abs(row - other) <= _BAR_ALIKE)) >= _BAR_COLUMNS * len(row)


def _sharpness(luma: Plane) -> float:
    """Share of pixels that differ sharply from the one two to the right."""
    rows = luma[::_EDGE_ROWS].astype(np.int16)
    steps = np.abs(rows[:, 2:] - rows[:, :-2])
    return int(np.count_nonzero(steps > _SHARP)) / int(steps.size)
