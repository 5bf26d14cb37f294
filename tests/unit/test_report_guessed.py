"""What is print, of what OCR says that it read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import SpacedLine, TextReader
from endoreg_db.deid.pdf.document import Picture
from endoreg_db.deid.pdf.ocr_words import read_boxes

SCALE = 200 / 72  # pixels per point


def line(text: str, confidence: float) -> SpacedLine:
    """A line whose letters are as far from each other everywhere."""
    letters = len("".join(text.split()))
    return SpacedLine(text, confidence, tuple((n + 0.5) / letters for n in range(letters)))


@dataclass
class OneLine:
    """Reads one line as it is told to, and another way if it is turned."""

    upright: SpacedLine
    flipped: SpacedLine
    calls: int = 0

    def read_spaced(self, picture: Picture) -> SpacedLine:
        self.calls += 1
        return self.upright if picture[0, 0, 0] else self.flipped


def read(text: str, confidence: float, *, flipped: float = 0.3, width: int = 0) -> tuple[str, int]:
    """What is read of a line 40 pixels high, and how often the recogniser was asked."""
    picture = np.full((40, width or 24 + 14 * len(text), 3), 250, np.uint8)
    picture[-1, -1] = 0  # the corner that comes first when it is turned
    engine = OneLine(line(text, confidence), line("anders herum", flipped))
    box = Box(0, 0, picture.shape[1], picture.shape[0])
    words = read_boxes(picture, [box], 1, SCALE, cast(TextReader, engine))
    assert len(words.unread) == (not words.words), "what is not read is blanked"
    return " ".join(word.text for word in words.words), engine.calls


@pytest.mark.parametrize(
    ("text", "confidence", "flipped"),
    [
        ("woltri klrina", 0.63, 0.99),  # Wolkenstein, Katharina
        ("Dr r uer", 0.73, 0.99),  # Dr. Karl Auer
        ("Hein Rma", 0.76, 0.99),  # Heiden, Rimma
        ("geb.0.1934", 0.66, 0.99),
        ("Befund Rma", 0.87, 0.87),
    ],
)
def test_a_line_that_is_read_as_surely_the_other_way_up_is_unread(
    text: str, confidence: float, flipped: float
) -> None:
    assert read(text, confidence, flipped=flipped)[0] == ""


def test_words_of_the_lists_stay_though_they_may_be_a_number_upside_down() -> None:
    assert read("DOB:", 0.81, flipped=0.99) == ("DOB:", 1)  # ``:800``


def test_what_was_read_surely_is_not_read_another_time() -> None:
    assert read("Herr Xyrgblom", 0.9, flipped=1.0) == ("Herr Xyrgblom", 1)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("Xrtung Schlmhat", False), ("mm mm", False), ("GP:", True), ("Polyp im Xgma", True), ("4711", False)],
)
def test_a_guess_without_a_word_of_the_lists_is_unread(text: str, kept: bool) -> None:
    assert (read(text, 0.8)[0] != "") is kept


@pytest.mark.parametrize(
    ("text", "width"), [("w", 70), ("www", 160), ("~", 70), ("mm", 110), ("一", 80), ("GP", 110)]
)
def test_strokes_that_are_much_wider_than_the_letters_they_are_read_as_are_unread(
    text: str, width: int
) -> None:
    assert read(text, 0.99, width=width)[0] == ""


@pytest.mark.parametrize(("text", "width"), [("www", 85), ("M", 48), ("B E F U N D", 170), ("5", 40)])
def test_wide_letters_of_print_are_read(text: str, width: int) -> None:
    assert read(text, 0.99, width=width)[0] == text
