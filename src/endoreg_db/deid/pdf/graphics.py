"""What is drawn on a page and is neither a word that was read, a rule, nor a picture that may stay.

An allow-list, as for recordings: a logo, a stamp, a signature, handwriting, a bar code or a face need
not be recognised as such. What has edges and is not explained is blanked.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.pdf.document import Picture
from endoreg_db.deid.pdf.pixels import brightest, darkest

Mask = NDArray[np.uint8]  # 0 or 1

#: Grey levels between neighbours that make an edge on a scan, whose paper has texture; on a page that was
#: never paper, where a pale letterhead is 30 levels from white; and on such a page after JPEG, which makes
#: edges thicker that are fainter.
EDGE_OF_SCAN, EDGE_OF_DRAWING, EDGE_AFTER_JPEG = 40, 10, 28
#: Inches of the shortest line that is a rule, whatever crosses it.
_RULE = 1.0
#: Inches within which parallel rules are no table but a bar code, and how wide such a group must be.
_BARS_APART, _BARS_WIDE = 0.09, 0.2
#: Inches that a mark may measure and stay: bullets, boxes to tick, dots.
_SMALL = 10 / 72
#: Inches that a short line may be thick.
_THIN = 3 / 72
#: Inches between two strokes of one drawing.
_NEAR = 0.09


def unexplained(
    picture: Picture, pictures: Sequence[Box], words: Sequence[Box], dpi: float, edge: int
) -> list[Box]:
    """The areas of a page that hold drawings nobody has accounted for.

    Args:
        picture: the page.
        pictures: pictures and drawings that were judged, in pixels.
        words: words that were read, and areas that are filled, in pixels; they may lie on a rule.
        dpi: pixels per inch.
        edge: grey levels between neighbours from which on something is drawn there.
    """
    ink = _edges(picture, edge)
    _take_out(ink, pictures)
    ink = np.where(_rules(ink, dpi) > 0, np.uint8(0), ink)
    _take_out(ink, words)  # not before: words in the narrow columns of a table would cut its rules in pieces
    return [box for box in _clusters(ink, dpi) if not _may_stay(box, dpi)]


def _take_out(ink: Mask, boxes: Sequence[Box]) -> None:
    for box in boxes:
        ink[box.grown(3, ink.shape[1], ink.shape[0]).slices] = 0


def find_pictures(picture: Picture, dpi: float) -> list[Box]:
    """The areas of a scan that are coloured or dark all over, as photographs are and print is not."""
    high, low = brightest(picture), darkest(picture)
    toned = ((high < 110) | (high - low > 50)).astype(np.uint8)
    joined = cv2.morphologyEx(toned, cv2.MORPH_CLOSE, _square(0.05 * dpi))
    solid = cv2.morphologyEx(joined, cv2.MORPH_OPEN, _square(0.2 * dpi))  # wider than any stroke of print
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.asarray(solid, np.uint8))
    return [Box(int(x), int(y), int(width), int(height)) for x, y, width, height, _ in stats[1:]]


def _square(side: float) -> Mask:
    return np.ones((max(1, round(side)),) * 2, np.uint8)


def is_blank(picture: Picture) -> bool:
    """Whether nothing at all is drawn, but for specks."""
    return int(np.count_nonzero(_edges(picture, EDGE_OF_SCAN))) < 16


def _edges(picture: Picture, edge: int) -> Mask:
    gradient = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(brightest(np.asarray(gradient, np.uint8)) > edge, np.uint8)


def _rules(ink: Mask, dpi: float) -> Mask:
    """Long straight lines, along either axis, that are not the bars of a code."""
    length = max(3, round(_RULE * dpi))
    return np.maximum(_lines_along(ink, length, dpi), _lines_along(ink.T, length, dpi).T)


def _lines_along(ink: Mask, length: int, dpi: float) -> Mask:
    """Lines of at least ``length`` pixels along the rows."""
    ink = np.ascontiguousarray(ink)
    lines = np.zeros_like(ink)
    dark = np.flatnonzero(cv2.reduce(ink, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] >= length)
    if len(dark):
        lines[dark] = cv2.morphologyEx(ink[dark], cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    if not lines.any():
        return lines
    together = cv2.morphologyEx(lines, cv2.MORPH_CLOSE, np.ones((round(_BARS_APART * dpi), 1), np.uint8))
    rows, labels, stats = _parts(np.asarray(together, np.uint8))
    bars: NDArray[np.bool_] = stats[:, cv2.CC_STAT_HEIGHT] > _BARS_WIDE * dpi
    if bars[1:].any():
        bars[0] = False
        lines[rows] = np.where(bars[labels], np.uint8(0), lines[rows])
    return np.asarray(cv2.dilate(lines, _square(5)), np.uint8)


def _clusters(ink: Mask, dpi: float) -> list[Box]:
    if not ink.any():
        return []
    near = max(3, round(_NEAR * dpi))
    joined = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((near, near), np.uint8)), np.uint8)
    rows, _, stats = _parts(joined)
    return [Box(int(x), int(rows[y]), int(width), int(height)) for x, y, width, height, _ in stats[1:]]


def _parts(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32]]:
    """What hangs together in a mask; counted only where there is anything, which takes a part of the time.

    Returns:
        The rows with anything in them and an empty one after each run of them; for each pixel of these rows
        the number of its part, 0 for none; and OpenCV's statistics of the parts, in these rows.
    """
    there = cv2.reduce(mask, 1, cv2.REDUCE_MAX)[:, 0] > 0
    there[1:] |= there[:-1].copy()
    there[0] = True  # closing may lose a line at the edge, and OpenCV crashes when it counts parts of nothing
    rows = np.flatnonzero(there)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask[rows])
    return rows, np.asarray(labels, np.int32), np.asarray(stats, np.int32)


def _may_stay(box: Box, dpi: float) -> bool:
    small = max(box.width, box.height) <= _SMALL * dpi
    return small or min(box.width, box.height) <= _THIN * dpi
