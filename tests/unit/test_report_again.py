"""A line of a rebuilt scan counts as read only where nothing about it is new or was unsure."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.pdf.again import changed_pixels, is_known
from endoreg_db.deid.pdf.document import Picture
from endoreg_db.deid.pdf.read import Sheet
from endoreg_db.deid.pdf.rebuild import JPEG_QUALITY, Plan
from endoreg_db.deid.pdf.upright import View
from endoreg_db.deid.reports.words import Line, Page, Rect, Word
from endoreg_db.samples.layout import font

#: At 72 pixels per inch a point is a pixel.
WORDS = (
    Word("Schleimhaut", Rect(40, 30, 160, 52), 1, "ocr", 0.99),
    Word("unauffällig.", Rect(170, 30, 280, 52), 1, "ocr", 0.97),
)
LINE = Box(33, 27, 255, 29)


def plan(*words: Word, kept: tuple[int, ...] = (0, 1)) -> Plan:
    page = Page(1, 400.0, 100.0, (Line(words),))
    return Plan(Sheet(page, View(72), True, (), (), (), (), ()), frozenset(), (), (kept,))


def page(text: str = "Schleimhaut unauffällig.") -> Picture:
    noise = np.random.default_rng(1).normal(0, 5, (100, 400, 1))
    paper = Image.fromarray(np.clip(np.full((100, 400, 3), 240) + noise, 0, 255).astype(np.uint8))
    ImageDraw.Draw(paper).text((40, 30), text, fill="black", font=font(19))
    return np.asarray(paper)


def stored(picture: Picture) -> Picture:
    """As it comes back from the new PDF."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    assert done
    return np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))


def test_what_looks_as_before_and_was_read_for_certain_is_known() -> None:
    assert is_known(plan(*WORDS), LINE, changed_pixels(stored(page()), page()))


@pytest.mark.parametrize(
    "text", ["Schleimhaut unauffallig.", "Schleimhaut unauffällig,", "Schleimhauf unauffällig."]
)
def test_one_other_letter_or_sign_makes_it_new(text: str) -> None:
    assert not is_known(plan(*WORDS), LINE, changed_pixels(stored(page(text)), page()))


@pytest.mark.parametrize(
    ("planned", "box"),
    [
        (plan(*WORDS, kept=(0,)), LINE),  # a word of it went
        (plan(replace(WORDS[0], confidence=0.94), WORDS[1]), LINE),  # one was hardly legible
        (plan(*(replace(word, source="hidden") for word in WORDS)), LINE),
        (plan(*WORDS), Box(33, 27, 330, 29)),  # something stands beside them that nobody has read
        (plan(*WORDS), Box(33, 60, 255, 29)),  # or where no words are
    ],
)
def test_what_was_not_read_for_certain_is_not_known(planned: Plan, box: Box) -> None:
    assert not is_known(planned, box, np.zeros((100, 400), np.bool_))
