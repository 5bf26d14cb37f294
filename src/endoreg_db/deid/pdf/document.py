"""Opening an untrusted PDF: what it promises is bounded before anything of it is drawn.

PDFium does the parsing. It mends broken cross-reference tables by itself, so "damaged" means here
that even PDFium finds no pages.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from numpy.typing import NDArray
from pypdf import PdfReader

from endoreg_db.deid.pdf.unpacked import refuse_bombs
from endoreg_db.deid.reports.words import Rect
from endoreg_db.errors import CorruptMediaError, UnsupportedMediaError

Picture = NDArray[np.uint8]  # H×W×3 RGB

POINTS_PER_INCH = 72.0
WHITE = (255, 255, 255)
MAX_PAGES = 500
#: Pixels of one drawn page: 40 inches square at the coarsest resolution that small print survives.
MAX_PIXELS = 16_000_000
MIN_DPI = 100.0
#: Pixels that all pictures of one page may hold together: an A3 scan at 600 dpi has 70 million.
MAX_PICTURE_PIXELS = 150_000_000
#: Bytes of a file without its end that is read into memory to mend it.
_MENDABLE_BYTES = 64 * 1024 * 1024
_TAIL_BYTES = 2048  # at the end of a file, where readers look for its table of contents
_CATALOG = re.compile(rb"(\d+)\s+(\d+)\s+obj\s*<<(?:(?!endobj).){0,2000}?/Type\s*/Catalog\b", re.DOTALL)
_MAX_OBJECTS = 200_000  # of one page; a page of print has a few thousand

_PASSWORD_ADVICE = (
    "Set ENDOREG_REPORT_PASSWORD to its password and run `endoreg retry UUID`, or export it unprotected."
)


@contextmanager
def open_report(path: str, password: str | None = None) -> Iterator[pdfium.PdfDocument]:
    """The document, for as long as the block runs.

    Raises:
        UnsupportedMediaError: it needs a password, is an XFA form or a portfolio, is too large, or would be
            if it were unpacked.
        CorruptMediaError: there is no page to be found in it.
    """
    document = _opened(path, password)
    try:
        _check(document, path)
        yield document
    finally:
        document.close()


def _opened(path: str, password: str | None) -> pdfium.PdfDocument:
    _refuse_other_files(path)
    refuse_bombs(path)
    try:
        return pdfium.PdfDocument(path, password=password)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            told = "the password given does not open it" if password else "it is protected by a password"
            raise UnsupportedMediaError(
                f"The report cannot be read: {told}", advice=_PASSWORD_ADVICE
            ) from error
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise UnsupportedMediaError(
                "The report cannot be read: its encryption is of an unknown kind", advice=_PASSWORD_ADVICE
            ) from error
        mended = _with_trailer(path)
        if mended is None:
            raise CorruptMediaError("The report is damaged: no page was found in it") from error
        return mended


def _with_trailer(path: str) -> pdfium.PdfDocument | None:
    """A file that lost its end, opened with a new one; None if that does not help.

    PDFium finds all objects of a file by itself, but not which of them is the catalog.
    """
    if Path(path).stat().st_size > _MENDABLE_BYTES:
        return None
    data = Path(path).read_bytes()
    for number, generation in reversed(_CATALOG.findall(data)):
        try:
            return pdfium.PdfDocument(
                data + b"\ntrailer\n<< /Root %s %s R >>\n%%%%EOF\n" % (number, generation)
            )
        except pdfium.PdfiumError:
            continue
    return None


def is_whole(path: str) -> bool:
    """Whether the file ends as a PDF ends; one that was cut off may have lost pages."""
    with Path(path).open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        tail = file.read()
    return b"startxref" in tail and b"%%EOF" in tail


def _refuse_other_files(path: str) -> None:
    """A web page that says ``%PDF-`` somewhere is none, even if PDFium finds pages in its tail."""
    with Path(path).open("rb") as file:
        head = file.read(1024)
    if head.lstrip().startswith((b"<", b"{")) or b"%PDF-" not in head:
        raise UnsupportedMediaError("The report is not a PDF, whatever its name says")


def _check(document: pdfium.PdfDocument, path: str) -> None:
    pages = len(document)
    if pages == 0:
        raise CorruptMediaError("The report has no pages")
    if pages > MAX_PAGES:
        raise UnsupportedMediaError(
            f"The report has {pages} pages; at most {MAX_PAGES} are read",
            advice="Split it into its examinations and import those.",
        )
    if document.get_formtype() == raw.FORMTYPE_XFA_FULL:
        raise UnsupportedMediaError(
            "The report is an XFA form: what it shows is made by a program inside it",
            advice="Open it in the program that made it and print it to a new PDF.",
        )
    if _is_portfolio(path):
        raise UnsupportedMediaError(
            "The report is a PDF portfolio: a folder of other files",
            advice="Save the files in it and import those that are reports.",
        )


def _is_portfolio(path: str) -> bool:
    """Whether the document's catalog has a collection; a catalog that cannot be read has none.

    PDFium shows only such a file's cover sheet, so its reports would be lost without a word.
    """
    root = _catalog(path)
    return root is not None and "/Collection" in root


def _catalog(path: str) -> Any:
    try:
        with PdfReader(path, strict=False) as reader:
            return reader.root_object
    except Exception:  # noqa: BLE001 - pypdf raises anything on what only PDFium can mend
        return None


def user_units(path: str) -> list[float]:
    """How many points the unit of each page is (ISO 32000-1, 14.11.2); PDFium does not look at it.

    Empty where pypdf, which counts the pages by itself, cannot read what PDFium can.
    """
    try:
        with PdfReader(path, strict=False) as reader:
            return [_usable(float(page.get("/UserUnit", 1.0))) for page in reader.pages]
    except Exception:  # noqa: BLE001 - see above
        return []


def _usable(unit: float) -> float:
    return unit if 0.01 <= unit <= 1000 else 1.0


@contextmanager
def open_page(document: pdfium.PdfDocument, index: int) -> Iterator[pdfium.PdfPage]:
    """One page as a viewer shows it: what annotations and form fields show becomes part of it.

    Raises:
        CorruptMediaError: it cannot be read.
        UnsupportedMediaError: it is too large, or holds too much.
    """
    page = _loaded(document, index)
    try:
        if raw.FPDFPage_GetAnnotCount(page.raw) > 0:
            raw.FPDFPage_Flatten(page.raw, raw.FLAT_NORMALDISPLAY)
            page.close()
            page = _loaded(document, index)
        _check_page(page, index)
        yield page
    finally:
        page.close()


def _loaded(document: pdfium.PdfDocument, index: int) -> pdfium.PdfPage:
    try:
        return document[index]
    except pdfium.PdfiumError as error:
        raise CorruptMediaError(f"Page {index + 1} of the report cannot be read") from error


def _check_page(page: pdfium.PdfPage, index: int) -> None:
    width, height = page.get_size()
    if dpi_for(width, height, MIN_DPI) < MIN_DPI or min(width, height) < 1:
        inches = f"{width / POINTS_PER_INCH:.1f} × {height / POINTS_PER_INCH:.1f} inches"
        raise UnsupportedMediaError(f"Page {index + 1} of the report measures {inches}")
    if raw.FPDFPage_CountObjects(page.raw) > _MAX_OBJECTS:
        raise UnsupportedMediaError(f"Page {index + 1} of the report is made of too many parts")
    pixels = sum(_pixels(image) for image in _images(page))
    if pixels > MAX_PICTURE_PIXELS:
        raise UnsupportedMediaError(
            f"Page {index + 1} of the report holds pictures of {pixels / 1e6:.0f} million pixels"
        )


def dpi_for(width: float, height: float, wanted: float) -> float:
    """The resolution to draw a page of this size (points) at: as wanted, or what the limit allows."""
    square_inches = max(width * height, 1e-6) / POINTS_PER_INCH**2
    return min(wanted, math.sqrt(MAX_PIXELS / square_inches))


def draw(page: pdfium.PdfPage, dpi: float, paper: tuple[int, int, int] = WHITE) -> Picture:
    """The page as it is displayed, on paper of some colour."""
    bitmap = page.render(
        scale=dpi / POINTS_PER_INCH, rev_byteorder=True, may_draw_forms=False, fill_color=(*paper, 255)
    )
    try:
        return np.ascontiguousarray(bitmap.to_numpy()[:, :, :3])
    finally:
        bitmap.close()


def placed_images(page: pdfium.PdfPage) -> list[Rect]:
    """Where the page's pictures are, whatever covers them; those in form XObjects too."""
    to_display = display_matrix(page)
    placed = []
    for image in _images(page):
        corners = [to_display(*corner) for corner in _corners(image)]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        placed.append(Rect(min(xs), min(ys), max(xs), max(ys)))
    return placed


