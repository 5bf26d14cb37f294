"""The table of shapes that identify whatever stands before them; dates and times are in ``dates.py``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from endoreg_db.deid.reports.check_digits import iban_is_valid, ik_is_valid, kvnr_is_valid
from endoreg_db.deid.reports.codes import is_code_of_house
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    cue_words,
    is_clinical,
    is_listed,
    is_only_clinical,
    is_ordinary,
    is_word_town,
    name_risk,
    word_key,
)

_STREET_ENDS: Final = (
    r"(?i:stra(?:ß|ss|B)e|str\.?|weg|allee|platz|gasse|ring|damm|ufer|chaussee|steig|pfad|markt|graben|wall|stieg"
    r"|kamp|berg|hof|hang|blick|rand|seite|grund|[aä]cker|quai|rain|br(?:ü|ue)hl|busch|garten|park|winkel|twiete|promenade|zeile|höhe|wiese|bogen)"
)
_STREET_WORDS: Final = (
    r"(?:Stra(?:ß|ss|B)e|Str\.|Weg|Allee|Platz|Gasse|Ring|Damm|Ufer|Markt|Chaussee|Berg|Graben|Wall)"
)
#: Of these, the ones that begin no place in the body, as long as nothing clinical follows.
_LONG_OPENINGS: Final = re.compile(r"(?:Auf|Unter|Hinter|Vor|Neben|Ob|Bei|Zwischen|Zu|Op)\sde[rnm]\s")
_STREET_QUALITIES: Final = (
    r"(?:(?:Alte|Neue|Obere|Untere|Kleine|Große|Lange|Breite|Hohe|Krumme|Kurze|Hintere|Vordere|Innere|Äußere|Mittlere"
    r"|Erste|Zweite|Dritte)[rns]?\s)?"
)
_STREET_OPENINGS: Final = (
    r"(?:Am|An\sde[rnm]|Im|In\sde[rn]|Auf\sde[rmn]|Zum|Zur|Zu\sde[rnm]|Unterm|Hinterm|Vorm|Op\sde|Achtern|Unter\sde[rmn]|Beim|Hinter\sde[rmn]|Vor\sde[rmn]"
    r"|Neben\sde[rmn]|Ob\sde[rm]|Bei\sde[rmn]|Zwischen\sden)"
)
_TOWN_MORE: Final = (
    r"(?:\s(?:der|unter|vor\sde[rm])\s[A-ZÄÖÜ][\w\-]+|\s?(?:a\.\s?d\.|am|an\sder|im|bei|ob\sder|in\sder|i\.\s?d\.|a\.|i\.|v\.\s?d\.)\s?[A-ZÄÖÜ][\w.]+"
    r"|\s\(\s?[A-ZÄÖÜ][\w.\- ]+\)|[/\-][A-ZÄÖÜ]\w+|\s[A-ZÄÖÜ][a-zäöüß]+(?=$|[,.;]|\s[·|•]))?"
)
_ENGLISH_STREETS: Final = (
    r"(?:Str[a-z]{3}|St|Road|Rd|Avenue|Ave|Lane|Close|Drive|Crescent|Terrace|Gardens|Way|Court|Square|Grove|Hill|Place"
    r"|Boulevard|Blvd|Parkway|Pkwy|Ln|Ct|Trail|Row|Parade|Mews|Walk|Rise|View|Green|Gate|Park|Circus|Quay|Wharf|Yard|Mount|Vale|Bank|Common|Highway)"
)
_UNITS: Final = cue_words("units")
_TIMES: Final = cue_keys("times") | {"jahr", "jahre", "monat", "alter"}
_LONG_NUMBER: Final = 5  # digits
_COUNTED: Final = re.compile(
    r"\s(?:Leuko|Thrombo|Ery|Zellen|Einheiten|Patienten|Patients|Keime|Fälle|Euro|EUR|Schritte|Liter|Kalorien"
    r"|Units|cells)"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of identity."""

    kind: str  # as Hit.kind
    confidence: float
    pattern: re.Pattern[str]  # the group ``value`` is what goes, if there is one
    valid: Callable[[str], bool] | None = None  # raises the confidence where it holds
    wanted: Callable[[str], bool] | None = None  # without it the shape does not count at all


