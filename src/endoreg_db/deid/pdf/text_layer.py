"""The words of a page's text layer, each with the question answered whether anybody can see it.

Seen is what changes the picture: the page is drawn with and without its text, and with its text alone. A word
of which less than half makes a difference (white on white, under a box, transparent, clipped, render mode 3,
outside the crop box) is hidden. That holds for every way to hide text, also for those that nobody has thought
of yet.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from numpy.typing import NDArray

from endoreg_db.deid.pdf.document import POINTS_PER_INCH, DisplayMatrix, Picture, display_matrix, draw
from endoreg_db.deid.pdf.layout import area, overlap, union
from endoreg_db.deid.pdf.pixels import brightest
from endoreg_db.deid.reports.words import Rect, Word

#: Grey levels by which text must change the picture to count as seen.
_SEEN = 12
#: Part of a word's box that must change. A full stop covers 2 % of its line box.
_LEAST_INK = 0.004
#: Part of the word's own ink that must change: a tail left below a black box does not make it seen.
_LEAST_SHOWN = 0.5
#: Paper on which text is drawn alone: no grey and hardly any print comes within so many levels of it.
_ODD_PAPER, _OWN = (128, 0, 255), 80
#: Points of the smallest letters that anybody reads; smaller ones are hidden, whatever their colour.
_SMALLEST = 3.0
_NESTED = 8  # depth of forms within forms
_UNSEEN_MODES = frozenset({raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP})
#: Letters beyond this are left to OCR; a page of small print has 8,000.
MAX_LETTERS = 60_000
_SOFT_HYPHENS = "\xad\ufffe\x02"  # what PDFium makes of a hyphen at the end of a line
_UNKNOWN = "\ufffd"  # a glyph of which the layer does not say what it is, as of bullets in Word's Symbol


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of the text layer as it is displayed."""

    text: str
    box: Rect  # from the font's ascent to its descent: it does not depend on the letter
    drawn: bool  # by its render mode; white letters are drawn as well
    font: int  # tells the fonts of a page apart; only while it is open


@dataclass(frozen=True, slots=True)
class LayerWord:
    """A word of the text layer, with what is known about how it is set."""

    word: Word
    fonts: frozenset[int]  # of its letters
    turn: int  # degrees clockwise by which the page has to be turned to make the word upright


@dataclass(frozen=True, slots=True)
class Layer:
    """The text of a page, and what is on the page besides."""

    words: tuple[LayerWord, ...]
    unknown: tuple[Rect, ...]  # places of glyphs of which the layer does not say what they are
    beneath: Picture  # the page as it is displayed without any text


def read_layer(page: pdfium.PdfPage, number: int, picture: Picture, dpi: float) -> Layer:
    """All words of the text layer.

    Args:
        page: without its text afterwards; it must be closed and loaded again to get it back.
        number: of the page, from 1.
        picture: the page as drawn at ``dpi``.
        dpi: pixels per inch of ``picture``.
    """
    groups = list(_words_of(list(_letters(page))))
    beneath = draw_without_text(page, dpi)
    if not groups:
        return Layer((), (), beneath)
    seen = text_pixels(picture, beneath)
    alone = _text_alone(page, dpi)
    own = _strength(alone, np.full_like(alone, _ODD_PAPER)) > _OWN
    scale = dpi / POINTS_PER_INCH
    words = [_layer_word(group, number, _Ink(seen, own, scale)) for group in groups if not _is_unknown(group)]
    unknown = [union([letter.box for letter in group]) for group in groups if _is_unknown(group)]
    return Layer(tuple(_without_doubles(words)), tuple(unknown), beneath)


@dataclass(frozen=True, slots=True)
class _Ink:
    """What the text of a page draws, pixel by pixel."""

    seen: NDArray[np.bool_]  # where it changes the page
    own: NDArray[np.bool_]  # where it would, if nothing else were there
    scale: float  # pixels per point

    def shows(self, box: Rect) -> bool:
        """Whether enough of the text in a box is seen."""
        height, width = self.seen.shape
        top, bottom = max(0, int(box.y0 * self.scale)), min(height, int(box.y1 * self.scale) + 1)
        left, right = max(0, int(box.x0 * self.scale)), min(width, int(box.x1 * self.scale) + 1)
        if top >= bottom or left >= right:
            return False
        seen, own = self.seen[top:bottom, left:right], self.own[top:bottom, left:right]
        least = max(2.0, _LEAST_INK * area(box) * self.scale**2)
        shown, drawn = int(np.count_nonzero(seen & own)), int(np.count_nonzero(own))
        return int(np.count_nonzero(seen)) >= least and shown >= _LEAST_SHOWN * drawn


def _layer_word(group: Sequence[Letter], number: int, ink: _Ink) -> LayerWord:
    box = union([letter.box for letter in group])
    small = min(box.y1 - box.y0, box.x1 - box.x0 if len(group) > 1 else 99) < _SMALLEST
    is_seen = all(letter.drawn for letter in group) and not small and ink.shows(box)
    text = "".join(letter.text for letter in group)
    word = Word(text, box, number, "text" if is_seen else "hidden", 1.0)
    return LayerWord(word, frozenset(letter.font for letter in group), _turn_of(group))


def _is_unknown(group: Sequence[Letter]) -> bool:
    return group[0].text == _UNKNOWN


