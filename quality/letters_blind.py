"""Invented reports of collections that were written by somebody who did not know the rules of the finder.

There are five: the ``second`` to the ``fifth``, which were blind until their faults were looked at, and
the one that is ``blind`` now. What they are made of lies in ``quality/held_out/NAME.toml`` (people, places,
letterheads, endings) and ``NAME_bodies.toml`` (what reports say). This module reads it;
:mod:`quality.blind_people` invents whom a report is about. The letterhead says in which country all of it
happens; bodies and endings that name countries go with letterheads of these only. Texts are filled in thus:

* ``<a~b>``: one of them; ``[he/she]``: by the sex of the patient; ``[3-12]``: a number of that range;
* ``[key]``: a value of the story, which brings its class of identity along; within ``{class:…}`` it does not;
* ``{class:words}``: as :mod:`quality.letter_sheet` has it.

A report is a head, a body and an ending that suit each other, and now and then what was found in other
examinations. The failures of the blind one are for nobody to see, lest rules
be made for them: :mod:`quality.measure_letters` does not even collect them unless it is told to.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from endoreg_db.deid.messages import HouseTerm
from endoreg_db.deid.reports.house import tells_enough
from quality.blind_people import Story
from quality.letter_sheet import Letter, LetterSheet, words_of

_FOLDER: Final = Path(__file__).parent / "held_out"
_MARKUP: Final = re.compile(r"\{\w+:([^}]*)\}")
_LEFT: Final = 45.0  # points
_RIGHT: Final = 545.0  # points
_FOOT: Final = 775.0  # points from the top; what would end below goes to another page
_BOTTOM: Final = 805.0  # points from the top, of the line at the end of each page
_INLINE: Final = 0.35  # share of headings that stand before their text, not above it
_SHORT: Final = 3  # letters; words that have fewer tell nothing by themselves
_OF_HOUSES: Final = {
    "wards": "ward", "houses": "institution", "practices": "institution", "homes": "institution"
}  # fmt: skip
_LITTLE: Final = frozenset(words_of("von der den die dem und auf aus vom zum zur the des für bei mit"))


@dataclass(frozen=True, slots=True)
class Material:
    """What blind letters are made of."""

    people: Mapping[str, Any]  # lists of names and places, by language
    heads: Sequence[Mapping[str, str]]
    bodies: Sequence[Mapping[str, str]]
    feet: Sequence[Mapping[str, str]]


@cache
def material(collection: str = "blind") -> Material:
    """All of a collection, read once."""
    read: dict[str, Any] = {}
    for name in (collection, f"{collection}_bodies"):
        with (_FOLDER / f"{name}.toml").open("rb") as file:
            read |= tomllib.load(file)
    return Material(read, read["head"], read["body"], read["foot"])


def invent_letter(seed: int, collection: str = "blind") -> Letter:
    """The report of this seed; always the same."""
    rng = random.Random(f"blind letter {seed}")
    stock = material(collection)
    body = rng.choice(stock.bodies)
    head = rng.choice([head for head in stock.heads if _suits(head, body)])
    country = rng.choice([name for name in head["country"].split() if _agree({"country": name}, body)])
    foot = rng.choice(
        [foot for foot in stock.feet if _suits(foot, body) and _agree(foot, {"country": country})]
    )
    story = Story(rng, stock.people, body["language"], country, ages=body.get("ages", "17-97"))
    sheet = _Sheet(rng, story, running=head["running"], bottom=head["bottom"])
    sheet.rows(head["page"])
    for part in (body, *_appended(rng, stock, body, country)):
        sheet.body(part["text"])
        sheet.gap(1.0)
    sheet.rows(foot["page"])
    letter = sheet.finished()
    fields = {name: story.fields[name] for name in head["fields"].split()}
    return replace(letter, clinical=_certain(letter), fields=fields)


def _appended(
    rng: random.Random, stock: Material, body: Mapping[str, str], country: str
) -> list[Mapping[str, str]]:
    """What other examinations the report encloses: none, one or a few."""
    others = [
        other
        for other in stock.bodies
        if other["language"] == body["language"]
        and other["use"] != "letter"
        and "ages" not in other
        and other is not body
        and _agree(other, {"country": country})
    ]
    return rng.sample(others, min(len(others), rng.choices((0, 1, 3, 6), (54, 24, 13, 9))[0]))


def parts(text: str) -> list[str]:
    """The words of a text, as they are compared."""
    return [part.casefold() for part in re.findall(r"\w+", text)]


def tells(part: str) -> bool:
    """Whether a word could identify somebody: little words and numbers of two digits do not by themselves."""
    return len(part) >= _SHORT and part not in _LITTLE


def _certain(letter: Letter) -> frozenset[tuple[int, int]]:
    """The clinical words that must stay: those that are no word of identity elsewhere in the letter."""
    text = {(page.number, index): word.text for page in letter.pages for index, word in enumerate(page.words)}
    telling = {part for place in letter.identity for part in parts(text[place]) if tells(part)}
    return frozenset(place for place in letter.clinical if telling.isdisjoint(parts(text[place])))


def _suits(part: Mapping[str, str], body: Mapping[str, str]) -> bool:
    """Whether a head or an ending goes with a body."""
    return (
        part["language"] == body["language"]
        and ("both" in (part["use"], body["use"]) or part["use"] == body["use"])
        and body["kind"] in part.get("kinds", body["kind"]).split()
        and _agree(part, body)
    )


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether both may be of the same country; who names none goes everywhere."""
    named = [set(part["country"].split()) for part in (one, other) if "country" in part]
    return len(named) < 2 or not named[0].isdisjoint(named[1])


