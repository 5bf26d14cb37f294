"""Hospitals, practices, homes and firms in running text: the word that says so, and the name around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rapidfuzz.distance import Levenshtein

from endoreg_db.deid.reports.marks import Mark, text_of
from endoreg_db.deid.reports.names import is_title, unknown
from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    cue_words,
    is_clinical,
    is_first_name,
    is_listed,
    is_loose_compound,
    is_ordinary,
    is_town,
    name_risk,
)

_LINKS: Final = cue_words("links")
_DEDICATIONS: Final = cue_words("dedications")
_ENGLISH_DEDICATIONS: Final = cue_words("english_dedications")
_INSTITUTION: Final = re.compile(
    r"(?:.{4,}haus(?:es)?|^(?:ag|kg|eg|partg|gmbh|ggmbh|nhs|mvz)|klinik(?:um|en|ums)?|zentrum|arztehaus|krankenhaus(?:es)?|spital|praxis|hospitals?|infirmary|clinic|cent(?:re|er)|charite|hospiz"
    r"|versorgungszentrum|seniorenheim|pflegeheim|altenheim|seniorenzentrum|seniorenresidenz|seniorenpark|wohnpark|pflegepark|wohngruppe|physio|ordination|wohnheim|apotheke"
    r"|stiftung|stift|kliniken|universitatsmedizin|hochschule|diakonissenhaus|institut|^reha|trust|kreiskrankenhaus|sanatorium|rehaklinik|tagesklinik"
    r"|pflegedienst|sozialstation|surgery|practice|unternehmen|^firma|^kanzlei|^taxi|schule|universitat|university"
    r"|verein|dorfkirche|kirchengemeinde|pfarrei|fabrik|brauerei|druckerei|gymnasium|kindergarten|kaserne|gartnerei|metzgerei"
    r"|backerei|schreinerei|tischlerei|spedition|zeche|werft|stadtwerke|sparkasse|reederei|blutbank|molkerei|weingut|ziegelei"
    r"|academy|college|church|chapel|parish|brewery|steelworks|colliery|foundry|shipyard|^(?:lkh|kh|bkh|ukb|bwk|khs))$"
)
_OFTEN_MISREAD: Final = ("klinikum", "krankenhaus", "klinik", "praxis", "hospital")
_ABBREVIATED: Final = frozenset({"mvz", "nhs", "gmbh", "ggmbh", "ag", "kg", "eg", "partg"})
_GENERIC: Final = cue_keys("generic_houses")
_HOUSES: Final = frozenset({"ambulanz", "praxis", "zentrum", "klinik", "abteilung", "station"})
_SIDES: Final = cue_keys("city_parts")
_INFLECTED: Final = ("e", "es", "er", "en")
_STREET: Final = re.compile(
    r".{2,}(?:stra(?:ss|s)e|str|weg|alle|plat?z|gas+e|tor|markt|ufer|damm|park|garten|hof|muhle|berg|tal)"
)
_LONGEST_BEFORE: Final = 4  # capitalised words of an institution before the one that says what it is


def is_institution(token: Token) -> bool:
    """Whether the token is, or ends in, a word for a place of care or work."""
    if not token.key or not token.is_capitalised:
        return False
    misread = token.source == "ocr" and any(
        Levenshtein.distance(token.key, word, score_cutoff=1) == 1 for word in _OFTEN_MISREAD
    )
    return misread or bool(_INSTITUTION.search(token.key))


def institution_at(page: int, flow: Sequence[Token], index: int) -> Iterator[Mark]:
    """The name of a hospital or practice: what stands around the word that says so."""
    token = flow[index]
    if not is_institution(token) and not is_institution_part(token):
        return
    after = _named_after(flow[index + 1 :]) if not token.ends_clause else ()
    if not after and token.key == "mvz":
        after = tuple(t for t in flow[index + 1 : index + 2] if t.is_name_shaped and not is_listed(t.core))
    before = _named_before(flow[:index], named=bool(after))
    named = token.key not in _ABBREVIATED and (not is_ordinary(token.core) or _is_one_house(token))
    if before or after or named:
        whole = (*before, token, *after)
        yield Mark("institution", page, whole, text_of(whole), 0.85, "institution")


def _is_one_house(token: Token) -> bool:
    """Whether a compound says which house is meant: ``Kreisklinik``, not ``Klinik`` or ``Tagesklinik``."""
    return token.key not in _GENERIC and not is_clinical(token.core)


def is_institution_part(token: Token) -> bool:
    """Whether a hyphenated token has such a word in it: ``St.-Elisabeth-Krankenhaus``."""
    return any(_INSTITUTION.search(part) for part in token.phrase.split()) and "-" in token.core


def _named_after(tokens: Sequence[Token]) -> tuple[Token, ...]:
    taken: list[Token] = []
    proper = False
    for token in tokens[:7]:
        if not token.key or token.phrase in _LINKS or is_title(token):
            taken.append(token)
        elif (
            (
                token.is_name_shaped
                and (unknown(token) or is_town(token.core) or is_first_name(token.core) or _is_street(token))
            )
            or (not proper and token.is_name_shaped and (name_risk(token.core) or token.key in _SIDES))
            or (not taken and token.is_name_shaped and _is_of_no_list(token))
            or (taken and taken[-1].phrase in _DEDICATIONS and token.is_capitalised)
        ):
            taken.append(token)
            proper = True
        elif token.is_capitalised and len(taken) < 3 and not proper:
            taken.append(token)  # ``MVZ Gastroenterologie Fulda``: dropped again if no name follows
        else:
            break
        if token.ends_clause or token.text.endswith(","):
            break
    while taken and (not taken[-1].key or taken[-1].phrase in _LINKS):
        taken.pop()
    return tuple(taken) if proper else ()


def _is_of_town(token: Token) -> bool:
    """``Endeer Krankenhaus``: a word of no list that ends as what comes from a town does."""
    return token.core.endswith("er") and not is_listed(token.core) and not is_clinical(token.core)


def _is_of_no_list(token: Token) -> bool:
    """Whether a word is none of the trade, and no list has it, though it may be made of words."""
    return is_loose_compound(token.core) or not (is_listed(token.core) or is_clinical(token.core))


def _is_street(token: Token) -> bool:
    return _STREET.fullmatch(token.key) is not None and not is_clinical(token.core)


def _named_before(tokens: Sequence[Token], *, named: bool) -> tuple[Token, ...]:
    """What stands before the word for a place of care; where a name follows, its adjective only."""
    taken: list[Token] = []
    proper = 0  # how many of them are sure to belong: up to the foremost that is nobody else's word
    for token in reversed(tokens[-_LONGEST_BEFORE:]):
        if token.ends_clause or not token.key or not token.is_name_shaped or not token.text[-1:].isalpha():
            break
        taken.insert(0, token)
        foreign = unknown(token) or is_town(token.core) or is_first_name(token.core)
        foreign |= len(taken) == 1 and _is_of_town(token)
        foreign |= len(taken) == 1 and named and (token.key.endswith(_INFLECTED) or token.key in _HOUSES)
        if foreign or (proper and token.phrase in _ENGLISH_DEDICATIONS):
            proper = len(taken)
    return tuple(taken[len(taken) - proper :])
