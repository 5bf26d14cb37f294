"""Which fonts of a text layer say what the picture shows: one line of each is read by OCR and compared.

A font whose glyphs mean something else than they look like needs no ill will: a program that writes fonts
without their table of letters makes one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture
from endoreg_db.deid.pdf.graphics import EDGE_OF_DRAWING, is_blank
from endoreg_db.deid.pdf.layout import area, box_of, lines_of, overlap
from endoreg_db.deid.pdf.pixels import to_pixels
from endoreg_db.deid.pdf.text_layer import LayerWord
from endoreg_db.deid.reports.words import Line, Rect, Word
from endoreg_db.deid.text_rules import fold

#: Fonts that are compared at most, those with the most words first, and how alike (percent) both must be.
_COMPARED, _ALIKE = 8, 70.0
#: Part of the words that may be in fonts not found to be alike; with more the whole layer is hidden.
_DOUBTFUL = 0.3
#: Letters and digits of a line that tells whether a font means something else; of one that is worth comparing
#: (fewer are read wrong too often); and those beyond which it takes longer than it tells more.
_TELLING, _LEAST, _ENOUGH = 4, 2, 40
#: Part of a doubtful word's area that a word of another font may share and still be believed.
_APART = 0.2


@dataclass(frozen=True, slots=True)
class Doubts:
    """Words of a text layer, by their indices, that OCR has to read instead."""

    strange: frozenset[int] = frozenset()  # of fonts that say something else than the picture shows
    #: Of fonts that could not be compared, and what lies over such words or over glyphs that say nothing.
    unsure: frozenset[int] = frozenset()


def doubts_about(
    layer: Sequence[LayerWord],
    words: Sequence[Word],
    unknown: Sequence[Rect],
    picture: Picture,
    beneath: Picture,
    dpi: float,
    reader: TextReader,
) -> Doubts | None:
    """Which visible words of a page's text layer cannot be relied on.

    Args:
        layer: the words of the text layer.
        words: the same, turned upright.
        unknown: places of glyphs without a meaning, turned upright.
        picture: the page, upright.
        beneath: the same without its text.
        dpi: its pixels per inch.
        reader: an OCR engine.

    Returns:
        None if the layer cannot be relied on at all: nothing could be compared, or too many words are
        doubtful.
    """
    seen = {n: item.fonts for n, item in enumerate(layer) if words[n].source == "text"}
    if not seen:
        return Doubts() if is_blank(picture) else None
    lines = _lines_to_compare(seen, words, beneath, dpi)
    if not any(_signs(line.text) >= _TELLING for line in lines.values()):
        return None
    alike = {font: _looks_like(line, picture, dpi, reader) for font, line in lines.items()}
    different = {font for font, same in alike.items() if not same and _signs(lines[font].text) >= _TELLING}
    trusted = {font for font, same in alike.items() if same}
    strange = {n for n, fonts in seen.items() if fonts & different}
    unsure = {n for n, fonts in seen.items() if n not in strange and fonts - trusted}
    if sum(_signs(words[n].text) > 0 for n in strange | unsure) > _DOUBTFUL * len(seen):
        return None
    doubtful = [*(words[n].box for n in strange | unsure), *unknown]
    over = {n for n in seen.keys() - strange if _lies_over_one(words[n].box, doubtful)} if doubtful else set()
    return Doubts(frozenset(strange), frozenset(unsure | over))


def _lines_to_compare(
    seen: dict[int, frozenset[int]], words: Sequence[Word], beneath: Picture, dpi: float
) -> dict[int, Line]:
    """Of the fonts with most words one line each, of words that are set in nothing else."""

    def worth(line: Line) -> tuple[bool, bool, int, int]:
        telling = _signs(line.text) >= _TELLING
        return telling, _is_clear(line, beneath, dpi), min(_signs(line.text), _ENOUGH), -len(line.text)

    of_fonts: defaultdict[int, list[Word]] = defaultdict(list)
    for index, fonts in seen.items():
        if len(fonts) == 1:
            of_fonts[min(fonts)].append(words[index])
    lines = {font: max(lines_of(of_font), key=worth) for font, of_font in of_fonts.items()}
    worth_it = [font for font, line in lines.items() if _signs(line.text) >= _LEAST]
    most = sorted(worth_it, key=lambda font: -len(of_fonts[font]))[:_COMPARED]
    return {font: lines[font] for font in most}


def _is_clear(line: Line, beneath: Picture, dpi: float) -> bool:
    """Whether nothing is drawn where a line stands: OCR reads a line wrong that a signature crosses."""
    box = to_pixels(box_of(line), dpi / POINTS_PER_INCH, beneath.shape)
    if box is None:
        return False
    part = beneath[box.slices]
    return int(part.max()) - int(part.min()) <= EDGE_OF_DRAWING


def _signs(text: str) -> int:
    """Letters and digits."""
    return sum(sign.isalnum() for sign in text)


def _looks_like(line: Line, picture: Picture, dpi: float, reader: TextReader) -> bool:
    box = to_pixels(box_of(line), dpi / POINTS_PER_INCH, picture.shape)
    if box is None:
        return False
    margin = picture[box.grown(round(0.15 * box.height), picture.shape[1], picture.shape[0]).slices]
    return fuzz.ratio(fold(line.text), fold(reader.read_line(margin).text)) >= _ALIKE


def _lies_over_one(box: Rect, doubtful: Iterable[Rect]) -> bool:
    return any(overlap(box, other) > _APART * area(other) for other in doubtful)
