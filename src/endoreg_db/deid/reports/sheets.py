"""A page as the rules see it: tokens, the lines they stand in, and which line lies beside or below which.

A token is what a person would call one word. OCR glues words (``Patient:Müller``), typesetting parts
them (hyphens at the end of a line, letters spaced out), so a token may be a piece of one
:class:`~endoreg_db.deid.reports.words.Word` or be made of several; it knows which.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Final

from endoreg_db.deid.reports.scripts import belongs_to_letter, is_caseless
from endoreg_db.deid.reports.vocabulary import folded, is_ordinary, word_key
from endoreg_db.deid.reports.words import Line, Page, Rect, Word

_EDGES: Final = " .,:;!?()[]{}<>\"'„“”‚‘’´`*|_/\\-–—=+•·…#"
_WHOLE: Final = re.compile(r"@|//|www\.", re.I)  # addresses of the internet are never cut up
_SEAMS: Final = re.compile(
    r"(?<=[:;,|^_()/*=])(?=[^\W\d_])"  # Patient:Müller,Erika
    r"|(?<=[^\W\d_][.:;,*=])(?=\d)"  # geb.12.03.1956
    r"|(?<=[^\W\d_]\.:)(?=\d)"  # Geb.:1956-03-12
    r"|(?<=[*^|])(?=\d)"  # *12.03.1956
    r"|(?<=[^\W\d_]{2}\.)(?=[A-ZÄÖÜ][^\W\d_])"  # Dr.Müller
    r"|(?<=[HF]r\.)(?=[A-ZÄÖÜ])"  # Hr.M.
    r"|(?<=[a-zäöüß]{2})(?<!\bMac)(?=[A-ZÄÖÜ][a-zäöüß]{2})"  # ErikaMüller
    r"|(?<=[a-zäöüß]{2})(?=\d{2}\.\d)"  # vom12.03.1956
)
_GLUED_DAY: Final = re.compile(r"(?<=[a-zäöü]{2})(?=\d{1,2}\.?$)")  # on17
_SMALL_L: Final = re.compile(r"^(\W*)l([^\W\d_]{2})")
_ROUND: Final = re.compile(r"[A-Z]0[A-Z]\W*")
_SPACED: Final = ("'", "’", ",")  # ``d ' A n g e l o , K o s t a s``
_SHORT_NUMBER: Final = re.compile(r"[lI|]\d{1,3}[a-h]?[,.]?|\d{1,3}[Oo][,.]?|\dO\d*[,.]?")  # l02a, 3O
_AS_LETTER: Final = {"0": "o", "1": "l", "5": "s", "8": "B"}
_AS_DIGIT: Final = {"O": "0", "o": "0", "I": "1", "l": "1", "|": "1", "S": "5", "B": "8", "Z": "2"}
_PARAGRAPH: Final = 5  # tokens in a line from which on it may be one of a paragraph
_SEPARATORS: Final = frozenset({"|", "·", "•", "¦", "||", "–", "—", "~"})
_ARTICLE: Final = re.compile(r"[a-z]{1,3}['’`\-–][A-ZÄÖÜÇŞİÉ]")
#: Words of four letters or more whose dot shortens them and ends no sentence.
_SHORTENED: Final = frozenset(
    {"dres", "prof", "univ", "priv", "dipl", "prim", "verh", "verw", "cand", "stud"}
)
_NEVER_JOINED: Final = {"und", "oder", "bzw", "and", "or", "sowie", "bis"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word as a person would count, and where it stands."""

    text: str  # as written, joined where it was parted
    core: str  # without signs at its ends
    key: str  # as word_key; empty for signs alone
    phrase: str  # folded, with spaces where signs were: ``Pat.-ID:`` is ``pat id``
    words: tuple[int, ...]  # indices into the page's words
    line: int  # index into the sheet's lines
    source: str  # of its first word

    @property
    def separates(self) -> bool:
        """Whether it is a sign that parts the fields of one line: ``|``, ``·``."""
        return self.text in _SEPARATORS

    @property
    def is_capitalised(self) -> bool:
        """Whether the first letter is a capital, or one behind an article (``d'Angelo``).

        One of a script that has none counts as a capital: any word of it may be a name.
        """
        first = next((c for c in self.core if c.isalpha()), "")
        return first.isupper() or bool(_ARTICLE.match(self.core)) or (first != "" and is_caseless(first))

    @property
    def has_digit(self) -> bool:
        """Whether there is a digit in it."""
        return any(c.isdigit() for c in self.core)

    @property
    def is_name_shaped(self) -> bool:
        """Whether it is capitalised letters, perhaps with hyphens, dots and apostrophes, two at least."""
        letters = [c for c in self.core if c.isalpha()]
        return (
            self.is_capitalised
            and len(letters) >= 2
            and all(c.isalpha() or c in "-–.'’`" or belongs_to_letter(c) for c in self.core)
        )

    @property
    def is_initial(self) -> bool:
        """Whether it is one capital letter, or two with a hyphen, with or without dots."""
        return bool(re.fullmatch(r"[^\W\d_](?:\.?-?[^\W\d_])?\.?", self.text.rstrip(",;:"))) and (
            self.core[:1].isupper()
            and len(self.key) <= 2
            and (self.text.rstrip(",;:")[-1:] == "." or len(self.core) == 1)
        )

    @property
    def ends_clause(self) -> bool:
        """Whether a sign at its end parts it from what follows."""
        return self.text.endswith((";", "!", "?", ")", ").")) or (
            self.text.endswith(".")
            and len(self.core) > 3
            and not self.core.isupper()
            and self.key not in _SHORTENED
        )


