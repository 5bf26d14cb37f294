"""A page anew: its picture with filled areas, and the words that stay as its invisible text layer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.pdf.blank import boxes_of_hits, echoes, kept_words
from endoreg_db.deid.pdf.dates import MovedDate, drawn_date, placed_date
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture
from endoreg_db.deid.pdf.layout import contains, grown, meets
from endoreg_db.deid.pdf.pixels import all_to_pixels, brightest, darkest, to_pixels
from endoreg_db.deid.pdf.read import Sheet
from endoreg_db.deid.pdf.text_layer import text_pixels
from endoreg_db.deid.pdf.writer import NewPage, TextRun
from endoreg_db.deid.reports.date_shift import MovedWords
from endoreg_db.deid.reports.words import Rect

JPEG_QUALITY = 80
#: What filled areas look like: identity black, drawings light grey.
_BLACK, _GREY = (0, 0, 0), (222, 222, 222)
#: Grey levels between the channels below which a page is stored without colour.
_COLOURLESS = 14
#: Points around a drawing in which OCR places words that it reads there; their ink is in the drawing.
_AROUND = 5.0
#: Grey level above which letters would not be legible on grey.
_LIGHT = 150
#: Grey levels within which the place of hidden text is taken for empty, and made so.
_FLAT = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one page."""

    sheet: Sheet
    hit: frozenset[int]  # indices into the page's words
    filled: tuple[Rect, ...]  # black, in points
    kept: tuple[tuple[int, ...], ...]  # for each line, indices of the words that stay
    moved: tuple[MovedDate, ...] = ()  # dates that are written into filled areas

    @property
    def crossed(self) -> tuple[int, ...]:
        """Kept words of the text layer that drawings lie beneath or across."""
        words = self.sheet.page.words
        return tuple(
            index
            for line in self.kept
            for index in line
            if words[index].source == "text" and meets(words[index].box, self.sheet.drawings)
        )

    @property
    def text_lines(self) -> tuple[tuple[TextRun, ...], ...]:
        """What the new page says, line by line: the words that stay, and moved dates."""
        words = self.sheet.page.words
        lines = [
            [(index, TextRun(words[index].text, words[index].box)) for index in line] for line in self.kept
        ]
        for date in self.moved:
            lines[date.line].append((date.words[0], TextRun(date.text, date.box)))
        return tuple(tuple(run for _, run in sorted(line, key=lambda item: item[0])) for line in lines)


def plan_page(sheet: Sheet, hit: Collection[int], dates: Sequence[MovedWords] = ()) -> Plan:
    """Decide what is filled, what stays, and where moved dates are written.

    Args:
        sheet: the page.
        hit: indices of the words that have to go.
        dates: those of them that are written anew as another date, where there is room for it.
    """
    unfilled = echoes(sheet.page) | across_words(sheet, hit)
    filled = (*boxes_of_hits(sheet.page, set(hit) - unfilled), *sheet.blanks)
    kept = kept_words(sheet.page, hit, filled)
    placed = [placed_date(sheet.page, date, filled, sheet.blanks) for date in dates]
    moved = tuple(date for date in placed if date is not None)
    return Plan(sheet, frozenset(hit), filled, tuple(tuple(line) for line in kept), moved)


def across_words(sheet: Sheet, hit: Collection[int]) -> frozenset[int]:
    """Hits that OCR read in drawings across words that stay: a stamp over a line.

    They go with the drawing. A black area would take the words as well, and cut those beside it.
    """
    words = sheet.page.words
    stay = [word.box for n, word in enumerate(words) if word.source == "text" and n not in hit]
    return frozenset(
        n
        for n in hit
        if words[n].source == "ocr"
        and not sheet.scanned
        and any(contains(grown(rect, _AROUND), words[n].box) for rect in sheet.drawings)
        and meets(words[n].box, stay)
    )


