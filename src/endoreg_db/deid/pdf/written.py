"""The parts of a scanned page that anything is written on: OCR has nothing to find on bare paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.document import Picture

_BLOCK: Final = 16  # pixels; one of a page of 200 dpi holds two letters of small print
#: Percent of a page that are bare paper at least; the roughest of them is how rough paper is.
_BARE: Final = 10
#: How much rougher than that a block is which has something on it. Noise alone came to 1.6 on turned and
#: compressed scans; print that is darker than paper by six times the noise comes to more, wherever it fills a
#: twentieth of a block.
_ROUGHER: Final = 2.0
_LEAST: Final = 1.0  # grey levels, of paper without any noise
_AROUND: Final = 48  # pixels that the engine needs around letters


def written_parts(picture: Picture) -> list[Box]:
    """The rectangles, from top to bottom, that hold every block of pixels which differs from bare paper.

    Between two of them are so many empty rows that no line lies in both.

    Args:
        picture: H×W×3, the page.

    Returns:
        The whole page if nothing differs, or if paper cannot be told from print.
    """
    there = _rough_blocks(picture)
    height, width = picture.shape[:2]
    down, across = height / there.shape[0], width / there.shape[1]
    rows = np.flatnonzero(there.any(axis=1))
    if not len(rows):
        return [Box(0, 0, width, height)]
    parts = []
    for band in np.split(rows, np.flatnonzero(np.diff(rows) * down > 3 * _AROUND) + 1):
        columns = np.flatnonzero(there[band[0] : band[-1] + 1].any(axis=0))
        x, y = int(columns[0] * across), int(band[0] * down)
        right, bottom = ceil((columns[-1] + 1) * across), ceil((band[-1] + 1) * down)
        parts.append(Box(x, y, right - x, bottom - y).grown(_AROUND, width, height))
    return parts


def _rough_blocks(picture: Picture) -> NDArray[np.bool_]:
    """For each block of the page whether it is rougher than paper, by the deviation of its grey levels."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = grey.shape
    size = (max(1, width // _BLOCK), max(1, height // _BLOCK))
    mean = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    squares = np.asarray(cv2.resize(np.square(grey), size, interpolation=cv2.INTER_AREA))
    rough = np.sqrt(np.maximum(squares - np.square(mean), 0.0))
    return np.asarray(rough > max(_LEAST, _ROUGHER * float(np.percentile(rough, _BARE))))


def detect_written(reader: TextReader, picture: Picture, smallest: int) -> list[Box]:
    """Where upright text may be on a page; see :meth:`TextReader.detect`."""
    return [
        box
        for part in written_parts(picture)
        for box in placed(part, reader.detect(picture[part.slices], smallest=smallest))
    ]


def placed(part: Box, boxes: Iterable[Box]) -> Iterator[Box]:
    """Boxes of a part of a picture, in the picture."""
    return (Box(part.x + box.x, part.y + box.y, box.width, box.height) for box in boxes)