def is_station_of_nodes(before: Token | None) -> bool:
    """Whether what stands before a station says that it is one of lymph nodes (``Lymphknoten Station 7``)."""
    return before is not None and before.key.startswith(("lymph", "lk", "node", "knoten"))


def is_measured_station(tokens: Sequence[Token]) -> bool:
    """Whether a station's number is a lymph node's (``4R 10 mm``): its size stands behind it."""
    return len(tokens) > 2 and tokens[1].has_digit and tokens[2].core in ("mm", "cm")


@dataclass(frozen=True, slots=True)
class Row:
    """The tokens of one line, and the rectangle that it fills."""

    index: int
    tokens: tuple[Token, ...]
    box: Rect
    height: float  # of its letters, points


@dataclass(frozen=True)
class Sheet:
    """One page, laid out."""

    page: Page
    rows: tuple[Row, ...]

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """All tokens in reading order."""
        return tuple(token for row in self.rows for token in row.tokens)

    def right_of(self, row: Row) -> Row | None:
        """The nearest line that begins to the right of this one and at its height."""
        beside = [
            other
            for other in self.rows
            if other is not row
            and other.box.x0 >= row.box.x1 - 1
            and _overlap(other.box.y0, other.box.y1, row.box.y0, row.box.y1) >= 0.5
        ]
        return min(beside, key=lambda other: other.box.x0, default=None)

    def below(self, row: Row, *, within: float = 2.6, x: tuple[float, float] | None = None) -> Row | None:
        """The nearest line under this one (or the part ``x`` of it), at most ``within`` heights off."""
        left, right = x or (row.box.x0, row.box.x1)
        under = [
            other
            for other in self.rows
            if other is not row
            and other.box.y0 >= row.box.y1 - 0.35 * row.height
            and other.box.y0 - row.box.y1 <= within * row.height
            and (min(other.box.x1, right) > max(other.box.x0, left) or abs(other.box.x0 - left) <= row.height)
        ]
        return min(under, key=lambda other: (other.box.y0, abs(other.box.x0 - left)), default=None)

    def continuation(self, row: Row) -> Row | None:
        """The next line of the same paragraph, if the line is long enough to be one of a paragraph."""
        if len(row.tokens) < _PARAGRAPH:
            return None
        under = self.below(row, within=1.2)
        return under if under is not None and abs(under.box.x0 - row.box.x0) <= 2 * row.height else None

    def above(self, row: Row, *, within: float = 2.6) -> Row | None:
        """The line that has this one right :meth:`below` it."""
        return next((other for other in self.rows if self.below(other, within=within) is row), None)

    def left_of(self, row: Row) -> Row | None:
        """The line that has this one right of it (:meth:`right_of`)."""
        return next((other for other in self.rows if self.right_of(other) is row), None)

    def before(self, row: Row) -> Row | None:
        """The line that this one continues."""
        return self._continued.get(row.index)

    @cached_property
    def _continued(self) -> dict[int, Row]:
        follows = ((self.continuation(row), row) for row in self.rows)
        return {under.index: row for under, row in follows if under is not None}

    def span(self, tokens: Sequence[Token]) -> tuple[float, float]:
        """The left and right end of some tokens, points."""
        words = self.page.words
        boxes = [words[index].box for token in tokens for index in token.words]
        return min(box.x0 for box in boxes), max(box.x1 for box in boxes)


def lay_out(page: Page, *, hidden: bool = False) -> Sheet:
    """Cut what is seen of a page into tokens, or what is hidden on it: neither goes on in the other."""
    rows: list[Row] = []
    offset = 0
    for index, line in enumerate(page.lines):
        if (line.words[0].source == "hidden") is not hidden:
            offset += len(line.words)
            continue
        pieces = tuple(_tokens(line, offset, index))
        boxes = [word.letters for word in line.words]
        box = Rect(
            min(b.x0 for b in boxes),
            min(b.y0 for b in boxes),
            max(b.x1 for b in boxes),
            max(b.y1 for b in boxes),
        )
        rows.append(Row(index, pieces, box, max(1.0, median(b.y1 - b.y0 for b in boxes))))
        offset += len(line.words)
    return Sheet(page, tuple(_rejoined(rows)))


