"""Dates and times of day as reports write them, and the day that they mean.

Everything that names a day, or a month of a year, is found; a year alone may stay (HIPAA Safe Harbor).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import Levenshtein

_MONTH_NAMES: Final = (
    "januar january jan jänner", "februar february feb feber", "märz march mar mär mrz maerz",
    "april apr", "mai may", "juni june jun", "juli july jul", "august aug", "september sept sep",
    "oktober october okt oct", "november nov", "dezember december dez dec",
)  # fmt: skip
_MONTHS: Final = {name: n for n, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR: Final = r"(?:1[89]|2[0O])[\dOIl]{2}"

#: What OCR makes of digits, among digits.
_D: Final = r"[\dOoIl|SB]"
_AGAIN: Final = str.maketrans("OoIl|SB", "0011158")

_NUMERIC: Final = re.compile(
    rf"(?<![\w.,/\-])(?P<a>{_D}{{1,4}})\s?(?P<sep>[./\-–,])\s?(?P<b>{_D}{{1,2}})\s?[./\-–,]\s?"
    rf"(?P<c>{_D}{{4}}|{_D}{{2}}|'{_D}{{2}})(?![\dA-Za-z])"
)
_WORDED: Final = re.compile(
    rf"(?<![\w])(?P<day>{_D}{{1,2}})(?:st|nd|rd|th)?[.\s\-/]{{0,3}}(?:of\s)?(?P<month>{_MONTH})\b[.,\s\-/]{{0,3}}"
    rf"(?P<year>{_YEAR}|'?\d{{2}}\b(?![.:,]\d))?",
    re.I,
)
_MONTH_FIRST: Final = re.compile(
    rf"(?<![\w])(?P<month>{_MONTH})\b\.?\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<year>{_YEAR})\b", re.I
)
_MONTH_YEAR: Final = re.compile(
    rf"(?<![\w./\-])(?:(?P<month>{_MONTH})\b[.\s/\-]{{1,3}}(?P<year>{_YEAR}|'\d{{2}})"
    rf"|(?P<m>0?[1-9]|1[0-2])\s?[/.\-]\s?(?P<y>(?:19|20)\d{{2}}))(?![\w/]|[.\-]\d)",
    re.I,
)
_MISREAD_MONTH: Final = re.compile(
    rf"(?<![\w.])(?P<day>\d{{1,2}})\.?\s(?P<month>[A-ZÄ][a-zäö]{{2,8}})\.?\s(?P<year>{_YEAR})(?!\w)"
)
_DAY_MONTH: Final = re.compile(r"(?<![\w.,/\-])(?P<day>[0-3]?\d)\.\s?(?P<month>[01]?\d)\.(?![\w]|\s?\d)")
_ROMAN_MONTH: Final = re.compile(
    r"(?<![\w/])(?P<month>X?[IV]{1,4}|I?X|XI{0,2})\s?/\s?(?P<year>(?:19|20)\d{2})(?!\w)"
)
_WEEKDAY: Final = r"(?:Mon|Tue|Tues|Wed|Wednes|Thu|Thurs|Fri|Sat|Satur|Sun)(?:day)?\.?,?"
_SLASHED: Final = re.compile(
    rf"\b(?:{_WEEKDAY}|due|since|until|on|till|by|w/c|seen|dated?)\s"
    r"(?P<one>\d{1,2})/(?P<two>\d{1,2})(?![\d/]|\s?(?:mm|cm|h|x)\b)"
)
_ORDINAL: Final = re.compile(
    rf"\b(?:{_WEEKDAY}\s(?:the\s)?|(?:on|since|until|till|by|from)\sthe\s)(?P<day>\d{{1,2}}(?:st|nd|rd|th))"
    r"(?=[.,;:)]|$|\s(?!floor|cycle|dose|day|week|attempt|portion|part|rib))",
    re.M,
)
_COMPACT: Final = re.compile(r"(?<![\w.,/\-])\d{8}(?![\w]|[.,/\-]\d)")
_ISO_MOMENT: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}")
_TIME: Final = re.compile(
    r"(?<![\w.,/:\-])(?P<hour>[0-2]?[\dO])\s?(?P<sep>[:.h])\s?(?P<minute>[0-5][\dO])(?:[:.](?P<second>[0-5]\d))?"
    r"(?P<after>\s?(?:Uhr|h\b|a\.?m\.?\b|p\.?m\.?\b))?(?![\d/]|[.,:]\d|\s?(?:min\b|Min|cm|mm|ml|mg|%|Stunden|l\b))",
    re.I,
)
_DOTTED: Final = re.compile(
    r"(?:\b(?:um|ab|gegen|at)\s|\d{1,2}[./]\d{1,2}[./]\d{2,4},?\s|\bvon\s(?=\d\d\.\d\d\s(?:bis|-|–)\s\d\d[.:]\d\d\s?(?:Uhr|h\b)))"
    r"(?P<hour>[01]\d|2[0-3])\.(?P<minute>[0-5]\d)(?![\w%]|[.,/]\d|\s?(?:mm|cm|ml|mg|mmol|g|kg|l|U|IE)\b)"
)  # a dot makes a time only where something says so
_ONE_DIGIT: Final = re.compile(
    r"\b(?:um|ab|gegen|Beginn|Ende|Start|Abruf|Ankunft|Schnitt|Naht|seit|started|ended|start|end|begin)\s"
    r"(?:ca\.?\s|etwa\s)?"
    r"(?P<hour>\d)\.(?P<minute>[0-5]\d)(?=[.,;)]*(?:$|\s(?![µm%]|\d)))(?![.,]\d|\s(?:U|IE|E|G|kg|g|l|cm)\b)",
    re.M,
)  # with fewer digits it is a time only behind what says so, and before nothing that measures
_HOURS: Final = re.compile(
    r"\b(?:zwischen|von|ab|between|from)\s(?P<hour>[01]?\d|2[0-4])"
    r"(?=\s?(?:und|bis|and|to|-|–)\s?\d{1,2}\s?(?:Uhr|h|[ap]m)\b)"
)
_IN_WORDS: Final = re.compile(
    r"\b(?:(?:viertel|kurz|fünf|zehn|zwanzig)\s(?:nach|vor)|halb|dreiviertel|viertel)\s"
    r"(?:eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf)\b"
    r"|\b(?:half|quarter|ten|twenty|five)\s(?:past|to)\s"
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b",
    re.I,
)
_ENTERED: Final = re.compile(
    r"\b(?:entry|exit|arrival|arrived|[Ss]cope in|[Ss]cope out|in room|out of room|start|finish|end|knife"
    r"|ca\.|Einleitung|Ausleitung|Ankunft|Einschleusung|Beginn|Ende|Start|[Aa]bgebrochen|[Ss]een)\s"
    r"(?P<hour>[01]?\d|2[0-3])\.(?P<minute>[0-5]\d)(?=[.,;)]*(?:$|\s))",
    re.M,
)
_BARE_DOTTED: Final = re.compile(
    r"(?:^|[^\W\d_]{5,}\s|\b[A-Z][a-z]{2,}\s|[,;:]\s|\(\s?|\b(?:erl|ca)\.\s)"
    r"(?P<hour>[01]\d|2[0-3])\.(?P<minute>[0-5]\d)"
    r"(?=[,;)]|$|\s(?:[A-ZÄÖÜ]|durch|von|by|mit|received|collected|arrived)[\w.])"
    r"(?!\s(?:U|IE|E|Mio|Tsd|G)\b)",
    re.M,
)  # where nothing says so, a time stands at the ends of what was done
_HOUR: Final = re.compile(r"(?<![\w.,:])(?P<hour>[01]?\d|2[0-4])\s?Uhr\b|\b\d{1,2}\s?(?:am|pm)\b")
#: Before places on the face of a clock, by which findings around an opening are told (``bei 3 und 7 Uhr``).
_ON_A_FACE: Final = re.compile(r"\b(?:bei|auf|um die|from|at)\s(?:\d{1,2}\s?(?:,|und|bis|and|to|-|–|/)\s?)*$")
_DURATION: Final = re.compile(
    r"(?:dauer|zeit|time|duration|inr|score|rückzug|withdrawal|apgar|titer|ana|verhältnis|ratio)\W*$", re.I
)
#: What is measured, at the end of what stands before a value whose dot ends the sentence (``TSH 11.2.``).
_MEASURED: Final = re.compile(
    r"(?<!\w)(?:TSH|BMI|INR|WBC|RBC|HCT|Hct|HGB|Hgb|Hb|PLT|CRP|PCT|LDH|ALT|AST|GPT|GOT|GGT|AP|ALP|BUN|GFR|eGFR|RR|HF|AF"
    r"|GCS|NRS|BZ|CEA|PSA|AFP|ESR|BSG|[Pp][Hh]|[Ii]s|[Ww]as|[Nn]ot|[Oo]f|[Ww]ert|(?:[Cc]alcium|[Kk]alzium|[Ll]a[ck]tate?"
    r"|[Gg]lu[ck]ose|[Kk]reatinin|[Cc]reatinine|[Bb]ilirubin|[Aa]lbumin|[Hh]a?e?ä?moglobin|[Kk]alium|[Pp]otassium"
    r"|[Nn]atrium|[Ss]odium|[Ss]core|[Ii]ndex|[Rr]atio)e?)\s$"
)


@dataclass(frozen=True, slots=True)
class Day:
    """A date as it is written somewhere in a text."""

    start: int
    end: int
    kind: str  # ``full``, ``month`` (no day) or ``partial`` (no year)
    readings: tuple[date, ...]  # the days that it may mean, likeliest first; the 15th for months


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day as it is written somewhere in a text."""

    start: int
    end: int
    value: time | None


