"""What goes from a report's text and what stays, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from endoreg_db.deid.reports.check_digits import iban_is_valid, ik_is_valid, kvnr_is_valid
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.reports.words import KnownIdentity, Line, Rect, Source
from tests.report_text import find_in, gone_from, in_body, page_of


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("Patient: Quast, Ilse", ["Quast,", "Ilse"]),
        ("Patient:   Quast, Ilse", ["Quast,", "Ilse"]),
        ("Patient   Quast, Ilse", ["Quast,", "Ilse"]),
        ("Pat.: Klein, Rosa", ["Klein,", "Rosa"]),  # ordinary words are names where a label says so
        ("Patient:\nQuast, Ilse", ["Quast,", "Ilse"]),
        ("Name, Vorname: Quast Ilse", ["Quast", "Ilse"]),
        ("Name   Vorname   Geb.-Dat.\nKlein   Rosa   1.2.1956", ["Klein", "Rosa", "1.2.1956"]),
        ("Patient:Quast,Ilse", ["Patient:Quast,Ilse"]),
        ("Patient: QUAST^ILSE", ["QUAST^ILSE"]),
        ("Patient: v. d. Heide, Zoë", ["v.", "d.", "Heide,", "Zoë"]),
        ("Patient: Q u a s t", ["Q", "u", "a", "s", "t"]),
        ("geb. 12.03.1956", ["12.03.1956"]),
        ("geb.12.03.1956", ["geb.12.03.1956"]),
        ("Geburtsdatum 12. März 1956", ["12.", "März", "1956"]),
        ("DOB: 12/03/1956", ["12/03/1956"]),
        ("Pat.-ID: 4711/22", ["4711/22"]),
        ("Fall-Nr.: 12 345 678", ["12", "345", "678"]),
        ("Case no: A-771", ["A-771"]),
        ("Histologie-Nr.: E/2024/00471", ["E/2024/00471"]),
        ("Versichertennr.: X123456789", ["X123456789"]),  # a wrong check digit changes nothing
        ("Kasse: AOK Hessen", ["AOK", "Hessen"]),
        ("BSNR: 123456789", ["123456789"]),
        ("Untersucher: Dr. med. H. Quast", ["Dr.", "med.", "H.", "Quast"]),
        ("Untersucher/in: Ilse Quast", ["Ilse", "Quast"]),
        ("Endoskopieassistenz: Sr. Hilde / Pfl. Olaf", ["Sr.", "Hilde", "/", "Pfl.", "Olaf"]),
        ("Station: 4B", ["4B"]),
        ("Station   ITS", ["ITS"]),
        ("Beruf Tischler", ["Tischler"]),
        ("Adresse: Hinter dem Deich 3\n26721 Emden", ["Hinter", "dem", "Deich", "3", "26721", "Emden"]),
        ("Serien-Nr.: 2609067", ["2609067"]),
        ("SN 2609067", ["2609067"]),
        ("Kennzeichen: KS-AB 123", ["KS-AB", "123"]),
        ("Pat.: Quast, Ilse | Geb.: 1.2.1956 | PID: 4711", ["Quast,", "Ilse", "1.2.1956", "4711"]),
    ],
)
def test_the_value_of_a_label_goes_and_the_label_stays(line: str, gone: list[str]) -> None:
    assert gone_from(line) == gone


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("Patlent: Quast, Ilse", ["Quast,", "Ilse"]),
        ("Geburtsdaturn: l2.O3.1956", ["l2.O3.1956"]),
        ("Fallnurnmer: 1234S678", ["1234S678"]),
        ("Narne: Quast", ["Quast"]),
    ],
)
def test_labels_and_values_are_known_in_spite_of_misreading(line: str, gone: list[str]) -> None:
    assert gone_from(line, source="ocr") == gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Frau Klein gibt Beschwerden an.", ["Klein"]),
        ("Hr. M. klagt über Schmerzen.", ["M."]),
        ("Sohn Herr M. wurde informiert.", ["M."]),
        ("Rücksprache mit Prof. Dr. J. von Quast erfolgt.", ["J.", "von", "Quast"]),
        ("Sehr geehrter Herr Kollege,", []),
        ("Sehr geehrte Damen und Herren,", []),
        ("Der Befund wurde mit Ilse Klein besprochen.", ["Ilse", "Klein"]),
        ("Die Tochter Mwajuma ist erreichbar.", ["Mwajuma"]),
        ("Dr. Thaddäus Zimmermann, Kiel", ["Thaddäus", "Zimmermann,", "Kiel"]),
        ("Patientin Ilse Klein, geb. am 1.2.1956, kam.", ["Ilse", "Klein,", "1.2.1956,"]),
        ("Verlegung ins Klinikum Hinterwald geplant.", ["Klinikum", "Hinterwald"]),
        ("Vorstellung im St.-Elisabeth-Krankenhaus empfohlen.", ["St.-Elisabeth-Krankenhaus"]),
        ("discussed with Mrs O'Connor and her husband Declan.", ["O'Connor", "Declan."]),
    ],
)
def test_people_and_places_in_sentences_go(sentence: str, gone: list[str]) -> None:
    assert gone_from(in_body(sentence)) == gone


@pytest.mark.parametrize(
    "identity",
    [
        "12.03.2024", "1.2.24", "2024-03-12", "12. März 2024", "12 MAR 2024", "March 12, 2024", "03/2019",
        "März 2019", "12.03.", "14:32", "14.32 Uhr", "8 Uhr", "030 1234567", "+49 30 1234-56", "0171/1234567",
        "a.b@klinik.de", "www.klinik.de", "DE89 3704 0044 0532 0130 00", "A123456780", "34117 Kassel",
        "45127 Essen", "Rosenweg 3a", "Lange Straße 12", "Am Alten Markt 7", "221 Baker Street",
        "MUELLER^ERIKA", "12345678", "H24-12345", "192.168.0.17", "KS-AB 123", "65 070649 C 103",
    ],
)  # fmt: skip
def test_closed_formats_go_without_any_label(identity: str) -> None:
    assert gone_from(in_body(f"Laut Akte: {identity} und weiter.")) == identity.split()


@pytest.mark.parametrize(
    "sentence",
    [
        "Polyp 8 mm (Paris 0-IIa) im Colon ascendens, kalte Schlinge.",
        "Vorbereitung gut (Boston Bowel Preparation Scale 3-3-2), Rückzugszeit 9:30 min.",
        "Los Angeles Grad B, Forrest IIb, Barrett C2M4, Mayo 2, Prag, Spigelman III.",
        "Z. n. Billroth II, V. a. Morbus Crohn, Mallory-Weiss-Läsion, Zenker-Divertikel.",
        "OPS 5-452.61, ICD-10 K63.5, Leukozyten 12.300/µl, Thrombozyten 250000/µl, INR 1,1.",
        "Propofol 120 mg, Midazolam 2 mg i.v., Pantoprazol 40 mg 1-0-1 für 8 Wochen.",
        "Die 65-jährige Patientin berichtet seit 2019 über Sodbrennen.",
        "Grade B oesophagitis; withdrawal time 9:30 min; repeat in 3 years.",
        "Im Antrum 3 Erosionen, am Angulus 2 Angiodysplasien, Analring 2 cm.",
        "Kontrollkoloskopie in Abhängigkeit von der Histologie in drei Jahren.",
    ],
)
def test_clinical_words_and_numbers_stay(sentence: str) -> None:
    found = find_in(in_body(sentence))
    assert found.hits == ()
    assert [doubt.code for doubt in found.doubts] == ["identity_absent"]


def test_a_number_before_a_word_that_begins_like_a_unit_goes() -> None:
    assert gone_from(in_body("Unter 12345678 liegt die Akte, 87654321 gilt.")) == ["12345678", "87654321"]


def test_an_age_goes_from_ninety_on() -> None:
    assert gone_from(in_body("Die 92-jährige Patientin, Schwester 89 Jahre alt.")) == ["92-jährige"]


@pytest.mark.parametrize(
    ("word", "goes"),
    [
        ("Quastenberg", True), ("QUASTENBERG", True), ("Quastenbergs", True), ("Quasten-berg", True),
        ("Quastenbarg", True), ("Meier-Quastenberg", True), ("quastenberg", True), ("Quaste", False),
        ("Polyp", False), ("E.Q.", True),
    ],
)  # fmt: skip
def test_what_a_label_names_is_found_everywhere(word: str, goes: bool) -> None:
    text = f"Patient: Quastenberg, Edda\n{in_body(f'Die Angabe {word} dazu.')}"
    assert (word in gone_from(text)) == goes


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Müller", "MUELLER"), ("Groß", "Gross"), ("Łukaszewicz", "Lukaszewicz"), ("von der Heide", "Heide"),
        ("Meyer-Lüdenscheid", "Luedenscheid"), ("Ng", "Ng"), ("Schwarz", "Schwarz"),
    ],
)  # fmt: skip
def test_names_known_before_are_found_in_any_spelling(name: str, written: str) -> None:
    known = KnownIdentity(names=(f"{name}, Zuhra",))
    assert gone_from(in_body(f"Laut {written} beschwerdefrei."), known) == [written]


def test_a_known_surname_that_is_a_word_goes_only_as_a_name() -> None:
    known = KnownIdentity(names=("Schwarz, Zuhra",))
    assert gone_from(in_body("Stuhl schwarz, laut Schwarz seit Tagen."), known) == ["Schwarz"]


def test_names_and_numbers_of_the_file_name_are_found() -> None:
    known = KnownIdentity(file_name="Befund_Quastenberg_8812345.pdf")
    assert gone_from(in_body("Quastenberg hat Nr 88 12345 erhalten."), known) == [
        "Quastenberg",
        "88",
        "12345",
    ]


def test_a_name_cut_by_the_line_end_goes_with_both_halves() -> None:
    text = "Patient: Quastenberg, Edda\n" + in_body(
        "Wir haben den Befund heute mit Quasten-\nberg besprochen."
    )
    assert gone_from(text)[-2:] == ["Quasten-", "berg"]


def test_letterhead_and_signature_keep_only_what_a_list_allows() -> None:
    text = """
