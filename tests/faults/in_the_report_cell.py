"""Faults inside the cell that works on a report, each at one stage of the pass; see in_the_cell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tests.faults.in_the_cell import crash, put


def install(name: str) -> None:
    """Put the fault of that name in its place, in this process."""
    FAULTS[name][1]()


# ------------------------------------------------------------------------------------------ probe


def opening_crashes() -> None:
    from endoreg_db.deid.pdf import deidentify

    put(deidentify, "open_report", crash)


def opening_never_ends() -> None:
    """The parser is kept busy before the pages are counted; the two minutes it has are one second here."""
    from endoreg_db.deid import confine
    from endoreg_db.deid.pdf import deidentify

    whole = confine.limit_effort

    def sooner(*, seconds: int, provisional: bool = False) -> None:
        whole(seconds=1 if provisional else seconds, provisional=provisional)

    def busy(*_: Any, **__: Any) -> Any:
        while True:
            pass

    put(confine, "limit_effort", sooner)
    put(deidentify, "open_report", busy)


def pages_are_counted_too_few() -> None:
    from pypdfium2 import PdfDocument

    put(PdfDocument, "__len__", lambda _self: 1)


# ------------------------------------------------------------------------------------------- read


def reading_loses_a_page() -> None:
    from endoreg_db.deid.pdf import deidentify

    whole = deidentify._read
    put(deidentify, "_read", lambda *arguments: list(whole(*arguments))[:-1])


def reading_crashes() -> None:
    from endoreg_db.deid.pdf import deidentify

    put(deidentify, "read_page", crash)


def reading_loses_words() -> None:
    """Of every line the words from the third on are on the page, but nobody has read them."""
    from endoreg_db.deid.pdf import read
    from endoreg_db.deid.pdf.layout import lines_of

    def losing(words: Sequence[Any]) -> Any:
        return tuple(replace(line, words=line.words[:2]) for line in lines_of(words))

    put(read, "lines_of", losing)


def ocr_raises() -> None:
    from endoreg_db.deid.ocr import TextReader

    for name in ("read_line", "read_spaced", "find_text", "detect"):
        put(TextReader, name, crash)


def ocr_reads_nothing() -> None:
    from endoreg_db.deid.ocr import EMPTY, SpacedLine, TextReader

    put(TextReader, "read_line", lambda *_: EMPTY)
    put(TextReader, "read_spaced", lambda *_: SpacedLine("", 0.0, ()))
    put(TextReader, "find_text", lambda *_, **__: [])
    put(TextReader, "detect", lambda *_, **__: [])


def ocr_reads_rubbish() -> None:
    from endoreg_db.deid.ocr import Line, SpacedLine, TextReader

    rubbish = "xqzw rrrr"
    places = tuple((n + 0.5) / 8 for n in range(8))
    put(TextReader, "read_line", lambda *_: Line(rubbish, 0.99))
    put(TextReader, "read_spaced", lambda *_: SpacedLine(rubbish, 0.99, places))


# ------------------------------------------------------------------------------------------- find


def finder_crashes() -> None:
    from endoreg_db.deid.reports import find

    put(find, "find_identity", crash)


def finder_finds_nothing() -> None:
    _find_only(lambda _page, _word: False)


def finder_finds_the_labels_alone() -> None:
    """What stands on the second page, where nothing announces it, is left in."""
    _find_only(lambda page, _word: page == 1)


def finder_names_words_that_are_not_there() -> None:
    from endoreg_db.deid.reports import find

    whole = find.find_identity

    def beyond(*arguments: Any, **options: Any) -> Any:
        found = whole(*arguments, **options)
        return replace(found, hits=(replace(found.hits[0], words=(9999,)), *found.hits[1:]))

    put(find, "find_identity", beyond)


def _find_only(wanted: Callable[[int, int], bool]) -> None:
    from endoreg_db.deid.reports import find

    whole = find.find_identity

    def some(*arguments: Any, **options: Any) -> Any:
        found = whole(*arguments, **options)
        hits = tuple(hit for hit in found.hits if wanted(hit.page, hit.words[0]))
        return replace(found, hits=hits, doubts=())

    put(find, "find_identity", some)


# ---------------------------------------------------------------------------------------- rebuild


def nothing_is_blanked() -> None:
    from endoreg_db.deid.pdf import rebuild

    put(rebuild, "blanked_picture", lambda _plan, picture, _beneath: picture)


def boxes_land_beside_the_words() -> None:
    from endoreg_db.deid.pdf import rebuild
    from endoreg_db.deid.pdf.blank import boxes_of_hits
    from endoreg_db.deid.reports.words import Rect

    def lower(page: Any, hit: Any) -> Any:
        return tuple(Rect(box.x0, box.y0 + 60, box.x1, box.y1 + 60) for box in boxes_of_hits(page, hit))

    put(rebuild, "boxes_of_hits", lower)


def a_removed_word_is_drawn_over_a_line_that_stays() -> None:
    import cv2

    from endoreg_db.deid.pdf import rebuild

    blanked = rebuild.blanked_picture

    def drawn_over(plan: Any, picture: Any, beneath: Any) -> Any:
        words, scale = plan.sheet.page.words, plan.sheet.view.dpi / 72
        box = words[plan.kept[-1][0]].box
        left, top, bottom = (int(side * scale) for side in (box.x0, box.y0, box.y1))
        result = blanked(plan, picture, beneath)
        result[top:bottom, left : left + 200] = 245
        text, size = words[min(plan.hit)].text, (bottom - top) / 36
        cv2.putText(result, text, (left, bottom - 9), cv2.FONT_HERSHEY_DUPLEX, size, (0, 0, 0), 2)
        return result

    put(rebuild, "blanked_picture", drawn_over)


def text_layer_keeps_removed_words() -> None:
    from endoreg_db.deid.pdf import rebuild
    from endoreg_db.deid.pdf.writer import TextRun

    def everything(plan: Any, _unit: float) -> list[list[TextRun]]:
        return [[TextRun(word.text, word.box) for word in line.words] for line in plan.sheet.page.lines]

    put(rebuild, "_runs", everything)


def text_for_research_keeps_removed_words() -> None:
    from endoreg_db.deid.pdf import deidentify

    def everything(plan: Any, _kinds: Any) -> str:
        return "\n".join(line.text for line in plan.sheet.page.lines)

    put(deidentify, "page_text", everything)


def rebuilding_loses_a_page() -> None:
    from endoreg_db.deid.pdf.writer import PdfWriter

    whole, seen = PdfWriter.add, []

    def losing(self: Any, page: Any) -> None:
        seen.append(page)
        if len(seen) > 1:
            whole(self, page)

    put(PdfWriter, "add", losing)


def rebuilding_draws_another_page() -> None:
    from endoreg_db.deid.pdf import deidentify
    from endoreg_db.deid.pdf.read import draw_sheet

    def first(document: Any, sheet: Any) -> Any:
        return draw_sheet(document, replace(sheet, page=replace(sheet.page, number=1)))

    put(deidentify, "draw_sheet", first)


def rebuilding_crashes() -> None:
    from endoreg_db.deid.pdf import deidentify

    put(deidentify, "new_page", crash)


def rebuilding_is_killed() -> None:
    from endoreg_db.deid.pdf import deidentify

    put(deidentify, "new_page", lambda *_: os._exit(9))


# ----------------------------------------------------------------------------------------- verify


def verifier_crashes() -> None:
    from endoreg_db.deid.pdf import verify

    put(verify, "_check_ink", crash)


def verifier_is_killed() -> None:
    from endoreg_db.deid.pdf import verify

    put(verify, "_check_ink", lambda *_: os._exit(9))


def verifier_stops_after_the_first_page() -> None:
    from pypdf import PageObject, PdfReader

    from endoreg_db.deid.pdf import verify

    class OnlyTheFirst(list[PageObject]):
        def __iter__(self) -> Iterator[PageObject]:
            return iter([self[0]])

    class Reader(PdfReader):
        @property
        def pages(self) -> list[PageObject]:
            return OnlyTheFirst(super().pages)

    put(verify, "PdfReader", Reader)


def verifier_looks_at_nothing() -> None:
    from endoreg_db.deid.pdf import verify

    put(verify, "_check_page", lambda *_: None)


def verifier_reads_nothing() -> None:
    """Its OCR has gone blind after everything was read and rebuilt."""
    from endoreg_db.deid.pdf import verify

    def nothing(*_: Any) -> Iterator[str]:
        return iter(())

    put(verify, "_read_again", nothing)


#: Fault → the stage of the pass that it is in, and what puts it there.
FAULTS: dict[str, tuple[str, Callable[[], None]]] = {
    "opening crashes": ("probe", opening_crashes),
    "opening never ends": ("probe", opening_never_ends),
    "pages are counted too few": ("probe", pages_are_counted_too_few),
    "reading loses a page": ("read", reading_loses_a_page),
    "reading crashes": ("read", reading_crashes),
    "reading loses words": ("read", reading_loses_words),
    "OCR raises": ("read", ocr_raises),
    "OCR reads nothing": ("read", ocr_reads_nothing),
    "OCR reads rubbish": ("read", ocr_reads_rubbish),
    "finder crashes": ("find", finder_crashes),
    "finder finds nothing": ("find", finder_finds_nothing),
    "finder finds the labels alone": ("find", finder_finds_the_labels_alone),
    "finder names words that are not there": ("find", finder_names_words_that_are_not_there),
    "nothing is blanked": ("rebuild", nothing_is_blanked),
    "boxes land beside the words": ("rebuild", boxes_land_beside_the_words),
    "a removed word is drawn over a line that stays": (
        "rebuild",
        a_removed_word_is_drawn_over_a_line_that_stays,
    ),
    "text layer keeps removed words": ("rebuild", text_layer_keeps_removed_words),
    "text for research keeps removed words": ("rebuild", text_for_research_keeps_removed_words),
    "rebuilding loses a page": ("rebuild", rebuilding_loses_a_page),
    "rebuilding draws another page": ("rebuild", rebuilding_draws_another_page),
    "rebuilding crashes": ("rebuild", rebuilding_crashes),
    "rebuilding is killed": ("rebuild", rebuilding_is_killed),
    "verifier crashes": ("verify", verifier_crashes),
    "verifier is killed": ("verify", verifier_is_killed),
    "verifier stops after the first page": ("verify", verifier_stops_after_the_first_page),
    "verifier looks at nothing": ("verify", verifier_looks_at_nothing),
    "verifier reads nothing": ("verify", verifier_reads_nothing),
}
