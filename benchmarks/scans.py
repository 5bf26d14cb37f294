"""A scanned report beside OCRmyPDF: whole command against whole command, on the same pages.

    python -m benchmarks.scans [--pages 10] [--rounds 3]

OCRmyPDF does less: it adds a text layer, and neither looks for identity nor at what it wrote. Each
import has a new, empty intake. The two take turns.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Usage, median, ratio_of_pairs, run, table
from benchmarks.reports import draw_scan, repeat
from endoreg_db.samples import draw_report

_OURS, _OTHER = "endoreg import", "ocrmypdf --force-ocr"
MISSING = (
    "### A scan beside OCRmyPDF\n\n"
    "Not measured: ocrmypdf is not on the PATH. On Debian: `apt-get install ocrmypdf tesseract-ocr-deu`.\n"
)
_DONE = (0, 5)  # published; or, because a word of the scan is hard to read, for a person to look at


def main(arguments: Sequence[str] = ()) -> str:
    """Draw the scan, run both in turn, and return the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=int, default=10, help="of the scan (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each (default: %(default)s)")
    options = parser.parse_args(arguments)
    if shutil.which("ocrmypdf") is None:
        return MISSING
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as name:
        folder = Path(name)
        scan = _draw(folder, options.pages)
        used: dict[str, list[Usage]] = {_OURS: [], _OTHER: []}
        for number in range(options.rounds):
            used[_OURS].append(_import(scan, folder / f"intake-{number}"))
            used[_OTHER].append(_ocrmypdf(scan, folder / "ocrmypdf.pdf"))
    title = (
        f"A scan of {options.pages} pages beside OCRmyPDF, whole commands ({options.rounds} rounds in turn)"
    )
    return table(title, ["command", "wall", "CPU", "largest process"], _rows(used))


def _draw(folder: Path, pages: int) -> Path:
    digital, page, scan = (folder / f"{name}.pdf" for name in ("digital", "page", "scan"))
    draw_report(digital, seed=1)
    draw_scan(digital, page)
    repeat(page, pages, scan)
    return scan


def _import(scan: Path, data: Path) -> Usage:
    command = [sys.executable, "-m", "endoreg_db", "import", str(scan), "--center", "test_center", "--quiet"]
    environ = {"ENDOREG_DATA_DIR": str(data), "ENDOREG_REPORT_RELEASE": "verified"}
    return run(command, environ, may_end_with=_DONE)


def _ocrmypdf(scan: Path, output: Path) -> Usage:
    return run(["ocrmypdf", "--force-ocr", "--language", "deu", "--quiet", scan, output])


def _rows(used: dict[str, list[Usage]]) -> list[list[str]]:
    rows = [
        [f"`{name}`", f"{usage.wall:.1f} s", f"{usage.cpu:.1f} s", f"{usage.peak_mb:.0f} MB"]
        for name, usage in ((name, median(taken)) for name, taken in used.items())
    ]
    ratio = ratio_of_pairs(used[_OURS], used[_OTHER])
    return [
        *rows,
        ["**ratio** (median of pairs)", f"{ratio.wall:.2f}", f"{ratio.cpu:.2f}", f"{ratio.peak_mb:.2f}"],
    ]


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
