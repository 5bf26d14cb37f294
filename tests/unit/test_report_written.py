"""Of a scanned page OCR looks at what anything is written on, however faint."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.document import Picture
from endoreg_db.deid.pdf.written import detect_written, written_parts
from endoreg_db.samples.layout import font

HEIGHT, WIDTH = 1170, 827  # A4 at 100 dpi
PAPER, NOISE = 240, 5.0


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def scanned(*lines: tuple[int, int, int], noise: float = NOISE) -> Picture:
    """A noisy page with a line of 14 pixels at each x and y, so many grey levels darker than the paper."""
    page = Image.new("RGB", (WIDTH, HEIGHT), (PAPER,) * 3)
    for x, y, darker in lines:
        ImageDraw.Draw(page).text((x, y), "Befund unauffällig", fill=(PAPER - darker,) * 3, font=font(14))
    rough = np.random.default_rng(1).normal(0, noise, (HEIGHT, WIDTH, 1))
    return np.clip(np.asarray(page) + rough, 0, 255).astype(np.uint8)


def holds(part: Box, x: int, y: int) -> bool:
    """Whether the part holds a line at x and y, and some pixels around it."""
    return part.x <= x - 20 and part.y <= y - 20 and part.right >= x + 140 and part.bottom >= y + 35


def test_bare_paper_around_a_text_is_left_out() -> None:
    (part,) = written_parts(scanned((300, 500, 200)))
    assert holds(part, 300, 500)
    assert part.width * part.height < 0.1 * HEIGHT * WIDTH


@pytest.mark.parametrize("darker", [200, 100, 50, 35])
def test_a_faint_line_in_the_margin_is_not(darker: int) -> None:
    parts = written_parts(scanned((300, 300, 200), (60, 1120, darker)))
    assert len(parts) == 2
    assert holds(parts[1].grown(20, WIDTH, HEIGHT + 20), 60, 1120)


def test_a_line_that_is_fainter_than_noise_is_enough_on_paper_without_any() -> None:
    (part,) = written_parts(scanned((300, 300, 4), noise=0.0))
    assert holds(part, 300, 300)


@pytest.mark.parametrize("noise", [0.0, NOISE])
def test_of_an_empty_page_nothing_is_left_out(noise: float) -> None:
    assert written_parts(scanned(noise=noise)) == [Box(0, 0, WIDTH, HEIGHT)]


def test_where_paper_is_as_rough_as_print_nothing_is_left_out() -> None:
    page = scanned((300, 300, 200))
    page[::40, ::7] = 0  # a pattern all over the page
    (part,) = written_parts(page)
    assert part.width > 0.9 * WIDTH
    assert part.height > 0.9 * HEIGHT


def test_lines_of_all_parts_are_found_where_they_are_on_the_page(reader: TextReader) -> None:
    page = scanned((300, 200, 200), (60, 1100, 120))
    whole, parts = (sorted((box.y, box.x, box.width) for box in boxes) for boxes in (
        reader.detect(page, smallest=11), detect_written(reader, page, 11)
    ))  # fmt: skip
    assert len(parts) == 2
    assert np.abs(np.subtract(whole, parts)).max() <= 8
