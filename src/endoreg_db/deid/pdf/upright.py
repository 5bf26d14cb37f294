"""Turning a scanned page upright: by quarter turns, and by the few degrees that it lies askew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import SpacedLine, TextReader
from endoreg_db.deid.pdf.document import Picture
from endoreg_db.deid.pdf.written import detect_written
from endoreg_db.deid.reports.words import Rect

#: Degrees that a page may lie askew, and below which it is left as it is.
LARGEST_SKEW, _LEAST_SKEW = 3.5, 0.12
_SMALL_SIDE, _SMALLEST_SIDE = 900, 450  # pixels to which a page is shrunk to find its skew, and roughly
_SPARSE = 16  # one pixel of so many, along each side, tells the paper's tone
#: Lines that are read to tell which way up a page is, and how many if one of them seems upside down: with
#: three alone, six of thirty pages were turned by a label that was stuck on so.
_TRIED, _TRIED_IN_DOUBT = 3, 9
_SURELY_READ = 0.9  # mean confidence; upside-down lines of a test page were read at 0.60 to 0.66


@dataclass(frozen=True, slots=True)
class View:
    """How to draw a page so that its lines run from left to right; the same view, the same pixels."""

    dpi: float
    turn: int = 0  # degrees clockwise from the page as displayed: 0, 90, 180, 270
    skew: float = 0.0  # degrees clockwise, after the turn

    def apply(self, picture: Picture) -> Picture:
        """The page as displayed, turned upright."""
        return straightened(turned(picture, self.turn), self.skew)


def turned(picture: Picture, turn: int) -> Picture:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(picture, -(turn // 90)))


def turned_box(box: Rect, turn: int, width: float, height: float) -> Rect:
    """A box of a page of that size after the page was turned clockwise."""
    if turn == 90:
        return Rect(height - box.y1, box.x0, height - box.y0, box.x1)
    if turn == 180:
        return Rect(width - box.x1, height - box.y1, width - box.x0, height - box.y0)
    if turn == 270:
        return Rect(box.y0, width - box.x1, box.y1, width - box.x0)
    return box


def straightened(picture: Picture, skew: float) -> Picture:
    """The picture turned clockwise by a few degrees, on paper of its own tone and in its own size."""
    if not skew:
        return picture
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -skew, 1.0)
    paper = [float(tone) for tone in np.median(picture[::_SPARSE, ::_SPARSE].reshape(-1, 3), axis=0)]
    return np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=paper), np.uint8
    )


def skew_of(picture: Picture) -> float:
    """Degrees clockwise by which the picture has to be turned so that its lines lie along an axis."""
    small = _small_ink(picture)
    smaller = _shrunk(small, _SMALLEST_SIDE)
    coarse = max(np.arange(-LARGEST_SKEW, LARGEST_SKEW + 0.01, 0.5), key=lambda a: _sharpness(smaller, a))
    fine = max(np.arange(coarse - 0.5, coarse + 0.51, 0.1), key=lambda a: _sharpness(small, a))
    return round(float(fine), 2) if abs(fine) >= _LEAST_SKEW else 0.0


def _small_ink(picture: Picture) -> Picture:
    """Ink as white on black, small."""
    return np.asarray(255 - _shrunk(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), _SMALL_SIDE), np.uint8)


def _shrunk(grey: NDArray[Any], side: int) -> NDArray[Any]:
    """The picture with ``side`` pixels along its longer side, or as it is."""
    factor = min(1.0, side / max(grey.shape))
    return np.asarray(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _sharpness(ink: Picture, angle: float) -> float:
    """How much the ink gathers in rows, or in columns, once turned clockwise by ``angle``."""
    height, width = ink.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -float(angle), 1.0)
    moved = np.asarray(cv2.warpAffine(ink, matrix, (width, height)), np.float32)
    margin = max(4, min(height, width) // 20)  # what turning brings in at the edges
    inner = moved[margin:-margin, margin:-margin]
    return max(float(np.square(np.diff(inner.mean(axis=axis))).sum()) for axis in (0, 1))


@dataclass(frozen=True, slots=True)
class Upright:
    """How a page was turned upright, and what was found out on the way."""

    view: View
    picture: Picture  # the page in that view
    boxes: tuple[Box, ...]  # where text is then, one line each, from top to bottom
    read: Mapping[Box, SpacedLine]  # some of these lines, read already


def upright_view(picture: Picture, dpi: float, reader: TextReader, smallest: int) -> Upright:
    """How to turn a scanned page upright, and where text is on it then.

    Args:
        picture: the page as displayed.
        dpi: its pixels per inch.
        reader: tells which way up letters are.
        smallest: pixels per em of the smallest text.
    """
    skew = skew_of(picture)
    view = View(dpi, 0, skew)
    shown = view.apply(picture)
    boxes = detect_written(reader, shown, smallest)
    if _run_down(boxes):
        view = View(dpi, 90, skew)
        shown = view.apply(picture)
        boxes = detect_written(reader, shown, smallest)
    read, upside_down = _tried(shown, _by_width(boxes), reader)
    if upside_down:
        height, width = shown.shape[:2]
        boxes = [Box(width - box.right, height - box.bottom, box.width, box.height) for box in boxes]
        view, read = View(dpi, view.turn + 180, skew), {}
        shown = view.apply(picture)
    return Upright(view, shown, tuple(sorted(boxes, key=lambda box: (box.y, box.x))), read)


def _run_down(boxes: list[Box]) -> bool:
    """Whether most of the text runs along the columns."""
    # The reader makes boxes wider by 0.3 of their height to each side, which is much for upright ones.
    sides = [(max(1.0, box.width - 0.6 * box.height), box.height) for box in boxes]
    long = [(width, height) for width, height in sides if max(width, height) > 2 * min(width, height)]
    return sum(height > width for width, height in long) > len(long) / 2


def _by_width(boxes: list[Box]) -> list[Box]:
    """The lines that are long enough to tell, the shortest first."""
    return sorted((box for box in boxes if box.width > 3 * box.height), key=lambda box: box.width)


def _spread(lines: list[Box], count: int) -> list[Box]:
    """At most so many of the lines, with as many others between each two."""
    return lines[:: max(1, ceil(len(lines) / count))]


def _tried(picture: Picture, lines: list[Box], reader: TextReader) -> tuple[Mapping[Box, SpacedLine], bool]:
    """Some of the lines as they were read, and whether they read better the other way up.

    Args:
        picture: the page.
        lines: the shortest first; of the shorter half none is read where there is no need to.
        reader: the OCR engine.
    """
    few = _spread(lines[len(lines) // 2 :], _TRIED)
    read = {box: reader.read_spaced(picture[box.slices]) for box in few}
    if sum(line.confidence for line in read.values()) >= _SURELY_READ * len(read):
        return read, False
    flipped = {box: surely_flipped(picture[box.slices], reader) for box in few}
    if any(flipped[box] > read[box].confidence for box in few):
        more = [box for box in _spread(lines, _TRIED_IN_DOUBT) if box not in read]
        read |= {box: reader.read_spaced(picture[box.slices]) for box in more}
        flipped |= {box: surely_flipped(picture[box.slices], reader) for box in more}
    return read, sum(flipped.values()) > sum(line.confidence for line in read.values())


def surely_flipped(line: Picture, reader: TextReader) -> float:
    """How surely the picture of a line is read upside down, from 0 to 1."""
    return reader.read_spaced(turned(line, 180)).confidence
