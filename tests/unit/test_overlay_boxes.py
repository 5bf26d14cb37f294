"""Guessing what is written around an image, from labels and formats alone."""

from __future__ import annotations

import pytest

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import FoundText
from endoreg_db.deid.overlay_boxes import guess_overlay

SIZE = (1920, 1080)
IMAGE = Box(600, 0, 1320, 1080)


def line(text: str, x: int = 40, y: int = 100, width: int = 200, confidence: float = 0.95) -> FoundText:
    return FoundText(Box(x, y, width, 36), text, confidence)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Last name: MUSTERMANN", "last_name"),
        ("Nachname Mustermann", "last_name"),
        ("Vorname: Erika", "first_name"),
        ("First Name Erika", "first_name"),
        ("D.O.B.: 24/12/1969", "birth_date"),
        ("geb. 24.12.1969", "birth_date"),
        ("Pat.-ID: 00471100", "case_number"),
        ("Temp. Pat.-ID 4711", "case_number"),
        ("ID No. 4711-22", "case_number"),
        ("Fall-Nr. 12345", "case_number"),
        ("S/N 2813651", "device_serial"),
        ("Scope: CF-HQ1100DI", "device"),
        ("GIF-EZ1500", "device"),
        ("12:51:07", "examination_time"),
    ],
)
def test_a_label_or_a_format_says_which_field_a_line_is(text: str, field: str) -> None:
    guess = guess_overlay([line(text)], IMAGE, SIZE)

    assert list(guess.boxes) == [field]
    assert guess.unclear == ()


@pytest.mark.parametrize(
    "text", ["Mustermann", "WLI A5 C1", "24/12/1969", "2813651", "Zoom 1.0x", "Identifier"]
)
def test_what_may_be_anything_is_left_to_a_person(text: str) -> None:
    guess = guess_overlay([line(text)], IMAGE, SIZE)

    assert not guess.boxes
    assert guess.unclear == (Box(40, 100, 200, 36),)


def test_of_two_dates_the_later_one_is_that_of_the_examination() -> None:
    guess = guess_overlay([line("03/03/1936", y=200), line("27/06/2024", y=0)], IMAGE, SIZE)

    assert (guess.boxes["birth_date"].y, guess.boxes["examination_date"].y) == (200, 0)


def test_a_number_below_the_model_is_its_serial() -> None:
    lines = [line("CF-HQ1100DI", y=600), line("2813651", y=640), line("7654321", y=900)]

    guess = guess_overlay(lines, IMAGE, SIZE)

    assert guess.boxes["device_serial"].y == 640
    assert guess.unclear == (lines[2].box,)


def test_a_field_that_two_lines_claim_is_unclear() -> None:
    guess = guess_overlay([line("Name: A B", y=0), line("Name: C D", y=200)], IMAGE, SIZE)

    assert not guess.boxes and len(guess.unclear) == 2


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("24/12/1969", "day/month/year"),
        ("12/24/1969", "month/day/year"),
        ("1969/12/24", "year/month/day"),
        ("03/04/1969", "day/month/year"),
    ],
)
def test_a_date_shows_in_which_order_the_device_writes_it(text: str, order: str) -> None:
    assert guess_overlay([line(text)], IMAGE, SIZE).date_order == order


def test_icons_and_what_reaches_into_the_image_are_no_text_of_the_overlay() -> None:
    lines = [line("O", y=0), line("Blurred", y=100, confidence=0.3), line("Name: X", x=500)]

    guess = guess_overlay(lines, IMAGE, SIZE)

    assert not guess.boxes and not guess.unclear


def test_a_box_has_room_for_a_longer_value_but_not_for_its_neighbours() -> None:
    lines = [
        line("Name: Li", width=100),
        line("geb. 1.2.1990", x=300, width=150),
        line("Vorname: Bo", y=130, width=120),
    ]

    boxes = guess_overlay(lines, IMAGE, SIZE).boxes

    assert boxes["last_name"].right == 298
    assert boxes["birth_date"].right == 598, "up to the image"
    assert boxes["last_name"].bottom == boxes["first_name"].y, "the two lines do not overlap any more"
    assert all(box.fits_in(*SIZE) and not box.overlaps(IMAGE) for box in boxes.values())