def find_days(text: str) -> list[Day]:
    """Every date in the text, none within another."""
    found: list[Day] = []
    for day in _candidates(text):
        if not _is_within(found, day.start, day.end):
            found.append(day)
    return sorted(found, key=lambda day: day.start)


def _candidates(text: str) -> Iterator[Day]:
    """Dates, the surest spellings first; they may overlap."""
    for match in _ISO_MOMENT.finditer(text):
        yield from _full(match, [match.groups()])
    for match in _NUMERIC.finditer(text):
        apart = match["sep"] == "," and len(match["a"]) == 4  # ``November 2024, 11.22``: a year and a time
        if sum(map(str.isdigit, match[0])) >= 3 and not apart:
            yield from _full(match, _orders(match["a"], match["b"], match["c"].strip("'"), match["sep"]))
    for match in _MONTH_FIRST.finditer(text):
        yield from _full(match, [(match["year"], str(_MONTHS[match["month"].lower()]), match["day"])])
    for match in _MISREAD_MONTH.finditer(text):
        month = _nearest_month(match["month"])
        if month is not None:
            yield from _full(match, [(match["year"], str(month), match["day"])])
    for find in (_worded, _months_of_years, _without_year, _in_short, _in_one_number):
        yield from find(text)


@lru_cache(maxsize=10_000)
def _nearest_month(word: str) -> int | None:
    """The month whose name, or first three letters, the word is but for one letter."""
    if word.lower() in _MONTHS:
        return None  # found by a surer shape already
    near = [n for name, n in _MONTHS.items() if Levenshtein.distance(word.lower(), name, score_cutoff=1) <= 1]
    return near[0] if near else None


