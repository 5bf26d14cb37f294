"""The pure parts of a report's way: words to lines, boxes to fill, letters to a file."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import SpacedLine
from endoreg_db.deid.pdf.blank import boxes_of_hits, echoes, kept_words
from endoreg_db.deid.pdf.graphics import EDGE_OF_DRAWING, EDGE_OF_SCAN, unexplained
from endoreg_db.deid.pdf.layout import lines_of, overlap
from endoreg_db.deid.pdf.upright import turned, turned_box
from endoreg_db.deid.pdf.word_boxes import word_spans
from endoreg_db.deid.pdf.writer import NewPage, PdfWriter, TextRun
from endoreg_db.deid.reports.words import Page, Rect, Source, Word
from endoreg_db.samples.layout import font


def word(text: str, x: float, y: float, *, width: float | None = None, source: Source = "text") -> Word:
    """A word of 10 point print; letters are 5 points wide."""
    return Word(text, Rect(x, y, x + (width or 5 * len(text)), y + 10), 1, source, 1.0)


def sentence(text: str, x: float, y: float, source: Source = "text") -> list[Word]:
    words = []
    for part in text.split():
        words.append(word(part, x, y, source=source))
        x = words[-1].box.x1 + 3
    return words


def page_of(words: Sequence[Word]) -> Page:
    return Page(1, 595.0, 842.0, lines_of(words))


# ---------------------------------------------------------------------------------------- lines


def test_columns_are_read_one_after_the_other() -> None:
    left = [w for n in range(3) for w in sentence(f"links {n}", 50, 100 + 14 * n)]
    right = [w for n in range(3) for w in sentence(f"rechts {n}", 320, 100 + 14 * n)]
    mixed = [w for pair in zip(left, right, strict=True) for w in pair]
    expected = ["links 0", "links 1", "links 2", "rechts 0", "rechts 1", "rechts 2"]
    assert [line.text for line in lines_of(mixed)] == expected


def test_a_heading_over_two_columns_comes_first_and_a_footer_last() -> None:
    words = [
        *sentence("Seite 1", 50, 800),
        *sentence("rechts", 320, 100),
        *sentence("links", 50, 100),
        *sentence("Befund der Koloskopie vom Kolon und terminalen Ileum mit Biopsie", 50, 60),
    ]
    texts = [line.text for line in lines_of(words)]
    assert texts[0].startswith("Befund") and texts[1:] == ["links", "rechts", "Seite 1"]


def test_a_cell_of_a_table_is_a_line_of_its_own() -> None:
    row = [*sentence("Patient: Erika", 50, 100), *sentence("Fall: 123", 200, 100)]
    assert [line.text for line in lines_of(row)] == ["Patient: Erika", "Fall: 123"]


def test_hidden_words_never_share_a_line_with_seen_ones() -> None:
    words = [*sentence("Befund unauffällig", 50, 100), *sentence("Erika Muster", 70, 100, source="hidden")]
    assert [line.text for line in lines_of(words)] == ["Befund unauffällig", "Erika Muster"]


# ---------------------------------------------------------------------------------- filled areas


@pytest.mark.parametrize("name", ["Ng", "Muster, Erika", "Meyer-Lüdenscheid, Anna"])
def test_the_box_of_a_field_does_not_depend_on_the_name_in_it(name: str) -> None:
    words = [*sentence("Patient:", 50, 100), *sentence(name, 120, 100), *sentence("Station", 400, 100)]
    page = page_of(words)
    hit = [n for n, w in enumerate(page.words) if w.box.x0 >= 119 and w.box.x1 < 399]
    (box,) = boxes_of_hits(page, hit)
    assert (box.x0, box.x1) == (119, 264)


def test_a_box_never_reaches_into_the_next_cell_and_always_covers_its_words() -> None:
    page = page_of([*sentence("Muster", 120, 100), *sentence("Station", 175, 100)])
    (box,) = boxes_of_hits(page, [0])
    assert 150 < box.x1 < 175


def test_between_kept_words_a_box_swallows_the_spaces() -> None:
    page = page_of(sentence("mit Erika Muster besprochen", 50, 100))
    (box,) = boxes_of_hits(page, [1, 2])
    assert box.x0 == pytest.approx(65.5) or box.x0 < 68
    assert box.x1 == pytest.approx(page.words[3].box.x0 - 0.5)


def test_a_box_covers_its_words_also_where_they_lie_over_the_one_before() -> None:
    page = page_of([word("_" * 40, 50, 100), Word("Erika", Rect(80, 96, 120, 110), 1, "text", 1.0)])
    (line,) = page.lines
    assert [w.text for w in line.words] == ["_" * 40, "Erika"]
    (box,) = boxes_of_hits(page, [1])
    assert box.x0 <= 80 and box.y0 <= 96 and box.x1 >= 120 and box.y1 >= 110
    assert kept_words(page, {1}, [box]) == [[]]


def test_what_stays_is_seen_is_no_hit_and_lies_under_no_filled_area() -> None:
    words = [*sentence("Befund Erika unauffällig", 50, 100), *sentence("geheim", 50, 130, source="hidden")]
    assert kept_words(page_of(words), {1}, [Rect(100, 95, 125, 115)]) == [[0], []]


def test_a_line_of_a_scan_stays_below_one_that_goes_though_their_boxes_overlap() -> None:
    """OCR's boxes are wider than the letters: those of two lines share a quarter and more of their height."""
    page = page_of([*sentence("Quast", 50, 100, "ocr"), *sentence("Endoskopie", 50, 107, "ocr")])
    assert [line.text for line in page.lines] == ["Quast", "Endoskopie"]
    boxes = boxes_of_hits(page, [0])
    assert (boxes[0].y0, boxes[0].y1) == (100, 110)  # the whole of what OCR found
    assert kept_words(page, {0}, boxes) == [[], [1]]


