"""Short codes of letters and digits: those of medicine, and those that tell rooms, samples and people apart.

No list can have the codes by which houses number what is theirs; those by which medicine stages, grades
and counts are few. So a code counts as one of a house where it is in none of the shapes below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import cue_keys, is_clinical, is_eponym, is_listed

#: Stages and grades (TNM, UICC; ``ypT1b``, ``G2``, ``C3M5`` of Prague), which houses also call wards by.
STAGE: Final = re.compile(r"[acpyru]{0,3}(?:T|N|M|L|V|R|Pn|G|C|S)[0-4xX][a-d]?\d?(?:M\d{1,2})?")
_VERTEBRA: Final = r"(?:C|T|Th|L|S|BWK?|LWK?|HWK?|D)\d{1,2}(?:[/\-](?:C|T|Th|L|S)?\d{1,2})?"
_MARKER: Final = (
    r"(?:CD|CK|CA|IL|HLA|HPV|MLH|MSH|PMS|HER|BRAF|KRAS|NRAS|PD|PD-L|MUC|DOG|SOX|GATA|TTF|CDX|STAT|SMAD|BCL|MUM|FOXP|IgG"
    r"|IgA|IgM|ALK|ROS|GLUT|SATB|CYP|PAX|WT|ER|EBV|HSV|HHV|CMV|HCV|HBV|HEV|GLP|TNF|SGLT|HT|M2|AMA|MDR|ABCB|MMR"
    r"|PI|V)-?\d{1,3}[A-Z]?\d{0,2}"
    r"|[pP]\d{2}|[Kk]i-?67|HLA-\w+|NT-?proBNP|T(?:otal)?-?PSA|CDT|25-?OH-?\w*"
)
_GAS: Final = (
    r"(?:[A-Za-z]{0,3}[pP]?C?O2|N2O?|H2O?|[fF]?T[34]|B\d{1,2}|D[23]|K[12]|Q10|(?:Hb)?A1[cC]?|FEV1|C[345]|P2Y12"
    r"|H[12])"
)
_SEGMENT: Final = (
    r"[RL]B\d{1,2}|(?:1[0-4]|\d)[RL][a-z]?|[RL][12]|(?:GOV|IGV|EV)\d|0-?I[Il]{0,2}[abcsp+]*|A[1-4]B?"
)
_DEVICE: Final = (
    r"(?:GIF|CF|PCF|TJF|JF|GF|BF|SIF|UM|CV|CLV|EG|EC|ED|EN|EB|EPK|EPX|ELUXEO|VP|BL|XL|VIO|ESG|ICC|APC|IT|FTRD|OTSC|TTS"
    r"|NBI|EUS|BX|DB|SB|UCR|UHI|OFP|VPP|HD|LED|MAJ)-?[A-Z]{0,3}\d{0,4}(?:[A-Z]{1,5}\d{0,4})?[A-Z]{0,3}(?:-[A-Z]+)?"
)
_COUNT: Final = r"\d{1,3}-?(?:G|Fr|F|Ch|J|W|V|x|er|fach|mal|f|D|T|h|d|st|nd|rd|th|s|p|m|w|a|b|c)"
_CLASSIFIED: Final = (  # OPS, ICD-10, SNOMED
    r"\d-\d{2,3}[a-z]?(?:\.[\da-z]{1,2})?|[A-TV-Z]\d{2}\.\d{1,2}[A-Z]?|[TMPDFE]\d{4,5}(?:/\d)?"
)
_MEDICAL: Final = re.compile(
    rf"{_VERTEBRA}|{_MARKER}|{_GAS}|{_SEGMENT}|{_DEVICE}|{_COUNT}|{_CLASSIFIED}|{STAGE.pattern}"
)
#: Of these, the ones that also stand for wards: they are medicine's beside words of the trade alone.
_EITHER: Final = re.compile(
    rf"{STAGE.pattern}|{_VERTEBRA}|[A-Z]\d{{1,2}}|(?:1[0-4]|\d)[A-Za-z]|[RL]B\d{{1,2}}|(?:EG|EC|ED|EN|EB|IT|SB|DB|BX|XL|HD)\d+"
)
_LONG_NUMBER: Final = re.compile(r"\d{5}|(?<!\d)(?!(?:19|20)\d\d(?!\d))\d{4}(?!\d)")
_SORTS: Final = cue_keys("sorts") | cue_keys("graded_by")
_UNITS: Final = cue_keys("units")
#: Signs that begin a unit; micro is written with two of them.
UNIT_SIGNS: Final = "%/°\N{MICRO SIGN}\N{GREEK SMALL LETTER MU}"
_NEAR: Final = 3  # tokens before a code whose sense it shares


@lru_cache(maxsize=20_000)
def is_medical_code(text: str) -> bool:
    """Whether medicine stages, counts or marks by codes of this shape (``pT2``, ``CD117``, ``Th10``)."""
    return _MEDICAL.fullmatch(text) is not None


@lru_cache(maxsize=20_000)
def may_be_ward(text: str) -> bool:
    """Whether a code of that shape may also be a ward's, a bed's or a room's (``C2``, ``7b``)."""
    return not is_medical_code(text) or _EITHER.fullmatch(text) is not None


def measures(token: Token | None) -> bool:
    """Whether what stands behind a number says that it counts or measures: a unit, or what it counts."""
    if token is None:
        return False
    ratio = token.text.endswith("/") and token.key.isalpha()  # ``U/`` of ``U/l``
    return ratio or token.key in _UNITS or token.text[:1] in UNIT_SIGNS + "×" or token.text == "x"


def is_measured(flow: Sequence[Token], index: int) -> bool:
    """Whether what stands right behind a number :func:`measures`."""
    return measures(flow[index + 1] if index + 1 < len(flow) else None)


@lru_cache(maxsize=20_000)
def is_code_of_house(text: str) -> bool:
    """Whether a code is none of medicine (``PD-L1``), a device (``GIF-HQ190``) or a score (``NRS-2002``)."""
    if is_medical_code(text):
        return False
    if _LONG_NUMBER.search(text):
        return True  # ``DR3-5919``: no score or device is numbered so high; years are ``NRS-2002``
    if any(is_listed(part) for part in re.findall(r"[^\W\d_]{2,}", text)):
        return False
    parts = [part for part in re.split(r"[-/]", text) if any(map(str.isdigit, part))]
    return not all(is_medical_code(part) for part in parts)


def is_graded_here(flow: Sequence[Token], index: int) -> bool:
    """Whether what stands beside a code says that it grades, stages or measures something."""
    if is_measured(flow, index) or any(map(_is_stage, flow[index + 1 : index + 2])):
        return True
    return is_graded_before(flow, index)


def is_graded_before(flow: Sequence[Token], index: int) -> bool:
    """Whether what stands before a code, or before a word for grades, says what is graded."""
    for token in flow[max(0, index - _NEAR) : index]:
        if token.key in _SORTS or is_eponym(token.core) or _is_stage(token):
            return True
    before = flow[index - 1] if index else None
    return before is not None and before.is_capitalised and is_clinical(before.core)


def _is_stage(token: Token) -> bool:
    return STAGE.fullmatch(token.core) is not None