def _worded(text: str) -> Iterator[Day]:
    for match in _WORDED.finditer(text):
        month = str(_MONTHS[match["month"].lower()])
        if match["year"]:
            yield from _full(match, [(match["year"].strip("'"), month, match["day"])])
        elif match["day"].isdigit() and 1 <= int(match["day"]) <= 31:
            yield Day(match.start(), match.end(), "partial", ())


def _months_of_years(text: str) -> Iterator[Day]:
    for match in _MONTH_YEAR.finditer(text):
        month = match["m"] or str(_MONTHS[match["month"].lower()])
        years = _years((match["y"] or match["year"]).strip("'").translate(_AGAIN))
        yield Day(match.start(), match.end(), "month", tuple(date(year, int(month), 15) for year in years))


def _without_year(text: str) -> Iterator[Day]:
    for match in _DAY_MONTH.finditer(text):
        measured = _MEASURED.search(text[: match.start()])
        if not measured and _exists(2024, int(match["month"]), int(match["day"])):
            yield Day(match.start(), match.end(), "partial", ())


def _in_short(text: str) -> Iterator[Day]:
    """A month in Roman figures, and days as English writes them without a year."""
    for match in _ROMAN_MONTH.finditer(text):
        yield Day(match.start(), match.end(), "month", ())
    for match in _SLASHED.finditer(text):
        one, two = int(match["one"]), int(match["two"])
        if (one <= 12 and two <= 31) or (one <= 31 and two <= 12):
            yield Day(match.start("one"), match.end(), "partial", ())
    for match in _ORDINAL.finditer(text):
        yield Day(match.start("day"), match.end(), "partial", ())


