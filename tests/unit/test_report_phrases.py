"""What free phrases tell of somebody's trade, ward, insurance and whereabouts."""

from __future__ import annotations

import pytest

from tests.report_text import gone_from, in_body


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Arbeitet als Lokführer im Schichtdienst.", ["Lokführer"]),
        ("Der Ehemann ist Zugbegleiter, eine Tochter.", ["Zugbegleiter,"]),
        ("Er war Goldschmied, ein Bruder.", ["Goldschmied,"]),
        ("He used to be a welder in the north.", ["welder"]),
        ("Die Schleimhaut ist gerötet, Raucher seit Jahren.", []),
    ],
)
def test_what_somebody_lives_of_goes(sentence: str, gone: list[str]) -> None:
    assert gone_from(in_body(sentence)) == gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Verlegung auf M4a erfolgt.", ["M4a"]),
        ("Bitte auf ITS 2 zurückverlegen.", ["ITS", "2"]),
        ("Die Patientin liegt seit gestern wieder in Zimmer 312.", ["Zimmer", "312."]),
        ("Aufenthalt auf Palliativ vom Montag an.", ["Palliativ"]),
        ("Verlagerung auf die linke Seite.", []),
    ],
)
def test_wards_and_rooms_go_without_a_label(sentence: str, gone: list[str]) -> None:
    assert gone_from(in_body(sentence)) == gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Kostenzusage der KPT liegt vor.", ["KPT"]),
        ("Versichert bei der AOK Nordost und zufrieden.", ["AOK", "Nordost"]),
        ("Vorsorge über Freie Arzt- und Medizinkasse bewilligt.", ["Freie", "Arzt-", "und", "Medizinkasse"]),
        ("Genehmigung der pronova steht aus.", ["pronova"]),
        ("Antrag an die vivida bkk gestellt.", ["vivida", "bkk"]),
        ("Kosten der Therapie sind gering.", []),
    ],
)
def test_who_pays_goes(sentence: str, gone: list[str]) -> None:
    assert gone_from(in_body(sentence)) == gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Geboren in Burg, aufgewachsen in Zell am Main.", ["Burg,", "Zell", "am", "Main."]),
        ("Ist vor kurzem nach Ohne gezogen.", ["Ohne"]),
        ("Wohnt allein, Hohe Warte 75, im zweiten Stock.", ["Hohe", "Warte", "75,"]),
        ("Post an Wiesenhang 49, Höxter bitte.", ["Wiesenhang", "49,", "Höxter"]),
        (
            "Lives with a cat and was seen at Lakeview Digestive Institute.",
            ["Lakeview", "Digestive", "Institute."],
        ),
        ("Umzug ins Haus am See geplant.", ["Haus", "am", "See"]),
        ("Ist vor kurzem nach Bruck an der Mur gezogen.", ["Bruck", "an", "der", "Mur"]),
        ("Ist vor kurzem nach Hamm an der Lippe gezogen.", ["Hamm", "an", "der", "Lippe"]),  # a lip, too
        ("Innere Medizin, Weil der Stadt.", ["Weil", "der", "Stadt."]),
        ("Sturz vor dem Haus, jetzt Im Winkel bei der Tochter.", ["Im", "Winkel"]),
        ("Wurde im Endeer Krankenhaus behandelt.", ["Endeer", "Krankenhaus"]),
        ("Discussed at the City Digestive Institute meeting.", ["the", "City", "Digestive", "Institute"]),
        ("Polyp am Rand, Lage am Sphinkter.", []),
        ("Polyp in Nähe der Flexur, Größe 12, Adenom.", []),
    ],
)
def test_where_somebody_lives_or_stays_goes(sentence: str, gone: list[str]) -> None:
    assert gone_from(in_body(sentence)) == gone