def new_page(plan: Plan, picture: Picture, beneath: Picture | None, user_unit: float) -> NewPage:
    """The page to write.

    Args:
        plan: what happens to it.
        picture: as :func:`~endoreg_db.deid.pdf.read.draw_sheet` draws it.
        beneath: the same without its text; only where :attr:`Plan.crossed` says that it is needed.
        user_unit: points of the source page's unit.
    """
    sheet = plan.sheet
    blanked = blanked_picture(plan, picture, beneath)
    colour = bool((brightest(blanked) - darkest(blanked)).max() > _COLOURLESS)
    return NewPage(
        width=sheet.page.width * user_unit,
        height=sheet.page.height * user_unit,
        jpeg=_jpeg(blanked, colour=colour),
        pixels=(blanked.shape[1], blanked.shape[0]),
        colour=colour,
        turn=(360 - sheet.view.turn) % 360,
        lines=_runs(plan, user_unit),
    )


def blanked_picture(plan: Plan, picture: Picture, beneath: Picture | None = None) -> Picture:
    """The picture with everything filled that must not be seen.

    Of a word of the text layer that a drawing crosses its own pixels stay, and nothing of the drawing. What
    OCR has read in a drawing stays as it was drawn.

    Raises:
        ValueError: a drawing crosses a word that stays, and nobody has said what is ``beneath``.
    """
    sheet, words = plan.sheet, plan.sheet.page.words
    result = picture.copy()
    _flatten_hidden(result, plan)
    for rect in sheet.drawings:
        _fill(result, rect, plan, _GREY)
    for index in (index for line in plan.kept for index in line):
        box = to_pixels(words[index].box, _scale(plan), picture.shape)
        if box is not None and words[index].source == "ocr":  # one in a drawing
            result[box.slices] = picture[box.slices]
    if crossed := plan.crossed:
        if beneath is None:
            raise ValueError("what lies beneath the words is not known")
        boxes = all_to_pixels((words[index].box for index in crossed), _scale(plan), picture.shape)
        _restore_letters(result, picture, beneath, boxes)
    for rect in plan.filled:
        _fill(result, rect, plan, _BLACK)
    for date in plan.moved:
        drawn_date(result, date, _scale(plan))
    return result


def _restore_letters(result: Picture, picture: Picture, beneath: Picture, boxes: Sequence[Box]) -> None:
    """Write the letters in some boxes of the page anew into ``result``, without what was drawn there."""
    for box in boxes:
        part = picture[box.slices]
        letters = text_pixels(part, beneath[box.slices])
        light = letters.any() and np.median(part[letters]) > _LIGHT  # on a dark drawing, which has gone
        result[box.slices][letters] = 255 - part[letters] if light else part[letters]


def _flatten_hidden(picture: Picture, plan: Plan) -> None:
    """Paint over what is left of hidden words, say a letter one grey level darker than the paper."""
    for word in plan.sheet.page.words:
        box = to_pixels(word.box, _scale(plan), picture.shape) if word.source == "hidden" else None
        if box is not None:
            part = picture[box.slices]
            if int(part.max()) - int(part.min()) <= _FLAT:
                part[:] = np.median(part.reshape(-1, 3), axis=0)


def _fill(picture: Picture, rect: Rect, plan: Plan, colour: tuple[int, int, int]) -> None:
    box = to_pixels(rect, _scale(plan), picture.shape)
    if box is not None:
        picture[box.slices] = colour


def _scale(plan: Plan) -> float:
    return plan.sheet.view.dpi / POINTS_PER_INCH


def _runs(plan: Plan, user_unit: float) -> Sequence[Sequence[TextRun]]:
    return [
        [TextRun(run.text, _scaled(run.box, user_unit)) for run in line] for line in plan.text_lines if line
    ]


def _scaled(box: Rect, factor: float) -> Rect:
    return Rect(box.x0 * factor, box.y0 * factor, box.x1 * factor, box.y1 * factor)


def _jpeg(picture: Picture, *, colour: bool) -> bytes:
    shown = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if colour else cv2.COLOR_RGB2GRAY)
    # Colour at full resolution: red print stays legible, and filled areas ring 8 pixels less.
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444] if colour else []
    done, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *sampling])
    if not done:
        raise RuntimeError("the page could not be compressed")
    return data.tobytes()
