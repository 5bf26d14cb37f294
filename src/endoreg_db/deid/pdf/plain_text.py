"""The cleaned text of a report, for research: what stays, and a typed placeholder for what went."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import accumulate

from endoreg_db.deid.pdf.dates import MovedDate
from endoreg_db.deid.pdf.rebuild import Plan
from endoreg_db.deid.reports.words import Line

#: Between two pages, as ``pdftotext`` writes it.
PAGE_BREAK = "\f"


def page_text(plan: Plan, kinds: Mapping[int, str]) -> str:
    """The text of one page, line by line.

    Args:
        plan: which words stay.
        kinds: index of a word that went → what it was, e.g. ``name``; it becomes ``[NAME]``, which says
            nothing of how long it was. Moved dates stand as they are written on the page.
    """
    moved = {index: date for date in plan.moved for index in date.words}
    starts = accumulate((len(line.words) for line in plan.sheet.page.lines), initial=0)
    rows = zip(starts, plan.sheet.page.lines, plan.kept, strict=False)  # one start too many
    lines = (" ".join(_parts(start, line, set(stay), kinds, moved)) for start, line, stay in rows)
    return "".join(f"{line}\n" for line in lines if line)


def _parts(
    start: int, line: Line, stay: Collection[int], kinds: Mapping[int, str], moved: Mapping[int, MovedDate]
) -> Iterator[str]:
    """The words of a line; hits of one kind beside each other are one placeholder."""
    last = ""
    for index, word in enumerate(line.words, start):
        if index in stay:
            last = ""
            yield word.text
        elif index in moved:
            last = ""
            if index == moved[index].words[0]:
                yield moved[index].text
        elif word.source != "hidden" and index in kinds:
            placeholder = f"[{kinds[index].upper()}]"
            if placeholder != last:
                yield placeholder
            last = placeholder