def shape(
    kind: str, confidence: float, *parts: str, flags: int = 0, **checks: Callable[[str], bool]
) -> Shape:
    """One shape, its pattern given in parts; ``checks`` are those of :class:`Shape`."""
    return Shape(kind, confidence, re.compile("".join(parts), flags), **checks)


def _is_a_place(text: str) -> bool:
    """Whether what follows five digits is a town (it may be any word: ``45127 Essen``) and not counted."""
    return not _COUNTED.search(text)


#: What streets that begin with a preposition are called after; other words are places in the body.
_LANDMARKS: Final = re.compile(
    r"(?:markt|berg|platz|mühle|bach|hof|park|garten|wald|feld|tor|graben|ufer|anger|winkel|grund|hang|brunnen|kirche"
    r"|schlo(?:ß|ss)|teich|see|eichen|linden|buchen|wiese|wiesen|weiher|dorf|rathaus|bahnhof|damm|kamp|steig|rain|höhe|warte|heide|kreuz|anger|krankenhaus|klinik|klinikum|spital|hütte|moor|deich|hafen|schule|post|stadt)\b",
    re.I,
)


def _is_a_street(text: str) -> bool:
    """Whether a street is named, and not a ring or a place in the body (``Analring 2``, ``Im Antrum 3``)."""
    words = [word for word in re.sub(r"\s\d.*$", "", text).split() if word[:1].isupper()]
    if any(word_key(word) in _TIMES for word in words):
        return False  # ``Im Jahr 2019``
    if re.match(_STREET_OPENINGS, text):
        if _LONG_OPENINGS.match(text):
            return not any(is_only_clinical(word) for word in words[1:])
        if any(name_risk(word) for word in words[1:]):
            return True
        return bool(_LANDMARKS.search(text)) or not all(is_ordinary(word) for word in words[1:])
    return len(words) > 1 or not all(is_listed(word) for word in words)


def is_unclinical(text: str) -> bool:
    """Whether none of the words is of the trade (``Magenstraße``) or one of the language (``Ausweg``)."""
    return not any(is_clinical(word) or is_listed(word) for word in re.findall(r"[^\W\d_]{3,}", text))


def _is_long_number(text: str) -> bool:
    """Whether what follows ``Nr.`` is more than the number of something in a list."""
    return sum(map(str.isdigit, text)) >= _LONG_NUMBER


def _is_unlisted_sign(text: str) -> bool:
    """Whether a number plate is written and no score (``SES-CD 9``)."""
    return not all(is_listed(part) for part in re.findall(r"[^\W\d_]+", text))


def _is_unlisted(text: str) -> bool:
    """Whether a town is named and not an examination (``Koloskopie, 12.03.2024``)."""
    words = re.findall(r"[^\W\d_]{3,}", text)
    return not all(is_listed(word) for word in words) or any(is_word_town(word) for word in words[:1])


