"""The blind letters: the same for each seed, with a truth that is true, and with faults that nobody sees."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.reports.words import Findings
from quality import letters_blind, measure_letters
from quality.blind_people import Story
from quality.letter_sheet import Letter
from quality.letters_blind import invent_letter, material, parts, tells, templates

SEEDS = range(200)
NOT_IDENTITY = ("clinical", "free")


@pytest.fixture(scope="module")
def some() -> list[Letter]:
    return [invent_letter(seed) for seed in SEEDS]


def words_of(letter: Letter) -> dict[tuple[int, int], str]:
    return {(page.number, index): word.text for page in letter.pages for index, word in enumerate(page.words)}


def test_a_seed_is_the_same_letter_every_time(some: list[Letter]) -> None:
    assert [invent_letter(seed) for seed in SEEDS[:40]] == some[:40]
    assert len({str(words_of(letter)) for letter in some}) == len(some)
    assert {len(letter.pages) for letter in some} >= {1, 2}


def test_the_collection_is_as_varied_as_is_said() -> None:
    stock = material()

    assert len(stock.bodies) >= 60
    assert len(stock.heads) >= 12
    kinds = {body["kind"] for body in stock.bodies}
    assert kinds >= {"gastroscopy", "colonoscopy", "ercp", "eus", "bronchoscopy", "capsule", "discharge"}
    surnames = [
        name for kind in stock.people["names"].values() for name in dict.fromkeys(kind["last"].split(", "))
    ]
    assert len(surnames) >= 250


def test_each_body_has_a_head_and_an_ending_that_suit_it() -> None:
    stock = material()

    for body in stock.bodies:
        for others in (stock.heads, stock.feet):
            assert any(letters_blind._suits(other, body) for other in others), body["text"]


def test_what_is_marked_as_identity_is_identity_in_the_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[str] = []
    fill = Story.fill

    def filled(story: Story, text: str) -> str:
        made = fill(story, text)
        marked.extend(
            word
            for kind, words in re.findall(r"\{(\w+):([^{}]*)\}", made)
            if kind not in NOT_IDENTITY
            for word in parts(words)
        )
        return made

    monkeypatch.setattr(Story, "fill", filled)
    for seed in SEEDS:
        marked.clear()
        letter = invent_letter(seed)
        words = words_of(letter)
        # A word at the end of a line may be hyphenated: so letters are compared, not words.
        shown = "".join(part for place in sorted(letter.identity) for part in parts(words[place]))
        told = Counter("".join(marked))
        assert told.total() > 20
        assert not told - Counter(shown), f"letter {seed} does not show all of {marked}"


def test_nothing_that_is_not_filled_in_is_left(some: list[Letter]) -> None:
    for letter in some:
        assert not [
            word for word in words_of(letter).values() if re.search(r"[\[\]{}<>~|]\w|\w[\[\]{}|]", word)
        ]


def test_no_word_of_identity_is_among_the_words_that_must_stay(some: list[Letter]) -> None:
    for letter in some:
        words = words_of(letter)
        identity = {part for place in letter.identity for part in parts(words[place]) if tells(part)}
        must_stay = {part for place in letter.clinical for part in parts(words[place])}
        assert not identity & must_stay
        assert not set(letter.identity) & letter.clinical


def test_a_letter_says_whom_it_is_about_and_what_was_found(some: list[Letter]) -> None:
    for letter in some:
        words = words_of(letter)
        names = {
            part for place, kind in letter.identity.items() if kind == "name" for part in parts(words[place])
        }
        hyphenated = "".join(words[place] for place in sorted(letter.identity)).replace("-", "").casefold()
        for field in ("first_name", "last_name"):
            value = letter.fields.get(field, "")
            assert set(parts(value)) <= names or value.replace("-", "").casefold() in hyphenated
        assert len(letter.clinical) >= 8


def test_words_lie_on_the_page_and_not_upon_each_other(some: list[Letter]) -> None:
    for letter in some:
        for page in letter.pages:
            boxes = [word.box for word in page.words]
            assert all(
                0 <= box.x0 < box.x1 <= page.width and 0 <= box.y0 < box.y1 <= page.height for box in boxes
            )
            for number, one in enumerate(boxes):
                for other in boxes[number + 1 :]:
                    across = min(one.x1, other.x1) - max(one.x0, other.x0)
                    down = min(one.y1, other.y1) - max(one.y0, other.y0)
                    assert across <= 0.5 or down <= 2.5, (one, other)


def test_texts_hold_no_markup_within_markup() -> None:
    for text in templates():
        assert text.count("{") == text.count("}")
        assert not re.search(r"\{\w+:[^}]*\{", text), text


def test_people_of_ninety_and_more_are_told_by_their_age(some: list[Letter]) -> None:
    ages = [
        words_of(letter)[place] for letter in some for place, kind in letter.identity.items() if kind == "age"
    ]
    assert ages
    assert all(90 <= int(re.sub(r"\D", "", age)) <= 98 for age in ages)


def test_faults_of_the_blind_letters_are_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure_letters, "find_identity", finds_nothing)
    measure_letters.main(["--style", "blind", "--count", "3", "--text", "typeset", "--examples", "99"])
    told = capsys.readouterr().out
    measure_letters.main(
        ["--style", "blind", "--count", "3", "--text", "typeset", "--examples", "99", "--show-blind"]
    )
    shown = capsys.readouterr().out

    assert "leaking            3/3" in told
    assert " leak " not in told, "a fault of a blind letter was printed"
    assert shown.startswith(told.rstrip("\n"))
    assert shown.count(" leak ") > 50


def test_blind_letters_are_measured_only_when_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure_letters, "find_identity", finds_nothing)
    measure_letters.main(["--count", "1", "--show-blind"])

    assert "blind" not in capsys.readouterr().out


def finds_nothing(*_: object) -> Findings:
    return Findings((), Identity())
