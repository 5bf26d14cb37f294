"""The reports of the corpus: decided from a seed, written, with the truth about them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from endoreg_db.deid.reports.words import Word
from quality import letters, letters_held_out
from quality.hunter import Token
from quality.hunter.reading import Needles
from quality.hunter.tokens import WHOLE_WORD, folded
from quality.letter_sheet import Letter
from quality.plan import draw_word
from quality.reports.pages import DPI, FACES, draw_letter, scan
from quality.reports.plants import IN_THE_DRAWING, PLANTS, More, Order

#: The second style is one that no rule was tuned on.
STYLES: Mapping[str, Callable[[int], Letter]] = MappingProxyType(
    {"tuning": letters.invent_letter, "held-out": letters_held_out.invent_letter}
)
Form = Literal["digital", "scan 150", "scan 200"]
_FORMS: tuple[Form, ...] = ("digital", "digital", "scan 150", "scan 200")
FILE_NAME = "41 file name"
_FEWEST_LETTERS = 3  # of a word that counts


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """One report: everything that is decided before it is drawn."""

    seed: int
    style: str  # of :data:`STYLES`
    form: Form
    face: str
    planted: str  # name of a plant, or :data:`FILE_NAME`
    canary: str  # what is hidden


@dataclass(frozen=True, slots=True)
class ReportTruth:
    """What a report shows and hides."""

    file: str
    fields: Mapping[str, str]  # identity field → value, as far as labels of the letter give it
    tokens: tuple[Token, ...]  # of the letter's people and places, that must not come out
    planted: tuple[Token, ...]
    clinical: tuple[str, ...]  # words that ought to stay


def draw_report_plan(seed: int) -> ReportPlan:
    """Decide everything about the report of that seed."""
    rng = random.Random(f"report {seed}")
    form = rng.choice(_FORMS)
    possible = [FILE_NAME, *(name for name in PLANTS if form == "digital" or name not in IN_THE_DRAWING)]
    return ReportPlan(
        seed=seed,
        style=rng.choice(tuple(STYLES)),
        form=form,
        face=rng.choice(FACES),
        planted=rng.choice(possible),
        canary=draw_word(rng),
    )


def write_report(plan: ReportPlan, folder: Path) -> tuple[Path, ReportTruth]:
    """Write the report of a plan into ``folder``, which is made.

    Returns:
        Its path, and the truth about it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    letter = STYLES[plan.style](plan.seed)
    named = f" {plan.canary}" if plan.planted == FILE_NAME else ""
    path = folder / f"{plan.seed:05}{named}.pdf"
    draw = _drawing(plan, letter)
    if plan.planted == FILE_NAME:
        draw(path, None)
    else:
        PLANTS[plan.planted](Order(path, draw, plan.canary))
    truth = ReportTruth(
        file=path.name,
        fields=letter.fields,
        tokens=tuple(dict.fromkeys(_tokens(letter))),
        planted=(Token(plan.canary, plan.planted),),
        clinical=tuple(_words(letter, letter.clinical)),
    )
    return path, truth


def _drawing(plan: ReportPlan, letter: Letter) -> Callable[[Path, More | None], None]:
    def draw(path: Path, more: More | None) -> None:
        if plan.form == "digital":
            draw_letter(path, letter, plan.face, more)
            return
        typeset = path.with_suffix(".typeset")
        draw_letter(typeset, letter, plan.face)
        scan(typeset, path, DPI[plan.form], random.Random(f"scanner {plan.seed}"))
        typeset.unlink()

    return draw


def _tokens(letter: Letter) -> Iterator[Token]:
    """What identifies somebody: each word of it, and what stands together, such as street and number.

    Left out is what the letter also has where it identifies nobody, or has so nearly that the hunter takes
    it for that (*Richter* in *berichten*), what placeholders are called, and numbers of a few digits,
    which are in every file.
    """
    ordinary = [folded(word) for word in (*_words(letter, _others(letter)), *letter.identity.values())]
    whole = {part for word in ordinary for part in re.findall(r"\w+", word)}
    running = " ".join(ordinary)
    innocent = list(_innocent_lines(letter))
    for text, kind in (*_single(letter), *_together(letter)):
        form = folded(text)
        letters = sum(map(str.isalpha, form))
        if form in whole or (len(form) >= WHOLE_WORD and form in running):
            continue
        token = Token(text, kind)
        counts = letters >= _FEWEST_LETTERS or sum(map(str.isalnum, form)) >= WHOLE_WORD
        if counts and not any(Needles.of([token]).found_in(innocent)):
            yield token


def _innocent_lines(letter: Letter) -> Iterator[str]:
    """Each line of the letter without what identifies anybody."""
    return (" ".join(word.text for kind, word in line if not kind) for line in _lines(letter))


def _lines(letter: Letter) -> Iterator[list[tuple[str, Word]]]:
    """The words of each line, with what of somebody they are; empty for those that identify nobody."""
    for page in letter.pages:
        index = 0
        for line in page.lines:
            kinds = (letter.identity.get((page.number, index + n), "") for n in range(len(line.words)))
            yield list(zip(kinds, line.words, strict=True))
            index += len(line.words)


def _single(letter: Letter) -> Iterator[tuple[str, str]]:
    for (page, index), kind in letter.identity.items():
        yield _bare(letter.pages[page - 1].words[index].text), kind


def _together(letter: Letter) -> Iterator[tuple[str, str]]:
    """Words of one kind that follow each other on a line."""
    for line in _lines(letter):
        for kind, run in groupby(line, key=itemgetter(0)):
            if kind:
                yield _bare(" ".join(word.text for _, word in run)), kind


def _bare(text: str) -> str:
    return text.strip(".,;:()[]*·–-\"'")


def _others(letter: Letter) -> set[tuple[int, int]]:
    places = {(page.number, index) for page in letter.pages for index in range(len(page.words))}
    return places - set(letter.identity)


def _words(letter: Letter, places: set[tuple[int, int]] | frozenset[tuple[int, int]]) -> Iterator[str]:
    return (letter.pages[page - 1].words[index].text for page, index in sorted(places))
