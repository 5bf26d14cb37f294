from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endoreg_db.deid.overlay_text import (
    CaseNumber,
    parse_case_number,
    parse_date,
    parse_device,
    parse_name,
    parse_serial,
    parse_time,
    parser_for,
)
from endoreg_db.deid.profiles import OVERLAY_FIELDS, DateOrder
from endoreg_db.samples.people import FIRST_NAMES, LAST_NAMES

LATEST = date(2025, 12, 1)
ORDERS: dict[DateOrder, str] = {
    "day/month/year": "{d:02}{s}{m:02}{s}{y:04}",
    "month/day/year": "{m:02}{s}{d:02}{s}{y:04}",
    "year/month/day": "{y:04}{s}{m:02}{s}{d:02}",
}
DAYS = st.dates(LATEST - timedelta(days=110 * 365), LATEST)


@given(day=DAYS, order=st.sampled_from(list(ORDERS)), separator=st.sampled_from(["/", ".", "-", " / ", ""]))
def test_a_written_date_is_read_back_in_every_order(day: date, order: DateOrder, separator: str) -> None:
    text = ORDERS[order].format(d=day.day, m=day.month, y=day.year, s=separator)
    assert parse_date(text, order, latest=LATEST) == day


@given(text=st.text(max_size=40), field=st.sampled_from(OVERLAY_FIELDS), order=st.sampled_from(list(ORDERS)))
def test_no_text_at_all_breaks_a_parser(text: str, field: str, order: DateOrder) -> None:
    value = parser_for(field, order, LATEST)(text)
    assert value is None or value.strip() == value != ""


@given(text=st.text("0123456789./- OolI", max_size=14), order=st.sampled_from(list(ORDERS)))
def test_no_misread_date_is_in_the_future_or_before_anybody_lived(text: str, order: DateOrder) -> None:
    found = parse_date(text, order, latest=LATEST)
    assert found is None or date(1910, 1, 1) < found <= LATEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D.O.B.: 24/12/1969", date(1969, 12, 24)),
        ("Geb. am 24.12.1969", date(1969, 12, 24)),
        ("Geburtsdatum 24.12.1969", date(1969, 12, 24)),
        ("24 Dez 1969", date(1969, 12, 24)),
        ("24-MAY-1969", date(1969, 5, 24)),
        ("4/5/1969", date(1969, 5, 4)),
        ("O1/l2/1969", date(1969, 12, 1)),
        ("24/12/69", date(1969, 12, 24)),
        ("24/12/05", date(2005, 12, 24)),
    ],
)
def test_dates_are_read_with_labels_months_in_words_and_letters_for_digits(text: str, expected: date) -> None:
    assert parse_date(text, "day/month/year", latest=LATEST) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "31/02/1969",  # no such day
        "12/24/1969",  # the other order
        "24/12/2026",  # after the latest
        "24/12/1869",  # nobody is as old
        "24/12/15",  # 1915 or 2015
        "24/12/969",
        "24/121969",  # a sign is lost: which one?
        "24/12/1969 25/12/1969",
        "124/12/1969",
        "24 Dex 1969",
    ],
)
def test_a_doubtful_date_is_none(text: str) -> None:
    assert parse_date(text, "day/month/year", latest=LATEST) is None


@given(moment=st.times().map(lambda t: t.replace(microsecond=0)), separator=st.sampled_from([":", ".", ""]))
def test_a_written_time_is_read_back(moment: time, separator: str) -> None:
    assert parse_time(moment.strftime(f"%H{separator}%M{separator}%S")) == moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Time: 15:37", time(15, 37)),
        ("3:37:10 PM", time(15, 37, 10)),
        ("12:00 am", time(0, 0)),
        ("I5:37:O7", time(15, 37, 7)),
        ("25:00:00", None),
        ("15:61", None),
        ("13:00 pm", None),
        ("15:37:47:11", None),
        ("1537", None),
    ],
)
def test_times_are_read_or_none(text: str, expected: time | None) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize("name", FIRST_NAMES + LAST_NAMES)
def test_every_name_is_kept_as_it_is_written(name: str) -> None:
    for written in (name, f" {name} .", f"Name: {name}"):
        assert parse_name(written) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nachname: Müller", "Müller"),
        ("First name Zoë", "Zoë"),
        ("Patient: MÜLLER", "MÜLLER"),
        ("Name-Schmidt", "Name-Schmidt"),
        ("| Meyer - Lüdenscheid_", "Meyer-Lüdenscheid"),
        ("O’Connor", "O'Connor"),
        ("GüI", "Gül"),
        ("GroB", "Groß"),
        ("ibrahim", "İbrahim"),
        ("lldikó", "Ildikó"),
        ("la Porta", "la Porta"),
        ("Yılmaz-inan", "Yılmaz-İnan"),
        ("Puig i Cadafalch", "Puig i Cadafalch"),
        ("WeiBenfels", "Weißenfels"),
        ("DeBoer", "DeBoer"),
        ("McBride", "McBride"),
        ("LaBelle", "LaBelle"),
        ("WEBER", "WEBER"),
        ("M0ller", None),
        ("Müller, Erika", None),
        ("X", None),
        ("--", None),
        ("", None),
        ("Name:", None),
        ("Name", None),
        ("Last name", None),
        ("Vorname", None),
        ("Pat. Name: Kaya", "Kaya"),
        ("Pat Kaya", "Pat Kaya"),
        ("Temp. Pat.-ID", None),
        ("Temp. Pat.-ID T2024", None),
        ("Pat.-ID", None),
        ("Patient ID", None),
        ("Unbekannt", None),
        ("UNKNOWN", None),
        ("No Name", None),
        ("N.N.", None),
        ("Nguyen", "Nguyen"),
        ("Temple", "Temple"),
        ("Müller Özdemir", "Müller Özdemir"),
        ("Freifrau von der Heide-Müller", "Freifrau von der Heide-Müller"),
        ("Mül=ler", None),
        ("a" * 61, None),
    ],
)
def test_names_lose_labels_and_noise_and_doubtful_ones_are_none(text: str, expected: str | None) -> None:
    assert parse_name(text) == expected


