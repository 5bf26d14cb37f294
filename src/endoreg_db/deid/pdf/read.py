"""Reading one page: its words, and which parts of its picture may be shown.

A page is *digital* when its text layer says what its picture shows; then OCR reads only what is on the page
besides the words that the layer tells truly: pictures, drawings, also those beneath or across such words, and
what is set in a font that says something else. Otherwise (a scan, letters drawn as curves, a text layer
that says something else than the page) it is read by OCR alone, and its text layer counts as hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pypdfium2 as pdfium

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding, Severity
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture, dpi_for, draw, open_page, placed_images
from endoreg_db.deid.pdf.fonts import Doubts, doubts_about
from endoreg_db.deid.pdf.graphics import (
    EDGE_OF_DRAWING,
    EDGE_OF_SCAN,
    find_pictures,
    is_blank,
    unexplained,
)
from endoreg_db.deid.pdf.layout import area, lines_of, meets, overlap
from endoreg_db.deid.pdf.ocr_words import OcrWords, read_boxes, read_region, smallest_print
from endoreg_db.deid.pdf.pictures import Code, find_codes, is_endoscopic
from endoreg_db.deid.pdf.pixels import all_to_pixels, to_pixels, to_points
from endoreg_db.deid.pdf.text_layer import LayerWord, draw_without_text, read_layer
from endoreg_db.deid.pdf.upright import View, turned, turned_box, upright_view
from endoreg_db.deid.reports.words import Page, Rect, Word

DIGITAL_DPI, SCAN_DPI = 150.0, 200.0
#: Part of a page that a picture covers when the page is a scan.
_SCAN_COVER = 0.5
#: Pixels around a word's box that its letters may reach.
_REACH = 3
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
    view = View(dpi, _main_turn(layer.words))

    def upright(box: Rect) -> Rect:
        return turned_box(box, view.turn, width, height)

    picture = turned(picture, view.turn)
    words = [replace(item.word, box=upright(item.word.box)) for item in layer.words]
    covered = max((overlap(image, whole) for image in images), default=0.0) / area(whole)
    unknown = [upright(box) for box in layer.unknown]
    is_scan = covered >= _SCAN_COVER
    beneath = turned(layer.beneath, view.turn)
    doubts = None if is_scan else doubts_about(layer.words, words, unknown, picture, beneath, dpi, reader)
    if doubts is not None:
        canvas = _Canvas(number, (width, height), picture, view, reader)
        return _digital(canvas, beneath, words, doubts, [upright(image) for image in images])
    with open_page(document, index) as page:
        dpi = dpi_for(width, height, SCAN_DPI)
        picture = draw(page, dpi)
    return _scanned(number, (width, height), picture, dpi, [item.word for item in layer.words], reader)


def draw_sheet(document: pdfium.PdfDocument, sheet: Sheet) -> Picture:
    """The same pixels again that the sheet was read from, upright."""
    with open_page(document, sheet.page.number - 1) as page:
        return sheet.view.apply(draw(page, sheet.view.dpi))


def draw_beneath(document: pdfium.PdfDocument, sheet: Sheet) -> Picture:
    """The same without any text."""
    with open_page(document, sheet.page.number - 1) as page:
        return sheet.view.apply(draw_without_text(page, sheet.view.dpi))


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

    def boxes(self, rects: Iterable[Rect]) -> list[Box]:
        """Those of the rectangles of which something lies on the page, in pixels."""
        return all_to_pixels(rects, self.scale, self.picture.shape)

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


def _digital(
    canvas: _Canvas, beneath: Picture, words: Sequence[Word], doubts: Doubts, images: Sequence[Rect]
) -> Sheet:
    """A page of which the text layer tells what is written, but for some words.

    Args:
        canvas: the page.
        beneath: it without its text.
        words: of the text layer.
        doubts: which of them OCR has to read instead.
        images: where pictures are.
    """
    doubtful = doubts.strange | doubts.unsure
    words = [replace(word, source="hidden") if n in doubtful else word for n, word in enumerate(words)]
    rest = replace(canvas, picture=_without_words(canvas, beneath, words))
    stills, others = _judged(canvas, images)
    drawn = unexplained(rest.picture, canvas.boxes([*stills, *others]), (), canvas.view.dpi, EDGE_OF_DRAWING)
    drawings = [*others, *(to_points(box, canvas.scale) for box in drawn)]
    # What would stay as a drawing, say a bullet or a line to write on, stays as a word.
    for index in doubts.unsure:
        if not meets(words[index].box, drawings):
            words[index] = replace(words[index], source="text")
    in_stills = [canvas.read(rect) for rect in stills]
    in_drawings = [rest.read(rect) for rect in drawings]
    codes = find_codes(canvas.picture) if drawings else []
    burnt_in = [word for found in in_stills for word in found.words]
    shown = [word.box for word in words if word.source == "text"]
    unread = [rect for region in in_stills for rect in region.unread]
    # Across words that stay it goes with its drawing; filled, it would take them as well.
    unread += [rect for region in in_drawings for rect in region.unread if not meets(rect, shown)]
    return canvas.sheet(
        [*words, *(word for found in in_drawings for word in found.words), *burnt_in],
        scanned=False,
        stills=stills,
        drawings=drawings,
        blanks=[*(word.box for word in burnt_in), *unread, *_places(codes, canvas)],
        codes=[code.text for code in codes],
        findings=_findings(canvas, words, drawings, stills),
    )


def _without_words(canvas: _Canvas, beneath: Picture, words: Sequence[Word]) -> Picture:
    """The page without the words that its text layer tells truly: what else is drawn has to be explained."""
    height, width = beneath.shape[:2]
    rest = canvas.picture.copy()
    for word in words:
        box = canvas.box(word.box) if word.source == "text" else None
        if box is not None:
            place = box.grown(_REACH, width, height).slices
            rest[place] = beneath[place]
    return rest


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
    hidden = [replace(w, source="hidden", box=turned_box(w.box, view.turn, *size)) for w in layer]
    read = read_boxes(canvas.picture, boxes, number, canvas.scale, reader, upright.read)
    stills = [
        to_points(box, canvas.scale)
        for box in find_pictures(canvas.picture, dpi)
        if is_endoscopic(canvas.picture[box.slices], dpi)
    ]
    of_stills, of_words = canvas.boxes(stills), canvas.boxes([word.box for word in read.words])
    drawn = unexplained(canvas.picture, of_stills, of_words, dpi, EDGE_OF_SCAN)
    drawings = [to_points(box, canvas.scale) for box in drawn]
    codes = find_codes(canvas.picture)
    burnt_in = [word.box for word in read.words if meets(word.box, stills)]
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