def test_hidden_words_that_lie_where_words_are_seen_are_their_echo() -> None:
    seen, hidden = sentence("Befund Quast", 50, 100, "ocr"), sentence("Befund Quast", 52, 101, "hidden")
    page = page_of([*seen, *hidden, word("Erika", 300, 400, source="hidden")])
    assert [page.words[n].text for n in sorted(echoes(page))] == ["Befund", "Quast"]
    assert echoes(page_of(hidden)) == frozenset()


def test_a_line_of_a_scan_that_is_half_covered_does_not_stay() -> None:
    page = page_of(sentence("Endoskopie", 50, 107, "ocr"))
    assert kept_words(page, set(), [Rect(50, 100, 150, 112)]) == [[]]


# ------------------------------------------------------------------------------------- turning


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_boxes_turn_with_the_picture(turn: int) -> None:
    picture = np.full((60, 100, 3), 255, np.uint8)
    picture[10:20, 30:70] = 0
    box = turned_box(Rect(30, 10, 70, 20), turn, 100, 60)
    rows, columns = np.nonzero(turned(picture, turn).max(axis=2) == 0)
    assert (box.x0, box.y0) == (columns.min(), rows.min())
    assert (box.x1, box.y1) == (columns.max() + 1, rows.max() + 1)


# ----------------------------------------------------------------------------------- ocr's words


def test_words_end_in_the_gaps_between_letters() -> None:
    picture = Image.new("RGB", (300, 40), "white")
    pen = ImageDraw.Draw(picture)
    for x in (10, 60, 96, 120, 200, 286):
        pen.rectangle((x, 5, x + 3, 35), fill="black")
    line = SpacedLine("ab cde", 1.0, (0.08, 0.3, 0.42, 0.68, 0.95))
    assert word_spans(line, np.asarray(picture)) == [("ab", 10, 100), ("cde", 120, 290)]


def test_words_without_a_gap_are_cut_half_way() -> None:
    solid = np.zeros((30, 100, 3), np.uint8)
    solid[:, ::2] = 255
    (first, _, end), (second, start, _) = word_spans(SpacedLine("a b", 1.0, (0.2, 0.6)), solid)
    assert (first, second) == ("a", "b") and end <= start


# ---------------------------------------------------------------------------------- drawings


