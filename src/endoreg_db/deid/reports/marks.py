"""What a rule says: these tokens identify somebody. And how marks of many rules become hits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from endoreg_db.deid.reports.sheets import Sheet, Token
from endoreg_db.deid.reports.words import Hit


@dataclass(frozen=True, slots=True)
class Mark:
    """Tokens of one page that one rule found."""

    kind: str  # see Hit
    page: int  # index into the sheets
    tokens: tuple[Token, ...]  # at least one
    value: str  # as Hit.value
    confidence: float  # of the rule, 0 to 1
    reason: str  # stable name of the rule


def text_of(tokens: Sequence[Token]) -> str:
    """The tokens as one text, without signs at its ends."""
    return " ".join(token.text for token in tokens).strip(" .,:;/|-–")


@dataclass(frozen=True, slots=True)
class RowText:
    """The text of tokens with one sign between them, and which token each sign belongs to.

    Between two of one line that is a space, between two lines a line feed.
    """

    all: tuple[Token, ...]
    text: str
    starts: tuple[int, ...]  # where each token begins

    def tokens(self, start: int, end: int) -> tuple[Token, ...]:
        """The tokens that reach into ``text[start:end]``."""
        return tuple(
            token
            for token, begin in zip(self.all, self.starts, strict=True)
            if begin < end and begin + len(token.text) > start
        )


def row_text(tokens: tuple[Token, ...]) -> RowText:
    """The text of a row, or of part of one or two."""
    starts: list[int] = []
    text = ""
    for n, token in enumerate(tokens):
        if n:
            text += " " if token.line == tokens[n - 1].line else "\n"
        starts.append(len(text))
        text += token.text
    return RowText(tokens, text, tuple(starts))


def merged(marks: Iterable[Mark], sheets: Sequence[Sheet]) -> tuple[Hit, ...]:
    """One hit for each group of words that belong together; each word is in one hit at most.

    Of rules that found the same word the surest one names the kind; the first in order if they are
    equally sure. A hit is less sure where OCR was.
    """
    owner: dict[tuple[int, int], Mark] = {}
    for mark in sorted(marks, key=lambda mark: -mark.confidence):
        for token in mark.tokens:
            for word in token.words:
                owner.setdefault((mark.page, word), mark)
    groups: dict[int, tuple[Mark, list[int]]] = {}
    for (_, word), mark in sorted(owner.items(), key=lambda item: item[0]):
        groups.setdefault(id(mark), (mark, []))[1].append(word)
    hits = [_hit(mark, words, sheets[mark.page]) for mark, words in groups.values()]
    return tuple(sorted(hits, key=lambda hit: (hit.page, hit.words)))


def _hit(mark: Mark, words: list[int], sheet: Sheet) -> Hit:
    read = min(sheet.page.words[word].confidence for word in words)
    return Hit(
        kind=mark.kind,
        page=sheet.page.number,
        words=tuple(sorted(words)),
        value=mark.value,
        confidence=round(mark.confidence * read, 4),
        reason=mark.reason,
    )
