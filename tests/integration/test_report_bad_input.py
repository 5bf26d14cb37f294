"""Files that are no report, or were made to harm: each is refused in one sentence, none takes the machine."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, BooleanObject, DictionaryObject, NameObject, TextStringObject

from endoreg_db.deid.messages import ReportDone, ReportTask
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf import document
from endoreg_db.deid.pdf.deidentify import deidentify_report
from endoreg_db.deid.pdf.document import MAX_PIXELS, dpi_for, draw, open_page, open_report, placed_images
from endoreg_db.deid.pdf.unpacked import MAX_UNPACKED
from endoreg_db.errors import CorruptMediaError, MediaImportError, UnsupportedMediaError
from endoreg_db.models import MediaFile, State
from endoreg_db.services.pdf_import import PdfImportService
from endoreg_db.services.store import Store
from tests.integration.report_files import draw as draw_report
from tests.integration.report_files import find_canary, protect


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


def _packed_blanks(megabytes: int) -> bytes:
    """As many blanks, packed: each megabyte is the same thousand bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = ((megabytes << 20) % 65521) << 16 | 1
    return b"\x78\xda" + block * megabytes + packer.flush() + checksum.to_bytes(4, "big")


def _with_content(filters: str, content: bytes, *, kind: str = "") -> bytes:
    """An empty page with that content."""
    stream = b"3 0 obj\n<< %s /Filter [%s] /Length %d >>\nstream\n%s\nendstream" % (
        kind.encode(), filters.encode(), len(content), content,
    )  # fmt: skip
    return re.sub(rb"(?s)3 0 obj.*?endstream", lambda _: stream, _raw(image=(10, 10)), count=1)


def _blank_scan(path: Path) -> None:
    paper = np.random.default_rng(1).normal(244, 3, (1100, 850)).clip(0, 255).astype(np.uint8)
    Image.fromarray(paper).save(path, "PDF", resolution=100)


def _cut_in_half(path: Path) -> None:
    draw_report(path, pages=3)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


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


# ------------------------------------------------------------------------------ what unpacks without end


