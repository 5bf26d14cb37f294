"""Reading one page: its words, and which parts of its picture may be shown.

A page is *digital* when its text layer says what its picture shows; then only pictures and drawings
on it are read by OCR, and what is set in a font that says something else. Otherwise (a scan, letters
drawn as curves, a text layer that says something else than the page) it is read by OCR alone, and its
text layer counts as hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pypdfium2 as pdfium
from rapidfuzz import fuzz

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding, Severity
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture, dpi_for, draw, open_page, placed_images
from endoreg_db.deid.pdf.graphics import find_pictures, is_blank, unexplained
from endoreg_db.deid.pdf.layout import area, box_of, lines_of, overlap
from endoreg_db.deid.pdf.ocr_words import OcrWords, read_boxes, read_region, smallest_print
from endoreg_db.deid.pdf.pictures import Code, find_codes, is_endoscopic
from endoreg_db.deid.pdf.pixels import to_pixels, to_points
from endoreg_db.deid.pdf.text_layer import LayerWord, read_layer
from endoreg_db.deid.pdf.upright import View, turned, turned_box, upright_view
from endoreg_db.deid.reports.words import Line, Page, Rect, Word
from endoreg_db.deid.text_rules import fold

DIGITAL_DPI, SCAN_DPI = 150.0, 200.0
#: Part of a page that a picture covers when the page is a scan.
_SCAN_COVER = 0.5
#: Fonts of a text layer that are compared with the picture, by one line each, and how alike (percent)
#: both must be. A font that fails has glyphs that mean something else than they look like.
_COMPARED, _ALIKE = 8, 70.0
#: Part of the words that may be in such fonts; with more the whole layer counts as hidden.
_STRANGE = 0.3
#: Letters of a line that is worth comparing, and beyond which it takes longer than it tells more.
_LEAST_LETTERS, _ENOUGH_LETTERS = 4, 40
#: Part of a scan's lines that may be unreadable before a person has to look.
_UNREADABLE = 0.3


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page that was read: all that is kept of it in memory until it is written."""

    page: Page  # upright
    view: View
    scanned: bool  # read by OCR alone
    stills: tuple[Rect, ...]  # endoscopic pictures that stay
    drawings: tuple[Rect, ...]  # blanked, but for kept words that lie in them
    blanks: tuple[Rect, ...]  # blanked with everything in them
    codes: tuple[str, ...]  # what bar codes say
    findings: tuple[Finding, ...]


def read_page(document: pdfium.PdfDocument, index: int, reader: TextReader) -> Sheet:
    """Read one page; nothing of it stays open.

    Raises:
        CorruptMediaError, UnsupportedMediaError: it cannot be read, or is too large.
    """
    number = index + 1
    with open_page(document, index) as page:
        width, height = page.get_size()
        whole = Rect(0.0, 0.0, width, height)
        images = [image for image in placed_images(page) if overlap(image, whole) > 0]
        dpi = dpi_for(width, height, DIGITAL_DPI)
        picture = draw(page, dpi)
        layer = read_layer(page, number, picture, dpi)
    view = View(dpi, _main_turn(layer))
    picture = turned(picture, view.turn)
    words = [_turned_word(item.word, view.turn, width, height) for item in layer]
    covered = max((overlap(image, whole) for image in images), default=0.0) / area(whole)
    is_scan = covered >= _SCAN_COVER
    strange = None if is_scan else _strange_fonts(layer, words, picture, dpi, reader)
    if strange is not None:
        words = [
            replace(word, source="hidden") if item.font in strange else word
            for item, word in zip(layer, words, strict=True)
        ]
        turned_images = [turned_box(image, view.turn, width, height) for image in images]
        return _digital(_Canvas(number, (width, height), picture, view, reader), words, turned_images)
    with open_page(document, index) as page:
        dpi = dpi_for(width, height, SCAN_DPI)
        picture = draw(page, dpi)
    return _scanned(number, (width, height), picture, dpi, [item.word for item in layer], reader)


def draw_sheet(document: pdfium.PdfDocument, sheet: Sheet) -> Picture:
    """The same pixels again that the sheet was read from, upright."""
    with open_page(document, sheet.page.number - 1) as page:
        return sheet.view.apply(draw(page, sheet.view.dpi))


