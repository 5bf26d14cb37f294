"""Whom a blind letter is about: invented people, places, days and numbers, with what each of them is.

Every value of a :class:`Story` is written with its class of identity, ``{name:Erika}``, so that no text can
forget to say it. Titles and words such as *Klinikum* are in no class: they may stay or go. How a country
writes its numbers and days says :mod:`quality.blind_countries`.
"""

from __future__ import annotations

import random
import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from quality import blind_countries as countries

_CHOICE: Final = re.compile(r"<([^<>]*)>")
_BY_SEX: Final = re.compile(r"\[([^\[\]/]*)/([^\[\]/]*)\]")
_RANGE: Final = re.compile(r"\[(\d+)-(\d+)\]")
_KEY: Final = re.compile(r"\[(\w+)\]")
_MARKED: Final = re.compile(r"\{(\w+):((?:[^{}]|\{[^{}]*\})*)\}")
_MARKUP: Final = re.compile(r"\{\w+:([^{}]*)\}")
_PIECE: Final = re.compile(r"\{([^{}]*)\}|([^{}\s](?:[^{}]*[^{}\s])?)")
_INSTITUTION: Final = re.compile(r"\{institution:([^{}]*)\}")
_DOUBLE: Final = 0.06  # share of surnames of two with a hyphen
_TITLED: Final = 0.05  # share of patients who have a title
_OLD: Final = 0.12  # share of patients who are 90 or older
_VERY_OLD: Final = 90  # years: from here on the age tells who it is
_ALIKE: Final = 0.8  # share of relatives whose names are of the same kind as the patient's
_FAMILY: Final = 0.6  # share of relatives who have the patient's surname
_CASES: Final = ("%#######", "%#########", "F%######", "%###-#####", "20%#####", "00%######", "%##.###.###")
_ORDERS: Final = ("A%######", "ENDO-%####", "%#########", "R%##/####")
_PLAIN: Final = {
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ı": "i", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ø": "oe", "Ø": "Oe", "æ": "ae",
}  # fmt: skip
_KIN: Final = {  # of the patient, and whether it is a woman
    "son": False, "daughter": True, "brother": False, "sister": True, "father": False, "mother": True,
    "nephew": False, "niece": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody."""

    first: str
    last: str
    woman: bool
    title: str = ""


class Story:
    """Whom a report is about; fills in texts.

    Args:
        rng: draws everything.
        people: the lists of the collection.
        language: in which the report is written.
        country: where it is written.
        ages: youngest and oldest age of the patient, joined by a hyphen.
    """

    def __init__(
        self, rng: random.Random, people: Mapping[str, Any], language: str, country: str, *, ages: str
    ) -> None:
        self.rng, self.people, self.language, self.country = rng, people, language, country
        self.lists: Mapping[str, str] = people[language] | people.get(country, {})
        self.woman = rng.random() < 0.5
        self.origin = self._origin()
        self.patient = self._person(woman=self.woman, origin=self.origin)
        self.day = datetime(2015, 1, 5) + timedelta(
            days=rng.randrange(3_900), minutes=rng.randint(440, 1_000)
        )
        self.years = self._age(ages)
        self.birth = self.day.date() - timedelta(days=int(365.25 * self.years) + rng.randrange(1, 364))
        self.years = _years(self.birth, self.day.date())
        self.admitted = self.day.date() - timedelta(days=rng.randint(0, 5))
        self.discharged = self.day.date() + timedelta(days=rng.randint(1, 9))
        self.written = self.discharged + timedelta(days=rng.randint(0, 6))
        self.number = countries.patterned(rng, rng.choice(_CASES))
        self.maiden_name = self._surname(self._origin(), woman=True)
        self.fixed = self._fixed()

    @property
    def fields(self) -> dict[str, str]:
        """What labels of a letter may give."""
        return {
            "first_name": self.patient.first,
            "last_name": self.patient.last,
            "birth_date": self.birth.isoformat(),
            "examination_date": self.day.date().isoformat(),
            "case_number": self.number,
        }

    def fill(self, text: str) -> str:
        """The text with its choices made and its keys filled in; none of its markup stands in another."""
        chosen = text
        while _CHOICE.search(chosen):
            chosen = _CHOICE.sub(lambda m: self.rng.choice(m[1].split("~")), chosen)
        chosen = _BY_SEX.sub(lambda m: m[2] if self.woman else m[1], chosen)
        while _RANGE.search(chosen):
            chosen = _RANGE.sub(lambda m: str(self.rng.randint(int(m[1]), int(m[2]))), chosen)
        while _KEY.search(chosen):
            chosen = _KEY.sub(lambda m: self._value(m[1]), chosen)
        return self._spelt(_MARKED.sub(lambda m: f"{{{m[1]}:{_MARKUP.sub(_inner, m[2])}}}", chosen))

    def _value(self, key: str) -> str:
        if key in self.fixed:
            return self.fixed[key]
        if digits := re.fullmatch(r"n(\d)", key):
            return self._digits(int(digits[1]))
        made: str = getattr(self, f"_{key}")()
        return made

    def _spelt(self, text: str) -> str:
        """The text as its country spells it."""
        return text.replace("ß", "ss") if self.country == "ch" else text

    def _fixed(self) -> dict[str, str]:
        """What is the same wherever it stands in a letter."""
        who, day, rng = self.patient, self.day.date(), self.rng
        house = self._drawn("houses")
        box = rng.choice(self.lists["boxes"].split(", "))
        net = f"{_slug(_INSTITUTION.findall(house)[-1])}.example"
        town, line = self._town_and_line()
        values = self._names() | {
            "age": self.years if self.years < _VERY_OLD else f"{{age:{self.years}}}",
            "house": house,
            "practice": self._drawn("practices"),
            "house_street": self._street_no(),
            "house_town": line,
            "house_place": town,
            "house_phone": self._phone(),
            "house_mail": f"{{email:{box}@{net}}}",
            "house_web": f"{{url:www.{net}}}",
            "home_street": self._street_no(),
            "home_town": self._address_town(),
            "referrer_street": self._street_no(),
            "referrer_town": self._address_town(),
            "insurer": f"{{insurer:{self._drawn('insurers')}}}",
            "job": f"{{occupation:{self._drawn('jobs_f' if self.woman else 'jobs_m')}}}",
            "home": self._drawn("homes"),
            "ward": self._drawn("wards", "ward"),
            "case": f"{{case_number:{self.number}}}",
            "pid": f"{{number:{self._digits(rng.randint(5, 9))}}}",
            "insured": f"{{insurance_number:{countries.insured(rng, self.country, self.birth)}}}",
            "serial": f"{{serial_number:{self._letter()}{self._digits(rng.randint(5, 8))}}}",
            "nhs": f"{{number:{countries.health_service(rng)}}}",
            "bsnr": f"{{number:{self._digits(9)}}}",
            "lanr": f"{{number:{self._digits(9)}}}",
            "ik": f"{{number:10{self._digits(7)}}}",
            "order": f"{{number:{countries.patterned(rng, rng.choice(_ORDERS))}}}",
            "private_mail": f"{{email:{_slug(who.first)}{rng.choice('._-')}{_slug(who.last)}@post.example}}",
            "written": self._written(self.written, "date"),
            "written_long": self._long(self.written, "date"),
            "admitted": self._written(self.admitted, "date"),
            "discharged": self._written(self.discharged, "date"),
        }
        values |= self._days("born", self.birth, "birth_date") | self._days("day", day, "date")
        values |= self._roles("examiner", self._doctor_person())
        for role in ("referrer", "pathologist"):
            values |= self._roles(role, self._entitled(rng.random() < 0.5, "specialists"))
        values |= self._roles("chief", self._chief_person())
        for role in ("nurse", "nurse2"):
            values |= self._roles(role, self._nurse_person())
        secretary = self._person(woman=rng.random() < 0.9)
        values |= self._family() | {
            "secretary": f"{{staff:{secretary.first[0]}. {secretary.last}}}",
            "secretary_last": f"{{staff:{secretary.last}}}",
            "sign": f"{{staff:{self._sign(secretary)}}}",
        }
        return {key: str(value) for key, value in values.items()}

    def _names(self) -> dict[str, str]:
        """The ways in which the patient is named."""
        first, last = self.patient.first, self.patient.last
        addresses = self.lists["addresses_f" if self.woman else "addresses_m"].split(", ")
        titles = self.lists["patient_titles"].split(", ")
        title = self.rng.choice(titles) if self.rng.random() < _TITLED else ""
        born = f"{{name:{last}}}"
        if self.woman and self.rng.random() < 0.4:
            born += f" {{free:{self.rng.choice(self.lists['born'].split(', '))}}} {{name:{self.maiden_name}}}"
        return {
            "first": f"{{name:{first}}}",
            "last": f"{{name:{last}}}",
            "FIRST": f"{{name:{first.upper()}}}",
            "LAST": f"{{name:{last.upper()}}}",
            "FIRST_PLAIN": f"{{name:{_plain(first).upper()}}}",
            "LAST_PLAIN": f"{{name:{_plain(last).upper()}}}",
            "first_initial": f"{{name:{first[0]}.}}",
            "last_initial": f"{{name:{last[0].upper()}.}}",
            "maiden": f"{{name:{self.maiden_name}}}",
            "last_born": born,
            "Mr": f"{{free:{f'{addresses[0]} {title}'.strip()}}} {{name:{last}}}",
            "Mrn": f"{{free:{addresses[1]}}} {{name:{self.rng.choice((last, f'{first} {last}'))}}}",
        }

    def _family(self) -> dict[str, str]:
        """The patient's next of kin, each with the same name throughout."""
        values: dict[str, str] = {}
        for kin, woman in {**_KIN, "spouse": not self.woman}.items():
            who = self._person(woman=woman, origin=self.origin if self.rng.random() < _ALIKE else "")
            last = self.patient.last if self.rng.random() < _FAMILY else who.last
            values |= {
                kin: f"{{relative:{who.first} {last}}}",
                f"{kin}_first": f"{{relative:{who.first}}}",
                f"{kin}_last": f"{{relative:{last}}}",
            }
        return values

    def _roles(self, role: str, who: Person) -> dict[str, str]:
        """The ways in which somebody of the staff is named."""
        to, dear = (self.lists[f"{key}_{'f' if who.woman else 'm'}"].split(", ") for key in ("to", "dear"))
        return {
            role: _titled(who, self.rng),
            f"{role}_last": f"{{staff:{who.last}}}",
            f"{role}_first": f"{{staff:{who.first}}}",
            f"{role}_name": f"{{staff:{who.first} {who.last}}}",
            f"{role}_full": f"{{free:{self.rng.choice(to)} {who.title}}} {{staff:{who.first} {who.last}}}",
            f"{role}_dear": f"{{free:{self.rng.choice(dear)}}} {{staff:{who.last}}}",
            f"{role}_initials": f"{{staff:{who.first[0]}{who.last[:2]}}}",
        }

    def _days(self, name: str, day: date, kind: str) -> dict[str, str]:
        return {
            name: self._written(day, kind),
            f"{name}_short": f"{{{kind}:{countries.short(self.country, day)}}}",
            f"{name}_iso": f"{{{kind}:{day:%Y-%m-%d}}}",
            f"{name}_compact": f"{{{kind}:{day:%Y%m%d}}}",
            f"{name}_mon": f"{{{kind}:{day:%d}-{self._months()[day.month - 1][:3]}-{day.year}}}",
            f"{name}_long": self._long(day, kind),
        }

    def _months(self) -> list[str]:
        return self.lists["months"].split(", ")

    def _written(self, day: date, kind: str) -> str:
        form = countries.written(self.rng, self.country, day, self._months(), often=kind == "date")
        return f"{{{kind}:{form}}}"

    def _long(self, day: date, kind: str) -> str:
        return f"{{{kind}:{countries.long(self.country, day, self._months())}}}"

    def _drawn(self, name: str, kind: str = "institution") -> str:
        """One of a list; what of it is in braces tells something, and becomes identity of this kind.

        The words beside it, such as *Klinikum*, may stay or go even among clinical ones.
        """
        value = self.rng.choice(self.lists[name].split(", "))
        if "{" not in value:
            return value
        return _PIECE.sub(lambda m: f"{{{kind}:{m[1]}}}" if m[1] else f"{{free:{m[2]}}}", value)

    def _origin(self) -> str:
        weights: Mapping[str, int] = self.people["weights"][self.country]
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def _surname(self, origin: str, *, woman: bool) -> str:
        """A surname; where a list has two forms with a stroke between, the second is a woman's."""
        rng, names = self.rng, self.people["names"]
        last = str(rng.choice(names[origin]["last"].split(", "))).split("/")[-1 if woman else 0]
        if rng.random() < _DOUBLE and " " not in last:
            other = names[rng.choice(self.lists["double"].split(", "))]["last"].split(", ")
            last += f"-{rng.choice(other)}"
        return self._spelt(last)

    def _person(self, *, woman: bool, origin: str = "") -> Person:
        origin = origin or self._origin()
        first = self.rng.choice(self.people["names"][origin]["f" if woman else "m"].split(", "))
        return Person(first, self._surname(origin, woman=woman), woman)

    def _doctor_person(self) -> Person:
        return self._entitled(self.rng.random() < 0.5, "titles")

    def _chief_person(self) -> Person:
        return self._entitled(self.rng.random() < 0.3, "chiefs")

    def _nurse_person(self) -> Person:
        return self._entitled(self.rng.random() < 0.7, "nurses")

    def _entitled(self, woman: bool, titles: str) -> Person:
        """Somebody of the staff, with one of the titles for either sex or for this one."""
        who = self._person(woman=woman)
        fit = self.lists[titles].split(", ")
        if own := self.lists.get(f"{titles}_{'f' if woman else 'm'}"):
            fit += own.split(", ")
        return Person(who.first, who.last, woman, self.rng.choice(fit))

    def _age(self, ages: str) -> int:
        """Years, between two that are joined by a hyphen; most people examined are no longer young."""
        youngest, oldest = map(int, ages.split("-"))
        if oldest > _VERY_OLD and self.rng.random() < _OLD:
            return self.rng.randint(_VERY_OLD, oldest)
        oldest = min(oldest, _VERY_OLD - 2)
        return int(self.rng.triangular(youngest, oldest, youngest + 0.7 * (oldest - youngest)))

    def _sign(self, secretary: Person) -> str:
        """How somebody who types signs."""
        first, last = secretary.first, secretary.last
        return self.rng.choice((f"{last[:2]}/{first[:1].lower()}", f"{first[0]}{last[:1]}", last[:3].lower()))

    def _letter(self) -> str:
        return self.rng.choice(string.ascii_uppercase)

    def _digits(self, count: int) -> str:
        return str(self.rng.randint(10 ** (count - 1), 10**count - 1))

    # Keys whose value is another one wherever they stand.

    def _doctor(self) -> str:
        return _titled(self._doctor_person(), self.rng)

    def _doctor_last(self) -> str:
        return f"{{staff:{self._doctor_person().last}}}"

    def _doctor_name(self) -> str:
        who = self._doctor_person()
        return f"{{staff:{who.first} {who.last}}}"

    def _colleague(self) -> str:
        return self._addressed("colleague")

    def _colleague_obl(self) -> str:
        return self._addressed("colleague_obl")

    def _addressed(self, words: str) -> str:
        """A doctor, after a word that tells the sex."""
        who = self._doctor_person()
        word = self.rng.choice(self.lists[f"{words}_{'f' if who.woman else 'm'}"].split(", "))
        return f"{{free:{word}}} {{staff:{who.last}}}"

    def _staff_first(self) -> str:
        return f"{{staff:{self._nurse_person().first}}}"

    def _woman(self) -> str:
        who = self._person(woman=True)
        return f"{{relative:{who.first} {who.last}}}"

    def _man(self) -> str:
        who = self._person(woman=False)
        return f"{{relative:{who.first} {who.last}}}"

    def _woman_last(self) -> str:
        return f"{{relative:{self._person(woman=True).last}}}"

    def _man_last(self) -> str:
        return f"{{relative:{self._person(woman=False).last}}}"

    def _woman_first(self) -> str:
        return f"{{relative:{self._person(woman=True).first}}}"

    def _man_first(self) -> str:
        return f"{{relative:{self._person(woman=False).first}}}"

    def _town(self) -> str:
        return f"{{address:{self._drawn('towns').partition('/')[0]}}}"

    def _village(self) -> str:
        return f"{{address:{self._drawn('villages').partition('/')[0]}}}"

    def _street(self) -> str:
        return f"{{address:{self._drawn('streets')}}}"

    def _street_no(self) -> str:
        return f"{{address:{countries.street_line(self.rng, self.country, self._drawn('streets'))}}}"

    def _town_and_line(self) -> tuple[str, str]:
        """A town, alone and as it stands in an address."""
        town, _, region = self._drawn(self.rng.choice(("towns", "towns", "villages"))).partition("/")
        line = countries.town_line(self.rng, self.country, town, region)
        return f"{{address:{town}}}", f"{{address:{line}}}"

    def _address_town(self) -> str:
        return self._town_and_line()[1]

    def _other_house(self) -> str:
        return self._drawn("houses")

    def _other_practice(self) -> str:
        return self._drawn("practices")

    def _company(self) -> str:
        return self._drawn("companies")

    def _club(self) -> str:
        return self._drawn("clubs")

    def _phone(self) -> str:
        return f"{{phone:{countries.phone(self.rng, self.country)}}}"

    def _mobile(self) -> str:
        return f"{{phone:{countries.mobile(self.rng, self.country)}}}"

    def _iban(self) -> str:
        return f"{{iban:{countries.account(self.rng, self.country)}}}"

    def _lot(self) -> str:
        form = self.rng.choice(("########", "@@####", "%####-##", "@#####@"))
        return f"{{serial_number:{countries.patterned(self.rng, form)}}}"

    def _histo(self) -> str:
        form = self.rng.choice(("H{}/#####", "E {}-####", "{}-%#####", "S{}.#####", "P-{}-%####"))
        return f"{{number:{countries.patterned(self.rng, form.format(f'{self.day:%y}'))}}}"

    def _clock(self) -> str:
        minute = self.rng.randint(0, 59)
        if self.country == "us":
            return f"{{time:{self.day:%I}:{minute:02} {self.day:%p}}}"
        return f"{{time:{self.day:%H}{self.rng.choice(':.:')}{minute:02}}}"

    def _clock_end(self) -> str:
        form = "%I:%M %p" if self.country == "us" else "%H:%M"
        return f"{{time:{(self.day + timedelta(hours=1)):{form}}}}"

    def _past(self) -> date:
        return self.day.date() - timedelta(days=self.rng.randint(20, 3000))

    def _earlier(self) -> str:
        return self._written(self._past(), "date")

    def _earlier_long(self) -> str:
        return self._long(self._past(), "date")

    def _earlier_my(self) -> str:
        return f"{{date:{self._past():%m/%Y}}}"

    def _earlier_my_long(self) -> str:
        day = self._past()
        return f"{{date:{self._months()[day.month - 1]} {day.year}}}"

    def _earlier_dm(self) -> str:
        return f"{{date:{self._past():%d.%m.}}}"

    def _next(self) -> str:
        return self._written(self.written + timedelta(days=self.rng.randint(3, 200)), "date")

    def _other_birth(self) -> str:
        born = self.birth - timedelta(days=self.rng.randint(300, 9000))
        return self._written(born, "date")


def _inner(marked: re.Match[str]) -> str:
    return marked[1]


def _titled(who: Person, rng: random.Random) -> str:
    """Somebody with a title, and with as much of the name as people write."""
    name = rng.choice((f"{who.first} {who.last}", f"{who.first[0]}. {who.last}", who.last, who.last))
    return f"{{free:{who.title}}} {{staff:{name}}}"


def _plain(text: str) -> str:
    """A text in letters of old computers."""
    written = "".join(_PLAIN.get(letter, letter) for letter in text)
    return "".join(sign for sign in unicodedata.normalize("NFKD", written) if not unicodedata.combining(sign))


def _slug(text: str) -> str:
    """A text as it stands in an address of the net."""
    return re.sub(r"\W+", "-", _plain(_MARKUP.sub(_inner, text)).lower()).strip("-")


def _years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