def _in_one_number(text: str) -> Iterator[Day]:
    for match in _COMPACT.finditer(text):
        run = match[0]
        orders = [(run[4:], run[2:4], run[:2]), (run[:4], run[4:6], run[6:])]
        yield from _full(match, [order for order in orders if order[0][:2] in ("18", "19", "20")])


def _orders(first: str, middle: str, last: str, separator: str) -> list[tuple[str, ...]]:
    if len(first) == 4:
        return [(first, middle, last)]
    if len(first) > 2:
        return []
    day_first, month_first = (last, middle, first), (last, first, middle)
    return [day_first, month_first] if separator in "/-" else [day_first]


def _full(match: re.Match[str], orders: Iterable[Sequence[str]]) -> Iterator[Day]:
    days = []
    for year, month, day in ([part.translate(_AGAIN) for part in order] for order in orders):
        for full_year in _years(year):
            if len(day) <= 2 and _exists(full_year, int(month), int(day)):
                days.append(date(full_year, int(month), int(day)))
    if days:
        yield Day(match.start(), match.end(), "full", tuple(dict.fromkeys(days)))


def _years(year: str) -> list[int]:
    if len(year) == 2:
        return [2000 + int(year), 1900 + int(year)]
    return [int(year)] if 1850 <= int(year) <= 2150 else []


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def find_clocks(text: str) -> list[Clock]:
    """Every time of day in the text; durations (``Rückzugszeit 9:30 min``) are none."""
    found: list[Clock] = []
    for match in _every(_TIME, text):
        if match["sep"] == "." and not match["after"]:
            continue
        if not match["after"] and _DURATION.search(text[: match.start()]):
            continue
        if not _is_within(found, match.start(), match.end()):
            found.append(Clock(match.start(), match.end(), _clock(match)))
    for match in (
        *_DOTTED.finditer(text),
        *_BARE_DOTTED.finditer(text),
        *_ONE_DIGIT.finditer(text),
        *_ENTERED.finditer(text),
    ):
        if not _is_within(found, match.start("hour"), match.end()):
            value = time(int(match["hour"]), int(match["minute"]))
            found.append(Clock(match.start("hour"), match.end(), value))
    found += [Clock(match.start("hour"), match.end(), None) for match in _HOURS.finditer(text)]
    found += [Clock(match.start(), match.end(), None) for match in _IN_WORDS.finditer(text)]
    for match in _HOUR.finditer(text):
        on_a_face = match["hour"] is not None and _ON_A_FACE.search(text[: match.start()])
        if not on_a_face and not _is_within(found, match.start(), match.end()):
            found.append(Clock(match.start(), match.end(), None))
    return found


def _is_within(found: Iterable[Day] | Iterable[Clock], start: int, end: int) -> bool:
    """Whether a stretch of the text shares a sign with one that was found."""
    return any(start < other.end and other.start < end for other in found)


def _every(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Every match, those that begin inside another one, too: ``2. 10:42`` holds a time that is none."""
    match = pattern.search(text)
    while match is not None:
        yield match
        match = pattern.search(text, match.start() + 1)


def _clock(match: re.Match[str]) -> time | None:
    hour, minute = (int(match[name].translate(_AGAIN)) for name in ("hour", "minute"))
    after = (match["after"] or "").strip().lower().replace(".", "")
    if after in ("am", "pm") and 1 <= hour <= 12:
        hour = hour % 12 + (12 if after == "pm" else 0)
    return time(hour, minute, int(match["second"] or 0)) if hour < 24 else None