@dataclass(frozen=True, slots=True)
class _Canvas:
    """A page while it is read."""

    number: int
    size: tuple[float, float]  # points: width and height of the page as displayed
    picture: Picture  # upright
    view: View
    reader: TextReader

    @property
    def scale(self) -> float:
        """Pixels per point."""
        return self.view.dpi / POINTS_PER_INCH

    def box(self, rect: Rect) -> Box | None:
        """The rectangle in pixels, cut to the page; None if nothing is left of it."""
        return to_pixels(rect, self.scale, self.picture.shape)

    def read(self, rect: Rect) -> OcrWords:
        """What OCR reads in a part of the page."""
        return read_region(self.picture, rect, self.number, self.view, self.reader)

    def sheet(self, words: Sequence[Word], scanned: bool, **parts: Iterable[object]) -> Sheet:
        """The page as it was read."""
        width, height = self.size if self.view.turn % 180 == 0 else self.size[::-1]
        page = Page(self.number, width, height, lines_of(words))
        fixed = {name: tuple(part) for name, part in parts.items()}
        return Sheet(page=page, view=self.view, scanned=scanned, **fixed)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------- digital pages


def _digital(canvas: _Canvas, words: list[Word], images: Sequence[Rect]) -> Sheet:
    shown = [word for word in words if word.source == "text"]
    stills, others = _judged(canvas, images)
    explained = [canvas.box(rect) for rect in (*(word.box for word in shown), *stills, *others)]
    drawn = unexplained(canvas.picture, [box for box in explained if box], canvas.view.dpi)
    drawings = [*others, *(to_points(box, canvas.scale) for box in drawn)]
    in_stills = [canvas.read(rect) for rect in stills]
    in_drawings = [canvas.read(rect) for rect in drawings]
    codes = find_codes(canvas.picture) if drawings else []
    fresh = [word for found in in_drawings for word in found.words if not _is_known(word, shown)]
    burnt_in = [word for found in in_stills for word in found.words]
    unread = [rect for region in (*in_stills, *in_drawings) for rect in region.unread]
    return canvas.sheet(
        [*words, *fresh, *burnt_in],
        scanned=False,
        stills=stills,
        drawings=drawings,
        blanks=[*(word.box for word in burnt_in), *unread, *_places(codes, canvas)],
        codes=[code.text for code in codes],
        findings=_findings(canvas, words, drawings, stills),
    )


def _judged(canvas: _Canvas, images: Sequence[Rect]) -> tuple[list[Rect], list[Rect]]:
    """Endoscopic stills, and all other pictures. What is not certain to be a still is none."""
    stills: list[Rect] = []
    others: list[Rect] = []
    for image in images:
        box = canvas.box(image)
        if box is not None:
            is_still = is_endoscopic(canvas.picture[box.slices], canvas.view.dpi)
            (stills if is_still else others).append(to_points(box, canvas.scale))
    return stills, others


def _is_known(word: Word, shown: Sequence[Word]) -> bool:
    """Whether OCR has read a word that the text layer has already."""
    return any(overlap(word.box, other.box) > 0.4 * area(word.box) for other in shown)


def _strange_fonts(
    layer: Sequence[LayerWord], words: Sequence[Word], picture: Picture, dpi: float, reader: TextReader
) -> frozenset[str] | None:
    """The fonts of visible words that say something else than the picture shows, by one line of each.

    None if the layer cannot be relied on: nothing could be compared, most words are of such fonts, or there
    are more fonts than are compared.
    """
    if is_blank(picture):
        return frozenset()
    fonts: dict[str, list[Word]] = {}
    for item, word in zip(layer, words, strict=True):
        if word.source == "text":
            fonts.setdefault(item.font, []).append(word)
    lines = {font: line for font, of_font in fonts.items() if (line := _line_to_compare(of_font)) is not None}
    if not lines or len(lines) > _COMPARED:
        return None
    strange = {font for font, line in lines.items() if not _looks_like(line, picture, dpi, reader)}
    count = sum(len(fonts[font]) for font in strange)
    return frozenset(strange) if count <= _STRANGE * sum(map(len, fonts.values())) else None


