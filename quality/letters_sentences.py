"""Reports that are nothing but sentences, each of another hand: what stands in the middle of a report.

``quality/held_out/sentences_*.txt`` has one in each line: its language, a stroke, and the text with the markup of
:mod:`quality.letter_sheet`. A sentence stands among others of its language, in a report with a plain head, so
that no place on the page says what it is about. Rules are tuned on the first half of them; the faults of the second
half are for nobody to see.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Final

from quality.letter_sheet import Letter, LetterSheet

_FOLDER: Final = Path(__file__).parent / "held_out"
_IN_A_LETTER: Final = 12
_LEFT: Final = 45.0  # points
_WIDTH: Final = 500.0  # points
_HEADS: Final = {
    "de": ("Befundbericht", "Untersuchung und Verlauf", "Beurteilung folgt gesondert"),
    "en": ("Report", "Procedure and course", "Conclusion to follow"),
}


@cache
def sentences(half: int) -> tuple[tuple[str, str], ...]:
    """Language and text of one of the two halves, shuffled, German first."""
    lines = [
        line.partition("|")[::2]
        for path in sorted(_FOLDER.glob("sentences_*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    random.Random("sentences").shuffle(lines)
    return tuple(sorted(lines[half::2], key=lambda line: line[0]))


def letters(half: int) -> int:
    """How many letters hold a half."""
    return -(-len(sentences(half)) // _IN_A_LETTER)


def invent_letter(number: int, half: int = 0) -> Letter:
    """The report of this number, which holds the next dozen of sentences; they begin anew behind the last."""
    start = number % letters(half) * _IN_A_LETTER
    chosen = sentences(half)[start : start + _IN_A_LETTER]
    sheet = LetterSheet(random.Random(f"sentences {number}"))
    title, heading, ending = _HEADS[chosen[0][0]]
    sheet.put(_LEFT, 40, title)
    sheet.put(_LEFT, 150, heading)
    y = 180.0
    for _, text in chosen:
        y = 4 + sheet.paragraph(_LEFT, y, text, width=_WIDTH)
        if y > 740:
            sheet.new_page()
            y = 45.0
    sheet.paragraph(_LEFT, y + 30, ending, width=_WIDTH, clinical=False)
    return sheet.letter()
