"""Letters that are scanned before identity is found in them: what counts as gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.reports.words import Rect
from quality import letters
from quality.letter_sheet import Letter
from quality.scanned_letters import _is_gone, find_in_scan

WORD = Rect(100, 100, 160, 110)


@pytest.mark.parametrize(
    ("read", "hit", "blank", "gone"),
    [
        ([(0, WORD)], {0}, [], True),
        ([(0, WORD)], set(), [], False),
        ([(0, WORD)], set(), [WORD], False),  # what was read and stays is drawn again over what is blanked
        ([(0, Rect(100, 100, 130, 110)), (1, Rect(130, 100, 160, 110))], {0}, [], False),
        ([(0, Rect(300, 100, 330, 110))], {0}, [], False),  # something else was read; this lies there unread
        ([], set(), [Rect(90, 90, 400, 120)], True),
        ([], set(), [], False),
    ],
)
def test_a_word_is_gone_if_nothing_that_stands_there_stays(
    read: list[tuple[int, Rect]], hit: set[int], blank: list[Rect], gone: bool
) -> None:
    assert _is_gone(WORD, read, hit, blank) is gone


def test_identity_goes_from_a_scan_and_findings_stay() -> None:
    letter = _first_page(letters.invent_letter(20_001))

    found = find_in_scan(letter, 150, 20_001, TextReader())

    gone = {(hit.page, word) for hit in found.hits for word in hit.words}
    assert len(letter.identity.keys() & gone) >= 0.95 * len(letter.identity)
    assert len(letter.clinical & gone) <= 0.05 * len(letter.clinical)


def _first_page(letter: Letter) -> Letter:
    return replace(
        letter,
        pages=letter.pages[:1],
        identity={place: kind for place, kind in letter.identity.items() if place[0] == 1},
        clinical=frozenset(place for place in letter.clinical if place[0] == 1),
    )