def _tokens(line: Line, offset: int, index: int) -> Iterator[Token]:
    words = [_composed(word) for word in line.words]
    for run in _runs(words):
        numbers = tuple(offset + n for n in run)
        text = "".join(words[n].text for n in run)
        pieces = [text] if len(run) > 1 or _WHOLE.search(text) else _SEAMS.split(text)
        if words[run[0]].source == "ocr":
            pieces = [part for piece in pieces for part in _GLUED_DAY.split(piece)]
        for piece in pieces:
            yield make_token(piece, numbers, index, words[run[0]].source)


def _composed(word: Word) -> Word:
    """The word with each letter and its accent as one sign: text layers may have them as two."""
    if unicodedata.is_normalized("NFC", word.text):
        return word
    return replace(word, text=unicodedata.normalize("NFC", word.text))


def make_token(text: str, words: tuple[int, ...], line: int, source: str) -> Token:
    """A token of this text; what OCR confuses in any writing is mended first."""
    text = mended(text) if source == "ocr" else text
    core = text.strip(_EDGES)
    return Token(text, core, word_key(core), folded(text), words, line, source)


def mended(text: str) -> str:
    """Digits among letters as the letters, and letters among digits as the digits that OCR took them for.

    ``Mül1er`` is ``Müller`` and ``8402O847`` is ``84020847``. Only signs that look alike are changed, where
    most of the word is of the other sort; ``A123456789`` and ``CF-HQ190L`` stay. A small l that begins no
    word at all is a capital I (``lonut``), a zero between two capitals an O (``D0B``).
    """
    if _SMALL_L.match(text) and not is_ordinary(text):
        return _SMALL_L.sub(r"\1I\2", text)
    if _ROUND.fullmatch(text):
        return text.replace("0", "O")
    letters, digits = sum(map(str.isalpha, text)), sum(map(str.isdigit, text))
    if 0 < digits <= letters / 3:
        word = re.sub(r"(?<=[^\W\d_])[0158]|[0158](?=[^\W\d_])", lambda m: _AS_LETTER[m[0]], text)
        return word if is_ordinary(word) or not is_ordinary(text) else text
    if 0 < letters <= digits / 2 or _SHORT_NUMBER.fullmatch(text):
        return re.sub(
            r"(?<=[\d.,:/])[OoIlSBZ|](?![^\W\d_]{2})|^[OoIl|](?=[\dOo:.])", lambda m: _AS_DIGIT[m[0]], text
        )
    return text


def _runs(words: Sequence[Word]) -> list[list[int]]:
    """Indices of words; letters that were spaced out are one run each."""
    runs: list[list[int]] = []
    start = 0
    while start < len(words):
        end = start
        while end < len(words) and (
            re.fullmatch(r"[^\W\d_][,:.]?", words[end].text) or (end > start and words[end].text in _SPACED)
        ):
            end += 1
            if words[end - 1].text.endswith("."):
                break  # ``h. c. T.`` are three letters, not one word spaced out
        if end - start >= 3:
            runs.extend(_parted(words, start, end))
        else:
            end = start + 1
            runs.append([start])
        start = end
    return runs


def _parted(words: Sequence[Word], start: int, end: int) -> list[list[int]]:
    """Letters from ``start`` to ``end``, parted where the gap is wider than between most of them."""
    gaps = [words[n + 1].box.x0 - words[n].box.x1 for n in range(start, end - 1)]
    usual = max(median(gaps), 0.1)
    runs = [[start]]
    for n, gap in zip(range(start + 1, end), gaps, strict=True):
        if gap > 1.7 * usual or words[n - 1].text.endswith((",", ":")):
            runs.append([n])
        else:
            runs[-1].append(n)
    return runs


def _rejoined(rows: list[Row]) -> Iterator[Row]:
    """The rows, with each word that a line end has cut in two made one token, of the first line."""
    taken: set[int] = set()
    for row in rows:
        tokens = row.tokens[1:] if row.index in taken else row.tokens
        following = next((r for r in rows[row.index + 1 : row.index + 4] if _continues(row, r)), None)
        if (
            tokens
            and following is not None
            and following.index not in taken
            and _is_cut(tokens[-1], following)
        ):
            first, second = tokens[-1], following.tokens[0]
            head = first.text[:-1] if second.core[:1].islower() else first.text
            joined = make_token(head + second.text, first.words + second.words, row.index, first.source)
            taken.add(following.index)
            tokens = (*tokens[:-1], joined)
        yield Row(row.index, tokens, row.box, row.height)


def _continues(row: Row, other: Row) -> bool:
    below = other.box.y0 >= row.box.y1 - 0.35 * row.height and other.box.y0 - row.box.y1 <= 2 * row.height
    return below and other.box.x0 < row.box.x1 and row.box.x0 < other.box.x1


def _is_cut(last: Token, following: Row) -> bool:
    if not following.tokens or not re.search(r"[^\W\d_]{2}[-‐¬\u00ad]$", last.text):
        return False
    return following.tokens[0].core[:1].isalpha() and following.tokens[0].phrase not in _NEVER_JOINED


def _overlap(low: float, high: float, other_low: float, other_high: float) -> float:
    shorter = min(high - low, other_high - other_low)
    return (min(high, other_high) - max(low, other_low)) / shorter if shorter > 0 else 0.0
