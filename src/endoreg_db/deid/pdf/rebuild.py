"""A page anew: its picture with filled areas, and the words that stay as its invisible text layer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from endoreg_db.deid.pdf.blank import boxes_of_hits, echoes, kept_words
from endoreg_db.deid.pdf.dates import MovedDate, drawn_date, placed_date
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture
from endoreg_db.deid.pdf.pixels import brightest, darkest, to_pixels
from endoreg_db.deid.pdf.read import Sheet
from endoreg_db.deid.pdf.writer import NewPage, TextRun
from endoreg_db.deid.reports.date_shift import MovedWords
from endoreg_db.deid.reports.words import Rect

JPEG_QUALITY = 80
#: What filled areas look like: identity black, drawings light grey.
_BLACK, _GREY = (0, 0, 0), (222, 222, 222)
#: Grey levels between the channels below which a page is stored without colour.
_COLOURLESS = 14
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
    filled = (*boxes_of_hits(sheet.page, set(hit) - echoes(sheet.page)), *sheet.blanks)
    kept = kept_words(sheet.page, hit, filled)
    placed = [placed_date(sheet.page, date, filled, sheet.blanks) for date in dates]
    moved = tuple(date for date in placed if date is not None)
    return Plan(sheet, frozenset(hit), filled, tuple(tuple(line) for line in kept), moved)


def new_page(plan: Plan, picture: Picture, user_unit: float) -> NewPage:
    """The page to write.

    Args:
        plan: what happens to it.
        picture: as :func:`~endoreg_db.deid.pdf.read.draw_sheet` draws it.
        user_unit: points of the source page's unit.
    """
    sheet = plan.sheet
    blanked = blanked_picture(plan, picture)
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


def blanked_picture(plan: Plan, picture: Picture) -> Picture:
    """The picture with everything filled that must not be seen."""
    sheet, words = plan.sheet, plan.sheet.page.words
    result = picture.copy()
    _flatten_hidden(result, plan)
    for rect in sheet.drawings:
        _fill(result, rect, plan, _GREY)
    kept = [words[index].box for line in plan.kept for index in line]
    for rect in kept:  # those that lie in a drawing
        box = to_pixels(rect, _scale(plan), picture.shape)
        if box is not None:
            result[box.slices] = picture[box.slices]
    for rect in plan.filled:
        _fill(result, rect, plan, _BLACK)
    for date in plan.moved:
        drawn_date(result, date, _scale(plan))
    return result


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
