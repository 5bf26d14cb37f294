"""How well identity is found in invented letters: leaks by class, clinical words lost, fields read.

``python -m quality.measure_letters [--count N] [--first SEED]`` prints the figures of the tuning style, of
both halves of the other one, of the collections that were blind before and of single sentences by other
hands, of so many letters each. ``--examples`` also prints what went wrong, but never in the reported half
nor in the unseen one of the sentences. The blind collection is measured
when it is asked for, ``--style blind``; what went wrong in it is not even collected without ``--show-blind``,
which ends its use as a blind one. ``--text "scan 150"`` draws, scans and reads each letter, which takes some
seconds a page.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.reports.words import Findings, KnownIdentity, Line
from endoreg_db.deid.text_rules import name_key
from quality import letters, letters_blind, letters_held_out, letters_sentences
from quality.letter_sheet import Letter, misread
from quality.reports.pages import DPI
from quality.scanned_letters import find_in_scan
from quality.statistics import Share

Find = Callable[[int, Letter], Findings]

#: Whose faults nobody sees, lest rules be tuned on them.
UNSEEN: Final = frozenset({"reported", "sentences, unseen half", "blind"})
#: Collections that were blind before.
_OPENED: Final = ("second", "third", "fourth", "fifth")
#: Style → letter of the number; the halves of the held-out style are every other seed of it.
STYLES: Mapping[str, Callable[[int], Letter]] = {
    "tuning": letters.invent_letter,
    "development": lambda number: letters_held_out.invent_letter(2 * number),
    "reported": lambda number: letters_held_out.invent_letter(2 * number + 1),
    **{name: partial(letters_blind.invent_letter, collection=name) for name in _OPENED},
    "sentences": letters_sentences.invent_letter,
    "sentences, unseen half": lambda number: letters_sentences.invent_letter(number, 1),
    "blind": letters_blind.invent_letter,
}


@dataclass(slots=True)
class Figures:
    """Sums over letters."""

    letters: int = 0
    leaking: int = 0  # letters in which at least one word of identity stayed
    reviewed: int = 0  # letters with a doubt that sends them to a person
    silent: int = 0  # leaking letters without such a doubt: these would be published
    words: Counter[str] = field(default_factory=Counter)  # class of identity → words
    leaks: Counter[str] = field(default_factory=Counter)  # class of identity → words that stayed
    clinical: int = 0
    lost: int = 0  # clinical words that went
    fields: Counter[str] = field(default_factory=Counter)  # field → letters that give it
    wrong: Counter[str] = field(
        default_factory=Counter
    )  # field → letters in which it was not read, or misread
    examples: list[str] = field(default_factory=list)  # of what went wrong; the letters are invented
    unseen: bool = False  # no examples are kept

    @property
    def leak_free(self) -> float:
        """Share of letters in which no word of identity stayed."""
        return 1 - self.leaking / self.letters

    @property
    def over_redaction(self) -> float:
        """Share of clinical words that went."""
        return self.lost / max(1, self.clinical)

    @property
    def fields_read(self) -> float:
        """Share of the fields that labels give that were read as they are."""
        return 1 - sum(self.wrong.values()) / max(1, sum(self.fields.values()))

    @property
    def fields_wrong(self) -> Share:
        """Fields that labels give and that were not read as they are."""
        return Share(sum(self.wrong.values()), sum(self.fields.values()))

    def add(self, seed: int, letter: Letter, found: Findings) -> None:
        """Count one letter."""
        gone = {(hit.page, word) for hit in found.hits for word in hit.words}
        texts = {
            page.number: [_in_line(line, n) for line in page.lines for n in range(len(line.words))]
            for page in letter.pages
        }
        stayed = {place: kind for place, kind in letter.identity.items() if place not in gone}
        doubted = any(doubt.severity != "note" for doubt in found.doubts)
        self.letters += 1
        self.leaking += bool(stayed)
        self.reviewed += doubted
        self.silent += bool(stayed) and not doubted
        self.words.update(letter.identity.values())
        self.leaks.update(stayed.values())
        self.clinical += len(letter.clinical)
        lost = letter.clinical & gone
        self.lost += len(lost)
        self._keep(f"{seed} leak {kind} {texts[page][word]}" for (page, word), kind in stayed.items())
        self._keep(f"{seed} lost {texts[page][word]}" for page, word in lost)
        self._add_fields(seed, letter, found)

    def _keep(self, faults: Iterable[str]) -> None:
        if not self.unseen:
            self.examples += faults

    def _add_fields(self, seed: int, letter: Letter, found: Findings) -> None:
        read = found.identity.values()
        for name, truth in letter.fields.items():
            self.fields[name] += 1
            if name_key(read[name] or "") != name_key(truth):
                self.wrong[name] += 1
                self._keep([f"{seed} field {name} {truth!r} read as {read[name]!r}"])


def _in_line(line: Line, index: int) -> str:
    """The line with one of its words in brackets."""
    words = [word.text for word in line.words]
    words[index] = f"[{words[index]}]"
    return " ".join(words[max(0, index - 6) : index + 7])


def measure(
    letters: Iterable[tuple[int, Letter]], *, unseen: bool = False, find: Find | None = None
) -> Figures:
    """The figures of some letters, given with their seeds; without examples if nobody is to see them.

    ``find``: finds identity in the letter of a seed; without one, the finder does in the letter's own words.
    """
    figures = Figures(unseen=unseen)
    for seed, letter in letters:
        found = find(seed, letter) if find else find_identity(letter.pages, KnownIdentity())
        figures.add(seed, letter, found)
    return figures


def as_text(title: str, figures: Figures) -> str:
    """A table."""
    rows = [
        f"{title}: {figures.letters} letters",
        f"  leaking            {Share(figures.leaking, figures.letters)}",
        f"  … without a doubt  {Share(figures.silent, figures.letters)}",
        f"  with a doubt       {Share(figures.reviewed, figures.letters)}",
        f"  clinical words lost {Share(figures.lost, figures.clinical)}",
        f"  fields wrong       {figures.fields_wrong} {dict(figures.wrong) or ''}",
        "  identity words kept, by class: "
        + ", ".join(f"{kind} {figures.leaks[kind]}/{count}" for kind, count in sorted(figures.words.items())),
    ]
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of the styles, as typeset and as OCR might read them."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.house and not (options.style and set(options.style) <= {"blind", *_OPENED}):
        parser.error(f"--house needs --style, of a collection: {', '.join(('blind', *_OPENED))}")
    seeds = range(options.first, options.first + options.count)
    styles = options.style or [style for style in STYLES if style != "blind"]
    for style in styles:
        unseen = style in UNSEEN and not (style == "blind" and options.show_blind)
        for text in [options.text] if options.text else ("typeset", "misread"):
            letters = _letters(STYLES[style], seeds, misread_too=text == "misread")
            known = KnownIdentity(house=letters_blind.house_terms(style) if options.house else ())
            find = _through_scanner(DPI[text], known) if text in DPI else _in_words(known)
            figures = measure(letters, unseen=unseen, find=find)
            title = f"{style}, {text}, letters {seeds[0]}-{seeds[-1]}"
            print(as_text(f"{title}, with a house list" if options.house else title, figures), flush=True)
            if options.examples:
                print("\n".join(figures.examples[: options.examples]))


def _in_words(known: KnownIdentity) -> Find:
    return lambda _, letter: find_identity(letter.pages, known)


def _through_scanner(dpi: int, known: KnownIdentity) -> Find:
    reader = TextReader()
    return lambda seed, letter: find_in_scan(letter, dpi, seed, reader, known)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first letter")
    parser.add_argument(
        "--style", choices=tuple(STYLES), action="append", help="only this one; may be given again"
    )
    parser.add_argument("--text", choices=("typeset", "misread", *DPI), help="only this one")
    parser.add_argument(
        "--house", action="store_true", help="the wards and houses of a collection are known, as from a list"
    )
    parser.add_argument("--examples", type=int, default=0, help="how many faults to print")
    parser.add_argument(
        "--show-blind", action="store_true", help="faults of the blind letters too: they are blind no more"
    )
    return parser


def _letters(
    invent: Callable[[int], Letter], seeds: Iterable[int], *, misread_too: bool
) -> Iterator[tuple[int, Letter]]:
    return ((seed, _noisy(invent(seed), seed) if misread_too else invent(seed)) for seed in seeds)


def _noisy(letter: Letter, seed: int) -> Letter:
    return misread(letter, random.Random(f"misread {seed}"))


if __name__ == "__main__":
    main()
