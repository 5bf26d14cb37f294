"""Invented letters as scans: drawn, scanned, read by OCR, and what of their truth went.

Only the reading and the finder are measured, not the pass around them, and not what the hunter would see.
A word of identity has stayed if words that OCR read where it stands stay, or if it lies there unread and in
no part of the page that is blanked for being unread.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import pypdfium2 as pdfium

from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.layout import area, overlap
from endoreg_db.deid.pdf.read import Sheet, read_page
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.reports.words import Findings, Hit, KnownIdentity, Page, Rect
from quality.letter_sheet import Letter
from quality.reports.pages import FACES, draw_letter, scan

_SAME_PLACE: Final = 0.4  # of a word's area, from which on OCR read that word there


def find_in_scan(
    letter: Letter, dpi: int, seed: int, reader: TextReader, known: KnownIdentity | None = None
) -> Findings:
    """What is found in a scan of the letter, told in its own words.

    Args:
        letter: what is scanned.
        dpi: pixels per inch of the scan.
        seed: of the scanner's noise, its angle and the face.
        reader: the OCR engine.
        known: what is known before.
    """
    rng = random.Random(f"scanner {seed} {dpi}")
    with tempfile.TemporaryDirectory(prefix="endoreg-letters-") as folder:
        typeset, scanned = (Path(folder) / name for name in ("typeset.pdf", "scan.pdf"))
        draw_letter(typeset, letter, rng.choice(FACES))
        scan(typeset, scanned, dpi, rng)
        with pdfium.PdfDocument(scanned) as document:
            sheets = [read_page(document, index, reader) for index in range(len(document))]
    found = find_identity([sheet.page for sheet in sheets], known or KnownIdentity())
    hits = [
        Hit("gone", page.number, gone, "", 1.0, "scan")
        for page, sheet in zip(letter.pages, sheets, strict=True)
        if (gone := _gone(page, sheet, _hit_words(found, sheet.page.number)))
    ]
    of_pages = [finding for sheet in sheets for finding in sheet.findings]
    return Findings(tuple(hits), found.identity, (*found.doubts, *of_pages))


def _hit_words(found: Findings, number: int) -> set[int]:
    return {word for hit in found.hits if hit.page == number for word in hit.words}


def _gone(page: Page, sheet: Sheet, hit: Collection[int]) -> tuple[int, ...]:
    """Which words of the letter's page are not to be seen any more."""
    read = [(index, word.box) for index, word in enumerate(sheet.page.words) if word.source != "hidden"]
    blank = (*sheet.blanks, *sheet.drawings)
    return tuple(index for index, word in enumerate(page.words) if _is_gone(word.box, read, hit, blank))


def _is_gone(
    box: Rect, read: Sequence[tuple[int, Rect]], hit: Collection[int], blank: Sequence[Rect]
) -> bool:
    here = [index for index, other in read if _shared(box, other)]
    if here:
        return all(index in hit for index in here)
    return any(_shared(box, other) for other in blank)


def _shared(box: Rect, other: Rect) -> bool:
    """Whether two places share so much that one word stands in both."""
    return overlap(box, other) >= _SAME_PLACE * min(area(box), area(other))
