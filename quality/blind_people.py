"""Whom a blind letter is about: invented people, places, days and numbers, with what each of them is.

Every value of a :class:`Story` is written with its class of identity, ``{name:Erika}``, so that no text can
forget to say it. Titles and words such as *Klinikum* are in no class: they may stay or go.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

_CHOICE: Final = re.compile(r"<([^<>]*)>")
_BY_SEX: Final = re.compile(r"\[([^\[\]/]*)/([^\[\]/]*)\]")
_RANGE: Final = re.compile(r"\[(\d+)-(\d+)\]")
_KEY: Final = re.compile(r"\[(\w+)\]")
_MARKED: Final = re.compile(r"\{(\w+):((?:[^{}]|\{[^{}]*\})*)\}")
_MARKUP: Final = re.compile(r"\{\w+:([^{}]*)\}")
_DOUBLE: Final = 0.07  # share of surnames of two with a hyphen
_OLD: Final = 0.12  # share of patients who are 90 or older
_VERY_OLD: Final = 90  # years: from here on the age tells who it is
_FAMILY: Final = 0.5  # share of relatives who have the patient's surname


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody."""

    first: str
    last: str
    title: str = ""


class Story:
    """Whom a report is about; fills in texts."""

    def __init__(self, rng: random.Random, people: Mapping[str, Any], language: str, *, ages: str) -> None:
        self.rng, self.people, self.language = rng, people, language
        self.lists: Mapping[str, str] = people[language]
        self.woman = rng.random() < 0.5
        self.patient = self._person(woman=self.woman)
        self.day = datetime(2016, 1, 4) + timedelta(
            days=rng.randrange(2_900), minutes=rng.randint(440, 1_000)
        )
        self.years = self._age(ages)
        self.birth = self.day.date() - timedelta(days=int(365.25 * self.years) + rng.randrange(1, 364))
        self.years = _years(self.birth, self.day.date())
        self.admitted = self.day.date() - timedelta(days=rng.randint(0, 5))
        self.discharged = self.day.date() + timedelta(days=rng.randint(1, 9))
        self.written = self.discharged + timedelta(days=rng.randint(0, 6))
        self.number = rng.choice(("{d8}", "{d10}", "A{d7}", "{d4}-{d5}", "KH{d6}", "00{d7}"))
        self.number = re.sub(r"\{d(\d+)\}", lambda m: self._digits(int(m[1])), self.number)
        self.maiden_name = self._surname(self._origin())
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
        return _MARKED.sub(lambda m: f"{{{m[1]}:{_MARKUP.sub(_inner, m[2])}}}", chosen)

    def _value(self, key: str) -> str:
        if key in self.fixed:
            return self.fixed[key]
        if digits := re.fullmatch(r"n(\d)", key):
            return self._digits(int(digits[1]))
        made: str = getattr(self, f"_{key}")()
        return made

    def _fixed(self) -> dict[str, str]:
        """What is the same wherever it stands in a letter."""
        who, day, rng = self.patient, self.day.date(), self.rng
        house = self._drawn("houses")
        box = rng.choice(("endoskopie", "sekretariat", "info", "gastro"))
        net = f"{_slug(_MARKUP.findall(house)[-1])}.example"
        values = self._names() | {
            "age": self.years if self.years < _VERY_OLD else f"{{age:{self.years}}}",
            "house": house,
            "practice": self._drawn("practices"),
            "house_street": self._street_no(),
            "house_town": self._address_town(),
            "house_phone": self._phone(),
            "house_mail": f"{{email:{box}@{net}}}",
            "house_web": f"{{url:www.{net}}}",
            "home_street": self._street_no(),
            "home_town": self._address_town(),
            "referrer_street": self._street_no(),
            "referrer_town": self._address_town(),
            "insurer": f"{{insurer:{self._drawn('insurers')}}}",
            "job": f"{{occupation:{self._drawn('jobs')}}}",
            "home": self._drawn("homes"),
            "ward": self._drawn("wards", "ward"),
            "case": f"{{case_number:{self.number}}}",
            "pid": f"{{number:{self._digits(rng.randint(5, 9))}}}",
            "insured": f"{{insurance_number:{self._insured()}}}",
            "serial": f"{{serial_number:{self._letter()}{self._digits(rng.randint(5, 8))}}}",
            "nhs": f"{{number:{self._digits(3)} {self._digits(3)} {self._digits(4)}}}",
            "bsnr": f"{{number:{self._digits(9)}}}",
            "lanr": f"{{number:{self._digits(9)}}}",
            "ik": f"{{number:10{self._digits(7)}}}",
            "order": f"{{number:{rng.choice('AEKR')}{self._digits(7)}}}",
            "private_mail": f"{{email:{_slug(who.first)}.{_slug(who.last)}@mail.example}}",
            "written": self._written(self.written, "date"),
            "written_long": self._long(self.written, "date"),
            "admitted": self._written(self.admitted, "date"),
            "discharged": self._written(self.discharged, "date"),
        }
        house_town = values["house_town"]
        values["house_place"] = re.sub(r"\{address:(?:\d+ )?", "{address:", str(house_town))
        values |= self._days("born", self.birth, "birth_date") | self._days("day", day, "date")
        for role in ("examiner", "chief", "referrer", "pathologist"):
            values |= self._roles(role, self._doctor_person())
        for role in ("nurse", "nurse2"):
            values |= self._roles(role, self._nurse_person())
        secretary = self._nurse_person()
        values |= {
            "secretary": f"{{staff:{secretary.first[0]}. {secretary.last}}}",
            "secretary_last": f"{{staff:{secretary.last}}}",
            "sign": f"{{staff:{secretary.last[:2]}/{secretary.first[:1].lower()}}}",
        }
        return {key: str(value) for key, value in values.items()}

    def _names(self) -> dict[str, str]:
        """The ways in which the patient is named."""
        first, last = self.patient.first, self.patient.last
        if self.language == "de":
            addresses = ("Frau", "Frau") if self.woman else ("Herr", "Herrn")
        else:
            addresses = ("Mrs", "Mrs") if self.woman else ("Mr", "Mr")
        born = f"{{name:{last}}}"
        if self.rng.random() < 0.3:
            born += f" {{free:{self.rng.choice(('geb.', 'geborene'))}}} {{name:{self.maiden_name}}}"
        return {
            "first": f"{{name:{first}}}",
            "last": f"{{name:{last}}}",
            "FIRST": f"{{name:{first.upper()}}}",
            "LAST": f"{{name:{last.upper()}}}",
            "first_initial": f"{{name:{first[0]}.}}",
            "last_initial": f"{{name:{last[0].upper()}.}}",
            "maiden": f"{{name:{self.maiden_name}}}",
            "last_born": born,
            "Mr": f"{{free:{addresses[0]}}} {{name:{last}}}",
            "Mrn": f"{{free:{addresses[1]}}} {{name:{self.rng.choice((last, f'{first} {last}'))}}}",
        }

    def _roles(self, role: str, who: Person) -> dict[str, str]:
        """The ways in which somebody of the staff is named."""
        to = self.rng.choice(("Herrn", "Frau", "Praxis"))
        return {
            role: _titled(who, self.rng),
            f"{role}_last": f"{{staff:{who.last}}}",
            f"{role}_first": f"{{staff:{who.first}}}",
            f"{role}_full": f"{{free:{to} {who.title}}} {{staff:{who.first} {who.last}}}",
            f"{role}_initials": f"{{staff:{who.first[0]}{who.last[:2]}}}",
        }

    def _days(self, name: str, day: date, kind: str) -> dict[str, str]:
        return {
            name: self._written(day, kind),
            f"{name}_short": f"{{{kind}:{day:%d.%m.%y}}}",
            f"{name}_iso": f"{{{kind}:{day:%Y-%m-%d}}}",
            f"{name}_us": f"{{{kind}:{day:%d/%m/%Y}}}",
            f"{name}_long": self._long(day, kind),
        }

    def _written(self, day: date, kind: str) -> str:
        form = f"{day:%d.%m.%Y}" if self.language == "de" else f"{day:%d/%m/%Y}"
        if self.language == "de" and kind == "date" and self.rng.random() < 0.2:
            form = f"{day.day}.{day.month}.{day:%y}"
        return f"{{{kind}:{form}}}"

    def _long(self, day: date, kind: str) -> str:
        point = "." if self.language == "de" else ""
        return f"{{{kind}:{day.day}{point} {self._month(day)} {day.year}}}"

    def _month(self, day: date) -> str:
        return self.lists["months"].split(", ")[day.month - 1]

    def _drawn(self, name: str, kind: str = "institution") -> str:
        """One of a list; what of it is in braces tells something, and becomes identity of this kind."""
        value = self.rng.choice(self.lists[name].split(", "))
        return re.sub(r"\{([^{}:]*)\}", rf"{{{kind}:\1}}", value)

    def _origin(self) -> str:
        if self.language == "en" and self.rng.random() < 0.75:
            return "english"
        weights: Mapping[str, int] = self.people["weights"]
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def _surname(self, origin: str) -> str:
        rng, names = self.rng, self.people["names"]
        last = str(rng.choice(names[origin]["last"].split(", ")))
        if rng.random() < _DOUBLE and " " not in last:
            last += f"-{rng.choice(names[rng.choice(('german', 'words'))]['last'].split(', '))}"
        return last

    def _person(self, *, woman: bool) -> Person:
        origin = self._origin()
        first = self.rng.choice(self.people["names"][origin]["f" if woman else "m"].split(", "))
        return Person(first, self._surname(origin))

    def _doctor_person(self) -> Person:
        who = self._person(woman=self.rng.random() < 0.5)
        return Person(who.first, who.last, self.rng.choice(self.lists["titles"].split(", ")))

    def _nurse_person(self) -> Person:
        who = self._person(woman=self.rng.random() < 0.7)
        return Person(who.first, who.last, self.rng.choice(self.lists["nurses"].split(", ")))

    def _age(self, ages: str) -> int:
        youngest, oldest = map(int, ages.split("-"))
        if oldest > _VERY_OLD and self.rng.random() < _OLD:
            return self.rng.randint(_VERY_OLD, oldest)
        return self.rng.randint(youngest, min(oldest, _VERY_OLD - 2))

    def _letter(self) -> str:
        return self.rng.choice(string.ascii_uppercase)

    def _digits(self, count: int) -> str:
        return str(self.rng.randint(10 ** (count - 1), 10**count - 1))

    def _insured(self) -> str:
        """A German number of an insured person, with its check digit."""
        letter = self._letter()
        digits = f"{self.rng.randrange(10**8):08}"
        whole = f"{ord(letter) - 64:02}{digits}"
        doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(whole))
        return f"{letter}{digits}{sum(value // 10 + value % 10 for value in doubled) % 10}"

    # Keys whose value is another one wherever they stand.

    def _doctor(self) -> str:
        return _titled(self._doctor_person(), self.rng)

    def _doctor_last(self) -> str:
        return f"{{staff:{self._doctor_person().last}}}"

    def _director(self) -> str:
        who = self._doctor_person()
        return f"{{staff:{who.first} {who.last}}}"

    def _relation(self) -> Person:
        who = self._person(woman=self.rng.random() < 0.5)
        return Person(who.first, self.patient.last if self.rng.random() < _FAMILY else who.last)

    def _relative(self) -> str:
        who = self._relation()
        return f"{{relative:{who.first} {who.last}}}"

    def _relative_first(self) -> str:
        return f"{{relative:{self._relation().first}}}"

    def _relative_last(self) -> str:
        return f"{{relative:{self._person(woman=True).last}}}"

    def _town(self) -> str:
        return f"{{address:{self._drawn('towns')}}}"

    def _village(self) -> str:
        return f"{{address:{self._drawn('villages')}}}"

    def _street(self) -> str:
        return f"{{address:{self._drawn('streets')}}}"

    def _street_no(self) -> str:
        english = self.language == "en"
        number = f"{self.rng.randint(1, 240)}{self.rng.choice(('', '', '', 'a', '' if english else '/3'))}"
        street = self._drawn("streets")
        return f"{{address:{number} {street}}}" if english else f"{{address:{street} {number}}}"

    def _address_town(self) -> str:
        town = self._drawn(self.rng.choice(("towns", "towns", "villages")))
        if self.language == "en":
            letters = "".join(self.rng.choices("BDEHLNPRSTW", k=4))
            code = f"{letters[:2]}{self.rng.randint(1, 28)} {self.rng.randint(1, 9)}{letters[2:]}"
            return f"{{address:{town} {code}}}"
        return f"{{address:{self.rng.choice(('', '', '', 'D-'))}{self.rng.randint(1067, 99998):05} {town}}}"

    def _other_house(self) -> str:
        return self._drawn("houses")

    def _other_practice(self) -> str:
        return self._drawn("practices")

    def _company(self) -> str:
        return self._drawn("companies")

    def _phone(self) -> str:
        rng = self.rng
        forms = (
            f"0{rng.randint(2000, 9999)}/{self._digits(rng.randint(4, 6))}-{rng.randint(0, 999)}",
            f"0{rng.randint(2000, 9999)} {self._digits(5)}",
            f"+49 (0) {rng.randint(20, 999)} {self._digits(3)} {self._digits(3)}",
            f"(0{rng.randint(200, 999)}) {self._digits(2)} {self._digits(2)} {self._digits(2)}",
            f"0{rng.randint(200, 999)}.{self._digits(6)}",
        )
        english = (
            f"0{rng.randint(1200, 1999)} {self._digits(6)}",
            f"+44 {self._digits(4)} {self._digits(6)}",
        )
        return f"{{phone:{rng.choice(english if self.language == 'en' else forms)}}}"

    def _mobile(self) -> str:
        start = "07" if self.language == "en" else self.rng.choice(("015", "016", "017"))
        return f"{{phone:{start}{self._digits(2)}{self.rng.choice((' ', '/', '-', ''))}{self._digits(7)}}}"

    def _iban(self) -> str:
        return f"{{iban:DE{self._digits(2)} {' '.join(self._digits(4) for _ in range(4))} {self._digits(2)}}}"

    def _plate(self) -> str:
        letters = "".join(self.rng.choices(string.ascii_uppercase, k=2))
        return f"{self.rng.choice(('NU', 'KL', 'B', 'OHV', 'TÜ'))}-{letters} {self._digits(3)}"

    def _histo(self) -> str:
        joint = self.rng.choice(("-", "/", " "))
        return f"{{number:{self.rng.choice('HEN')}{joint}{self.day:%y}-{self._digits(5)}}}"

    def _clock(self) -> str:
        return f"{{time:{self.day:%H}{self.rng.choice(':.:')}{self.rng.randint(0, 59):02}}}"

    def _clock_end(self) -> str:
        return f"{{time:{(self.day + timedelta(hours=1)):%H:%M}}}"

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
        return f"{{date:{self._month(day)} {day.year}}}"

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


def _slug(text: str) -> str:
    """A text as it stands in an address of the net."""
    plain = _MARKUP.sub(_inner, text).lower()
    for letter, written in {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}.items():
        plain = plain.replace(letter, written)
    return re.sub(r"\W+", "-", plain).strip("-")


def _years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
