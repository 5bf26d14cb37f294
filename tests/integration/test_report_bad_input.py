"""Files that are no report, or were made to harm: each is refused in one sentence, none takes the machine."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, BooleanObject, DictionaryObject, NameObject, TextStringObject

from endoreg_db.deid.pdf import document
from endoreg_db.deid.pdf.document import MAX_PIXELS, dpi_for, draw, open_page, open_report, placed_images
from endoreg_db.errors import CorruptMediaError, UnsupportedMediaError
from tests.integration.report_files import draw as draw_report
from tests.integration.report_files import protect


def _raw(pages: int = 1, box: str = "0 0 320 200", image: tuple[int, int] | None = None) -> bytes:
    """A PDF of empty pages, with one picture of that many pixels on each; no cross-reference table."""
    kids = " ".join(f"{10 + n} 0 R" for n in range(pages))
    parts = [b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"]
    parts.append(f"2 0 obj\n<< /Type /Pages /Count {pages} /Kids [{kids}] >>\nendobj\n".encode())
    drawing = b"q 100 0 0 100 10 10 cm /Im Do Q"
    parts.append(b"3 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (len(drawing), drawing))
    if image is not None:
        packed = zlib.compress(bytes(1000))
        parts.append(
            b"4 0 obj\n<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray"
            b" /BitsPerComponent 1 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream\nendobj\n"
            % (*image, len(packed), packed)
        )
    for n in range(pages):
        used = "/Resources << /XObject << /Im 4 0 R >> >> /Contents 3 0 R" if image else ""
        page = f"{10 + n} 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [{box}] {used} >>\nendobj\n"
        parts.append(page.encode())
    parts.append(b"trailer\n<< /Root 1 0 R >>\n%%EOF\n")
    return b"".join(parts)


def _write(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _xfa(path: Path) -> None:
    draw_report(path)
    writer = PdfWriter(clone_from=str(path))
    packet = ArrayObject([TextStringObject("template"), TextStringObject("<template/>")])
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/XFA"): packet, NameObject("/Fields"): ArrayObject()}
    )
    writer.root_object[NameObject("/NeedsRendering")] = BooleanObject(True)
    writer.write(str(path))


def _portfolio(path: Path) -> None:
    draw_report(path)
    writer = PdfWriter(clone_from=str(path))
    writer.add_attachment("report.pdf", path.read_bytes())
    writer.root_object[NameObject("/Collection")] = DictionaryObject()
    writer.write(str(path))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (
            _write(b"<html><body>%PDF-1.4</body></html>"),
            UnsupportedMediaError,
            "not a PDF, whatever its name",
        ),
        (_write(b"%PDF-1.7\n" + bytes(500)), CorruptMediaError, "damaged: no page was found"),
        (_write(_raw(pages=0)), CorruptMediaError, "no page"),
        (_write(_raw(pages=10_000)), UnsupportedMediaError, "has 10000 pages; at most 500 are read"),
        (_xfa, UnsupportedMediaError, "XFA form"),
        (_portfolio, UnsupportedMediaError, "portfolio"),
        (lambda path: protect(path, "geheim"), UnsupportedMediaError, "protected by a password"),
    ],
    ids=["web page", "garbage", "no pages", "10,000 pages", "XFA", "portfolio", "password"],
)
def test_what_is_no_report_is_refused_in_one_sentence(
    tmp_path: Path, make: Callable[[Path], object], error: type[Exception], said: str
) -> None:
    path = tmp_path / "report.pdf"
    make(path)
    with pytest.raises(error, match=said) as refused, open_report(str(path)):
        pass
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_raw(box="0 0 14400 14400"), "Page 1 of the report measures 200.0 × 200.0 inches"),
        (_raw(image=(30_000, 30_000)), "pictures of 900 million pixels"),
    ],
    ids=["200 inches", "900 megapixels"],
)
def test_a_page_that_would_need_gigabytes_is_refused_before_it_is_drawn(
    tmp_path: Path, data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    monkeypatch.setattr(document, "draw", None)
    with (
        open_report(str(path)) as opened,
        pytest.raises(UnsupportedMediaError, match=said),
        open_page(opened, 0),
    ):
        pass


def test_a_wrong_password_is_told_from_none(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    protect(path, "geheim")
    refusal = pytest.raises(UnsupportedMediaError, match="the password given does not open it")
    with refusal, open_report(str(path), "falsch"):
        pass
    with open_report(str(path), "geheim") as opened:
        assert len(opened) == 1


@pytest.mark.parametrize("lost", ["startxref", "trailer"])
def test_a_damaged_table_of_contents_is_mended(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "report.pdf"
    draw_report(path)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(lost.encode())])
    with open_report(str(path)) as opened, open_page(opened, 0) as page:
        assert draw(page, 72).min() < 50, "its text is drawn"


def test_no_page_is_drawn_with_more_pixels_than_allowed(tmp_path: Path) -> None:
    for width, height in ((595, 842), (2880, 2880), (14400, 200)):
        dpi = dpi_for(width, height, 200)
        assert dpi <= 200 and width * height * (dpi / 72) ** 2 <= MAX_PIXELS * 1.001


def test_a_picture_is_found_where_it_is_shown_also_inside_forms(tmp_path: Path) -> None:
    from reportlab.lib.utils import ImageReader

    from quality.reports.plants import portrait

    def more(canvas: object) -> None:
        canvas.beginForm("f")  # type: ignore[attr-defined]
        canvas.drawImage(ImageReader(portrait()), 0, 0, 40, 40)  # type: ignore[attr-defined]
        canvas.endForm()  # type: ignore[attr-defined]
        canvas.translate(200, 30)  # type: ignore[attr-defined]
        canvas.doForm("f")  # type: ignore[attr-defined]

    path = tmp_path / "report.pdf"
    draw_report(path, more=more)
    with open_report(str(path)) as opened, open_page(opened, 0) as page:
        (placed,) = placed_images(page)
    assert (placed.x0, placed.y0, placed.x1, placed.y1) == pytest.approx((200, 130, 240, 170), abs=0.1)
