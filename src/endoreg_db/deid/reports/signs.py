"""Signs of who dictated, typed, printed or released a report: two to four letters that are nobody's name.

They have no shape that words do not have, too. So each counts only where such signs stand: behind a stroke
at the end of a line, behind a word for typing or signing, behind the number of a dictation.
"""

from __future__ import annotations

import re
from typing import Final

from endoreg_db.deid.reports.shapes import Shape, is_unclinical, shape
from endoreg_db.deid.reports.vocabulary import cue_words, is_listed

_UNITS: Final = cue_words("units")
_CAPITAL: Final = "[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶĹĻĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŲŸŹŻŽȘȚ]"
_SMALL: Final = "[a-zß-öø-ÿāăąćčďđēėęěğģīįıķĺļľłńņňōőœŕřśşšţťūůűųźżžșț]"
_SIGN: Final = r"(?P<value>[^\W\d_]{2,4})"
_END: Final = r"(?=[.,;)]?(?:$|\s*[·|/\-–]\s))"
_DAY: Final = r"(?:\d{1,4}[./\-]\d{1,2}[./\-](?:\d{2,4})?,?\s)?"
_WRITERS: Final = (
    r"\b(?:Schreib(?:kraft|dienst|zimmer|büro|stelle|platz)|Schr(?:eiber)?(?:in)?|Sekr(?:etariat)?|Benutzer(?:in)?|Nutzer|User"
    r"|Notiz|Visum|Handzeichen|Hdz|Hz|Kürzel|Kurzzeichen|Signum|Paraphe|Vermerk|Initials?|[Tt]yped(?:\sby)?|Typist"
    r"|[Tt]ranscribed(?:\sby)?|[Tt]ranscription(?:ist)?|[Ss]ec(?:retary)?|[Pp]rinted\sby|[Ee]ntered\sby|gedruckt\svon|geschrieben\svon"
    r"|erfasst\svon|Sachbearb(?:eiter)?(?:in)?)"
)


def _is_no_plural(text: str) -> bool:
    """Whether two capitals and a small letter are no abbreviation in the plural (``PEs``)."""
    return not (text.endswith("s") and is_listed(text[:-1])) and text not in _UNITS


def _is_no_unit(text: str) -> bool:
    """Whether a sign with a stroke is none of a measure (``mg/dl``)."""
    return re.sub(r"\s", "", text).rstrip(".,;") not in _UNITS


SIGNS: Final[tuple[Shape, ...]] = (
    shape(
        "staff",
        0.6,
        rf"(?<![\w/]){_CAPITAL}[^\W\d_]{{1,3}}/\s?[^\W\d_]{{1,3}}(?:/\s?[^\W\d_]{{1,2}})?-?\.?(?=$|\s\d{{1,2}}\.)",
        flags=re.M,
        wanted=is_unclinical,
    ),  # RMo/sha., who dictated and who typed
    shape(
        "staff", 0.6, rf"(?<!\w){_CAPITAL}{{2}}{_SMALL}(?=[.,;]?$)", flags=re.M, wanted=_is_no_plural
    ),  # PKi
    shape("staff", 0.6, rf"[^\W\d_]{{3,}}\.\s(?P<value>{_SMALL}{{2,3}})$", flags=re.M),  # behind a sentence
    shape("staff", 0.6, r"\bref\W{1,2}(?P<value>[A-Za-z]{2,3})[.,;]?$", flags=re.M),
    shape("staff", 0.7, r"(?:Zeichen|zeichen|ref|Ref)\W{1,3}(?P<value>[^\W\d_]{1,3}['’]?/\s?\w{1,3})(?!\w)"),
    shape(
        "staff",
        0.6,
        r"(?:^|\d{4}\s)(?P<value>[^\W\d_]{1,2}['’]?/\s?[a-zi]\S{0,2})$",
        flags=re.M,
        wanted=_is_no_unit,
    ),  # who dictated and who typed
    shape("staff", 0.8, rf"{_WRITERS}[:.,]{{0,2}}\s{_DAY}{_SIGN}{_END}", flags=re.M),  # Schreibkraft: kam
    shape("staff", 0.7, rf"\bDiktat[:.]?\s{_SIGN}(?=\s\d|{_END})", flags=re.M),  # Diktat MTa 10.05.2025
    shape(
        "staff",
        0.7,
        rf"\b(?:[Gg]edruckt|[Pp]rinted|[Ee]rfasst|[Ff]reigegeben|[Tt]yped|[Gg]eschrieben)\b(?:\s[\d.:/\-]+,?){{0,2}}"
        rf"(?:\sUhr,?)?(?:\s(?:by|von|durch))?\s{_SIGN}{_END}",
        flags=re.M,
    ),  # printed 05/09/2019 by lov
    shape(
        "staff",
        0.7,
        r"^(?P<value>[^\W\d_]{2,3}(?:/[^\W\d_]{1,2})?),\s\d{1,2}\.\d{1,2}\.\d{2,4}$",
        flags=re.M,
    ),
    shape("staff", 0.7, rf"\bHdz\.?\s[^\W\d_]+\.?\s{_SIGN}{_END}", flags=re.M),
    shape("staff", 0.7, rf"\b[Jj]ob\W{{1,3}}(?:[Nn]o\W{{1,2}}|#\s?)?\d{{4,}}\s{_SIGN}{_END}", flags=re.M),
    shape(
        "staff", 0.7, rf"^D[:.]\s?\d\S*\s[STG][:.]\s?(?:\d\S*\s)?{_SIGN}{_END}", flags=re.M
    ),  # D: 04.01. S: mk; D: 04.01. T: 05.01. mk
    shape("staff", 0.7, rf"\b(?:19|20)\d\d\s?/\s?{_SIGN}$", flags=re.M),  # 31. August 2024 / AA
)
