"""A rebuilt report keeps to the clauses of PDF/A-2b that concern it, and says nothing of itself but that."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportTask
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf import archive
from endoreg_db.deid.pdf.deidentify import deidentify_report
from endoreg_db.deid.pdf.document import draw as draw_page
from endoreg_db.deid.pdf.document import open_page, open_report
from endoreg_db.deid.pdf.objects import strangers
from endoreg_db.deid.pdf.read import DIGITAL_DPI
from endoreg_db.deid.pdf.rebuild import JPEG_QUALITY
from endoreg_db.deid.pdf.writer import NewPage, PdfWriter, TextRun
from endoreg_db.deid.reports.words import Rect
from endoreg_db.samples import draw_report
from tests.archival import CLAUSES, broken
from tests.integration.report_files import CLASSES, draw, find_canary

LINE = (TextRun("Größe,", Rect(20, 20, 60, 32)), TextRun("Łódź Ω𝒳", Rect(65, 20, 95, 32)))
#: More letters than one font holds.
MANY = (TextRun("".join(chr(0x400 + n) for n in range(300)), Rect(45, 60, 280, 72)),)


def written(size: tuple[float, float] = (300.0, 200.0), *, colour: bool = False, turn: int = 0) -> bytes:
    jpeg, file = io.BytesIO(), io.BytesIO()
    Image.new("RGB" if colour else "L", (60, 40), 200).save(jpeg, "JPEG")
    with PdfWriter(file) as writer:
        for lines in ((LINE, MANY), ()):
            writer.add(NewPage(*size, jpeg.getvalue(), (60, 40), colour, turn, lines))
    return file.getvalue()


def red(canvas: Canvas) -> None:
    canvas.setFillColorRGB(0.8, 0, 0)
    canvas.drawString(30, 100, "Polyp im Sigma")


@pytest.mark.parametrize(
    "make",
    [
        partial(draw, visible=True),
        partial(draw, more=red, pages=3),
        CLASSES["38 turned, cropped, other units"],
    ],
    ids=["grey", "colour, three pages", "turned, cropped, other units"],
)
def test_a_rebuilt_report_breaks_no_clause(tmp_path: Path, make: Callable[[Path], None]) -> None:
    source, work = tmp_path / "report.pdf", tmp_path / "work"
    work.mkdir()
    make(source)

    done = deidentify_report(
        ReportTask(str(source), str(work), source.name),
        lambda _message: None,
        find_canary,
        reader=TextReader(),
    )

    assert broken(Path(done.candidate).read_bytes()) == {}


@pytest.mark.parametrize("size", [(300.0, 200.0), (1.5, 40.0), (30_000.0, 595.0), (200.0, 14_400.0)])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_a_page_of_any_size_breaks_no_clause_and_keeps_its_size(
    size: tuple[float, float], colour: bool
) -> None:
    data = written(size, colour=colour, turn=90)

    assert broken(data) == {}
    page = PdfReader(io.BytesIO(data)).pages[0]
    unit = float(page.get("/UserUnit", 1))
    shown = (float(page.mediabox.width) * unit, float(page.mediabox.height) * unit)
    assert shown == pytest.approx(size, rel=0.002)
    # The picture fills the page, and the text lies where it lay.
    content = page.get_contents()
    assert content is not None
    scale = re.match(rb"([\d.]+) 0 0 \1 0 0 cm", content.get_data())
    assert (float(scale[1]) if scale else 1.0) * unit == pytest.approx(1, rel=0.001)


# -------------------------------------------------- the clauses are no formality: each finds what breaks it


def recompressed(data: bytes, old: bytes, new: bytes) -> bytes:
    """The file with something else in the content of its first page."""
    found = re.search(rb"<< /Filter /FlateDecode /Length \d+ >>\nstream\n(.*?)\nendstream", data, re.DOTALL)
    assert found is not None
    content = zlib.decompress(found[1])
    assert old in content
    packed = zlib.compress(content.replace(old, new, 1), 9)
    stream = b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed)
    return data[: found.start()] + stream + data[found.end() :]


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def into_catalog(entry: bytes) -> Callable[[bytes], bytes]:
    return replaced(b"/Type /Catalog", b"/Type /Catalog " + entry)


def into_page(entry: bytes) -> Callable[[bytes], bytes]:
    return replaced(b"/Type /Page ", b"/Type /Page " + entry + b" ")


def into_picture(entry: bytes) -> Callable[[bytes], bytes]:
    return replaced(b"/BitsPerComponent 8", b"/BitsPerComponent 8 " + entry)


BREAKING: dict[str, Callable[[bytes], bytes]] = {
    "6.1.2 header": replaced(b"%PDF-1.7", b"%PDF-2.0"),
    "6.1.3 trailer": lambda data: re.sub(rb" /ID \[.*?\]", b"", data),
    "6.1.4 cross-references": replaced(b"xref\n0 ", b"xref\n\n0 "),
    "6.1.5 no document information": replaced(b"/Root 1 0 R", b"/Root 1 0 R /Info << /Title (x) >>"),
    "6.1.6 strings": lambda data: recompressed(data, b"> Tj", b"0> Tj"),
    "6.1.7.1 streams": lambda data: re.sub(rb"/XML /Length \d+", b"/XML /Length 7", data),
    "6.1.7.2 filters": replaced(b"/DCTDecode", b"/LZWDecode"),
    "6.1.9 objects": replaced(b" 0 obj\n<<", b" 0 obj <<"),
    "6.1.12 no permissions": into_catalog(b"/Perms << >>"),
    "6.1.13 limits": replaced(b"/MediaBox [0 0 300 200]", b"/MediaBox [0 0 2.5 200]"),
    "6.2.2 content streams": lambda data: recompressed(data, b"ET", b"xx ET"),
    "6.2.3 output intent": replaced(b"/GTS_PDFA1", b"/GTS_PDFX"),
    "6.2.4.3 device colours": replaced(b"/DeviceGray", b"/DeviceCMYK"),
    "6.2.5 graphics states": replaced(b"/XObject << /Im", b"/ExtGState << >> /XObject << /Im"),
    "6.2.6 rendering intents": into_picture(b"/Intent /Vivid"),
    "6.2.8.1 images": into_picture(b"/Interpolate true"),
    "6.2.9 XObjects": replaced(b"/Subtype /Image", b"/Subtype /PS"),
    "6.2.10 transparency": into_page(b"/Group << /S /Transparency >>"),
    "6.2.11.2 font types": replaced(b"/LastChar 255", b"/LastChar 254"),
    "6.2.11.4.1 embedding": lambda data: recompressed(data, b"3 Tr", b"0 Tr"),
    "6.2.11.5 metrics": replaced(b"/Widths [500", b"/Widths [499"),
    "6.2.11.8 .notdef": replaced(b"/Differences [0 /g /g", b"/Differences [0 /g /h"),
    "6.3 no annotations": into_page(b"/Annots [ << /Type /Annot /Subtype /Link >> ]"),
    "6.4 no forms": into_catalog(b"/AcroForm << /Fields [] >>"),
    "6.5 no actions": into_catalog(b"/OpenAction << /S /JavaScript /JS (x) >>"),
    "6.6.2 metadata": replaced(b'id="W5M0MpCehiHzreSzNTczkc9d"', b'id="another"'),
    "6.6.4 identification": replaced(b"<pdfaid:part>2", b"<pdfaid:part>3"),
    "6.8 no embedded files": into_catalog(b"/AF []"),
    "6.9 no optional content": into_catalog(b"/OCProperties << >>"),
    "6.10 no alternate presentations": into_page(b"/PresSteps << >>"),
    "6.11 no requirements": into_catalog(b"/Requirements []"),
}


@pytest.mark.parametrize("clause", CLAUSES)
def test_each_clause_notices_a_file_that_breaks_it(clause: str) -> None:
    whole = written()
    assert clause not in broken(whole)
    assert clause in broken(BREAKING[clause](whole))


# --------------------------------------------------------- what the verification demands of the metadata


@pytest.mark.parametrize(
    "change",
    [
        replaced(b"</pdfaid:conformance>", b"</pdfaid:conformance><dc:title>Erika Muster</dc:title>"),
        replaced(b"<pdfaid:conformance>B", b"<pdfaid:conformance>U"),
        replaced(b"/Info (sRGB IEC61966-2.1)", b"/Info (Erika Muster)"),
        replaced(b"/S /GTS_PDFA1", b"/S /GTS_PDFA1 /RegistryName (Erika Muster)"),
        lambda data: re.sub(rb"/ID \[<.*?>", b"/ID [<4572696b61204d757374657220202020>", data),
        lambda data: re.sub(rb"(/ID \[.*?\])", rb"\1 /Info 1 0 R", data),
        into_catalog(b"/Lang (de)"),
        lambda data: data.replace(zlib.compress(archive.SRGB, 9), zlib.compress(archive.SRGB[:-1] + b"x", 9)),
    ],
    ids=[
        "more",
        "other level",
        "other condition",
        "registry",
        "identifier",
        "information",
        "catalog",
        "profile",
    ],
)
def test_metadata_that_is_not_what_every_report_has_is_a_stranger(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    whole = written()
    assert told(tmp_path, whole) == []
    changed = change(whole)
    assert changed != whole
    assert told(tmp_path, repaired(changed)) != []


def repaired(data: bytes) -> bytes:
    """The file with its table of contents where things are now; else its lengths alone would betray it."""
    data = re.sub(
        rb"/XML /Length \d+ >>\nstream\n(.*?)\nendstream",
        lambda found: b"/XML /Length %d >>\nstream\n%s\nendstream" % (len(found[1]), found[1]),
        data,
        flags=re.DOTALL,
    )
    body, end = data[: data.rindex(b"\nxref\n") + 1], data[data.rindex(b"trailer\n") :]
    places = {int(found[1]): found.start() for found in re.finditer(rb"(?m)^(\d+) 0 obj$", body)}
    rows = b"".join(b"%010d 00000 n \n" % places[number] for number in sorted(places))
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(places) + 1, rows)
    return body + table + re.sub(rb"startxref\n\d+", b"startxref\n%d" % len(body), end)


def told(folder: Path, data: bytes) -> list[str]:
    path = folder / "candidate.pdf"
    path.write_bytes(data)
    with PdfReader(path, strict=True) as document:
        return list(strangers(path, document))


def test_the_colour_profile_is_that_of_srgb() -> None:
    ours = ImageCms.ImageCmsProfile(io.BytesIO(archive.SRGB))
    colours = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8))
    same = ImageCms.profileToProfile(colours, ours, ImageCms.createProfile("sRGB"))
    assert same is not None
    assert np.abs(np.asarray(same, np.int16) - np.asarray(colours, np.int16)).max() <= 1


def test_a_rebuilt_page_takes_no_more_room_than_half_again_as_its_picture(tmp_path: Path) -> None:
    source, work = tmp_path / "report.pdf", tmp_path / "work"
    work.mkdir()
    draw_report(source, seed=1)
    with open_report(str(source)) as opened, open_page(opened, 0) as page:
        picture, plain = draw_page(page, DIGITAL_DPI), io.BytesIO()
    Image.fromarray(picture).convert("L").save(plain, "JPEG", quality=JPEG_QUALITY)

    done = deidentify_report(
        ReportTask(str(source), str(work), source.name),
        lambda _message: None,
        find_canary,
        reader=TextReader(),
    )

    assert Path(done.candidate).stat().st_size <= 1.5 * len(plain.getvalue())


def test_what_is_the_same_in_every_report_takes_hardly_any_room() -> None:
    constant = len(archive.XMP) + len(zlib.compress(archive.SRGB, 9))
    assert constant < 1024
