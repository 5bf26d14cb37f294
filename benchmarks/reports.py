"""A report's way beside one OCR pass over the same pages: time, memory and size.

The reference is what any OCR of the page costs at least: finding and reading its text once, with the
same engine, at the same resolution. Both take turns in one process, on one thread; processor time is
compared, since that is not disturbed by what else the machine does.

    python -m benchmarks.reports [--rounds 3] [--pages 30]
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
from PIL import Image
from pypdf import PdfWriter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from benchmarks.measure import run, table
from endoreg_db.deid.cell_process import REPORT_MEMORY
from endoreg_db.deid.messages import ReportTask
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.deidentify import deidentify_report
from endoreg_db.deid.pdf.document import draw, open_page, open_report
from endoreg_db.deid.pdf.ocr_words import smallest_print
from endoreg_db.deid.pdf.read import DIGITAL_DPI, SCAN_DPI
from endoreg_db.deid.pdf.rebuild import JPEG_QUALITY
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.samples import draw_report


@dataclass(frozen=True, slots=True)
class Round:
    """One report, once each way."""

    ours: float  # seconds of processor time
    ocr: float  # likewise
    size: float  # bytes of the output per byte of the same page as a JPEG


def main() -> str:
    """Draw the reports, run both in turn, and return the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--pages", type=int, default=40, help="of the reports whose memory is measured; scans: a quarter"
    )
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()
    if options.once is not None:
        _rebuild(options.once, TextReader())
        return ""
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as name:
        folder = Path(name)
        digital, scan = folder / "digital.pdf", folder / "scan.pdf"
        draw_report(digital, seed=1)
        draw_scan(digital, scan)
        used = [
            *_memory("born-digital", digital, options.pages),
            *_memory("scanned", scan, options.pages // 4),
        ]
        reader = TextReader()
        _rebuild(digital, reader)  # loads the models and fills the caches
        rows = [
            _row("born-digital page", _rounds(digital, DIGITAL_DPI, reader, options.rounds)),
            _row("scanned page", _rounds(scan, SCAN_DPI, reader, options.rounds)),
        ]
        header = ["", "ours", "one OCR pass", "ratio (median of pairs)", "size / the page as JPEG"]
        times = table(
            f"A report of one page (may take 0.35 × and 2.2 × one OCR pass; {options.rounds} rounds in turn)",
            header,
            rows,
        )
        header = ["pages", "number of them", "peak", "wall"]
        memory = table("Memory of the process that rebuilds (may be 700 MB)", header, used)
        return f"{times}\n{memory}"


def _rounds(source: Path, dpi: float, reader: TextReader, count: int) -> list[Round]:
    with open_report(str(source)) as document, open_page(document, 0) as page:
        picture = draw(page, dpi)
    measured = []
    for _ in range(count):
        start = time.process_time()
        size = _rebuild(source, reader)
        between = time.process_time()
        reader.find_text(picture, smallest=smallest_print(dpi))
        ocr = time.process_time() - between
        measured.append(Round(between - start, ocr, size / _plain_size(picture)))
    return measured


def _rebuild(source: Path, reader: TextReader) -> int:
    """Bytes of the rebuilt report."""
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as work:
        done = deidentify_report(
            ReportTask(str(source), work), lambda _message: None, find_identity, reader=reader
        )
        return Path(done.candidate).stat().st_size


def _plain_size(picture: np.ndarray) -> int:
    """Bytes of the page as nothing but a picture of the same quality."""
    jpeg = io.BytesIO()
    Image.fromarray(picture).convert("L").save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return len(jpeg.getvalue())


def draw_scan(source: Path, target: Path) -> None:
    """Write the first page of ``source`` as a scanner sees it, 1.5 degrees askew."""
    with pdfium.PdfDocument(source) as document:
        page = document[0].render(scale=SCAN_DPI / 72).to_pil().convert("RGB")
    noise = np.random.default_rng(1).normal(0, 5, (page.height, page.width, 1))
    paper = Image.fromarray(np.clip(np.asarray(page) * 0.97 + noise, 0, 255).astype(np.uint8))
    jpeg = io.BytesIO()
    paper.rotate(1.5, fillcolor=(247, 247, 247)).save(jpeg, "JPEG", quality=85)
    size = (page.width * 72 / SCAN_DPI, page.height * 72 / SCAN_DPI)
    canvas = Canvas(str(target), pagesize=size, invariant=1)
    canvas.drawImage(ImageReader(jpeg), 0, 0, *size)
    canvas.save()


def _memory(kind: str, page: Path, most: int) -> list[list[str]]:
    rows = []
    for count in (1, most):
        path = page.with_name(f"{count}.pdf")
        repeat(page, count, path)
        used = run([sys.executable, "-m", "benchmarks.reports", "--once", path], REPORT_MEMORY)
        rows.append([kind, str(count), f"{used.peak_mb:.0f} MB", f"{used.wall:.1f} s"])
    return rows


def repeat(page: Path, count: int, target: Path) -> None:
    """Write a report of so many times the same page."""
    writer = PdfWriter()
    for _ in range(count):
        writer.append(str(page))
    writer.write(str(target))


def _row(name: str, rounds: list[Round]) -> list[str]:
    ours, ocr = (statistics.median(getattr(r, figure) for r in rounds) for figure in ("ours", "ocr"))
    ratio = statistics.median(r.ours / r.ocr for r in rounds)
    size = statistics.median(r.size for r in rounds)
    return [name, f"{ours:.2f} s", f"{ocr:.2f} s", f"{ratio:.2f}", f"{size:.2f}"]


if __name__ == "__main__":
    sys.stdout.write(main())
