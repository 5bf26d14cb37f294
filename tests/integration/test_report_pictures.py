"""Scans, stills and drawings: what is read, what stays, and how pages are turned."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader
from rapidfuzz import fuzz
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportDone
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.pictures import is_endoscopic
from endoreg_db.deid.pdf.upright import LARGEST_SKEW, skew_of, straightened
from endoreg_db.samples import shipped_profile
from endoreg_db.samples.layout import font
from quality.reports.plants import picture, portrait
from tests.conftest import DrawnOnce
from tests.integration.report_files import CANARY, KEPT, SIZE, draw
from tests.integration.test_report_leaks import reader, rebuilt, shown

__all__ = ["reader"]


@pytest.fixture(scope="session")
def still(drawn_once: DrawnOnce) -> Image.Image:
    """What an endoscope shows, as a report prints it."""
    source, _ = drawn_once(seconds=0.2, seed=5)
    with av.open(str(source)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    image = shipped_profile().image
    return Image.fromarray(np.ascontiguousarray(frame[image.slices])).resize((500, 400))


def scanned(source: Path, target: Path, *, askew: float = 0.0, turn: int = 0, dpi: int = 200) -> None:
    """Print a report and scan it: noise, grey paper, a little askew, turned by quarters (anticlockwise)."""
    with pdfium.PdfDocument(source) as document:
        page = document[0].render(scale=dpi / 72).to_pil().convert("RGB")
    noise = np.random.default_rng(1).normal(0, 5, (page.height, page.width, 1))
    grey = np.clip(np.asarray(page) * 0.96 + noise, 0, 255).astype(np.uint8)
    paper = Image.fromarray(grey).rotate(askew, fillcolor=(245, 245, 245), resample=Image.Resampling.BICUBIC)
    paper = paper.rotate(turn, expand=True)
    jpeg = io.BytesIO()
    paper.save(jpeg, "JPEG", quality=85)
    size = (paper.width * 72 / dpi, paper.height * 72 / dpi)
    canvas = Canvas(str(target), pagesize=size, invariant=1)
    canvas.drawImage(ImageReader(jpeg), 0, 0, *size)
    canvas.save()


def texts(done: ReportDone) -> str:
    return " ".join(page.extract_text() for page in PdfReader(done.candidate).pages)


@pytest.mark.parametrize(
    ("askew", "turn"), [(2.6, 0), (-1.4, 180), (0.0, 90)], ids=["askew", "upside down", "sideways"]
)
def test_a_scan_is_read_however_it_lay_on_the_glass(
    tmp_path: Path, reader: TextReader, askew: float, turn: int
) -> None:
    printed, source = tmp_path / "printed.pdf", tmp_path / "scan.pdf"
    draw(printed, visible=True)
    scanned(printed, source, askew=askew, turn=turn)

    done = rebuilt(source, reader)

    assert (done.pages, done.pages_scanned) == (1, 1)
    layer = texts(done)
    assert fuzz.partial_ratio(KEPT, layer) > 90 and "Patient:" in layer and CANARY not in layer
    assert done.verification.findings == ()
    with pdfium.PdfDocument(source) as before, pdfium.PdfDocument(done.candidate) as after:
        assert after[0].get_size() == pytest.approx(before[0].get_size(), abs=0.01), "it looks as it did"
        ink = [np.asarray(d[0].render(scale=1).to_pil().convert("L")) < 140 for d in (before, after)]
    if not askew:  # else it lies straight now
        assert np.count_nonzero(ink[0] & ink[1]) > 0.6 * np.count_nonzero(ink[0])


@pytest.mark.parametrize("angle", [-3.0, -1.1, 0.0, 0.7, 2.9])
def test_the_skew_of_a_page_is_measured_to_a_fifth_of_a_degree(tmp_path: Path, angle: float) -> None:
    page = Image.new("RGB", (1000, 1300), "white")
    pen = ImageDraw.Draw(page)
    for row in range(100, 1200, 45):
        pen.text((90, row), "Schleimhaut unauffällig, Divertikel im Sigma " * 2, font=font(22), fill="black")
    lying = straightened(np.asarray(page), angle)
    assert abs(angle) < LARGEST_SKEW
    assert skew_of(lying) == pytest.approx(-angle, abs=0.2)


def test_a_still_stays_without_what_is_written_in_it(
    tmp_path: Path, reader: TextReader, still: Image.Image
) -> None:
    shown_still = still.copy()
    ImageDraw.Draw(shown_still).text((120, 180), CANARY, font=font(34), fill="white")
    source = tmp_path / "report.pdf"
    draw(source, more=lambda canvas: canvas.drawImage(ImageReader(shown_still), 190, 20, 120, 96) and None)

    done = rebuilt(source, reader)

    (page,) = shown(done.candidate)
    part = page[2 * (200 - 116) : 2 * (200 - 20), 2 * 190 : 2 * 310]
    assert CANARY not in " ".join(found.text for found in reader.find_text(part, smallest=11))
    red = part[:, :, 0].astype(int) - part[:, :, 2]
    assert (red > 30).mean() > 0.5, "the mucosa is still to be seen"
    assert done.verification.findings == ()


def test_only_a_still_is_taken_for_one(still: Image.Image) -> None:
    def judged(image: Image.Image, width: int = 360) -> bool:
        shrunk = image.convert("RGB").resize((width, width * image.height // image.width))
        return is_endoscopic(np.asarray(shrunk), 150)

    without_corners = still.crop((80, 80, 420, 320))
    assert judged(still)
    assert not judged(portrait())
    assert not judged(picture("Klinikum"))
    assert not judged(still.convert("L")), "a picture without colour may be anything"
    assert not judged(without_corners), "nor is one without an endoscope's black corners certain"
    assert not judged(still, width=60), "a thumbnail"


def test_portraits_logos_and_scribbles_are_blanked(tmp_path: Path, reader: TextReader) -> None:
    def more(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(portrait()), 220, 30, 60, 60)
        canvas.setLineWidth(1.5)
        canvas.bezier(30, 40, 60, 90, 70, 10, 90, 60)
        canvas.bezier(90, 60, 110, 10, 120, 80, 140, 40)
        canvas.line(30, 115, 290, 115)  # a rule

    source = tmp_path / "report.pdf"
    draw(source, more=more)

    (page,) = shown(rebuilt(source, reader).candidate)

    for left, top, right, bottom in ((222, 112, 278, 168), (34, 142, 136, 158)):
        area = page[2 * top : 2 * bottom, 2 * left : 2 * right]
        assert np.mean((area < 8) | (np.abs(area.astype(int) - 222) < 8)) > 0.97, "blanked"
    rule = page[2 * 85 - 3 : 2 * 85 + 4, 2 * 60 : 2 * 280]
    assert rule.min(axis=0).max() < 128, "rules stay"
    assert SIZE == (320.0, 200.0)
