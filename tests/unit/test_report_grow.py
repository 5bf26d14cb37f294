"""What belongs to a name that was found goes with it."""

from __future__ import annotations

import pytest

from tests.report_text import gone_from, in_body


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Gespräch mit Frau Quast von der Lühe heute.", ["Quast", "von", "der", "Lühe"]),
        ("Herr Quast sen. war anwesend.", ["Quast", "sen."]),
        ("Dr. Quast II wurde erreicht.", ["Quast", "II"]),
        ("Brief an Dr. h. c. T. Quast gesandt.", ["T.", "Quast"]),
        ("Ihre Schwester Ilse Quast, geb. Odermatt, ist gesund.", ["Ilse", "Quast,", "geb.", "Odermatt,"]),
        ("Herr Quast (Harz) rief an.", ["Quast", "(Harz)"]),
    ],
)
def test_particles_suffixes_titles_and_second_names_go_too(sentence: str, gone: list[str]) -> None:
    assert gone_from(in_body(sentence)) == gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Lebt in Rottenburg am Neckar bei der Tochter.", ["Rottenburg", "am", "Neckar"]),
        ("Verlegung ins AWO Seniorenpark Quastenbarg.", ["AWO", "Seniorenpark", "Quastenbarg."]),
        ("Behandlung in St. Georgen erfolgt.", ["St.", "Georgen"]),
    ],
)
def test_small_words_inside_places_and_what_they_are_called_after_go_too(
    sentence: str, gone: list[str]
) -> None:
    assert gone_from(in_body(sentence)) == gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Team: Friend; Odermatt; Nils Quast", ["Friend;", "Odermatt;", "Nils", "Quast"]),
        ("Brief an BAG Odermatt · Wende gesandt.", ["BAG", "Odermatt", "Wende"]),
        ("Herr Odermatt, früher Schrank.", ["Odermatt,", "Schrank."]),
        ("Tumorboard: Klein gen. Odermatt anwesend.", ["Klein", "gen.", "Odermatt"]),
        ("Ada is her next of kin. in der Odermatt was told.", ["Ada", "in", "der", "Odermatt"]),
        ("Blitz sen. litt ebenfalls an einer Polyposis.", ["Blitz", "sen."]),
        ("Besprochen zwischen Glück und Odermatt.", ["Glück", "und", "Odermatt."]),
    ],
)
def test_any_word_that_stands_where_only_a_name_does_goes_with_the_name_beside_it(
    sentence: str, gone: list[str]
) -> None:
    assert gone_from(in_body(sentence)) == gone


def test_a_finding_beside_a_name_in_a_list_stays() -> None:
    assert gone_from(in_body("Anwesend: Ilse Quast; Polyp; Kolon")) == ["Ilse", "Quast;"]
