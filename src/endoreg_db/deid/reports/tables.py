"""The word lists in ``tables/``, read once; they were written for this project."""

from __future__ import annotations

import tomllib
import unicodedata
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from endoreg_db.deid.text_rules import fold, name_key


@lru_cache(maxsize=100_000)
def word_key(text: str) -> str:
    """One spelling for those in use, letters and digits only: ``Oesophagus`` and ``Ösophagus`` are one."""
    return name_key(text).replace(" ", "")


@lru_cache(maxsize=100_000)
def folded(text: str) -> str:
    """As :func:`~endoreg_db.deid.text_rules.fold`; remembered, since reports repeat their words."""
    return fold(text)


@cache
def table(name: str) -> frozenset[str]:
    """The keys of the words of ``tables/NAME.txt``."""
    lines = (line for line in _text(f"{name}.txt").splitlines() if not line.startswith("#"))
    return frozenset(word_key(word) for line in lines for word in line.split()) - {""}


@cache
def names(name: str) -> frozenset[str]:
    """The names of ``tables/NAME.txt`` in small letters, umlauts kept: ``Lange`` is one, ``Länge`` is not."""
    lines = (line for line in _text(f"{name}.txt").splitlines() if not line.startswith("#"))
    return frozenset(plain(word) for line in lines for word in line.split())


def plain(text: str) -> str:
    """Small letters, ß as ss, an umlaut as one letter."""
    small = unicodedata.normalize("NFC", text).casefold()
    for two, one in (("ae", "ä"), ("oe", "ö"), ("ue", "ü")):
        small = small.replace(two, one)
    return small


@cache
def cue_words(name: str) -> frozenset[str]:
    """One list of ``tables/cues.toml``."""
    return frozenset(_toml("cues.toml")[name].split())


@cache
def cue_keys(name: str) -> frozenset[str]:
    """One list of ``tables/cues.toml``, as :func:`word_key` has words; signs alone (``%``) are none."""
    return frozenset(map(word_key, cue_words(name))) - {""}


@cache
def label_phrases() -> dict[str, tuple[str, bool]]:
    """Label, folded → its kind, and whether it is also an ordinary word."""
    return {
        phrase: (kind, strength == "plain")
        for kind, of_kind in _toml("labels.toml").items()
        for strength in ("plain", "strong")
        for phrase in of_kind[strength]
    }


@cache
def eponyms() -> frozenset[str]:
    """What diseases, signs and scores are called after, the rare ones included."""
    return table("eponyms") | table("eponyms_rare")


@cache
def words() -> frozenset[str]:
    """Every word of the language, of the trade and of labels."""
    labels = {word_key(word) for phrase in label_phrases() for word in phrase.split()}
    german = table("words_german") | table("words_parts") | table("words_clinical")
    return german | table("words_english") | table("words_reports") | labels


def _text(name: str) -> str:
    return resources.files("endoreg_db.deid.reports").joinpath("tables", name).read_text(encoding="utf-8")


@cache
def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(_text(name))