@pytest.mark.parametrize(
    ("text", "last", "first"),
    [
        ("Müller, Erika", "Müller", "Erika"),
        ("Name: von der Heide, Marie-Luise", "von der Heide", "Marie-Luise"),
        ("MUELLER^ERIKA^^^", "MUELLER", "ERIKA"),
        ("Müller Erika", None, None),  # which is which?
        ("Müller,", None, None),
        ("Müller, Erika, Anna", None, None),
        ("Temp. Pat.-ID, 77", None, None),
        ("", None, None),
    ],
)
def test_a_box_with_the_whole_name_is_split_where_a_sign_says_so(
    text: str, last: str | None, first: str | None
) -> None:
    read = {
        field: parser_for(field, "day/month/year", LATEST, whole_name=True)(text)
        for field in ("last_name", "first_name")
    }
    assert read == {"last_name": last, "first_name": first}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12345678", CaseNumber("12345678", temporary=False)),
        ("Pat.-ID: 12345678", CaseNumber("12345678", temporary=False)),
        ("ID No. 12 345 678", CaseNumber("12345678", temporary=False)),
        ("Fallnummer: A-2024/117", CaseNumber("A-2024/117", temporary=False)),
        ("Temp. Pat.-ID: T20240101", CaseNumber("T20240101", temporary=True)),
        ("Temp.Pat.-ID 77123", CaseNumber("77123", temporary=True)),
        ("MRN: 0012345", CaseNumber("0012345", temporary=False)),
        ("ID:", None),
        ("Idaho", None),
        ("12", None),
        ("1234567890123456789012345", None),
        ("", None),
    ],
)
def test_case_numbers_lose_their_label_and_say_whether_they_last(
    text: str, expected: CaseNumber | None
) -> None:
    assert parse_case_number(text) == expected


def test_a_temporary_number_is_not_the_case_number() -> None:
    parse = parser_for("case_number", "day/month/year", LATEST)
    assert parse("Temp. Pat.-ID: T20240101") is None
    assert parse("Pat.-ID: 20240101") == "20240101"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CV-1500", "CV-1500"),
        ("CV – 1500", "CV-1500"),
        ("Scope: CF-HQ1100DL", "CF-HQ1100DL"),
        ("PCF-H190TL.", "PCF-H190TL"),
        ("CV-15O0", "CV-1500"),
        ("EPK-i7010", None),
        ("Müller", None),
        ("MUELLER", None),
        ("1500", None),
        ("", None),
    ],
)
def test_devices_are_read_or_none(text: str, expected: str | None) -> None:
    assert parse_device(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2609067", "2609067"),
        ("S/N: 2609067", "2609067"),
        ("Serial No. 26O9O67", "2609067"),
        ("7A 12345", None),
        ("AB12345", "AB12345"),
        ("123", None),
        ("1234567890123", None),
        ("Müller", None),
        ("", None),
    ],
)
def test_serial_numbers_are_read_or_none(text: str, expected: str | None) -> None:
    assert parse_serial(text) == expected


def test_values_are_normalised_to_iso() -> None:
    assert parser_for("birth_date", "day/month/year", LATEST)("4.5.1969") == "1969-05-04"
    assert parser_for("examination_time", "day/month/year", LATEST)("9:05") == "09:05:00"
