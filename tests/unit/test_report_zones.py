"""Letterhead, signature and cells: there everything goes that no list allows."""

from __future__ import annotations

import pytest

from tests.report_text import gone_from


def letterhead(line: str) -> str:
    return f"{line}\n\n\n\nBefund\nReizlose Schleimhaut ohne Ulkus, keine Polypen im Kolon."


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("Abteilung für Gastroenterologie", []),
        ("Prager", ["Prager"]),
        ("Darm", ["Darm"]),
        ("vom Stein", ["vom", "Stein"]),
        ("Bruch 91a", ["Bruch", "91a"]),
        ("4600 Wels", ["4600", "Wels"]),
        ("Internisten am Markt", ["Internisten", "am", "Markt"]),
        ("Allen", ["Allen"]),
    ],
)
def test_a_line_of_the_letterhead_keeps_only_what_is_allowed(line: str, gone: list[str]) -> None:
    assert gone_from(letterhead(line)) == gone


def test_who_signs_above_a_role_goes_and_the_role_stays() -> None:
    text = "Befund\n\n\n\n\n\n\n\n\nReizlose Schleimhaut.\n\nMit freundlichen Grüßen\n\nSommer\nOberärztin"
    assert gone_from(text) == ["Sommer"]


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("Narkose: Quast / Stein", ["Quast", "/", "Stein"]),
        ("Anästhesie Auge", ["Auge"]),
        ("Spätdienst Donner", ["Donner"]),
        ("Übergeben: Fleck   Übernommen: Kern", ["Fleck", "Kern"]),
        ("Sedierung: Propofol", []),
    ],
)
def test_the_cell_of_a_person_label_goes_be_it_any_word(line: str, gone: list[str]) -> None:
    assert gone_from(letterhead(line)) == gone