@pytest.mark.parametrize(
    "data",
    [
        _with_content("/FlateDecode", _packed_blanks(4096)),
        _with_content("/FlateDecode /FlateDecode", zlib.compress(_packed_blanks(4096), 9)),
        # The first unpacking alone is too much, and its result cannot be unpacked again.
        _with_content("/FlateDecode /FlateDecode", _packed_blanks(4096)),
        _with_content("/ASCII85Decode /FlateDecode", base64.a85encode(_packed_blanks(80)) + b"~>"),
        _with_content("/Fl", _packed_blanks(80), kind="/Type /ObjStm /N 1 /First 4"),
    ],
    ids=["once", "twice", "twice, damaged", "as text", "objects"],
)
def test_a_part_that_unpacks_to_gigabytes_is_refused_before_the_file_is_opened(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    monkeypatch.setattr("pypdfium2.PdfDocument", None)
    refusal = pytest.raises(UnsupportedMediaError, match="unpacks to more than 64 MB")
    with refusal, open_report(str(path)):
        pass


def test_contents_up_to_the_limit_are_read(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(_with_content("/FlateDecode", _packed_blanks(MAX_UNPACKED >> 20)))
    with open_report(str(path)) as opened, open_page(opened, 0) as page:
        assert draw(page, 72).min() == 255


def test_a_picture_that_unpacks_to_more_than_its_pixels_is_no_more_than_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    packed = zlib.compress(_packed_blanks(4096), 9)
    whole = _raw(image=(100, 100))
    path.write_bytes(
        re.sub(
            rb"(?s)/Filter /FlateDecode /Length \d+ >>\nstream.*?endstream",
            lambda _: (
                b"/Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n%s\nendstream"
                % (len(packed), packed)
            ),
            whole,
            count=1,
        )
    )
    with open_report(str(path)) as opened, open_page(opened, 0) as page:
        assert draw(page, 72).shape == (200, 320, 3)


# ----------------------------------------------------------------------------------- what is damaged


def _whole(tmp_path: Path, *, packed: bool = False) -> bytes:
    """A report of three pages."""
    path = tmp_path / "whole.pdf"
    draw_report(path, visible=True, pages=3)
    if packed:
        writer = PdfWriter(clone_from=str(path))
        for page in writer.pages:
            page.compress_content_streams()
        writer.write(str(path))
    return path.read_bytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "offsets": lambda data: re.sub(rb"\d{10} 00000 n", b"0000000042 00000 n", data),
    "start of the table": lambda data: re.sub(rb"startxref\n\d+", b"startxref\n7", data),
    "no table": lambda data: data.replace(b"xref\n0", b"xxxx\n0"),
    "lengths": lambda data: re.sub(rb"/Length \d+", b"/Length 3", data),
    "something before": lambda data: b"Received: by mail\n" * 30 + data,
    "ends of lines": lambda data: data.replace(b"\n", b"\r\n"),
    "pages in a circle": lambda data: re.sub(rb"/Kids \[", b"/Kids [ 8 0 R", data),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_that_can_be_repaired_loses_no_page(tmp_path: Path, damage: str) -> None:
    whole = _whole(tmp_path)
    path = tmp_path / "report.pdf"
    path.write_bytes(DAMAGES[damage](whole))
    assert path.read_bytes() != whole
    with open_report(str(path)) as opened:
        assert len(opened) == 3
        for index in range(3):
            with open_page(opened, index) as page:
                assert draw(page, 72).min() < 50, "its text is drawn"


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def _deidentified(path: Path, reader: TextReader) -> ReportDone:
    work = path.with_suffix(".work")
    work.mkdir()
    task = ReportTask(str(path), str(work), path.name)
    return deidentify_report(task, lambda _message: None, find_canary, reader=reader)


def _doubts(done: ReportDone) -> list[str]:
    return [finding.code for finding in done.findings if finding.severity == "review"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_whole_report_raises_no_doubt(tmp_path: Path, reader: TextReader, packed: bool) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(_whole(tmp_path, packed=packed))
    assert _doubts(_deidentified(path, reader)) == []


@pytest.mark.parametrize("number", range(3))
def test_a_page_whose_content_is_torn_is_looked_at_by_a_person(
    tmp_path: Path, reader: TextReader, number: int
) -> None:
    whole = _whole(tmp_path, packed=True)
    begin = [found.end() for found in re.finditer(rb"/FlateDecode[^>]*>>\s*stream\r?\n", whole)][number]
    path = tmp_path / "report.pdf"
    path.write_bytes(whole[: begin + 20] + bytes(30) + whole[begin + 50 :])
    assert _doubts(_deidentified(path, reader)) == ["damaged_part"]


def test_a_report_that_has_lost_its_end_is_looked_at_by_a_person(tmp_path: Path, reader: TextReader) -> None:
    whole = _whole(tmp_path)
    path = tmp_path / "report.pdf"
    path.write_bytes(whole[: whole.rindex(b"%%EOF")])
    done = _deidentified(path, reader)
    assert (done.pages, _doubts(done)) == (3, ["cut_off"])


def test_pages_that_the_file_does_not_count_are_looked_for_by_a_person(
    tmp_path: Path, reader: TextReader
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(_whole(tmp_path).replace(b"/Count 3", b"/Count 1"))
    assert _doubts(_deidentified(path, reader)) == ["pages_unsure"]


def test_pages_that_the_file_only_counts_make_it_damaged(tmp_path: Path, reader: TextReader) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(_whole(tmp_path).replace(b"/Count 3", b"/Count 9"))
    with pytest.raises(CorruptMediaError, match="Page 4 of the report cannot be read"):
        _deidentified(path, reader)


def test_a_scan_of_blank_paper_is_not_passed_through(tmp_path: Path, reader: TextReader) -> None:
    path = tmp_path / "report.pdf"
    _blank_scan(path)
    with pytest.raises(CorruptMediaError, match="No word can be read"):
        _deidentified(path, reader)


# --------------------------------------------------------------------------------- the whole way, for real


@pytest.mark.parametrize(
    "make",
    [
        _write(_raw(pages=0)),
        _xfa,
        _write(_raw(box="0 0 14400 14400")),
        _write(_with_content("/FlateDecode", _packed_blanks(4096))),
        _cut_in_half,
        _blank_scan,
    ],
    ids=["no pages", "XFA", "200 inches", "gigabytes", "cut in half", "blank scan"],
)
def test_what_cannot_become_a_report_is_quarantined_and_kept(
    store: Store, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    source = tmp_path / "report.pdf"
    make(source)
    before = source.read_bytes()

    with pytest.raises(MediaImportError) as refused:
        PdfImportService().import_and_anonymize(source, "test_center")

    assert refused.value.advice and str(source) in str(refused.value)
    record = MediaFile.objects.get()
    assert record.state == State.QUARANTINED
    assert store.vault.contains(record.content_sha256)
    assert source.read_bytes() == before and not list(tmp_path.glob("*.lock"))
    assert not list(store.folder.published.iterdir()) and not list(store.folder.tmp.iterdir())


def test_a_web_page_named_pdf_is_refused_before_anything_is_recorded(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "report.pdf"
    source.write_bytes(b"<html><body>%PDF-1.4</body></html>")
    with pytest.raises(UnsupportedMediaError, match="not a pdf file, whatever its name says"):
        PdfImportService().import_and_anonymize(source, "test_center")
    assert not MediaFile.objects.exists() and not list(tmp_path.glob("*.lock"))
    assert not list(store.folder.published.iterdir())
