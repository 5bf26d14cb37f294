"""Which words stand beside each other, and in which order lines are read. Pure geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from endoreg_db.deid.reports.words import Line, Rect, Source, Word

#: A gap wider than this, in heights of the line, ends it: the next cell or column begins. Spaces of
#: justified text were measured up to 0.9, gutters between columns from 1.6.
_WIDE_GAP = 1.3
#: Lines closer than this, in heights, belong to one block of text.
_LEADING = 1.1


def lines_of(words: Sequence[Word]) -> tuple[Line, ...]:
    """Group the words of one page into lines, in reading order; what is hidden comes last.

    Words of different sources never share a line: what is hidden may lie over what is seen.
    """
    seen = [line for source in ("text", "ocr") for line in _grouped(words, source)]
    hidden = _grouped(words, "hidden")
    return (*in_reading_order(seen, box_of), *in_reading_order(hidden, box_of))


def _grouped(words: Sequence[Word], source: Source) -> list[Line]:
    rows = _rows([word for word in words if word.source == source])
    return [Line(tuple(cell)) for row in rows for cell in _cells(row)]


def box_of(line: Line) -> Rect:
    """The smallest rectangle around a line's words."""
    return union([word.box for word in line.words])


def union(boxes: Sequence[Rect]) -> Rect:
    """The smallest rectangle around at least one box."""
    return Rect(
        min(box.x0 for box in boxes),
        min(box.y0 for box in boxes),
        max(box.x1 for box in boxes),
        max(box.y1 for box in boxes),
    )


def overlap(a: Rect, b: Rect) -> float:
    """The area that two rectangles share, in square points."""
    return max(0.0, min(a.x1, b.x1) - max(a.x0, b.x0)) * max(0.0, min(a.y1, b.y1) - max(a.y0, b.y0))


def meets(box: Rect, others: Iterable[Rect]) -> bool:
    """Whether a rectangle shares some area with any of the others."""
    return any(overlap(box, other) > 0 for other in others)


def area(box: Rect) -> float:
    """In square points."""
    return max(0.0, box.x1 - box.x0) * max(0.0, box.y1 - box.y0)


def grown(box: Rect, margin: float) -> Rect:
    """The box with ``margin`` points more on every side."""
    return Rect(box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin)


def contains(outer: Rect, inner: Rect) -> bool:
    """Whether nothing of one rectangle lies outside another."""
    return outer.x0 <= inner.x0 and outer.y0 <= inner.y0 and outer.x1 >= inner.x1 and outer.y1 >= inner.y1


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Words whose middles lie within each other's height, each row from left to right."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (_middle(w.box), w.box.x0)):
        row = next((r for r in reversed(rows[-4:]) if _on_one_line(r[-1].box, word.box)), None)
        if row is None:
            rows.append([word])
        else:
            row.append(word)
    return [sorted(row, key=lambda w: w.box.x0) for row in rows]


def _on_one_line(a: Rect, b: Rect) -> bool:
    shared = min(a.y1, b.y1) - max(a.y0, b.y0)
    return shared > 0.55 * min(a.y1 - a.y0, b.y1 - b.y0)


def _cells(row: Sequence[Word]) -> list[list[Word]]:
    cells = [[row[0]]]
    for before, word in pairwise(row):
        height = min(before.box.y1 - before.box.y0, word.box.y1 - word.box.y0)
        if word.box.x0 - before.box.x1 > _WIDE_GAP * height:
            cells.append([])
        cells[-1].append(word)
    return cells


def in_reading_order(lines: Sequence[Line], box_of_line: Callable[[Line], Rect]) -> list[Line]:
    """The lines block by block, as people read: each block after what is above or left of it."""
    blocks = _blocks([(line, box_of_line(line)) for line in lines])
    ordered: list[Line] = []
    while blocks:
        index = next((n for n, block in enumerate(blocks) if _is_first(block, blocks)), 0)
        ordered += [line for line, _ in sorted(blocks.pop(index), key=lambda item: item[1].y0)]
    return ordered


_Block = list[tuple[Line, Rect]]


def _blocks(lines: Sequence[tuple[Line, Rect]]) -> list[_Block]:
    """Lines below each other in one column; blocks from top to bottom, then left to right."""
    blocks: list[_Block] = []
    for line, box in sorted(lines, key=lambda item: (item[1].y0, item[1].x0)):
        block = next((b for b in reversed(blocks) if _continues(b[-1][1], box)), None)
        if block is None:
            blocks.append([(line, box)])
        else:
            block.append((line, box))
    return sorted(blocks, key=lambda b: (round(_extent(b).y0), _extent(b).x0))


def _continues(above: Rect, below: Rect) -> bool:
    height = min(above.y1 - above.y0, below.y1 - below.y0)
    close = -0.5 * height < below.y0 - above.y1 < _LEADING * height
    same_left = abs(above.x0 - below.x0) < 2 * height
    return close and same_left


def _is_first(block: _Block, blocks: Sequence[_Block]) -> bool:
    """Whether no other block has to be read before this one."""
    here = _extent(block)
    return not any(_precedes(_extent(other), here) for other in blocks if other is not block)


def _precedes(other: Rect, here: Rect) -> bool:
    """Above with columns in common, or left of it at the same height."""
    beside = min(other.x1, here.x1) - max(other.x0, here.x0) <= 0
    level = min(other.y1, here.y1) - max(other.y0, here.y0) > 0
    if not beside:
        return _middle(other) < _middle(here)
    return level and other.x1 <= here.x0


def _extent(block: _Block) -> Rect:
    return union([box for _, box in block])


def _middle(box: Rect) -> float:
    return (box.y0 + box.y1) / 2
