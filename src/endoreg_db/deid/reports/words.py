"""The words of a report and where they stand: the border between reading a PDF and finding identity.

:mod:`endoreg_db.deid.pdf` makes :class:`Page`; :func:`endoreg_db.deid.reports.find.find_identity`
takes pages and gives :class:`Findings`. Neither side knows anything else of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Finding, HouseTerm

#: Where a word comes from. ``text``: the text layer, and it can be seen. ``ocr``: read in the picture.
#: ``hidden``: the text layer, but a reader of the page does not see it (white, covered, render mode 3,
#: outside the crop box); it is looked at for what it gives away, and never kept.
Source = Literal["text", "ocr", "hidden"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in points (1/72 inch) from the top left corner of the page as it is displayed.

    ``x`` runs to the right, ``y`` down. A hidden word may lie outside the page.
    """

    x0: float
    y0: float
    x1: float  # not left of x0
    y1: float  # not above y0


#: Share of the height of OCR's boxes, above and below, in which there is no letter: they came to 1.6 times
#: the size of the print, boxes of text layers to 1.1 times.
_PADDING: Final = 0.15


@dataclass(frozen=True, slots=True)
class Word:
    """What stands between two spaces, punctuation and hyphens included."""

    text: str
    box: Rect
    page: int  # from 1
    source: Source
    confidence: float  # 0 to 1; 1 for text layers

    @property
    def letters(self) -> Rect:
        """Where its letters are: OCR's boxes are wider, so that those of two lines overlap."""
        padding = _PADDING * (self.box.y1 - self.box.y0) if self.source == "ocr" else 0.0
        return Rect(self.box.x0, self.box.y0 + padding, self.box.x1, self.box.y1 - padding)


@dataclass(frozen=True, slots=True)
class Line:
    """Words beside each other in one column or cell, from left to right; a wide gap ends a line."""

    words: tuple[Word, ...]  # at least one, all of one source

    @property
    def text(self) -> str:
        """The words with one space between each two."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it is displayed: rotated upright, cut to its crop box."""

    number: int  # from 1
    width: float  # points
    height: float  # points
    lines: tuple[Line, ...]  # in reading order: column by column, from top to bottom

    @property
    def words(self) -> tuple[Word, ...]:
        """All words of the page, line by line; :attr:`Hit.words` counts in these."""
        return tuple(word for line in self.lines for word in line.words)


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """What is known before the report is read: a linked recording, the file name, a known patient."""

    names: tuple[str, ...] = ()  # of persons, whole or in part: ``Müller, Erika``, ``Erika``
    dates: tuple[str, ...] = ()  # ISO 8601: of birth, of the examination
    numbers: tuple[str, ...] = ()  # of cases, insurances, devices; of four letters and digits at least
    file_name: str = ""  # of the source, without its folder: it may hold any of these
    house: tuple[HouseTerm, ...] = ()  # what the house that it comes from calls its own


@dataclass(frozen=True, slots=True)
class Hit:
    """Words that identify somebody and have to go."""

    kind: str  # stable, lower case, names the placeholder: ``name``, ``birth_date``, ``phone``, …
    page: int  # from 1
    words: tuple[int, ...]  # indices into :attr:`Page.words` of that page, ascending
    value: str  # what was recognised, normalised; identity, so never logged
    confidence: float  # 0 to 1
    reason: str  # the rule that found it, free of identity


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found in a report."""

    hits: tuple[Hit, ...]
    identity: Identity  # the fields of the contract, as far as they were read
    doubts: tuple[Finding, ...] = ()  # why a person should look before anything is published


class FindIdentity(Protocol):
    """A finder; :func:`endoreg_db.deid.reports.find.find_identity` is the built-in one."""

    def __call__(self, pages: Sequence[Page], known: KnownIdentity) -> Findings:
        """Find everything that identifies anybody in the pages of one report."""
