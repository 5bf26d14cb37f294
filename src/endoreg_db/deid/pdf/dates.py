"""Moved dates on a page: white letters in the black area where the date was, so that nobody mistakes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from endoreg_db.deid.pdf.document import Picture
from endoreg_db.deid.pdf.layout import box_of, overlap
from endoreg_db.deid.pdf.pixels import to_pixels
from endoreg_db.deid.reports.date_shift import MovedWords
from endoreg_db.deid.reports.words import Page, Rect

#: Of the line's height, which reaches from the font's ascent to its descent.
_EM = 0.85
#: Points of the smallest letters that are written; 6 points were read right on a page of 150 dpi.
_SMALLEST = 5.5
_GAP = 1.0  # points to what stands beside it


@dataclass(frozen=True, slots=True)
class MovedDate:
    """A date that is written in the place of another one."""

    line: int  # index into the page's lines
    words: tuple[int, ...]  # indices of the words that it replaces
    text: str
    box: Rect  # points: as wide as the text, as high as the line
    size: float  # points of the letters


def placed_date(
    page: Page, date: MovedWords, filled: Sequence[Rect], blanks: Sequence[Rect]
) -> MovedDate | None:
    """Where a moved date is written; None where there is no room for legible letters.

    Args:
        page: as it was read.
        date: what to write, and in the place of which words.
        filled: the areas that are filled.
        blanks: those of them that stay empty, whatever stands in them.
    """
    number, start = _line_of(page, date.words[0])
    line = page.lines[number]
    first, last = date.words[0] - start, date.words[-1] - start
    left, whole = line.words[first].box.x0, box_of(line)
    ends = [area.x1 for area in filled if area.x0 <= left < area.x1 and overlap(area, whole) > 0]
    if not ends or any(
        overlap(blank, word.box) > 0 for blank in blanks for word in line.words[first : last + 1]
    ):
        return None
    right = min([*ends, *(word.box.x0 for word in line.words[last + 1 :])]) - _GAP
    height = whole.y1 - whole.y0
    size = min(_EM * height, (right - left) / _width(date.text))
    if size < _SMALLEST:
        return None
    box = Rect(left, whole.y0, left + size * _width(date.text), whole.y1)
    return MovedDate(number, date.words, date.text, box, size)


def drawn_date(picture: Picture, date: MovedDate, scale: float) -> None:
    """Write a moved date into a filled area of the picture.

    Args:
        picture: changed in place.
        date: what to write where.
        scale: pixels per point.
    """
    box = to_pixels(date.box, scale, picture.shape)
    if box is None:
        return
    part = Image.fromarray(picture[box.slices])
    font = ImageFont.load_default(date.size * scale)
    ImageDraw.Draw(part).text((0, box.height / 2), date.text, fill="white", font=font, anchor="lm")
    picture[box.slices] = np.asarray(part)


def _line_of(page: Page, index: int) -> tuple[int, int]:
    """The line that holds a word, and the index of the line's first word."""
    start = 0
    for number, line in enumerate(page.lines):
        if index < start + len(line.words):
            return number, start
        start += len(line.words)
    raise IndexError(f"the page has no word {index}")


def _width(text: str) -> float:
    """Width of a text in letters of one point."""
    return ImageFont.load_default(100.0).getlength(text) / 100.0
