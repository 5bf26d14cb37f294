"""Entity recognisers that look at a report beside the built-in rules, and what happens when they fail.

The built-in rules always run: a recogniser can add to what they find and never takes anything away.
So the fall-back for one that is not installed, or fails, is simply to go on without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from endoreg_db.deid.messages import Finding
from endoreg_db.deid.reports.marks import Mark, RowText, row_text, text_of
from endoreg_db.deid.reports.sheets import Sheet, Token
from endoreg_db.deid.reports.vocabulary import is_ordinary

logger = logging.getLogger(__name__)

BUILT_IN: Final = "builtin"
#: The finding that says that the built-in rules had to go on alone.
FALLBACK: Final = "recogniser_fallback"


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a text that a recogniser found."""

    start: int
    end: int
    kind: str  # as Hit.kind
    score: float  # 0 to 1


class Recogniser(Protocol):
    """Finds entities in a text. It may be slow to make and is used for any number of texts."""

    @property
    def name(self) -> str:
        """As the setting names it."""
        ...

    def recognise(self, text: str) -> Sequence[Span]:
        """The entities in one page's text; may raise anything."""
        ...


class RecogniserUnavailableError(Exception):
    """The recogniser, or a model that it needs, is not installed."""


def _presidio() -> Recogniser:
    from endoreg_db.deid.reports.presidio import PresidioRecogniser

    return PresidioRecogniser()


def _lx_anonymizer() -> Recogniser:
    from endoreg_db.deid.reports.lx_anonymizer import LxAnonymizerRecogniser

    return LxAnonymizerRecogniser()


_MAKERS: Final[Mapping[str, Callable[[], Recogniser]]] = {
    "presidio": _presidio,
    "lx_anonymizer": _lx_anonymizer,
}

#: What ``ENDOREG_REPORT_RECOGNISER`` may be.
RECOGNISERS: Final = (BUILT_IN, *_MAKERS)


def load_recogniser(name: str) -> tuple[Recogniser | None, tuple[Finding, ...]]:
    """The recogniser of that name; None for the built-in rules alone, or if it is not to be had.

    A recogniser that is not to be had is logged, and comes with a finding that says so.

    Raises:
        ValueError: there is no recogniser of that name.
    """
    if name == BUILT_IN:
        return None, ()
    if name not in _MAKERS:
        raise ValueError(f"there is no recogniser {name!r}; there are {', '.join(RECOGNISERS)}")
    try:
        return _MAKERS[name](), ()
    except Exception as error:  # noqa: BLE001 - whatever a foreign library does, the built-in rules go on
        return None, (_fell_back(name, "could not be loaded", error),)


def recogniser_marks(
    sheets: Sequence[Sheet], recogniser: Recogniser | None
) -> tuple[list[Mark], tuple[Finding, ...]]:
    """What the recogniser finds, page by page; a finding instead if it fails on any of them.

    Entities that consist of ordinary words alone are left out: models take capitalised German nouns
    for names, and the built-in rules know better which words are clinical.
    """
    if recogniser is None:
        return [], ()
    try:
        return [
            mark for page, sheet in enumerate(sheets) for mark in _page_marks(page, sheet, recogniser)
        ], ()
    except Exception as error:  # noqa: BLE001 - as above
        return [], (_fell_back(recogniser.name, "failed", error),)


def _fell_back(name: str, how: str, error: Exception) -> Finding:
    # The type only: the message of a foreign library may quote the text it stumbled over.
    kind = type(error).__name__
    logger.warning("Recogniser %s %s (%s); the built-in rules go on alone", name, how, kind)
    # A site that asked for a second look does not get one: a person takes its place.
    return Finding(FALLBACK, "review", f"The recogniser {name} {how} ({kind}); built-in rules alone.")


def _page_marks(page: int, sheet: Sheet, recogniser: Recogniser) -> list[Mark]:
    rows = [row_text(row.tokens) for row in sheet.rows]
    spans = recogniser.recognise("\n".join(row.text for row in rows))
    marks, at = [], 0
    for row in rows:
        end = at + len(row.text)
        for span in spans:
            if span.start < end and span.end > at:
                tokens = _named(row, span.start - at, span.end - at)
                if tokens:
                    marks.append(
                        Mark(
                            span.kind,
                            page,
                            tokens,
                            text_of(tokens),
                            min(span.score, 0.9),
                            f"recogniser:{recogniser.name}",
                        )
                    )
        at = end + 1
    return marks


def _named(row: RowText, start: int, end: int) -> tuple[Token, ...]:
    tokens = tuple(token for token in row.tokens(start, end) if token.key)
    return () if all(is_ordinary(token.core) and not token.has_digit for token in tokens) else tokens
