"""The cleaned text of a report: what stays, and a typed placeholder for what goes.

``[NAME]``, ``[BIRTH_DATE]``, ``[CASE_NUMBER]`` and so on say what kind of identity stood there, and
nothing of how long it was. Dates are removed, or moved by the patient's own number of days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from endoreg_db.deid.reports.date_shift import shifted_text
from endoreg_db.deid.reports.words import Hit, Page

#: Kinds of hits that are dates and may be moved; dates of birth never are: the age is enough.
MOVABLE: Final = frozenset({"date"})


def placeholder(kind: str) -> str:
    """What stands in the place of a hit of this kind."""
    return f"[{kind.upper()}]"


def replacement(hit: Hit, written: str, shift_days: int | None = None) -> str:
    """What stands in the place of a hit.

    Args:
        hit: what was found.
        written: its words as they are written, with one space between them.
        shift_days: by how many days dates are moved; None if they are removed.
    """
    if shift_days is not None and hit.kind in MOVABLE:
        moved = shifted_text(written, shift_days)
        if moved is not None:
            return moved
    return placeholder(hit.kind)


def cleaned_text(pages: Sequence[Page], hits: Sequence[Hit], *, shift_days: int | None = None) -> str:
    """The report's text without identity: a line for each line, a form feed between pages.

    Hidden words never stay, found or not. A hit over two lines has its placeholder in the first one.

    Args:
        pages: as they were given to the finder.
        hits: as the finder gave them.
        shift_days: by how many days dates are moved; None if they are removed.
    """
    return "\f".join(
        _page_text(page, [h for h in hits if h.page == page.number], shift_days) for page in pages
    )


def _page_text(page: Page, hits: Sequence[Hit], shift_days: int | None) -> str:
    words = page.words
    at = {word: hit for hit in hits for word in hit.words}
    lines, offset = [], 0
    for line in page.lines:
        numbers = range(offset, offset + len(line.words))
        offset += len(line.words)
        lines.append(" ".join(_pieces(page, numbers, at, shift_days)))
    assert offset == len(words), "the lines of a page hold its words, in order"
    return "\n".join(line for line in lines if line)


def _pieces(page: Page, numbers: range, at: Mapping[int, Hit], shift_days: int | None) -> Iterator[str]:
    words = page.words
    for number in numbers:
        hit = at.get(number)
        if hit is None:
            if words[number].source != "hidden":
                yield words[number].text
        elif _begins(hit, number) and words[number].source != "hidden":
            written = " ".join(words[n].text for n in _run(hit, number))
            yield replacement(hit, written, shift_days)


def _begins(hit: Hit, number: int) -> bool:
    """Whether a run of the hit's words begins here; words in between may have stayed."""
    return number - 1 not in hit.words


def _run(hit: Hit, number: int) -> Iterator[int]:
    while number in hit.words:
        yield number
        number += 1