Klinikum am Musterpark
Innere Medizin und Gastroenterologie
Xaveriusstift   Tel. 0551 1234
Befund
Polyp im Sigma.






















Mit freundlichen Grüßen
A. Xylander
Oberärztin
"""
    gone = gone_from(text)
    assert {"Klinikum", "am", "Musterpark", "Xaveriusstift", "0551", "1234", "Xylander"} <= set(gone)
    assert not {"Innere", "Medizin", "Gastroenterologie", "Polyp", "Sigma.", "Grüßen", "Oberärztin"} & set(
        gone
    )


def test_words_in_no_list_that_stay_raise_a_doubt_without_saying_them() -> None:
    found = find_in("Patient: Quast, Ilse\n" + in_body("Zustand mit dem Xyrgblom beschrieben."))
    doubt = next(doubt for doubt in found.doubts if doubt.code == "unknown_words")
    assert doubt.severity == "review"
    assert "Xyrgblom" not in doubt.detail


def test_a_word_in_no_list_that_stands_as_names_do_goes() -> None:
    found = find_in("Patient: Quast, Ilse\n" + in_body("Zustand wie Xyrgblom beschrieben."))
    assert "Xyrgblom" in {hit.value for hit in found.hits}


def test_two_patients_in_one_report_raise_a_doubt() -> None:
    found = find_in("Patient: Quast, Ilse\nPatient: Okonkwo, Chidi")
    assert "several_patients" in {doubt.code for doubt in found.doubts}
    assert not any(name in doubt.detail for doubt in found.doubts for name in ("Quast", "Okonkwo"))


TWO_HEADS = """Patient: {}
geb. am: {}
Untersuchung am 12.03.2020


