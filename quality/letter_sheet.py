"""Typesetting of invented letters: words with boxes, and for each of them what it is.

Texts carry their truth with them: ``{name:Erika Müller}`` is identity of the class ``name``; words of a
line that is set as clinical are clinical; everything else (labels, titles, greetings) may stay or go.
``{clinical:…}`` and ``{free:…}`` say it of single words of a line of another sort.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from endoreg_db.deid.reports.words import Line, Page, Rect, Word

A4 = (595.0, 842.0)  # points
_MARKUP = re.compile(r"\{(\w+):([^}]*)\}")
_CLINICAL = "clinical"
_EITHER = "free"  # of words that may stay or go, in a text that is clinical


@dataclass(frozen=True, slots=True)
class Letter:
    """An invented letter and the truth about it."""

    pages: tuple[Page, ...]
    identity: dict[tuple[int, int], str]  # page (from 1) and word → class of identity
    clinical: frozenset[tuple[int, int]]  # page and word: what must stay
    fields: dict[str, str]  # identity field → value, as far as labels of the letter give it


@dataclass(slots=True)
class _Piece:
    text: str
    tag: str  # class of identity, ``clinical`` or nothing
    box: Rect


@dataclass(slots=True)
class LetterSheet:
    """Sets lines of text on pages, from top to bottom."""

    rng: random.Random
    size: float = 10.0  # points, of the type
    width: float = 0.52  # of a letter, in sizes
    pitch: float = 1.35  # from line to line of a paragraph, in sizes
    fields: dict[str, str] = field(default_factory=dict)
    _pages: list[list[list[_Piece]]] = field(default_factory=lambda: [[]])

    def put(self, x: float, y: float, text: str, *, clinical: bool = False, spaced: bool = False) -> float:
        """Set one line (or cell) with its top left corner at ``x``, ``y`` points; returns its right end.

        Args:
            x: points from the left.
            y: points from the top.
            text: with markup.
            clinical: whether its words are clinical, unless they are marked as identity.
            spaced: whether its identity is spaced out, letter by letter.
        """
        pieces: list[_Piece] = []
        for word, tag in _tagged(text, _CLINICAL if clinical else ""):
            letters = list(word) if spaced and tag not in ("", _CLINICAL) else [word]
            for letter in letters:
                width = self.width * self.size * len(letter)
                pieces.append(_Piece(letter, tag, Rect(x, y, x + width, y + 1.1 * self.size)))
                x += width + 0.28 * self.size
            x += 0.4 * self.size if spaced else 0
        if pieces:
            self._pages[-1].append(pieces)
        return x

    def paragraph(self, x: float, y: float, text: str, *, width: float, clinical: bool = True) -> float:
        """Set a text in lines of at most ``width`` points, words hyphenated here and there; returns the end.

        Only identity is hyphenated, in one of three chances at a line's end.
        """
        line: list[tuple[str, str]] = []
        at = 0.0
        for word, tag in _tagged(text, _CLINICAL if clinical else ""):
            space = self.width * self.size * (len(word) + 0.6)
            if at + space > width and line:
                head = self._hyphenated(word, tag)
                if head:
                    line.append((head, tag))
                    word = word[len(head) - 1 :]
                y = self._set(x, y, line)
                line, at = [], 0.0
            line.append((word, tag))
            at += space
        return self._set(x, y, line) if line else y

    def new_page(self) -> None:
        """Go on on another page."""
        self._pages.append([])

    def letter(self) -> Letter:
        """The finished letter."""
        return _letter(self._pages, self.fields)

    def _hyphenated(self, word: str, tag: str) -> str:
        bare = re.fullmatch(r"[^\W\d_]{7,}[.,]?", word)
        if tag in ("", _CLINICAL) or not bare or self.rng.random() > 0.33:
            return ""
        return f"{word[: len(word) // 2]}-"

    def _set(self, x: float, y: float, line: list[tuple[str, str]]) -> float:
        pieces = []
        for word, tag in line:
            width = self.width * self.size * len(word)
            pieces.append(_Piece(word, tag, Rect(x, y, x + width, y + 1.1 * self.size)))
            x += width + 0.28 * self.size
        self._pages[-1].append(pieces)
        return y + self.pitch * self.size


def _tagged(text: str, tag: str) -> Iterator[tuple[str, str]]:
    """Words and what they are; a word is identity if any letter or digit of it is."""
    plain, spans, at = "", [], 0
    for match in _MARKUP.finditer(text):
        plain += text[at : match.start()]
        spans.append((len(plain), len(plain) + len(match[2]), match[1]))
        plain += match[2]
        at = match.end()
    plain += text[at:]
    for word in re.finditer(r"\S+", plain):
        own = next((kind for start, end, kind in spans if start < word.end() and word.start() < end), tag)
        if own == _EITHER or not re.search(r"\w", word[0]):
            own = ""
        yield word[0], own


def _letter(pages: list[list[list[_Piece]]], fields: dict[str, str]) -> Letter:
    identity, clinical, made = {}, set(), []
    for number, lines in enumerate(pages, 1):
        index = 0
        built = []
        for line in lines:
            for piece in line:
                if piece.tag == _CLINICAL:
                    clinical.add((number, index))
                elif piece.tag:
                    identity[number, index] = piece.tag
                index += 1
            built.append(Line(tuple(Word(p.text, p.box, number, "text", 1.0) for p in line)))
        made.append(Page(number, *A4, tuple(built)))
    return Letter(tuple(made), identity, frozenset(clinical), dict(fields))


def words_of(text: str) -> list[str]:
    """The words of a table, written as text."""
    return text.split()


_MISREAD = {
    "0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "5": "S", "S": "5", "8": "B", "B": "8", "ß": "B",
    "ä": "a", "ö": "o", "ü": "u", "Ä": "A", "Ö": "O", "Ü": "U", "m": "rn", "n": "ri", "e": "c", "c": "e",
    "h": "b", "g": "q", "t": "f", "i": "l", "r": "f", "a": "o", "u": "v", "6": "8", "3": "8", "7": "1",
    "2": "Z", "é": "e", "ç": "c", "ş": "s", "ł": "l", "ø": "o", "ğ": "g",
}  # fmt: skip


def misread(letter: Letter, rng: random.Random, *, rate: float = 0.008, glued: float = 0.01) -> Letter:
    """The letter as OCR might read it: signs misread at this rate, spaces lost at that one."""
    identity, clinical, pages = {}, set(), []
    for page in letter.pages:
        index, old, lines = 0, 0, []
        for line in page.lines:
            words: list[Word] = []
            for position, word in enumerate(line.words):
                text = "".join(_MISREAD.get(c, c) if rng.random() < rate else c for c in word.text)
                if position and rng.random() < glued:
                    last = words.pop()
                    box = replace(last.box, x1=word.box.x1)
                    words.append(replace(last, text=last.text + text, box=box))
                else:
                    words.append(replace(word, text=text, source="ocr", confidence=0.93))
                    index += 1
                here = (page.number, index - 1)
                if tag := letter.identity.get((page.number, old)):
                    identity[here] = tag
                elif (page.number, old) in letter.clinical:
                    clinical.add(here)
                old += 1
            lines.append(Line(tuple(words)))
        pages.append(replace(page, lines=tuple(lines)))
    return Letter(tuple(pages), identity, frozenset(clinical - set(identity)), letter.fields)
