"""Figures on generated letters, small enough for every run; ``python -m quality.measure_letters`` has more.

The held-out style is no target: its floor says how well the rules do on letters that nobody tuned them
on, and that a change makes them no worse.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from quality import letters, letters_held_out
from quality.letter_sheet import Letter, misread
from quality.measure_letters import STYLES, measure


@pytest.mark.parametrize("first", [5000, 5030])
def test_the_tuning_style_leaks_nothing_and_keeps_what_is_clinical(first: int) -> None:
    figures = measure((seed, letters.invent_letter(seed)) for seed in range(first, first + 30))
    assert figures.leak_free == 1, figures.examples
    assert figures.over_redaction <= 0.01, figures.examples
    assert figures.fields_read >= 0.995, figures.examples


def test_misread_letters_lose_little_and_most_of_them_leak_nothing() -> None:
    figures = measure(
        (seed, misread(letters.invent_letter(seed), random.Random(seed))) for seed in range(5100, 5120)
    )
    assert figures.leak_free >= 0.8, figures.examples
    assert figures.over_redaction <= 0.01, figures.examples
    assert figures.fields_read >= 0.9, figures.examples


def test_the_development_half_hides_no_leak_from_review_and_keeps_what_is_clinical() -> None:
    figures = measure((seed, STYLES["development"](seed)) for seed in range(5000, 5040))
    assert figures.silent == 0, figures.examples
    assert sum(figures.leaks.values()) <= 0.01 * sum(figures.words.values()), figures.examples
    assert figures.over_redaction <= 0.01, figures.examples
    assert figures.fields_read >= 0.95, figures.examples


def test_the_second_style_as_a_whole_is_no_worse_than_it_was() -> None:
    """Only shares are compared, lest a failure print what stayed in the reported half."""
    words_gone, lost, fields = _shares_of_the_second_style(range(5000, 5040))
    assert words_gone >= 0.97
    assert lost <= 0.01
    assert fields >= 0.95


def _shares_of_the_second_style(seeds: range) -> tuple[float, float, float]:
    figures = measure((seed, letters_held_out.invent_letter(seed)) for seed in seeds)
    gone = 1 - sum(figures.leaks.values()) / sum(figures.words.values())
    return gone, figures.over_redaction, figures.fields_read


@pytest.mark.parametrize("invent", [letters.invent_letter, letters_held_out.invent_letter])
def test_a_letter_is_decided_by_its_seed_and_its_truth_lies_on_its_words(
    invent: Callable[[int], Letter],
) -> None:
    letter = invent(7)
    assert letter == invent(7)
    assert letter != invent(8)
    places = {(page.number, n) for page in letter.pages for n in range(len(page.words))}
    assert set(letter.identity) <= places
    assert letter.clinical <= places
    assert not set(letter.identity) & letter.clinical
    assert letter.fields