def _line_to_compare(words: Sequence[Word]) -> Line | None:
    lines = [line for line in lines_of(words) if len(fold(line.text)) >= _LEAST_LETTERS]
    return max(lines, key=lambda line: (min(len(line.text), _ENOUGH_LETTERS), -len(line.text)), default=None)


def _looks_like(line: Line, picture: Picture, dpi: float, reader: TextReader) -> bool:
    box = to_pixels(box_of(line), dpi / POINTS_PER_INCH, picture.shape)
    if box is None:
        return False
    margin = picture[box.grown(round(0.15 * box.height), picture.shape[1], picture.shape[0]).slices]
    return fuzz.ratio(fold(line.text), fold(reader.read_line(margin).text)) >= _ALIKE


# --------------------------------------------------------------------------------- scanned pages


def _scanned(
    number: int,
    size: tuple[float, float],
    picture: Picture,
    dpi: float,
    layer: Sequence[Word],
    reader: TextReader,
) -> Sheet:
    upright = upright_view(picture, dpi, reader, smallest_print(dpi))
    view, boxes = upright.view, upright.boxes
    canvas = _Canvas(number, size, upright.picture, view, reader)
    hidden = [_turned_word(replace(word, source="hidden"), view.turn, *size) for word in layer]
    read = read_boxes(canvas.picture, boxes, number, canvas.scale, reader, upright.read)
    stills = [
        to_points(box, canvas.scale)
        for box in find_pictures(canvas.picture, dpi)
        if is_endoscopic(canvas.picture[box.slices], dpi)
    ]
    explained = [canvas.box(rect) for rect in (*(word.box for word in read.words), *stills)]
    drawn = unexplained(canvas.picture, [box for box in explained if box], dpi)
    drawings = [to_points(box, canvas.scale) for box in drawn]
    codes = find_codes(canvas.picture)
    burnt_in = [word.box for word in read.words if any(overlap(word.box, still) > 0 for still in stills)]
    findings = _findings(canvas, read.words, drawings, stills)
    if len(read.unread) > _UNREADABLE * max(1, len(boxes)):
        findings.append(
            _finding("hardly_readable", "review", number, f"{len(read.unread)} lines cannot be read")
        )
    return canvas.sheet(
        [*hidden, *read.words],
        scanned=True,
        stills=stills,
        drawings=drawings,
        blanks=[*burnt_in, *read.unread, *_places(codes, canvas)],
        codes=[code.text for code in codes],
        findings=findings,
    )


# ------------------------------------------------------------------------------------- for both


def _findings(
    canvas: _Canvas, words: Sequence[Word], drawings: Sequence[Rect], stills: Sequence[Rect]
) -> list[Finding]:
    """What a person should know about the page."""
    number = canvas.number
    found = []
    if any(word.source == "hidden" for word in words):
        found.append(_finding("hidden_text", "note", number, "text that nobody sees was left out"))
    if drawings:
        found.append(_finding("drawing_blanked", "note", number, f"{len(drawings)} drawings were blanked"))
    if is_blank(canvas.picture):
        found.append(_finding("blank_page", "note", number, "nothing is on it"))
    elif not any(word.source != "hidden" for word in words) and not stills:
        found.append(_finding("no_words", "review", number, "something is on it, but no word was read"))
    return found


def _finding(code: str, severity: Severity, number: int, detail: str) -> Finding:
    return Finding(code, severity, f"Page {number}: {detail}")


def _places(codes: Sequence[Code], canvas: _Canvas) -> list[Rect]:
    return [to_points(code.box, canvas.scale) for code in codes]


def _main_turn(layer: Sequence[LayerWord]) -> int:
    """How most of the visible letters have to be turned."""
    letters = {0: 0, 90: 0, 180: 0, 270: 0}
    for item in layer:
        if item.word.source == "text" and len(item.word.text) > 1:
            letters[item.turn] += len(item.word.text)
    return max(letters, key=lambda turn: letters[turn])


def _turned_word(word: Word, turn: int, width: float, height: float) -> Word:
    return replace(word, box=turned_box(word.box, turn, width, height)) if turn else word
