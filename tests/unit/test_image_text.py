"""What counts as text inside the image, and what is blanked because of it, for how long."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import FINEST, FoundText
from endoreg_db.deid.video.covers import Cover, covered_at, fitted, in_output
from endoreg_db.deid.video.image_text import (
    TEXT_MARGIN,
    ImageText,
    Picture,
    SceneReading,
    Sight,
    has_traces,
    text_covers,
    text_findings,
    texts_in,
    whole_covers,
)
from endoreg_db.deid.video.looks import SceneLook
from endoreg_db.deid.video.reading import SceneReader
from endoreg_db.deid.video.verify import inner_part
from endoreg_db.samples import Recording, shipped_profile
from endoreg_db.samples.layout import font

TOKENS = frozenset({"Müller-Lüdenscheidt", "1961-02-03", "4711008"})
#: Pictures begin at column 534 of the source; a tick is a millisecond, the first frame is shown at 500.
SIGHT = Sight(534, 0, Box(550, 0, 1350, 1080), 500, 500, 60_500, Fraction(1, 1000))
WORD = ImageText(Box(100, 200, 80, 30), "Koloskopie", "words", known=False)


def line(text: str, confidence: float = 0.95) -> FoundText:
    return FoundText(Box(0, 0, 10, 10), text, confidence)


def reading(at: float, *texts: ImageText) -> SceneReading:
    return SceneReading(0, at, texts)


@pytest.mark.parametrize(
    ("found", "kind", "known"),
    [
        (line("Mueller-Ludenscheidt"), "words", True),
        (line("geb. 03.02.1961"), "date", True),
        (line("4711008", 0.65), "number", True),
        (line("12.11.2023", 0.65), "date", False),
        (line("Koloskopie"), "words", False),
        (line("Patient:", 0.7), "name label", False),
        (line("0"), None, False),
        (line("Koloskopie", 0.5), None, False),
        (line("12.11.2023", 0.5), None, False),
        (line("O:o", 0.9), None, False),
    ],
)
def test_text_is_told_from_folds_and_highlights(found: FoundText, kind: str | None, known: bool) -> None:
    texts = texts_in([line("8", 0.4), found], TOKENS)

    assert [(text.kind, text.known) for text in texts] == ([] if kind is None else [(kind, known)])


def test_a_short_word_is_text_beside_other_text() -> None:
    assert [text.text for text in texts_in([line("Uwe"), line("Vorname")], TOKENS)] == ["Uwe", "Vorname"]


def test_a_short_word_that_was_hardly_read_is_none_beside_other_text() -> None:
    assert [text.text for text in texts_in([line("Uwe", 0.7), line("Vorname")], TOKENS)] == ["Vorname"]


def test_a_screen_of_text_is_blanked_from_side_to_side_with_what_may_be_unread() -> None:
    form = [replace(WORD, box=Box(100 + 40 * row, 200 + 90 * row, 80, 30)) for row in range(4)]

    (cover,) = text_covers([reading(0.0), reading(9.5, *form), reading(10.0)], SIGHT)

    assert (cover.first, cover.last) == (500, 10_500)
    assert cover.box is not None and (cover.box.x, cover.box.right) == (SIGHT.kept.x, SIGHT.kept.right)
    assert cover.box.y <= 200 - 2 * 30 and cover.box.bottom >= 500 + 2 * 30


def test_a_few_lines_of_text_are_blanked_by_themselves() -> None:
    lines = [replace(WORD, box=Box(100, 200 + 90 * row, 80, 30)) for row in range(3)]

    covers = text_covers([reading(0.0), reading(9.5, *lines), reading(10.0)], SIGHT)

    assert len(covers) == 3 and all(cover.box is not None for cover in covers)


def test_text_is_blanked_from_the_look_before_to_the_look_after() -> None:
    looks = [reading(0.0), reading(10.0), reading(14.0, WORD), reading(24.0)]

    (cover,) = text_covers(looks, SIGHT)

    assert (cover.first, cover.last) == (10_500, 24_500)
    text = Box(534 + 100, 200, 80, 30)
    assert cover.box is not None and inner_part(cover.box) == text


def test_text_that_stays_is_blanked_without_a_gap_to_both_ends() -> None:
    covers = text_covers([reading(0.0, WORD), reading(10.0, WORD), reading(20.0, WORD)], SIGHT)

    assert min(c.first for c in covers) == SIGHT.first and max(c.last for c in covers) == SIGHT.last
    assert all(covered_at(covers, time).boxes for time in range(500, 60_501, 100))


def test_text_that_moves_is_blanked_on_its_way() -> None:
    moved = ImageText(Box(700, 600, 80, 30), "KoIoskopie", "words", known=False)

    covers = text_covers([reading(0.0, WORD), reading(1.0, moved)], SIGHT)

    (way,) = [c for c in covers if c.box is not None and c.box.width > 400]
    assert (way.first, way.last) == (500, 1500)
    assert way.box is not None and way.box.overlaps(Box(534 + 400, 400, 10, 10))


def test_two_texts_at_different_places_do_not_blank_what_is_between_them() -> None:
    other = ImageText(Box(700, 600, 80, 30), "24.12.1969", "date", known=False)

    covers = text_covers([reading(0.0, WORD), reading(1.0, other)], SIGHT)

    assert all(c.box is not None and c.box.height < 100 for c in covers)


def test_a_form_near_the_upper_edge_is_blanked_up_to_it() -> None:
    """What is blanked above its lines ends at the edge of the picture."""
    lines = [ImageText(Box(100, 20 + 60 * n, 400, 50), "Nachname", "words", known=False) for n in range(4)]

    (cover,) = text_covers([reading(0.0, *lines)], SIGHT)

    assert cover.box is not None
    assert (cover.box.x, cover.box.y, cover.box.width) == (SIGHT.kept.x, 0, SIGHT.kept.width)
    assert cover.box.bottom >= 20 + 60 * 3 + 50 + 2 * 50


def test_text_beside_the_kept_image_cannot_be_covered() -> None:
    """It would be a fault of the mask; the next look finds it again, and the output is destroyed."""
    outside = ImageText(Box(0, 200, 2, 30), "Müller", "words", known=True)
    far_left = Sight(400, 0, SIGHT.kept, 0, 0, 1000, Fraction(1, 1000))

    assert text_covers([reading(0.0, outside)], far_left) == ()


def test_what_is_left_blanks_the_whole_image() -> None:
    covers = whole_covers([reading(0.0), reading(10.0, WORD), reading(20.0)], SIGHT)

    assert covers == (Cover(None, 500, 20_500),)
    assert covered_at(covers, 10_000).whole and not covered_at(covers, 20_501).whole


def test_findings_say_what_was_found_without_repeating_it() -> None:
    name = ImageText(WORD.box, "Erika Mustermann", "words", known=True)
    date = ImageText(WORD.box, "24.12.1969", "date", known=False)

    findings = text_findings([reading(1.0, WORD, date), reading(30.0, name)], "it was blanked", "review")

    assert [(f.code, f.severity, f.start) for f in findings] == [
        ("text_in_image", "review", 1.0),
        ("identity_in_image", "review", 30.0),
    ]
    assert "date" in findings[0].detail
    assert all(word not in f.detail for f in findings for word in ("Erika", "Koloskopie", "1969"))


def test_a_cover_lies_on_whole_colour_samples_inside_the_kept_image() -> None:
    rng = np.random.default_rng(1)
    kept = Box(10, 20, 200, 100)
    for x, y, width, height in rng.integers(1, 120, (200, 4)).tolist():
        cover = fitted(Box(x, y, width, height), TEXT_MARGIN, kept)
        if cover is None:
            continue
        assert not any(n % 2 for n in (cover.x, cover.y, cover.width, cover.height))
        assert cover.x >= kept.x and cover.y >= kept.y and cover.right <= 210 and cover.bottom <= 120


def test_covers_are_told_in_the_times_and_pixels_of_the_output() -> None:
    """Times between two ticks of the output become those of the frames that they hold."""
    profile = shipped_profile()
    covers = (Cover(Box(560, 10, 20, 20), 1001, 1999), Cover(None, 0, 500))

    moved = in_output(covers, profile, 1000, Fraction(1, 10))

    assert moved == (Cover(Box(560, 10, 20, 20), 1, 99), Cover(None, -100, -50))


# ---- the picture right before

INSIDE = shipped_profile().image.slices
SHOWN = FoundText(Box(500, 400, 330, 50), "Kaya 07.09.1992", 0.95)


@cache
def inside(number: int) -> Picture:
    return _recording().planes(number)[0][INSIDE].copy()


@cache
def _recording() -> Recording:
    return Recording(22)


def mucosa(number: int, ink: float = 0.0, text: str = SHOWN.text) -> Picture:
    """A picture of the inside, with text so many grey levels brighter than what is behind it."""
    luma = inside(number)
    picture = Image.new("L", (luma.shape[1], luma.shape[0]))
    ImageDraw.Draw(picture).text((SHOWN.box.x + 6, SHOWN.box.y + 6), text, 255, font(34))
    return np.clip(luma + ink * (np.asarray(picture) / 255), 0, 255).astype(np.uint8)


def test_tissue_alone_is_no_trace_of_text() -> None:
    assert not any(has_traces(mucosa(n), mucosa(n + 1, 150), [SHOWN]) for n in range(5))


@pytest.mark.parametrize("ink", [4.0, 10.0, 30.0])
def test_text_that_is_too_faint_to_be_read_leaves_a_trace(ink: float) -> None:
    assert all(has_traces(mucosa(n, ink), mucosa(n + 1, 150), [SHOWN]) for n in range(5))


def test_pictures_of_another_size_are_no_proof_of_anything_nor_are_slivers() -> None:
    assert has_traces(mucosa(1)[:-2], mucosa(2, 150), [SHOWN])
    assert has_traces(mucosa(1), mucosa(2, 150), [replace(SHOWN, box=Box(500, 400, 4, 50))])


class _KnownTexts:
    """In place of the engine: says what is known to be in a picture, by its brightest pixel."""

    def __init__(self) -> None:
        self.read = 0
        self.read_finely = 0

    def find_text(self, picture: Picture, *, smallest: int) -> list[FoundText]:
        self.read_finely += smallest == FINEST
        self.read += smallest > FINEST
        return [SHOWN] if picture[SHOWN.box.slices].max() > 220 else []


def look_with_before(folder: Path, before: Picture, picture: Picture) -> SceneLook:
    for name, saved in (("before", before), ("picture", picture)):
        np.save(folder / f"{name}.npy", saved)
    return SceneLook(3, 6.16, str(folder / "picture.npy"), SceneLook(3, 6.12, str(folder / "before.npy")))


@pytest.mark.parametrize(
    ("before", "picture", "looks", "read"),
    [
        pytest.param(0.0, 150.0, [6.16, 6.12], 2, id="text that comes at once"),
        pytest.param(8.0, 150.0, [6.16], 1, id="text that was there already, faintly"),
        pytest.param(0.0, 0.0, [6.16], 1, id="no text"),
    ],
)
def test_what_is_right_before_a_text_is_read_as_well(
    tmp_path: Path, before: float, picture: float, looks: list[float], read: int
) -> None:
    engine = _KnownTexts()
    look = look_with_before(tmp_path, mucosa(1, before), mucosa(2, picture))

    seen = SceneReader(engine, 24).read(look, TOKENS)  # type: ignore[arg-type]

    assert ([one.at for one in seen], engine.read) == (looks, read)
    assert [one.aside for one in seen] == [False, True][: len(seen)]
    assert engine.read_finely == (picture > 0), "beside text there may be smaller text"
    assert not list(tmp_path.iterdir()), "pictures of the output stay nowhere"


def test_a_text_is_blanked_from_the_picture_right_before_it_on() -> None:
    looks = (reading(0.0), reading(6.0, WORD), reading(9.0))

    (alone,) = text_covers(looks, SIGHT)
    (cover,) = text_covers((*looks, SceneReading(0, 5.96, (), aside=True)), SIGHT)

    assert (alone.first, alone.last) == (500, 9500)
    assert (cover.first, cover.last) == (6460, 9500)


def test_a_text_that_has_moved_is_blanked_on_its_way_though_it_was_not_found_right_before() -> None:
    moved = replace(WORD, box=Box(600, 500, 80, 30))
    looks = (reading(0.0, WORD), reading(1.0, moved))
    aside = SceneReading(0, 0.96, (), aside=True)

    ways = {cover.box for cover in text_covers(looks, SIGHT)}

    assert {cover.box for cover in text_covers((*looks, aside), SIGHT)} == ways and len(ways) == 3
