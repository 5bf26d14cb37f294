"""The look at the finished PDF: by other means than it was written, and by nobody's word.

The very bytes that will be published are parsed by pypdf (written by our own writer), their pictures
decoded by Pillow (encoded by OpenCV) and read by OCR, and all of it is searched for what was found.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError
from rapidfuzz import fuzz

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding, ReportVerification, Severity
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.again import changed_pixels, is_known
from endoreg_db.deid.pdf.dates import MovedDate
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture
from endoreg_db.deid.pdf.graphics import EDGE_AFTER_JPEG, EDGE_OF_SCAN, unexplained
from endoreg_db.deid.pdf.layout import meets
from endoreg_db.deid.pdf.objects import strangers
from endoreg_db.deid.pdf.ocr_words import smallest_print
from endoreg_db.deid.pdf.pictures import find_codes
from endoreg_db.deid.pdf.pixels import all_to_pixels, to_pixels
from endoreg_db.deid.pdf.plain_text import PAGE_BREAK
from endoreg_db.deid.pdf.read import Sheet
from endoreg_db.deid.pdf.rebuild import Plan, across_words
from endoreg_db.deid.pdf.written import detect_written
from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.words import Rect
from endoreg_db.deid.text_rules import fold, matches_known

#: JPEG segments without which there is no picture; comments, EXIF, XMP and ICC profiles are others.
_SEGMENTS = frozenset({0xC0, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0})
#: Pixels from the edge of a filled area within which JPEG may ring, and grey levels allowed beyond.
_RINGING, _RESIDUE = 8, 8
#: What stands in the text for research in the place of what went.
_PLACEHOLDER = re.compile(r"\[[A-Z_]+\]")
#: Lines beside filled areas that OCR looks at on a page whose text layer was its source.
_LINES_LOOKED_AT = 3
#: Points to each side of a filled area that belong to such a look.
_AROUND = 60.0
#: How alike (percent) a moved date and what OCR reads there must be, besides their digits being the same.
_ALIKE = 80.0


@dataclass(slots=True)
class _Look:
    """What was seen so far."""

    tokens: Collection[str]
    reader: TextReader
    findings: list[Finding]
    source: Callable[[Sheet], Picture]
    words: int = 0
    lines: int = 0
    residue: int = 0

    def tell(self, code: str, severity: Severity, detail: str) -> None:
        self.findings.append(Finding(code, severity, detail))

    def search(self, text: str, number: int, where: str) -> None:
        if tells(text, self.tokens):
            self.tell(f"identity_in_{where}", "review", f"Page {number}: the {where} may still name somebody")


def tells(text: str, tokens: Collection[str]) -> bool:
    """Whether a text holds anything that identifies somebody, days with the month in words among it."""
    days = (day.readings[0].isoformat() for day in find_days(text) if day.kind == "full")
    return matches_known(text, tokens) or any(day in tokens for day in days)


def verify(
    path: Path,
    text: Path,
    plans: Sequence[Plan],
    tokens: Collection[str],
    reader: TextReader,
    source: Callable[[Sheet], Picture],
) -> ReportVerification:
    """Look at a finished PDF and its text for research.

    Args:
        path: the PDF.
        text: the text.
        plans: what each of its pages ought to be.
        tokens: values that identify somebody in this report; see :func:`matches_known`.
        reader: an OCR engine.
        source: draws a page of the source as it was read.
    """
    look = _Look(tokens, reader, [], source)
    pages = 0
    try:
        with PdfReader(path, strict=True) as document:
            there = len(document.pages)
            for stranger in strangers(path, document):
                look.tell("unexpected_content", "fatal", stranger)
            if there != len(plans):
                look.tell("page_count", "fatal", f"{len(plans)} pages were written, {there} are there")
            for plan, page in zip(plans, document.pages, strict=False):
                _check_page(plan, page, look)
                pages += 1
        _check_text(text.read_text("utf-8"), plans, look)
    except (PyPdfError, ValueError, KeyError, OSError) as error:
        look.tell("unreadable_output", "fatal", f"The new file cannot be read ({type(error).__name__})")
    return ReportVerification(pages, look.words, look.lines, look.residue, tuple(look.findings))


def _check_page(plan: Plan, page: PageObject, look: _Look) -> None:
    number = plan.sheet.page.number
    text = page.extract_text()
    look.words += len(text.split())
    _check_words(plan, text, look)
    look.search(text, number, "text")
    data = bytes(page["/Resources"]["/XObject"]["/Im"]._data)  # type: ignore[index]
    if not set(_segments(data)) <= _SEGMENTS:
        look.tell("unexpected_content", "fatal", f"Page {number}: its picture carries more than pixels")
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint8)
    _check_hits(plan, picture, look)
    _check_fill(plan, picture, look)
    _check_dates(plan, picture, look)
    _check_ink(plan, picture, look)
    for line in _read_again(plan, picture, look):
        look.lines += 1
        look.search(line, number, "picture")
    if find_codes(picture):
        look.tell("code_left", "fatal", f"Page {number}: a bar code can still be read")


def _segments(jpeg: bytes) -> Iterator[int]:
    """The markers of a JPEG up to its pixels."""
    position = 2
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF:
        marker = jpeg[position + 1]
        yield marker
        if marker == 0xDA:
            return
        position += 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    yield 0  # no picture at all


def _check_words(plan: Plan, text: str, look: _Look) -> None:
    """The text layer must hold the words that stay and moved dates, each as often, and nothing else."""
    wanted = Counter(part for line in plan.text_lines for run in line for part in run.text.split())
    if Counter(text.split()) != wanted:
        number = plan.sheet.page.number
        look.tell("text_differs", "review", f"Page {number}: the text layer is not what was to be written")


def _check_text(written: str, plans: Sequence[Plan], look: _Look) -> None:
    """The text for research must hold no word that the pages do not show, but placeholders."""
    pages = written.split(PAGE_BREAK)
    if len(pages) != len(plans):
        look.tell("text_differs", "fatal", f"{len(plans)} pages were written, the text has {len(pages)}")
    for plan, page in zip(plans, pages, strict=False):
        number = plan.sheet.page.number
        shown = " ".join(run.text for line in plan.text_lines for run in line)
        if _words_of(page) != _words_of(shown):
            look.tell("text_differs", "review", f"Page {number}: the text for research is not what stays")
        look.search(page, number, "text")


def _words_of(text: str) -> Counter[str]:
    return Counter(_PLACEHOLDER.sub(" ", text).split())


def _check_hits(plan: Plan, picture: Picture, look: _Look) -> None:
    """Every letter of a word that had to go, and that somebody could see, must lie in a filled area.

    By the plan, not by what is drawn: :func:`_check_fill` looks whether a filled area is filled.
    """
    sheet, words = plan.sheet, plan.sheet.page.words
    covered = np.zeros(picture.shape[:2], np.bool_)
    for box in all_to_pixels(plan.filled, _scale(plan), picture.shape):
        covered[box.slices] = True
    gone = plan.hit - across_words(sheet, plan.hit)
    letters = (words[index].letters for index in gone if words[index].source != "hidden")
    for box in all_to_pixels(letters, _scale(plan), picture.shape):
        if not covered[box.slices].all():
            number = sheet.page.number
            look.tell(
                "not_covered", "fatal", f"Page {number}: a word that has to go is not covered as a whole"
            )
            return


def _check_fill(plan: Plan, picture: Picture, look: _Look) -> None:
    """Filled areas must be filled, but for the dates that are written into them; see :func:`_check_dates`."""
    if plan.moved:
        picture = picture.copy()
        for _, place in _boxes_of_dates(plan, picture):
            picture[place.grown(_RINGING, picture.shape[1], picture.shape[0]).slices] = 0
    for rect in plan.filled:
        box = to_pixels(rect, _scale(plan), picture.shape)
        if box is None or min(box.width, box.height) <= 2 * _RINGING:
            continue
        inner = picture[box.grown(-_RINGING, picture.shape[1], picture.shape[0]).slices]
        look.residue = max(look.residue, int(inner.max()) - int(inner.min()))
    if look.residue > _RESIDUE:
        look.tell("residue", "fatal", f"Page {plan.sheet.page.number}: a filled area is not filled")


def _check_dates(plan: Plan, picture: Picture, look: _Look) -> None:
    """Where a moved date is written, that date must be read, and none that was found in the source."""
    number = plan.sheet.page.number
    for date, box in _boxes_of_dates(plan, picture):
        read = look.reader.read_line(picture[box.slices]).text
        look.lines += 1
        look.search(read, number, "picture")
        if _digits(date.text) != _digits(read) or fuzz.ratio(fold(date.text), fold(read)) < _ALIKE:
            look.tell(
                "moved_date_differs", "review", f"Page {number}: a moved date does not look as it should"
            )


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


def _boxes_of_dates(plan: Plan, picture: Picture) -> Iterator[tuple[MovedDate, Box]]:
    """Each moved date, and its place with a little of the filled area around it."""
    for date in plan.moved:
        box = to_pixels(date.box, _scale(plan), picture.shape)
        if box is not None:
            yield date, box.grown(3, picture.shape[1], picture.shape[0])


def _check_ink(plan: Plan, picture: Picture, look: _Look) -> None:
    """Whatever is drawn must be a word that stays, a rule, a still, or filled."""
    sheet, words = plan.sheet, plan.sheet.page.words
    kept = [words[index].box for line in plan.kept for index in line]
    judged = [*sheet.stills, *(_wide(rect) for rect in sheet.drawings)]
    pictures = all_to_pixels(judged, _scale(plan), picture.shape)
    known = all_to_pixels((*kept, *plan.filled), _scale(plan), picture.shape)
    edge = EDGE_OF_SCAN if sheet.scanned else EDGE_AFTER_JPEG
    if unexplained(picture, pictures, known, sheet.view.dpi, edge):
        look.tell(
            "unexplained_ink", "review", f"Page {sheet.page.number}: something is drawn that was not read"
        )


def _wide(rect: Rect) -> Rect:
    return Rect(rect.x0 - 2, rect.y0 - 2, rect.x1 + 2, rect.y1 + 2)


def _read_again(plan: Plan, picture: Picture, look: _Look) -> Iterator[str]:
    """What OCR reads: on a scanned page all that is not known, on another stills and beside filled areas.

    There the words that stay come from the text layer, which was compared with the picture and is
    searched as a whole; what could be left is a part of a word beside or under a box, or of a drawing
    that crossed words.
    """
    dpi, reader = plan.sheet.view.dpi, look.reader
    if plan.sheet.scanned:
        yield from _scan_again(plan, picture, look)
        return
    crossed = [plan.sheet.page.words[index].box for index in plan.crossed]
    drawings = [rect for rect in plan.sheet.drawings if meets(rect, crossed)]
    for place in all_to_pixels((*plan.sheet.stills, *drawings), _scale(plan), picture.shape):
        found = reader.find_text(picture[place.slices], smallest=smallest_print(dpi))
        yield from (line.text for line in found)
    widest = sorted(plan.filled, key=lambda rect: rect.x0 - rect.x1)[:_LINES_LOOKED_AT]
    for rect in widest:
        wide = Rect(rect.x0 - _AROUND, rect.y0, rect.x1 + _AROUND, rect.y1)
        box = to_pixels(wide, _scale(plan), picture.shape)
        if box is not None:
            yield reader.read_line(_without_box(picture, box, rect, plan)).text


def _scan_again(plan: Plan, picture: Picture, look: _Look) -> Iterator[str]:
    """What OCR finds on a scanned page and has not read before."""
    before = look.source(plan.sheet)
    if before.shape != picture.shape:
        raise ValueError("the page has another size")
    changed = changed_pixels(picture, before)
    for box in detect_written(look.reader, picture, smallest_print(plan.sheet.view.dpi)):
        if not is_known(plan, box, changed):
            part = picture[box.slices]
            # Untrimmed, as it was found; but a line whose letters cannot be placed has a text as well.
            yield look.reader.read_spaced(part).text or look.reader.read_line(part).text


def _without_box(picture: Picture, box: Box, rect: Rect, plan: Plan) -> Picture:
    """The line beside a filled area, with the area as white as paper."""
    line = picture[box.slices].copy()
    filled = to_pixels(rect, _scale(plan), picture.shape)
    if filled is not None:
        line[:, filled.x - box.x : filled.right - box.x] = 255
    return line


def _scale(plan: Plan) -> float:
    return plan.sheet.view.dpi / POINTS_PER_INCH
