"""Words that nobody has allowed: in the body of a report, too, what is in no list goes (``verdicts.py``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from endoreg_db.deid.reports.marks import Mark
from endoreg_db.deid.reports.names import is_particle, is_title
from endoreg_db.deid.reports.places import Place
from endoreg_db.deid.reports.scripts import is_of_other_script
from endoreg_db.deid.reports.sheets import Row, Sheet
from endoreg_db.deid.reports.somebody import REACH
from endoreg_db.deid.reports.verdicts import Verdict, judge


def stranger_marks(
    sheets: Sequence[Sheet], marked: Collection[tuple[int, int]]
) -> tuple[list[Mark], dict[int, int]]:
    """Strangers in the text, and for each page with any how many words stay of which nobody can be sure.

    Args:
        sheets: the pages.
        marked: page (its index) and word of everything that other rules found.
    """
    marks: list[Mark] = []
    unsure: dict[int, int] = {}
    for page, sheet in enumerate(sheets):
        for row in sheet.rows:
            found, doubtful = _row_strangers(page, sheet, row, marked)
            marks += found
            if doubtful:
                unsure[page] = unsure.get(page, 0) + doubtful
    return marks, unsure


def _row_strangers(
    page: int, sheet: Sheet, row: Row, marked: Collection[tuple[int, int]]
) -> tuple[list[Mark], int]:
    last = sheet.before(row)
    lead = last.tokens[-REACH:] if last is not None else ()
    following = sheet.continuation(row)
    flow = (*lead, *row.tokens, *(following.tokens[:REACH] if following is not None else ()))
    start, end = len(lead), len(lead) + len(row.tokens)
    named = {
        n
        for n, token in enumerate(flow)
        if token.is_capitalised and any((page, word) in marked for word in token.words)
    }
    doubtful: set[int] = set()
    marks: list[Mark] = []
    sure = frozenset(named)
    while grown := [
        n for n in range(start, end) if n not in named and _goes(Place(flow, n, named, sure), doubtful)
    ]:
        named |= set(grown)  # what stands beside a stranger may be one too
        marks += [Mark("name", page, (flow[n],), flow[n].core, 0.5, "stranger") for n in grown]
    kept = [n for n in doubtful if n not in named]
    return marks, len(kept)


def _goes(place: Place, doubtful: set[int]) -> bool:
    token = place.token
    if is_of_other_script(token.core):
        return True  # the lists have no such words, and names are what most of them are
    if is_title(token):
        return False
    if is_particle(token):  # ``Stavros Lê``: a particle with a capital at the end of a name is its surname
        return token.is_capitalised and place.ends_name and not token.core.isupper()
    if token.is_initial and token.text.endswith("."):
        return place.beside_name and place.index + 1 in place.named
    if not token.is_name_shaped:
        return False
    verdict = judge(place)
    if verdict is Verdict.UNSURE:
        doubtful.add(place.index)
    return verdict is Verdict.STRANGER