def _sheet_with(draw: str) -> np.ndarray:
    picture = Image.new("RGB", (1240, 900), "white")
    pen = ImageDraw.Draw(picture)
    if draw == "rules":
        for y in (100, 300, 500):
            pen.line((100, y, 1100, y), fill="black", width=3)
        for x in (100, 600, 1100):
            pen.line((x, 100, x, 500), fill="black", width=3)
    elif draw == "bars":
        for n in range(40):
            pen.rectangle((200 + 9 * n, 200, 203 + 9 * n, 420), fill="black")
    elif draw == "scribble":
        pen.line([(200 + 7 * n, 300 + (60 if n % 2 else 0)) for n in range(40)], fill="navy", width=4)
    elif draw == "letters":
        pen.text((200, 300), "Erika Muster", font=font(30), fill="black")
    elif draw == "bullets":
        for y in (200, 260, 320):
            pen.ellipse((100, y, 110, y + 10), fill="black")
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("draw", "found"),
    [("rules", False), ("bullets", False), ("bars", True), ("scribble", True), ("letters", True)],
)
def test_drawings_are_found_but_rules_and_bullets_are_none(draw: str, found: bool) -> None:
    assert bool(unexplained(_sheet_with(draw), [], [], 150, EDGE_OF_SCAN)) == found


@pytest.mark.parametrize("rows", [(0, 2), (898, 900)])
def test_a_rule_at_the_edge_of_a_page_is_a_rule(rows: tuple[int, int]) -> None:
    page = np.full((900, 1240, 3), 255, np.uint8)
    page[rows[0] : rows[1], 100:1100] = 0
    assert unexplained(page, [], [], 150, EDGE_OF_SCAN) == []


def test_words_on_a_rule_do_not_make_a_drawing_of_it() -> None:
    page = _sheet_with("rules").copy()
    words = [Box(x, 85, 90, 30) for x in range(120, 1000, 200)]
    assert unexplained(page, [], words, 150, EDGE_OF_SCAN) == []


def test_what_is_pale_is_a_drawing_on_a_page_that_was_never_paper() -> None:
    page = 255 - (255 - _sheet_with("letters")) // 8
    assert unexplained(page, [], [], 150, EDGE_OF_SCAN) == []
    assert unexplained(page, [], [], 150, EDGE_OF_DRAWING) != []


# ---------------------------------------------------------------------------------- the new file


def _file(*lines: Sequence[TextRun], turn: int = 0, pages: int = 1) -> bytes:
    jpeg = io.BytesIO()
    Image.new("L", (60, 40), 255).save(jpeg, "JPEG")
    file = io.BytesIO()
    with PdfWriter(file) as writer:
        for _ in range(pages):
            writer.add(NewPage(300.0, 200.0, jpeg.getvalue(), (60, 40), False, turn, lines))
    return file.getvalue()


def test_any_letter_can_be_searched_for_and_copied() -> None:
    many = "".join(chr(0x400 + n) for n in range(300))  # more than one font holds
    line = [TextRun("Größe,", Rect(20, 20, 60, 32)), TextRun("Łódź", Rect(65, 20, 95, 32))]
    rare = [TextRun("Ω𝒳", Rect(20, 60, 40, 72)), TextRun(many, Rect(45, 60, 280, 72))]
    text = PdfReader(io.BytesIO(_file(line, rare))).pages[0].extract_text()
    assert text.split() == ["Größe,", "Łódź", "Ω𝒳", many]


def test_the_same_pages_are_the_same_bytes() -> None:
    line = [TextRun("Befund", Rect(20, 20, 60, 32))]
    assert _file(line, pages=3) == _file(line, pages=3)


def test_a_turned_page_says_so_and_keeps_its_size() -> None:
    page = PdfReader(io.BytesIO(_file(turn=90))).pages[0]
    assert (page.rotation, page.mediabox.width, page.mediabox.height) == (90, 300, 200)


def test_overlapping_is_measured_by_area() -> None:
    assert overlap(Rect(0, 0, 10, 10), Rect(5, 5, 20, 20)) == 25
    assert overlap(Rect(0, 0, 10, 10), Rect(10, 0, 20, 10)) == 0
