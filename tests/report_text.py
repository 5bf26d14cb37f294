"""Pages of reports from plain text, for tests."""

from __future__ import annotations

from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.reports.words import Findings, KnownIdentity, Line, Page, Rect, Source, Word

_LETTER, _LINE = 5.2, 14.0  # points


def page_of(text: str, *, source: Source = "text", number: int = 1, top: float = 40.0) -> Page:
    """A page with the text's lines; three spaces or more begin another cell, at the place where they end."""
    lines = []
    for row, written in enumerate(text.strip("\n").split("\n")):
        y, start = top + row * _LINE, 0
        for cell in written.split("   "):
            words: list[Word] = []
            x = 40 + start * _LETTER
            for word in cell.split():
                box = Rect(x, y, x + _LETTER * len(word) * 0.95, y + 10)
                words.append(Word(word, box, number, source, 1.0 if source == "text" else 0.9))
                x += _LETTER * len(word) + 3
            if words:
                lines.append(Line(tuple(words)))
            start += len(cell) + 3
    return Page(number, 595, 842, tuple(lines))


def find_in(text: str, known: KnownIdentity | None = None, *, source: Source = "text") -> Findings:
    """What is found in a page of this text."""
    return find_identity([page_of(text, source=source)], known or KnownIdentity())


def gone_from(text: str, known: KnownIdentity | None = None, *, source: Source = "text") -> list[str]:
    """The words of the text that go, in order."""
    page = page_of(text, source=source)
    found = find_identity([page], known or KnownIdentity())
    gone = {word for hit in found.hits for word in hit.words}
    return [word.text for index, word in enumerate(page.words) if index in gone]


def in_body(sentence: str) -> str:
    """The sentence in the body of a report, where unknown words are clinical unless something says more."""
    return f"Befund\n\n\n\n\n\n\n\n\n{sentence}\n\n\nBeurteilung\n"


def assert_gone(sentence: str, gone: list[str]) -> None:
    """These words of a sentence in a body go; of one in which nothing identifies anybody none does."""
    went = gone_from(in_body(sentence))
    assert [word for word in went if word in gone] == gone
    assert gone or not went
