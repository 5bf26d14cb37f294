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
from endoreg_db.deid.pdf.upright import View, surely_flipped
from endoreg_db.deid.pdf.word_boxes import word_spans
from endoreg_db.deid.pdf.written import placed
from endoreg_db.deid.reports.vocabulary import is_clinical, is_listed
from endoreg_db.deid.reports.words import Rect, Word

#: Points of the smallest print that has to be found.
_SMALLEST_PRINT = 7.0
#: Below this OCR has not read but guessed: handwriting, scribbles, dirt.
LEAST_CONFIDENCE = 0.6
#: Below this a line is also read the other way up: of 136 lines of labels stuck on upside down the surest was
#: read at 0.80, and each more surely once turned; of 965 lines of rough scans two were, ``DOB:`` both times.
_SURELY_UPRIGHT = 0.9
#: Below this a line without any word of the lists is a guess as well: of those 965 four were none.
_SURE_WITHOUT_A_WORD = 0.85
#: Heights of the line that one letter takes. In print it was 0.6 at most (0.4 with its points and colons);
#: in the strokes of signatures, which are read as one to three letters at up to 0.997, it was 0.7 to 5.
_WIDEST_LETTER = 0.65
_BESIDE = 0.6  # heights by which a box is wider than its letters (``ocr._around``)
_LONG = 3  # letters of a word that strokes are hardly read as
_LETTERS_OF_WRITING = 3
_PAPER, _TINT = 170, 30  # darkest channel of paper, and the most by which its channels differ
#: Points around a picture or drawing within which its letters are looked for.
_AROUND = 4.0
_SIGNS: Final = ".,:;()/-–"
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


def _is_print(line: SpacedLine, picture: Picture, reader: TextReader) -> bool:
    """Whether the line is what stands there, and not what OCR makes of strokes or of letters upside down."""
    if line.confidence < LEAST_CONFIDENCE or not _is_writing(line, picture):
        return False
    words = line.text.split()
    all_known = all(map(_is_known, words))
    has_known = any(map(_is_known, (word for word in words if sum(map(str.isalpha, word)) >= _LONG)))
    if _letter_width(line, picture) > _WIDEST_LETTER and not has_known:
        return False
    if line.confidence < _SURE_WITHOUT_A_WORD and not (has_known or all_known):
        return False
    if line.confidence >= _SURELY_UPRIGHT or all_known:
        return True  # ``DOB:`` is as sure a number the other way up
    return surely_flipped(picture, reader) < line.confidence


def _letter_width(line: SpacedLine, picture: Picture) -> float:
    """How much of the line one letter takes, in heights of the line."""
    height, width = picture.shape[:2]
    return float((width / height - _BESIDE) / max(1, len(line.places)))


def _is_known(word: str) -> bool:
    """Whether the lists know a word; the same letter again and again is a stroke (``mm``, ``www``).

    Compounds of everyday words do not count: what OCR makes of strokes may be one.
    """
    letters = word.strip(_SIGNS)
    if not letters.isalpha() or len(set(letters.casefold())) < 2:
        return False
    return is_listed(letters) or is_clinical(letters)


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
        if not _is_print(line, line_picture, reader):
            unread.append(to_points(box, scale))
            continue
        for text, left, right in word_spans(line, line_picture):
            placed = to_points(Box(box.x + left, box.y, right - left, box.height), scale)
            words.append(Word(text, placed, number, "ocr", line.confidence))
    return OcrWords(tuple(words), tuple(unread))
