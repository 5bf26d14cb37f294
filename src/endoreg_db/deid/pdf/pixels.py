"""From points to pixels and back."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.reports.words import Rect


def to_pixels(rect: Rect, scale: float, shape: tuple[int, ...]) -> Box | None:
    """All pixels that a rectangle touches, inside a picture of that shape; None if there are none.

    Args:
        rect: in points.
        scale: pixels per point.
        shape: rows and columns first.
    """
    left, top = max(0, floor(rect.x0 * scale)), max(0, floor(rect.y0 * scale))
    right, bottom = min(shape[1], ceil(rect.x1 * scale)), min(shape[0], ceil(rect.y1 * scale))
    return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


def all_to_pixels(rects: Iterable[Rect], scale: float, shape: tuple[int, ...]) -> list[Box]:
    """As :func:`to_pixels`, of those of which something lies in the picture."""
    return [box for rect in rects if (box := to_pixels(rect, scale, shape)) is not None]


def brightest(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The brightest of the three channels of each pixel; ten times as fast as ``max(axis=2)``."""
    return np.maximum(np.maximum(picture[:, :, 0], picture[:, :, 1]), picture[:, :, 2])


def darkest(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The darkest of the three channels of each pixel."""
    return np.minimum(np.minimum(picture[:, :, 0], picture[:, :, 1]), picture[:, :, 2])


def to_points(box: Box, scale: float) -> Rect:
    """The box in points; ``scale`` is in pixels per point."""
    return Rect(box.x / scale, box.y / scale, box.right / scale, box.bottom / scale)