SHAPES: Final = (
    shape(
        "email",
        0.99,
        r"[\w.+\-]+\s?@\s?[\w\-]+(?:\.[\w\-]+|\s?\.\s?[a-z]{2,12}\b)+",
        r"|\b[\w.\-]+\s?[\[(]at[\])]\s?[\w.\-]+",
    ),
    shape(
        "url",
        0.98,
        r"(?:https?://|www\s?\.)\s?\S+",
        r"|\b[\w\-]{2,}\.(?:de|com|org|net|eu|info|at|ch|uk|health|med)\b(?:/\S*)?",
        flags=re.I,
    ),
    shape("url", 0.9, r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
    shape(
        "iban", 0.95, r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?\b", valid=iban_is_valid
    ),
    shape("tax_number", 0.95, r"(?<!\w)\d{2}\s?[0-3]\d[01]\d\d{2}\s?[A-Z]\s?\d{3}\b"),  # pension insurance
    shape(
        "insurance_number",
        0.9,
        r"(?<!\w)[A-Z]\s?\d{3}\s?\d{3}\s?\d{3}(?!\d)(?:\s?\d{9,10})?",
        valid=lambda text: kvnr_is_valid(re.sub(r"\s", "", text)[:10]),
    ),
    shape(
        "phone",
        0.97,
        r"(?<![\w.,])(?:\+\s?\d{1,3}|00\d{2})[\s/().\-–]*(?:\(0\)\s?)?\d[\d\s/().\-–]{5,}\d(?!\w)",
    ),
    shape("phone", 0.9, r"(?<![\w.,+\-/])\(?0\d{1,5}\)?\s?[/\-–\s]\s?\d[\d\s\-–/]{2,}\d(?!\w|,\d)"),
    shape(
        "address",
        0.93,
        rf"(?<!\w){_STREET_QUALITIES}(?:[A-ZÄÖÜ][\w'’.\-]*?{_STREET_ENDS}|(?:[A-ZÄÖÜ][\w'’.\-]*\s){{1,3}}{_STREET_WORDS}",
        rf"|(?:Stra(?:ß|ss)e|Platz|Allee|Ring|Weg|Ufer)\sde[rs]\s[A-ZÄÖÜ][\w\-]+"
        rf"|{_STREET_OPENINGS}\s(?:[A-ZÄÖÜ][\w'’\-]*\s?){{1,3}}?)",
        r"\s?\d{1,4}\s?[a-hA-H]?(?:\s?[-–/]\s?\d{1,4}\s?[a-h]?)?(?![\w%.,]\d|\s?(?:mm|cm|ml|mg|Uhr)\b|\w)",
        wanted=_is_a_street,
    ),
    shape(
        "address",
        0.9,
        rf"(?<!\w)\d{{1,4}}[a-z]?\s(?:[A-Z][\w'’\-]+\s){{1,3}}{_ENGLISH_STREETS}\b\.?(?!\s?\d)",
    ),
    shape(
        "address",
        0.95,
        r"(?<![\w.,/\-])(?:[A-Z]{1,2}\s?[-–]\s?)?(?:\d{5}|(?<=[A-Z]-)\d{4})\s",
        rf"(?:Bad\s|St\.\s|Sankt\s|Markt\s)?[A-ZÄÖÜ][\w.\-]+{_TOWN_MORE}",
        wanted=_is_a_place,
    ),
    shape(
        "address", 0.8, r"[A-ZÄÖÜ][\w.\-]+\s\d{1,3}\s?[a-h]?\s?[,·|]\s\d{5}\s[A-ZÄÖÜ][\w\-]+"
    ),  # a misread street
    shape("phone", 0.9, r"\(\d{3}\)\s?\d{3}[\-.\s]\d{4}(?!\d)(?:\s\(\s?(?:cell|home|work|mobile)\))?"),
    shape("phone", 0.8, r"(?<![\w.,+\-/])\d{3}-\d{4}(?![\w\-])"),
    shape(
        "address",
        0.9,
        rf"(?<![\w.,])\d{{1,5}}\s(?:[NSEW]{{1,2}}\.?\s)?(?:(?:[A-Z]|\d+(?:st|nd|rd|th))[\w'’]*\s){{1,3}}{_ENGLISH_STREETS}\b\.?",
        r"(?:,?\s(?:Apt|Unit|Suite|Ste|#)\.?\s?\w+)?",
    ),  # 1666 N 5th St, Apt 18
    shape(
        "address",
        0.9,
        r"(?<![\w.,])(?:\d{1,5}\s)?(?:State Route|County Road|Route|Highway|Hwy|P\.?O\.? Box)\s\d{1,5}\b",
    ),
    shape("address", 0.9, rf"\b[NSEW]\s\d{{1,3}}(?:st|nd|rd|th)\s{_ENGLISH_STREETS}\b\.?"),
    shape(
        "address", 0.95, r"(?:[A-Z][\w'’.\-]+\s?){1,3},\s[A-Z]{2}\s\d{5}(?:-\d{4})?(?!\d)"
    ),  # Paradise, MI 49171
    shape(
        "address",
        0.85,
        r"(?:^|(?<=[,·|]\s)|(?<=\bin\s)|(?<=\baus\s)|(?<=\bnach\s)|(?<=[AH]-))[1-9]\d{3}\s[A-ZÄÖÜ][\w.\-]+",
        rf"{_TOWN_MORE}",
        wanted=_is_unlisted,
    ),  # Austrian and Swiss postcodes
    shape("ward", 0.8, r"\b\d\.\s?(?:OG|UG|Stock)(?:\s(?:Nord|Süd|Ost|West|links|rechts))?\b"),
    shape("ward", 0.8, r"\b(?:Zimmer|Betten)(?:tausch|wechsel)\s(?:nach|in|auf)\s(?P<value>\d{1,4}[a-z]?)\b"),
    shape("ward", 0.8, r"\bHaus\s\d{1,2}\s?/\s?\d{1,2}\.\s?(?:OG|UG|Stock)\b"),
    shape("ward", 0.8, r"\bStat(?:ion|\.)\s\d\.\s?[A-Z]\w+"),
    shape("insurer", 0.9, r"\bBG\s(?:Bau|Holz|Metall|Chemie|Verkehr|Handel|Nahrung|[A-Z]{2,4})\b"),
    shape("insurer", 0.9, r"\bR\s?\+\s?V\b(?:\s(?:BKK|Versicherung\w*))?"),
    shape(
        "address", 0.9, r"(?:\b[A-Z][\w'’\-]+\s){0,3}\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b"
    ),  # a British postcode, and the town before it
    shape(
        "address",
        0.8,
        r"(?<=,\s)\d{1,3}[a-z]?\s[A-Z][a-z]{3,},\s[A-Z][a-z]+(?:\s[A-Z][a-z]+)?",
        wanted=is_unclinical,
    ),  # 90 Waterside, Little Wickering
    shape(
        "address", 0.9, r"\b[A-Z]\d[\dW]\s(?=[A-Z\d]{0,3}[A-Z])(?=[A-Z\d]{0,3}\d)[A-Z\d]{4}\b"
    ),  # an Eircode
    shape(
        "address",
        0.85,
        r"(?:\b\d{1,5}\s|\bon\s)(?:[A-Z][\w'’\-]+\s){1,3}(?:Dr|Ct|Ter|Cir|Trl|Blf|Xing)\b\.?(?=[,;)]|\s?[|·]|$)",
        flags=re.M,
    ),  # 1218 Oak Ridge Dr
    shape(
        "address",
        0.85,
        r"\b\d{1,4}[a-z]?\sThe\s[A-Z][a-z]+\b(?=[,;.)]|\s?[|·]|$)",
        flags=re.M,
        wanted=lambda text: not is_clinical(text.split()[-1]),
    ),  # 69 The Demesne
    shape(
        "institution",
        0.8,
        r"\b[A-ZÄÖÜ][a-zäöüß]{4,}gesellschaft(?=\s(?:Bad\s|Sankt\s|St\.\s)?[A-ZÄÖÜ][\w\-]+(?:\s(?:an|am|im)\s(?:der\s)?[A-Z]\w+)?\s\w?(?:mbH|AG|KG|e\.))",
    ),
    shape(
        "institution",
        0.9,
        r"(?:[A-Z][\w'’\-]+\s(?:(?:and|of|the|&)\s){0,2}){1,6}NHS(?:\s(?:Foundation|Teaching|University))?(?:\sHospitals?)?\sTrust\b",
    ),
    shape(
        "institution",
        0.85,
        r"(?:[A-Z][\w'’\-]+\s){1,3}(?:Care|Center|Centre|Clinic|Associates|Specialists|Group|Medicine|Health|Hospital)",
        r"\s(?:of|at)\s[A-Z][\w'’\-]+(?:\s[A-Z][\w'’\-]+)?",
    ),  # Digestive Care of Port Willard
    shape("institution", 0.85, r"\bOur\sLady(?:['’]s)?(?:\sof\s(?:[A-Z]\w+\s?){1,2})?"),
    shape(
        "address",
        0.9,
        r"\b(?:Rue|Avenue|Chemin|Route|Place|Quai|Via|Viale|Piazza|Vicolo)\s(?:(?:de\sla|du|des|de|della|dei|del|dal)\s)?(?:l['’]\s?)?",
        r"[A-ZÀ-Ý][\w'’\-]+(?:\s[A-ZÀ-Ý][\w\-]+)?\s\d{1,4}\s?[a-h]?(?:\s?[-–/]\s?\d{1,4})?",
    ),  # Rue du Lac 36-38
    shape("address", 0.8, r"[A-ZÄÖÜ][\w\-]{2,}(?:straße|strasse|gasse|allee|weg)\b", wanted=is_unclinical),
    shape(
        "address",
        0.9,
        r"(?:Siedlung|Kolonie|Wohnpark|Quartier|Block|Hofgut|Gut)\s[A-ZÄÖÜ]\w+\s\d{1,3}[a-h]?\b",
    ),
    shape("phone", 0.7, r"(?<=,\s)-\s?\d{3,5}(?=\))"),  # (Klein, -4443)
    shape(
        "address",
        0.8,
        r"^(?P<value>(?:[A-ZÄÖÜ][\w.\-]+\s?){1,3}),\s(?:den\s|dem\s)?(?=\d{1,2}\.\s?\w|\d{4}-\d\d)",
        wanted=_is_unlisted,
    ),  # the place and day of a letter
    shape(
        "licence_plate",
        0.85,
        r"(?<!\w)[A-ZÄÖÜ]{1,3}\s?[-–]\s?[A-Z]{1,2}\s\d{1,4}[EH]?(?!\w)",
        wanted=_is_unlisted_sign,
    ),
    shape(
        "age",
        0.9,
        r"(?<!\d)(?P<value>9[\dO]|1[01]\d)",
        r"(?=[\s\-]{0,2}(?:jährig|j\.|Jahre\s?alt|Jahren\b|Lj|years?[\s\-]old|y/?o\b|-?jahr))",
        flags=re.I,
    ),
    shape(
        "age", 0.9, r"\b(?:\d{2}|\d{4})\s\((?P<value>9\d|1[01]\d)(?:\s?(?:J|y)\.?)?\)"
    ),  # behind a day of birth
    shape("age", 0.8, r"\b(?P<value>9\d|1[01]\d)(?:\s?/\s?[mwf]|\s(?:y|yo|yrs?|J))\b"),  # 91/w, 91 y
    shape(
        "time",
        0.7,
        r"\b(?:[Vv]erlegt|[Aa]b|[Ss]eit|from|[Uu]m|between|zwischen)\s(?P<value>(?:[01]?\d|2[0-3])\.[0-5]\d)",
        r"(?=\s(?:auf|to|bis|till|until|and|und|nach|in)\b)",
    ),  # Verlegt 10.18 auf
    shape(
        "number", 0.7, r"(?i:\b[^\W\d_]{4,}(?:nr|nummer))\b[.:]{0,2}\s(?P<value>\d{3,})(?![\w%]|[.,]\d)"
    ),  # Tresornr. 971
    shape(
        "age",
        0.8,
        r"\b(?:Herrn?|Frau|Mrs?|Ms|Miss)\.?\s(?:[\w'’.\-]+\s){0,2}[\w'’\-]+,\s(?P<value>9\d|1[01]\d),",
    ),  # Mrs Field, 92, was
    shape("age", 0.9, r"\(\s?(?P<value>9\d|10\d)\s?(?:years?|yrs?|[yJ]|Jahre|J\.)\b"),
    shape(
        "age",
        0.7,
        r"\b(?:lived\sto|of|wird|mit|im\sAlter\svon|turned|turns|turning|nearly|almost|fast|über|wurde)\s(?:[^\W\d]+\s){0,2}?(?P<value>9\d|10\d)"
        r"(?=[.,;:)]|$|\s(?:verstorben|gestorben|verst|noch|died|independent))",
        flags=re.M,
    ),  # Gentleman of 91, mit 93 verstorben
    shape(
        "age",
        0.8,
        r"\b(?:(?:ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und)?neunzig(?:jährige?[rnsm]?)?\b|\bninety(?:-\w+)?\b",
        flags=re.I,
    ),
    shape("age", 0.9, r"(?:Alter|Age|aged)\W{0,3}(?P<value>9\d|1[01]\d)\b", flags=re.I),
    shape(
        "name", 0.98, r"[^\W\d_]{2,}(?:[\-' ][^\W\d_]+)?\s?\^\s?[^\W\d_]{2,}(?:\^[^\W\d_]*)*"
    ),  # as in DICOM
    shape(
        "number",
        0.7,
        r"(?<![\w.,+\-/])(?!\d{1,3}[–-]\d{1,3}(?![\d–-]))(?=(?:[^\s]*\d){6})[A-Za-z]{0,4}[\-/.]?\d[\d/\-.]*[\d](?:[\-/]?[A-Z]{1,2})?(?![\w%]|[.,]\d)",
    ),
    shape("insurer_number", 0.6, r"(?<![\w.,+\-/])\d{9}(?![\w%]|[.,]\d)", valid=ik_is_valid),
    shape("number", 0.7, r"(?<![\w.,+\-/])[A-Z]{1,4}[\-/]?\s?\d{2,4}\s?[/\-]\s?\d{3,7}(?!\w)"),
    shape("number", 0.6, r"(?<![\w.,+\-/])\d{1,3}(?:\s\d{3}){2,4}(?![\w%]|[.,]\d)"),
    shape("number", 0.7, r"(?<![\w.,+\-/])\d{3}[\s\-]\d{3}[\s\-]\d{4}(?![\w%]|[.,]\d)"),  # NHS number
    shape("number", 0.6, r"(?<![\w.,:+\-/])\d{5}(?![\w%]|[.,/\-]\d)"),
    shape(
        "number", 0.7, r"(?<![\w.,+\-/])(?![TMPDFE]\d{5}(?!\d))[A-Z]{1,3}\d{4,}(?:\s\d{3})?(?!\w)"
    ),  # D3035 157
    shape(
        "number", 0.8, r"\bHR[AB]\s?\d{2,}(?:\s?[A-Z]{1,2})?\b|\bFN\s\d{3,}\s?[a-z]\b|\bCHE-[\d.]+"
    ),  # of firms
    shape("number", 0.7, r"(?<![\w.,+\-/])\d{4,}[\-/][A-Z]\d?(?!\w)"),  # 62111/A2
    shape("number", 0.8, r"(?<![\w.,+\-/])\d{1,4}\s[IVXL]{1,6}\s\d{1,5}/\d{2,4}(?!\w)"),  # of a court
    shape(
        "number",
        0.8,
        r"(?:\b(?:Nr|No|Nummer|Number|Az|Ref|Lot|LOT|Charge|Chargen-Nr|Id|ID)\b[.:]{0,2}|#)\s?",
        r"(?P<value>[A-Z]{0,3}\d[\dA-Z]*(?:[\s\-/.]\d[\dA-Z]*){0,4})(?![\w%]|[.,]\d)",
        wanted=_is_long_number,
    ),
    shape("number", 0.7, r"(?<![\w.,+\-/])(?=\w*[A-Z])(?=(?:\w*\d){5})[A-Z0-9]{6,}(?!\w)"),
    shape(
        "number",
        0.6,
        r"(?<![\w.,+\-/])(?=[A-Z\d\-/]*[A-Z])(?=[A-Z\-/]*\d[A-Z\-/]*\d)[A-Z\d]{1,6}(?:[\-/][A-Z\d]{1,8}){1,3}(?![\w%])",
        wanted=is_code_of_house,
    ),  # VAC-0925-DE
    shape("number", 0.6, r"(?<![\w.,+\-/])[A-Z]{2,5}\d{2,}[A-Z]?(?![\w%])", wanted=is_code_of_house),  # MB738
    shape("number", 0.6, r"(?<![\w.,:+\-/])0\d{2,}(?![\w%]|[.,:/\-]\d)"),  # nothing is counted so
    shape(
        "number", 0.6, r"(?<![\w.,:+\-/])(?=(?:\d\s?){8})\d{1,5}(?:\s\d{1,5}){3,7}(?![\w%]|[.,/]\d)"
    ),  # 0 42 7819 403 6
)