class _Sheet:
    """Sets a report from top to bottom."""

    def __init__(self, rng: random.Random, story: Story, *, running: str, bottom: str) -> None:
        self.rng, self.story, self.running, self.bottom = rng, story, running, bottom
        self.size = rng.choice((8.0, 8.5, 9.0, 10.0, 10.5))
        self.sheet = LetterSheet(
            rng, size=self.size, width=rng.choice((0.44, 0.5, 0.53)), pitch=rng.choice((1.2, 1.3, 1.45))
        )
        self.bullet = rng.choice(("-", "–", "•", "*", "·", ">"))
        self.y = rng.uniform(30, 60)

    def rows(self, page: str) -> None:
        """Set rows of cells at given places."""
        for line in page.strip().splitlines():
            if line.startswith("."):
                self.gap()
                continue
            cells = [cell.split("|", 1) for cell in self.story.fill(line).split("||")]
            self._row([(float(left), text.strip(), False) for left, text in cells])

    def body(self, text: str) -> None:
        """Set what a report says."""
        lines = text.strip().splitlines()
        title = ""
        while lines:
            line = lines.pop(0)
            if line.startswith("#"):
                title = self.story.fill(line[1:].strip())
                if self.rng.random() > _INLINE or lines[0][0] in "-|>":
                    self._row([(_LEFT, title, False)])
                    title = ""
            elif line.startswith("|"):
                table = [line]
                while lines and lines[0].startswith("|"):
                    table.append(lines.pop(0))
                self._table([self.story.fill(row) for row in table])
            else:
                self._line(line, title)
                title = ""

    def gap(self, lines: float = 0.6) -> None:
        """Leave some lines free."""
        self.y += lines * self.sheet.pitch * self.size

    def finished(self) -> Letter:
        """The letter."""
        self._end_page()
        return self.sheet.letter()

    def _line(self, line: str, title: str) -> None:
        """Set a paragraph, an item, a label with its value or a gap."""
        if line.startswith("."):
            self.gap()
            return
        mark = re.match(r"[->]?~?", line)
        sort = mark[0] if mark else ""
        text = self.story.fill(line[len(sort) :].strip())
        clinical = "~" not in sort
        if sort.startswith(">"):
            label, value = (part.strip() for part in text.split("|", 1))
            self._row([(_LEFT, f"{label}:", False), (_LEFT + 105, value, clinical)])
            return
        if sort.startswith("-"):
            text = f"{self.bullet} {text}"
        if title:
            text = f"{{free:{title}:}} {text}"
        self._row([(_LEFT, text, clinical)])
        self.gap(0.3)

    def _table(self, rows: list[str]) -> None:
        """Set rows in columns that are as wide as their widest cell."""
        table = [(not row.startswith("|~"), _cells(row)) for row in rows]
        columns = max(len(cells) for _, cells in table)
        lefts = [_LEFT]
        for column in range(columns - 1):
            widest = max(self._width(cells[column]) for _, cells in table if column < len(cells))
            lefts.append(lefts[-1] + min(widest, 0.6 * (_RIGHT - lefts[-1])) + 14)
        for clinical, cells in table:
            self._row(
                [(left, cell, clinical) for left, cell in zip(lefts, cells, strict=False)], limits=lefts[1:]
            )

    def _row(self, cells: Sequence[tuple[float, str, bool]], limits: Sequence[float] = ()) -> None:
        """Set cells side by side, each in as many lines as it needs."""
        pitch = self.sheet.pitch * self.size
        ends = [*(limits or [left for left, _, _ in cells[1:]]), _RIGHT + 14]
        rooms = [end - left - 10 for (left, _, _), end in zip(cells, ends, strict=False)]
        lines = max(self._width(text) / room for (_, text, _), room in zip(cells, rooms, strict=True))
        if self.y + (int(1.1 * lines) + 1) * pitch > _FOOT:
            self._next_page()
        self.y = max(
            self.sheet.paragraph(left, self.y, text, width=room, clinical=clinical)
            for (left, text, clinical), room in zip(cells, rooms, strict=True)
        )

    def _width(self, text: str) -> float:
        """Points."""
        plain = _MARKUP.sub(r"\1", text)
        return sum((len(word) + 0.6) * self.sheet.width * self.size for word in plain.split())

    def _next_page(self) -> None:
        self._end_page()
        self.sheet.new_page()
        self.y = 45.0
        if self.running:
            self._row([(_LEFT, self.story.fill(self.running), False)])
            self.gap(1.0)

    def _end_page(self) -> None:
        if self.bottom:
            text = self.story.fill(self.bottom)
            self.sheet.paragraph(_LEFT, _BOTTOM, text, width=_RIGHT - _LEFT, clinical=False)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.sub(r"^\|~?", "", row).split("|")]


def house_terms(collection: str = "blind") -> tuple[HouseTerm, ...]:
    """What houses of a collection call their own, as a person there would list it: wards, houses, practices.

    Of its staff nobody is listed: they are drawn anew for each letter.
    """
    people = material(collection).people
    countries = [lists for lists in people.values() if isinstance(lists, Mapping) and "wards" in lists]
    written = (
        (kind, entry.strip().replace("{", "").replace("}", ""))
        for lists in countries
        for name, kind in _OF_HOUSES.items()
        for entry in lists.get(name, "").split(",")
    )
    whole = ((kind, text if tells_enough(text) else f"Station {text}") for kind, text in written if text)
    return tuple(HouseTerm(kind, text) for kind, text in dict.fromkeys(whole))


def templates(collection: str = "blind") -> Iterator[str]:
    """All texts of a collection, for checks."""
    stock = material(collection)
    for part in (*stock.heads, *stock.feet):
        yield from (part["page"], part.get("running", ""), part.get("bottom", ""))
    yield from (body["text"] for body in stock.bodies)