def _corners(image: Any) -> list[tuple[float, float]]:
    """The corners of a picture in the page's coordinates, whatever forms it is nested in."""
    matrix, around = image.get_matrix(), image.container
    while around:
        matrix, around = matrix.multiply(around.get_matrix()), around.container
    return [matrix.on_point(x, y) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]


@dataclass(frozen=True, slots=True)
class DisplayMatrix:
    """From a page's own coordinates to points from its top left corner as displayed."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        """The place of one point."""
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f


def display_matrix(page: pdfium.PdfPage) -> DisplayMatrix:
    """How the page is displayed: crop box and rotation as PDFium applies them."""
    width, height = page.get_size()
    fine = 1000.0  # PDFium answers in whole pixels

    def shown(x: float, y: float) -> tuple[float, float]:
        at_x, at_y = ctypes.c_int(), ctypes.c_int()
        size = (round(width * fine), round(height * fine))
        raw.FPDF_PageToDevice(page.raw, 0, 0, *size, 0, x, y, at_x, at_y)
        return at_x.value / fine, at_y.value / fine

    (e, f), (ax, ay), (cx, cy) = shown(0, 0), shown(100, 0), shown(0, 100)
    return DisplayMatrix((ax - e) / 100, (ay - f) / 100, (cx - e) / 100, (cy - f) / 100, e, f)


def _images(page: pdfium.PdfPage) -> Iterator[Any]:
    yield from page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=8)


def _pixels(image: Any) -> int:
    width, height = image.get_px_size()
    return int(width * height)
