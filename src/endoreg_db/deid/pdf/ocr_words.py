"""Words that OCR reads on a page or in a part of it, in points of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import SpacedLine, TextReader
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture
from endoreg_db.deid.pdf.pixels import to_pixels, to_points
from endoreg_db.deid.pdf.upright import View
from endoreg_db.deid.pdf.word_boxes import word_spans
from endoreg_db.deid.pdf.written import placed
from endoreg_db.deid.reports.words import Rect, Word

#: Points of the smallest print that has to be found.
_SMALLEST_PRINT = 7.0
#: Below this OCR has not read but guessed: handwriting, scribbles, dirt.
LEAST_CONFIDENCE = 0.6
_LETTERS_OF_WRITING = 3
_PAPER, _TINT = 170, 30  # darkest channel of paper, and the most by which its channels differ
#: Points around a picture or drawing within which its letters are looked for.
_AROUND = 4.0
_NOTHING: Final[Mapping[Box, SpacedLine]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OcrWords:
    """What was read, and where something was written that could not be read."""

    words: tuple[Word, ...]
    unread: tuple[Rect, ...]


def _is_writing(line: SpacedLine, picture: Picture) -> bool:
    """Whether it was written, not seen into a picture: OCR takes an eye in a portrait for an O.

    Whatever has three letters or digits was. Less than that stands on paper, or it is not believed.
    """
    if sum(letter.isalnum() for letter in line.text) >= _LETTERS_OF_WRITING:
        return True
    paper = np.median(picture.reshape(-1, 3), axis=0)
    return bool(paper.min() >= _PAPER and paper.max() - paper.min() <= _TINT)


def smallest_print(dpi: float) -> int:
    """Pixels per em of the smallest print at a resolution."""
    return max(11, round(_SMALLEST_PRINT * dpi / POINTS_PER_INCH))


def read_region(picture: Picture, rect: Rect, number: int, view: View, reader: TextReader) -> OcrWords:
    """Read a part of page ``number``; upright letters only."""
    scale = view.dpi / POINTS_PER_INCH
    wide = Rect(rect.x0 - _AROUND, rect.y0 - _AROUND, rect.x1 + _AROUND, rect.y1 + _AROUND)
    part = to_pixels(wide, scale, picture.shape)
    if part is None or min(part.width, part.height) < 8:
        return OcrWords((), ())
    boxes = reader.detect(picture[part.slices], smallest=smallest_print(view.dpi))
    return read_boxes(picture, list(placed(part, boxes)), number, scale, reader)


def read_boxes(
    picture: Picture,
    boxes: Sequence[Box],
    number: int,
    scale: float,
    reader: TextReader,
    known: Mapping[Box, SpacedLine] = _NOTHING,
) -> OcrWords:
    """Read boxes of page ``number`` that hold one line each; some of them may have been read before."""
    words: list[Word] = []
    unread: list[Rect] = []
    for box in boxes:
        line_picture = picture[box.slices]
        line = known[box] if box in known else reader.read_spaced(line_picture)
        if line.confidence < LEAST_CONFIDENCE or not _is_writing(line, line_picture):
            unread.append(to_points(box, scale))
            continue
        for text, left, right in word_spans(line, line_picture):
            placed = to_points(Box(box.x + left, box.y, right - left, box.height), scale)
            words.append(Word(text, placed, number, "ocr", line.confidence))
    return OcrWords(tuple(words), tuple(unread))