Patient: {}
geb. am: {}
"""


@pytest.mark.parametrize(
    ("heads", "doubts"),
    [
        (("Hansen, Brigitte", "14.05.61", "Hansen, B.", "05.07.58"), {"several_birth_dates"}),
        (("Hansen, Brigitte", "14.05.61", "Hansen, Wilhelm", "14.05.61"), {"several_patients"}),
        (
            ("Hansen, Brigitte", "14.05.61", "Hansen, Wilhelm", "05.07.58"),
            {"several_patients", "several_birth_dates"},
        ),
        (("Hansen, Brigitte", "14.05.61", "Brigitte Hansen", "14.05.1961"), set()),
        (("Hansen, Brigitte", "14.05.61", "Hansen, B.", "14.05.61"), set()),
        (("Hansen, Brigitte", "14.05.61", "Hansen, Brig.", "14.05.61"), set()),
        (("Hansen, Brigitte", "14.05.61", "Hansen, Brigltte", "14.05.61"), set()),
        (("Hansen, Hans-Peter", "14.05.61", "Hansen, Peter Hans", "14.05.61"), set()),
        (("Hansen, Anna Maria", "14.05.61", "Hansen, Maria", "14.05.61"), set()),
    ],
)
def test_two_patients_of_one_surname_raise_a_doubt_and_two_spellings_of_one_do_not(
    heads: tuple[str, ...], doubts: set[str]
) -> None:
    found = find_in(TWO_HEADS.format(*heads))
    assert {doubt.code for doubt in found.doubts} == doubts


def test_two_births_of_two_digits_raise_a_doubt_though_their_centuries_are_not_known() -> None:
    found = find_in("Patient: Hansen, Brigitte\ngeb. am: 14.05.61\n\nPatient: Hansen, B.\ngeb. am: 05.07.58")
    assert {doubt.code for doubt in found.doubts} == {"several_birth_dates"}


def test_the_first_names_of_two_forms_raise_a_doubt() -> None:
    found = find_in("Name: Hansen   Vorname: Brigitte\n\n\nName: Hansen   Vorname: Wilhelm")
    assert "several_patients" in {doubt.code for doubt in found.doubts}


def test_the_surname_of_a_form_outranks_a_lone_name_below_it() -> None:
    found = find_in("Surname: COLOMBO\nFirst name: Jonas\nDate of Birth: 24-Dec-1988\n\nPatient: Okonkwo")
    read = found.identity.values()
    assert (read["first_name"], read["last_name"]) == ("Jonas", "COLOMBO")
    assert "several_patients" in {doubt.code for doubt in found.doubts}


def test_the_surname_is_not_the_one_that_somebody_was_born_with() -> None:
    found = find_in("Betr.: Wirtz geb. Cremer, Gerhard, geb. am 28.10.1944, Ringstr. 80, 01621 Wald")
    assert found.identity.values()["last_name"] == "Wirtz"


def test_the_fields_of_the_contract_are_read() -> None:
    found = find_in(
        "Patient:   von der Heide, Zoë   Untersuchung am:   12.03.2024\n"
        "geb. am   1.2.1956   Uhrzeit:   9:05\n"
        "Fallnummer:   12 345 678   Endoskop:   CF-HQ190L\n"
        "Serien-Nr.:   2609067"
    )
    assert found.identity.values() == {
        "first_name": "Zoë",
        "last_name": "von der Heide",
        "birth_date": "1956-02-01",
        "examination_date": "2024-03-12",
        "examination_time": "09:05:00",
        "case_number": "12345678",
        "device": "CF-HQ190L",
        "device_serial": "2609067",
    }


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("ZU LÖWENSTEIN, Björn", "Björn", "ZU LÖWENSTEIN"),
        ("d ' A n g e l o , K o s t a s", "Kostas", "d'Angelo"),
    ],
)
def test_a_name_in_capitals_or_spaced_out_is_read(written: str, first: str, last: str) -> None:
    read = find_in(f"Patient:\n{written}").identity.values()
    assert (read["first_name"], read["last_name"]) == (first, last)


def test_a_case_number_that_could_be_a_day_is_read() -> None:
    assert find_in("Fallnummer: 20400314").identity.values()["case_number"] == "20400314"


@pytest.mark.parametrize(
    ("line", "gone"),
    [("Kim", ["Kim"]), ("z. Hd. Schenkel", ["Schenkel"]), ("Mag. M. Zungenbein", ["M.", "Zungenbein"])],
)
def test_somebody_who_stands_alone_in_a_line_goes(line: str, gone: list[str]) -> None:
    assert [word for word in gone_from(in_body(line)) if word in gone] == gone


@pytest.mark.parametrize("birth", ["1.2.24", "31.02.1956", "heute"])
def test_a_birth_date_that_can_mean_two_days_or_none_is_not_read(birth: str) -> None:
    assert find_in(f"Patient: Quast, Ilse\ngeb.: {birth}").identity.birth_date is None


@pytest.mark.parametrize(("source", "sure"), [("text", 0.95), ("ocr", 0.855), ("hidden", 0.76)])
def test_what_was_read_is_as_sure_as_its_words_are_legible(source: Source, sure: float) -> None:
    identity = find_in("Patient: Quast, Ilse\ngeb.: 01.02.1956", source=source).identity
    assert {reading.confidence for _, reading in identity.readings()} == {sure}
    assert len(list(identity.readings())) == 3


def test_the_check_digits_are_those_of_the_published_examples() -> None:
    assert kvnr_is_valid("A123456780")
    assert not kvnr_is_valid("A123456781")
    assert ik_is_valid("100696012")
    assert not ik_is_valid("100696013")
    assert iban_is_valid("DE89 3704 0044 0532 0130 00")
    assert not iban_is_valid("DE88 3704 0044 0532 0130 00")


def test_nine_digits_are_an_insurer_only_with_the_right_check_digit() -> None:
    right, wrong = (find_in(in_body(f"Nr {n} liegt vor.")).hits[0] for n in ("100696012", "100696013"))
    assert (right.kind, wrong.kind) == ("insurer_number", "number")


def test_a_right_check_digit_raises_the_confidence_and_a_wrong_one_still_goes() -> None:
    right, wrong = (find_in(in_body(f"Nr {n} liegt vor.")).hits[0] for n in ("A123456780", "A123456781"))
    assert right.kind == wrong.kind == "insurance_number"
    assert right.confidence > wrong.confidence


def test_a_hidden_layer_over_a_page_is_read_apart_from_it() -> None:
    text = "Patient: Quast, Ilse\n\nAnamnese: Polyp im Sigma, Kontrolle der Schleimhaut in drei\nJahren."
    seen, hidden = page_of(text, source="ocr"), page_of(text, source="hidden", top=41.0)
    both = replace(seen, lines=(*seen.lines, *hidden.lines))

    alone, together = (find_identity([page], KnownIdentity()) for page in (seen, both))

    count = len(seen.words)
    assert [h.words for h in together.hits if h.words[0] < count] == [h.words for h in alone.hits]
    assert {both.words[n].text for h in together.hits for n in h.words if n >= count} == {"Quast,", "Ilse"}
    assert (together.doubts, together.identity) == (alone.doubts, alone.identity)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Die Ehefrau lonut wurde angerufen.", ["lonut"]),
        ("D0B 14.01.2000", ["14.01.2000"]),
        ("geboren am 6. November 1969", ["6.", "November", "1969"]),
        ("lm Ileum und lleum unauffällig, lntubation gelungen.", []),
    ],
)
def test_what_ocr_takes_for_another_sign_is_known(text: str, gone: list[str]) -> None:
    assert gone_from(in_body(text), source="ocr") == gone


def test_a_birth_date_in_words_is_read_whole_from_a_scan() -> None:
    found = find_in("Patient: Quast, Ilse\ngeboren am 6. November 1969", source="ocr")
    assert found.identity.values()["birth_date"] == "1969-11-06"


def test_lines_of_a_scan_stand_below_each_other_though_their_boxes_overlap() -> None:
    page = page_of("Nachname   Vorname\nQuast   Ilse", source="ocr")
    wide = [
        Line(tuple(replace(w, box=Rect(w.box.x0, w.box.y0 - 4, w.box.x1, w.box.y1 + 4)) for w in line.words))
        for line in page.lines
    ]
    read = find_identity([replace(page, lines=tuple(wide))], KnownIdentity()).identity.values()
    assert (read["last_name"], read["first_name"]) == ("Quast", "Ilse")
