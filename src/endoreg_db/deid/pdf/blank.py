"""Which areas of a page are filled, and how wide: the width of a box must not give the word away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.pdf.layout import box_of, union
from endoreg_db.deid.reports.words import Line, Page, Rect

#: Points: boxes grow to a multiple of this, as far as the line has room. Most names and dates in
#: report print are narrower, so that a long name's box is that of a short one.
_STEP = 144.0
#: Points between a box and what stays beside it.
_APART = 3.0
#: Points above and below the letters of a text layer; anti-aliasing reaches less than one. Boxes of OCR are
#: wider than the letters (:attr:`Word.letters`) as they are.
_ABOVE = 1.5
#: Share of a hidden word's area that lies over words that are seen, from which on it is their echo.
_ECHO = 0.5
#: Points at the right edge of a page that a widened box leaves free.
_MARGIN = 28.0


def boxes_of_hits(page: Page, hit: Collection[int]) -> tuple[Rect, ...]:
    """The areas to fill for words that have to go.

    Args:
        page: as it was read.
        hit: indices into ``page.words``.
    """
    areas: list[Rect] = []
    index = 0
    for line in page.lines:
        flags = [index + n in hit for n in range(len(line.words))]
        index += len(line.words)
        areas += [_widened(page, line, first, last) for first, last in _runs(flags)]
    return tuple(areas)


def echoes(page: Page) -> frozenset[int]:
    """Hidden words that lie where a word is seen, as all do in the text layer of a searchable scan.

    What is seen there has been judged by itself, so nothing is filled on the word of what is not.
    """
    hidden = [n for n, word in enumerate(page.words) if word.source == "hidden"]
    seen = [word.box for word in page.words if word.source != "hidden"]
    if not hidden or not seen:
        return frozenset()
    edges = np.array([(box.x0, box.y0, box.x1, box.y1) for box in seen])
    return frozenset(n for n in hidden if _lies_over(page.words[n].box, edges))


def _lies_over(box: Rect, edges: NDArray[np.float64]) -> bool:
    """Whether a box shares a good part of its area with others, given by their edges."""
    wide = np.minimum(edges[:, 2], box.x1) - np.maximum(edges[:, 0], box.x0)
    high = np.minimum(edges[:, 3], box.y1) - np.maximum(edges[:, 1], box.y0)
    shared = float((np.maximum(wide, 0.0) * np.maximum(high, 0.0)).sum())
    return shared > _ECHO * (box.x1 - box.x0) * (box.y1 - box.y0)


def kept_words(page: Page, hit: Collection[int], blanks: Sequence[Rect]) -> list[list[int]]:
    """For each line the indices of the words that stay: seen, no hit, and not under a filled area."""
    kept: list[list[int]] = []
    index = 0
    for line in page.lines:
        stay = [
            index + n
            for n, word in enumerate(line.words)
            if word.source != "hidden" and index + n not in hit and not _is_under(word.letters, blanks)
        ]
        index += len(line.words)
        kept.append(stay)
    return kept


def _is_under(box: Rect, areas: Sequence[Rect]) -> bool:
    """Whether a filled area covers enough of a word to take a letter of it."""
    height = box.y1 - box.y0
    return any(
        min(box.x1, area.x1) - max(box.x0, area.x0) > 0.25 * height
        and min(box.y1, area.y1) - max(box.y0, area.y0) > 0.25 * height
        for area in areas
    )


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First and last index of each run of true values."""
    start = None
    for index, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = index
        elif not flag and start is not None:
            yield start, index - 1
            start = None


def _widened(page: Page, line: Line, first: int, last: int) -> Rect:
    """The box of some words of a line: as high as the line, and as wide as its field.

    Between kept words it reaches from one to the other, so that the spaces tell nothing. In running
    text that gap itself stays as wide as the words were; only setting the line anew could change it.
    """
    whole, words = box_of(line), line.words
    left = words[first].box.x0 - 1.0
    if first > 0:
        left = max(words[first - 1].box.x1 + 0.5, min(left, words[first - 1].box.x1 + _APART))
    if last + 1 < len(words):
        right = max(words[last].box.x1, words[last + 1].box.x0 - 0.5)
    else:
        right = _end_of_field(page, whole, words[first].box.x0, words[last].box.x1)
    above = 0.0 if words[first].source == "ocr" else _ABOVE
    # Which may begin before the word to their left ends: a name above a line to write on does.
    own = union([word.box for word in words[first : last + 1]])
    return Rect(min(left, own.x0), whole.y0 - above, max(right, own.x1), whole.y1 + above)


def _end_of_field(page: Page, line: Rect, start: float, end: float) -> float:
    """Where a field that begins at ``start`` may end: the next step, before the next cell."""
    beside = (box_of(other) for other in page.lines if other.words[0].source != "hidden")
    cells = [box.x0 for box in beside if box.x0 > end and min(box.y1, line.y1) > max(box.y0, line.y0)]
    limit = min([page.width - _MARGIN, *(cell - _APART for cell in cells)])
    wanted = start + _STEP * ceil(max(end + 1.0 - start, 1.0) / _STEP)
    return max(end + 1.0, min(wanted, limit))
