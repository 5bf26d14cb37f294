from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from endoreg_db.deid.text_rules import (
    date_forms,
    digits_of,
    fold,
    looks_like_identity,
    matches_known,
    name_key,
    same_name,
)
from endoreg_db.samples.people import LAST_NAMES

LONG_NAMES = [name for name in LAST_NAMES if len(name_key(name).replace(" ", "")) >= 7]
#: What a viewer may see inside an endoscopic image without knowing anybody.
HARMLESS = [
    "",
    "O",
    "0",
    "WLI A5 C1",
    "NBI",
    "Zoom 1.0x",
    "Iris AUTO",
    "Polyp 8 mm",
    "12 mm",
    "REC",
    "30 cm",
    "x2.0",
]


@given(text=st.text(max_size=30))
@example(text="𝖠ᴬǽ")
def test_folding_twice_changes_nothing_and_leaves_words_only(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded == " ".join(folded.split())


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Groß", "gross"),
        ("MÜLLER", "muller"),
        ("Łukaszewicz", "lukaszewicz"),
        ("Jørgensen", "jorgensen"),
        ("Jǿrgensen", "jorgensen"),
        ("𝖠𝗇𝗇𝖺 𝐌ü𝐥𝐥𝐞𝐫", "anna muller"),
        ("İbrahim Yılmaz", "ibrahim yilmaz"),
        ("O'Connor", "o connor"),
        ("Meyer-Lüdenscheid", "meyer ludenscheid"),
        ("Ð_Æ", "d ae"),
    ],
)
def test_folding_drops_case_accents_and_signs(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_umlauts_and_their_spelling_in_two_letters_are_one_name() -> None:
    assert name_key("Müller") == name_key("MUELLER") == name_key("Muller")
    assert same_name("Großmann", "GROSSMANN")
    assert not same_name("Müller", "Kaya")


@given(day=st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_a_known_date_is_found_in_every_order_and_with_any_separator(day: date) -> None:
    token = {day.isoformat()}
    shapes = ("%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%d%m%Y", "%d. %m. %Y", "%d.%m.%y")
    assert all(matches_known(f"*{day.strftime(shape)}", token) for shape in shapes)
    assert len(date_forms(day)) >= 3


@pytest.mark.parametrize("name", LAST_NAMES)
def test_a_known_name_is_found_in_any_spelling_unless_it_is_too_short(name: str) -> None:
    long_enough = len(name_key(name).replace(" ", "")) >= 4
    for written in (name, name.upper(), f"Frau {fold(name)} (65)", f"{name}, Erika"):
        assert matches_known(written, {name}) == long_enough


@given(name=st.sampled_from(LONG_NAMES), place=st.integers(0, 30), letter=st.sampled_from("xqz"))
def test_a_known_name_is_found_with_one_letter_misread(name: str, place: int, letter: str) -> None:
    place %= len(name)
    assert matches_known(f"W7 {name[:place]}{letter}{name[place + 1 :]} .", {name})


@pytest.mark.parametrize(
    ("text", "token", "found"),
    [
        ("Kaya", "Kaya", True),
        ("GroBmann", "Großmann", True),
        ("Kayal", "Kaya", False),  # short names are whole words
        ("Okaya", "Kaya", False),
        ("MeyerLüdenscheid", "Meyer-Lüdenscheid", True),
        ("vonder Heide", "von der Heide", True),
        ("Fr. Lüdenscheid", "Meyer-Lüdenscheid", True),
        ("van der Velde", "von der Heide", False),
        ("Ng", "Ng", False),
        ("Pat 2591 7780", "25917780", True),
        ("25917781", "25917780", True),  # one of eight misread
        ("25917791", "25917780", False),
        ("2609068", "2609067", False),  # shorter numbers match exactly
        ("No 2609067", "2609067", True),
        ("123", "123", False),
        ("24.12.69", "1969-12-24", True),
        ("25.12.1969 17:00", "1968-11-24", False),
        ("Polyp", "Müller", False),
        ("", "Müller", False),
        ("31.02.1969", "1969-02-31", False),  # no day, so not searched
    ],
)
def test_known_tokens_match_by_these_rules(text: str, token: str, found: bool) -> None:
    assert matches_known(text, {token}) is found


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_matches_nobody_and_looks_like_nothing(text: str) -> None:
    tokens = {*LAST_NAMES, "1969-12-24", "24/12/1969", "2609067", "25917780"}
    assert not matches_known(text, tokens)
    assert looks_like_identity(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("24.12.1969", "date"),
        ("1969-12-24", "date"),
        ("24 / 12 / 69", "date"),
        ("24 Dez 1969", "date"),
        ("12-MAY-1980", "date"),
        ("15:37:47", "time"),
        ("08:30", "time"),
        ("Nr 12345678", "number"),
        ("030 1234-56", "number"),
        ("99.99.9999", "number"),
        ("Patient", "name label"),
        ("Patientin:", "name label"),
        ("Vorname", "name label"),
        ("Last name", "name label"),
        ("geb. am", "name label"),
        ("DOB:", "name label"),
        ("Pat.-ID", "name label"),
        ("Fall-Nr.", "name label"),
        ("ID: A7", "name label"),
        ("Sex: F", "name label"),
        ("Dr. Ärmel", "title"),
        ("Frau Groß", "title"),
        ("Müller, Erika", "name"),
        ("von der Heide, Zoë", "name"),
        ("MUELLER^ERIKA", "name"),
    ],
)
def test_identity_is_known_by_its_shape(text: str, kind: str) -> None:
    assert looks_like_identity(text) == kind


@pytest.mark.parametrize(
    "text", ["32.13.2", "1.2.3", "25:61", "12345", "Ideal", "Namibia 3", "Patina", "Geben"]
)
def test_similar_shapes_are_not_identity(text: str) -> None:
    assert looks_like_identity(text) is None


def test_numbers_are_joined_over_separators_and_parted_by_words() -> None:
    assert digits_of("12 34-56 x 7.8") == "123456 78"
