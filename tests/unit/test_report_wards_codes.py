"""Codes, times and signs that identify by how they stand: in no list, behind no label."""

from __future__ import annotations

import pytest

from tests.report_text import assert_gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Blutbank EK Nr. 1702 48 839690 wurde transfundiert.", ["1702", "48", "839690"]),
        ("Please ring and quote 410 282 9759 when calling.", ["410", "282", "9759"]),
        ("Konserven D3035 157 und D8650 310 verabreicht.", ["D3035", "157", "D8650", "310"]),
        ("The block 62111/A2 was returned to the ward.", ["62111/A2"]),
        ("Betreuung durch das Gericht, Gz. 42 XVII 717/36, besteht.", ["42", "XVII", "717/36,"]),
        ("Polyp Nr. 3 wurde mit der Schlinge abgetragen.", []),
        ("Adrenalin 1:20000 wurde in die Schleimhaut injiziert.", []),
        ("Die Thrombozyten lagen bei 150–400 und waren normal.", []),
    ],
)
def test_numbers_go_that_nothing_measures(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Der Termin wurde um 13.28 vereinbart und bestätigt.", ["13.28"]),
        ("The capsule was swallowed at 11.46 after the preparation.", ["11.46"]),
        ("Schmerz gering nach Schritt 2. 10:42 Abholung durch die Station.", ["10:42"]),
        ("Der pH lag bei 7.35 und der Druck war normal.", []),
        ("Propofol wurde um 12.50 mg gesteigert und gut vertragen.", []),
        ("Marisken bei 3 und 7 Uhr in Steinschnittlage gesehen.", []),
    ],
)
def test_times_with_a_dot_go_where_nothing_measures(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Verlegt auf Station C 21 in gutem Zustand.", ["C", "21"]),
        ("Der Befund wurde am Bett (14a) mit ihr besprochen.", ["(14a)"]),
        ("Die Frage kommt aus der Unfallchirurgie, P4-22, wegen Diarrhoe.", ["P4-22,"]),
        ("EBUS: Station 4R 10 mm, Station 7 24 mm punktiert.", []),
    ],
)
def test_wards_go_and_the_stations_of_lymph_nodes_stay(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Your driver: please call (715) 555-2328 when ready.", ["(715)", "555-2328"]),
        ("Results were mailed to 1666 N 5th St in the city.", ["1666", "N", "5th", "St"]),
        ("The clinic is in Paradise, MI 49171 near the lake.", ["Paradise,", "MI", "49171"]),
        ("She lives alone in Marsh End TH18 8WP with a cat.", ["Marsh", "End", "TH18", "8WP"]),
        ("Post bitte an die Praxis, 4088 Mödlach, senden.", ["4088", "Mödlach,"]),
        ("Zustand nach Resektion, 2018 Hemikolektomie rechts.", []),
        ("Das Ulkus lag an der Magenstraße und war klein.", []),
    ],
)
def test_addresses_of_other_countries_go(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Der Bericht hat das Zeichen Sc/p im Archiv.", ["Sc/p"]),
        ("Typed by the office this morning, ref PR", ["PR"]),
        ("Das Rezept holt die Nachbarin heute ab. MMo", ["MMo"]),
        ("Die Lipase lag gestern noch bei 565 U/l", []),
        ("Histologie folgt. Schreibkraft: kam", ["kam"]),
        ("Transcribed by: but", ["but"]),
        ("Questions about this, please call. Job 7519712 EG", ["7519712", "EG"]),
        ("Die Ausscheidung wurde berichtet, Notiz tek", ["tek"]),
        ("Das Rezept liegt bereit. sch", ["sch"]),
        ("Aufbewahrung der PEs", []),
        ("Endoscopy reporting system, printed 05/09/2019 by lov", ["05/09/2019", "lov"]),
        ("Diktat con.", ["con."]),
        ("Hdz. Pflege EK", ["EK"]),
    ],
)
def test_signs_of_who_dictated_go(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Der Patient wurde von der Station Geriatrie 2 gebracht.", ["Station", "Geriatrie", "2"]),
        ("Notfallgastroskopie auf Station Medizin 3 um die Mittagszeit.", ["Station", "Medizin", "3"]),
        ("Patientin der Station Chir. Ost, Zustand nach Resektion.", ["Station", "Chir.", "Ost,"]),
        ("Der Aufenthalt war in der Abteilung G5 ohne Komplikation.", ["Abteilung", "G5"]),
        ("Overnight observation on AMAU.", ["AMAU."]),
        ("Discussed with the team on ED Observation.", ["ED", "Observation."]),
        ("Leberfibrose St. 2 nach Biopsie.", []),
        ("Der Patient liegt auf C2 links und ist wach.", ["C2", "links"]),
        ("She was an inpatient on HDU East until Friday.", ["HDU", "East"]),
        ("Night handover, Level 3 Gastro, bed 26, stable.", ["Level", "3", "Gastro,"]),
        ("Rückverlegung auf 2. Med., Bett frei.", ["2.", "Med.,"]),
        ("Der Patient wurde auf A 31 gebracht und ist wach.", ["A", "31"]),
        ("Zimmertausch nach 12 durch die Pflege.", ["12"]),
        ("Aus Gefäß 2: ein Fragment mit Entzündung.", []),
    ],
)
def test_departments_with_a_number_and_units_by_their_sign_go(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("She lives at 170 Patrick Street, Moyvalley, W60 TB86 with a dog.", ["W60", "TB86"]),
        ("Pharmacy is on Sunset Ct, open late.", ["Sunset", "Ct,"]),
        ("Post bitte an Rue du Lac 36-38, danke.", ["Rue", "du", "Lac", "36-38,"]),
        ("Last done at Marlton and East Thaxby NHS Trust by them.", ["Marlton", "and", "East", "Thaxby"]),
        ("Mitglied im Skatclub Herz Dame.", ["Skatclub", "Herz", "Dame."]),
        ("Er ist beschäftigt bei Kali und Salz.", ["Kali", "und", "Salz."]),
        ("Berentet bei Herzinsuffizienz und Diabetes.", []),
        ("He worked for Ford Motor Company until last year.", ["Ford", "Motor", "Company"]),
        ("Die Einweisung kam aus Bad Innerstein heute.", ["Bad", "Innerstein"]),
        ("Die Praxis liegt in St. Florian im Tal am Wald.", ["St.", "Florian", "im", "Tal"]),
    ],
)
def test_places_and_firms_of_other_countries_go(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)