def _turn_of(group: Sequence[Letter]) -> int:
    """From the direction in which the letters follow each other."""
    first, last = group[0].box, group[-1].box
    right, down = last.x0 + last.x1 - first.x0 - first.x1, last.y0 + last.y1 - first.y0 - first.y1
    if abs(right) >= abs(down):
        return 0 if right >= 0 else 180
    return 270 if down > 0 else 90


def _letters(page: pdfium.PdfPage) -> Iterator[Letter | None]:
    """Letters in PDFium's order; None between two words."""
    layer = page.get_textpage()
    try:
        to_display = display_matrix(page)
        for index in range(min(layer.count_chars(), MAX_LETTERS)):
            yield _letter(layer, index, to_display)
    finally:
        layer.close()


def _letter(layer: pdfium.PdfTextPage, index: int, to_display: DisplayMatrix) -> Letter | None:
    text = _text_of(raw.FPDFText_GetUnicode(layer.raw, index))
    if text.isspace():
        return None
    box = raw.FS_RECTF()
    placed = raw.FPDFText_GetLooseCharBox(layer.raw, index, box)
    if not placed:
        return None
    ax, ay = to_display(box.left, box.bottom)
    bx, by = to_display(box.right, box.top)
    drawing = raw.FPDFText_GetTextObject(layer.raw, index)
    if text == _UNKNOWN and not drawing:
        return None  # of PDFium's own making
    mode = raw.FPDFTextObj_GetTextRenderMode(drawing) if drawing else raw.FPDF_TEXTRENDERMODE_INVISIBLE
    return Letter(
        text,
        Rect(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)),
        mode not in _UNSEEN_MODES,
        _font_of(drawing),
    )


def _text_of(code: int) -> str:
    """A letter as it may be kept."""
    if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return _UNKNOWN
    letter = chr(code)
    if letter in _SOFT_HYPHENS:
        return "-"
    return letter if letter.isprintable() or letter.isspace() else _UNKNOWN


def _font_of(drawing: object) -> int:
    """The address of PDFium's font, one for each font object of the file; names are not theirs alone."""
    if not drawing:
        return 0
    return ctypes.cast(raw.FPDFTextObj_GetFont(drawing), ctypes.c_void_p).value or 0


def _words_of(letters: Sequence[Letter | None]) -> Iterator[list[Letter]]:
    """Letters that follow each other without a space, a jump or a change of being drawn."""
    group: list[Letter] = []
    for before, letter in pairwise([None, *letters]):
        if group and (letter is None or before is None or _jumps(before, letter)):
            yield group
            group = []
        if letter is not None:
            group.append(letter)
    if group:
        yield group


def _jumps(before: Letter, letter: Letter) -> bool:
    """Whether the letter does not stand right after the one before it, in any direction of writing."""
    size = max(min(before.box.y1 - before.box.y0, before.box.x1 - before.box.x0), 0.5)
    height = max(before.box.y1 - before.box.y0, before.box.x1 - before.box.x0, size)
    apart_x = max(letter.box.x0 - before.box.x1, before.box.x0 - letter.box.x1)
    apart_y = max(letter.box.y0 - before.box.y1, before.box.y0 - letter.box.y1)
    if (before.text == _UNKNOWN) != (letter.text == _UNKNOWN):
        return True
    return before.drawn != letter.drawn or max(apart_x, apart_y) > 0.35 * height


def draw_without_text(page: pdfium.PdfPage, dpi: float) -> Picture:
    """The page without any text, which it has lost afterwards."""
    for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT], max_depth=_NESTED):
        raw.FPDFPageObj_SetIsActive(item.raw, False)
    return draw(page, dpi)


def _text_alone(page: pdfium.PdfPage, dpi: float) -> Picture:
    """The page with nothing but its text, all of it, on :data:`_ODD_PAPER`."""
    for item in page.get_objects(max_depth=_NESTED):
        if item.type != raw.FPDF_PAGEOBJ_FORM:
            raw.FPDFPageObj_SetIsActive(item.raw, item.type == raw.FPDF_PAGEOBJ_TEXT)
    return draw(page, dpi, _ODD_PAPER)


def text_pixels(picture: Picture, beneath: Picture) -> NDArray[np.bool_]:
    """Where the text of a page is seen.

    Args:
        picture: H×W×3, the page.
        beneath: the same without its text.
    """
    return np.asarray(_strength(picture, beneath) > _SEEN)


def _strength(picture: Picture, other: Picture) -> NDArray[np.uint8]:
    """How many grey levels two pictures are apart, in the channel that differs most."""
    return brightest(np.asarray(cv2.absdiff(picture, other), np.uint8))


def _without_doubles(words: Sequence[LayerWord]) -> list[LayerWord]:
    """Of words in one place only one can be what is seen there; if they differ, none is believed."""
    by_top = sorted(range(len(words)), key=lambda n: words[n].word.box.y0)
    doubted: set[int] = set()
    for place, index in enumerate(by_top):
        word = words[index].word
        for other in by_top[place + 1 :]:
            if words[other].word.box.y0 >= word.box.y1:
                break
            if _contradicts(word, words[other].word):
                doubted |= {index, other}
    return [
        replace(item, word=replace(item.word, source="hidden")) if index in doubted else item
        for index, item in enumerate(words)
    ]


def _contradicts(word: Word, other: Word) -> bool:
    if "hidden" in (word.source, other.source) or other.text == word.text:
        return False
    shared = overlap(word.box, other.box)
    return shared > 0.5 * min(area(word.box), area(other.box))
