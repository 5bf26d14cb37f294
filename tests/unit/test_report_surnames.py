"""Surnames of small and everyday words, behind titles, roles and deeds; what is called after somebody."""

from __future__ import annotations

import pytest

from tests.report_text import gone_from, in_body


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Besprochen mit Dr. med. aus dem Moore am Nachmittag.", ["aus", "dem", "Moore"]),
        ("Besprochen mit Dr. med. univ. G. Quastenberg am Nachmittag.", ["G.", "Quastenberg"]),
        ("Überwiesen von Dr. (Univ. Szeged) Quastenberg zur Klärung.", ["Quastenberg"]),
        ("Die Pflege übernahm Pfl. Graf, danach die Station.", ["Graf,"]),
        ("Gespräch mit Ass.-Arzt Quastenberg am Nachmittag.", ["Quastenberg"]),
        ("Im Gespräch war auch Konstantin vom Stein dabei.", ["Konstantin", "vom", "Stein"]),
    ],
)
def test_surnames_behind_titles_go_with_their_small_words(sentence: str, gone: list[str]) -> None:
    assert [word for word in gone_from(in_body(sentence)) if word in gone] == gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Der Bericht wurde geschrieben Kalt und dann geschickt.", ["Kalt"]),
        ("The letter was printed this morning by Price for the notes.", ["Price"]),
        ("Rezept von der Praxis Busch & Partner, heute geholt.", ["Busch", "Partner,"]),
        ("Transport durch den Rettungsdienst Hintermoos am Morgen.", ["Hintermoos"]),
        ("Der Patient arbeitet bei der Firma Quast & Söhne, im Lager.", ["Quast", "Söhne,"]),
        ("The patient worked for years as a butcher in the city.", ["butcher"]),
        ("Die Tante in Quastenbarg erkrankte mit 37 Jahren.", ["Quastenbarg"]),
    ],
)
def test_names_go_that_only_their_neighbours_give_away(sentence: str, gone: list[str]) -> None:
    assert [word for word in gone_from(in_body(sentence)) if word in gone] == gone


@pytest.mark.parametrize(
    "sentence",
    [
        "Am Telefon besprochen: Marsh 3b, intraepitheliale Lymphozyten vermehrt.",
        "Blutung aus dem Ulkus (Forrest Ib) mit Clip versorgt.",
        "Im Magen sieht man im Korpus eine kleine Läsion.",
        "ASA 2, Mallampati 2, nüchtern seit gestern.",
        "Fibrose Ishak 2, HAI 6, Gallengänge erhalten.",
    ],
)
def test_scores_and_signs_of_the_trade_stay(sentence: str) -> None:
    assert gone_from(in_body(sentence)) == []
