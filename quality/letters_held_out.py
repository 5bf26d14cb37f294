"""Invented reports of a second style, which the rules were not made for.

It has two halves, which share no sentence and no layout; a common surname may be in both. Even seeds are the
*development* half, whose failures may be looked at. Odd seeds are the *reported* half: only its figures ought to be seen. What
they are made of lies in ``quality/held_out/``; here is how it is read.

A *template* is text in which ``[key]`` is filled in, ``<a~b>`` is one of them, and ``{class:words}`` is
identity, as :mod:`quality.letter_sheet` has it. A *page* is a list of such lines:

* ``45 80 | template``: one line, so many points from the left and from the top;
  ``45 +13 | template``: so many points below the line before;
* ``= 150``: the text goes on there;
* ``== Title | …``: a clinical section, ``-- Title | …`` one that may stay or go. What stands in it is drawn
  from the lists (``colon 4``, ``asides 1-3``) or written (``"…"``, clinical, and ``text "…"``, a template);
* ``page``: another page.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from quality.letter_sheet import Letter, LetterSheet, words_of

Half = Literal["development", "reported"]

_FOLDER: Final = Path(__file__).parent / "held_out"
#: What a half is made of: lists of the same name are joined.
_FILES: Final[Mapping[Half, Sequence[str]]] = {
    "development": ("development.toml", "development_harder.toml", "development_third.toml"),
    "reported": ("reported.toml",),
}
_WRITTEN: Final = re.compile(r'(text )?"([^"]*)"|(\w+) (\d+)(?:-(\d+))?')
_INLINE: Final = 0.4  # share of headings that stand before their text, not above it
_WIDTH: Final = 490  # points, of a paragraph
_FOOT: Final = 765  # points; a section that would begin below goes to another page
_MONTHS: Final = words_of(
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
)
_SURNAME_OF_TWO: Final = 0.12  # share of surnames with a hyphen or particles


def half_of(seed: int) -> Half:
    """Which half of the style a seed belongs to."""
    return "reported" if seed % 2 else "development"


def invent_letter(seed: int) -> Letter:
    """The report of this seed; always the same."""
    rng = random.Random(f"held-out letter {seed}")
    material = _material(half_of(seed))
    size = rng.choice((8.0, 9.0, 10.0, 10.5, 11.0))
    sheet = LetterSheet(
        rng, size=size, width=rng.choice((0.44, 0.5, 0.54)), pitch=rng.choice((1.2, 1.35, 1.5))
    )
    layout = rng.choice(material["layout"])
    story = _Story(rng, material)
    _draw(sheet, story, layout["page"])
    sheet.fields |= {name: story.fields[name] for name in layout["fields"].split()}
    return sheet.letter()


@cache
def _material(half: Half) -> Mapping[str, Any]:
    joined: dict[str, list[Any]] = {}
    for name in _FILES[half]:
        with (_FOLDER / name).open("rb") as file:
            read = tomllib.load(file)
        for key, value in read.items():
            joined.setdefault(key, []).extend(words_of(value) if isinstance(value, str) else value)
    return joined


class _Story:
    """Whom a report is about; fills in templates."""

    def __init__(self, rng: random.Random, material: Mapping[str, Any]) -> None:
        self.rng, self.material = rng, material
        given, family = rng.choice(material["given"]), self._surname()
        born = date(1929, 5, 1) + timedelta(days=rng.randrange(28_000))
        when = datetime(2019, 2, 1, 8) + timedelta(minutes=5 * rng.randrange(500_000))
        number = f"{rng.randint(1, 99):02}{rng.randint(100_000, 999_999)}"
        self.fields = {
            "first_name": given,
            "last_name": family.split(" geb. ")[0],
            "birth_date": born.isoformat(),
            "examination_date": when.date().isoformat(),
            "case_number": number,
        }
        self.fixed = {
            "given": given,
            "family": family,
            "FAMILY": family.upper(),
            "family_upper": family.upper(),
            "family_initial": next(c for c in family if c.isupper()) + ".",
            "dicom": f"{family}, {given}" if " " in family else f"{family}^{given}",
            "number": number,
            "house": rng.choice(material["houses"]),
            "born": f"{born:%d.%m.%Y}",
            "born_short": f"{born:%d.%m.%y}",
            "born_long": f"{born.day}. {_MONTHS[born.month - 1]} {born.year}",
            "born_en": f"{born:%d-%b-%Y}",
            "day": f"{when:%d.%m.%Y}",
            "day_short": f"{when:%d.%m.%y}",
            "day_long": f"{when.day}. {_MONTHS[when.month - 1]} {when.year}",
            "day_slash": f"{when:%d/%m/%Y}",
            "year": f"{when:%Y}",
            "clock": f"{when:%H:%M}",
            "seconds": f"{when:%H:%M:%S}",
        }

    def fill(self, template: str) -> str:
        """The template with its choices made and its keys filled in."""
        chosen = re.sub(r"<([^<>]*)>", lambda m: self.rng.choice(m[1].split("~")), template)
        while re.search(r"\[\w+\]", chosen):
            chosen = re.sub(r"\[(\w+)\]", lambda m: self._value(m[1]), chosen)
        return chosen

    def pick(self, pool: str, count: int) -> str:
        """So many texts of a list, filled in."""
        return " ".join(self.fill(text) for text in self.rng.sample(self.material[pool], count))

    def _surname(self) -> str:
        double = self.rng.random() < _SURNAME_OF_TWO
        return str(self.rng.choice(self.material["double" if double else "family"]))

    def _value(self, key: str) -> str:
        if key in self.fixed:
            return str(self.fixed[key])
        rng, lists = self.rng, self.material
        if digits := re.fullmatch(r"n(\d)", key):
            return str(rng.randint(10 ** (int(digits[1]) - 1), 10 ** int(digits[1]) - 1))
        if key in _LISTS:
            return str(rng.choice(lists[_LISTS[key]]))
        made: str = getattr(self, f"_{key}")()
        return made

    def _other(self) -> str:
        return str(self.rng.choice(self.material["given"]))

    def _doctor(self) -> str:
        first = self.rng.choice(("[other]", "[initial]"))
        return f"{self.rng.choice(self.material['titles'])} {{staff:{first} [surname]}}"

    def _initial(self) -> str:
        return f"{self.rng.choice('ABCDEFGHJKLMNPRSTUW')}."

    def _letter(self) -> str:
        return self.rng.choice("CFGHJLQUVW")

    def _code(self) -> str:
        return f"{self.rng.randint(1_067, 99_998):05}"

    def _place(self) -> str:
        return "{address:[street] [n2]}, {address:[code] [town]}"

    def _mail(self) -> str:
        return f"{self.fixed['family'].split()[-1].lower()}{self.rng.randint(1, 99)}"

    def _age90(self) -> str:
        return str(self.rng.randint(90, 103))

    def _n2h(self) -> str:
        return str(self.rng.randint(7, 15))

    def _n2d(self) -> str:
        return str(self.rng.randint(1, 28))

    def _telephone(self) -> str:
        rng = self.rng
        return rng.choice((f"0{rng.randint(2000, 9999)} / {rng.randint(10, 99)} {rng.randint(100, 999)}-{rng.randint(0, 99)}",
                           f"0049 {rng.randint(200, 999)} {rng.randint(10_000, 999_999)}", f"0{rng.randint(150, 179)}-{rng.randint(1_000_000, 9_999_999)}",
                           f"0{rng.randint(20, 99)} {rng.randint(100_000, 9_999_999)}", f"({rng.randint(2000, 9999):05}) {rng.randint(1000, 99_999)}"))  # fmt: skip

    def _past(self) -> date:
        return date(2009, 1, 1) + timedelta(days=self.rng.randrange(3_600))

    def _earlier(self) -> str:
        return f"{self._past():%d.%m.%Y}"

    def _earlier_long(self) -> str:
        day = self._past()
        return f"{day.day}. {_MONTHS[day.month - 1]} {day.year}"

    def _day_month(self) -> str:
        return f"{self._past():%d.%m.}"

    def _month_year(self) -> str:
        return f"{self._past():%m/%Y}"

    def _month_year_long(self) -> str:
        day = self._past()
        return f"{_MONTHS[day.month - 1]} {day.year}"


#: Keys of templates that are drawn from a list.
_LISTS: Final = {
    "town": "towns",
    "street": "streets",
    "payer": "payers",
    "ward": "wards",
    "occupation": "occupations",
    "english_house": "english_houses",
    "english_town": "english_towns",
}


def _draw(sheet: LetterSheet, story: _Story, page: str) -> None:
    y = 0.0
    for line in page.strip().splitlines():
        where, _, what = (part.strip() for part in line.partition("|"))
        if where == "page":
            sheet.new_page()
        elif re.match(r"==|--", where):
            y = _section(sheet, story, y, where, what)
        elif where.startswith("="):
            y = float(where[1:])
        else:
            left, top = where.split()
            y = y + float(top) if top.startswith("+") else float(top)
            sheet.put(float(left), y, story.fill(what))


def _section(sheet: LetterSheet, story: _Story, y: float, where: str, what: str) -> float:
    """One section, with its heading above it or before it; returns where it ends."""
    title, clinical = where[2:].strip(), where.startswith("==")
    text = " ".join(_texts(story, what))
    if y > _FOOT - len(text) / 8:
        sheet.new_page()
        y = 55.0
    if title and sheet.rng.random() < _INLINE:
        text = f"{title}: {text}"
    elif title:
        sheet.put(45, y, title)
        y += 14
    return sheet.paragraph(45, y, text, width=_WIDTH, clinical=clinical) + 6


def _texts(story: _Story, what: str) -> Iterator[str]:
    for found in _WRITTEN.finditer(what):
        template, written, pool, least, most = found.groups()
        if pool is None:
            yield story.fill(written) if template else written
        else:
            yield story.pick(pool, story.rng.randint(int(least), int(most or least)))


def pools(half: Half) -> Mapping[str, Sequence[str]]:
    """The lists of a half, for the check that the two share nothing."""
    return {name: value for name, value in _material(half).items() if name != "layout"}
