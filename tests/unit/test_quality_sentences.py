"""The sentences by other hands: all are drawn, in two halves that share none, with a legible truth."""

from __future__ import annotations

import re

import pytest

from quality import measure_letters
from quality.letters_sentences import invent_letter, letters, sentences

CLASSES = {
    *("name", "birth_date", "age", "relative", "occupation", "address", "phone", "email", "url", "iban"),
    *("insurer", "insurance_number", "case_number", "number", "serial_number"),
    *("staff", "institution", "ward", "date", "time", "free"),
}


def test_the_halves_share_no_sentence_and_hold_as_many() -> None:
    first, second = sentences(0), sentences(1)

    assert len(first) + len(second) == len(set(first) | set(second)) > 1400
    assert abs(len(first) - len(second)) <= 1


def test_every_sentence_is_marked_as_it_can_be_read() -> None:
    for language, text in (*sentences(0), *sentences(1)):
        assert language in ("de", "en"), text
        assert set(re.findall(r"\{(\w+):", text)) <= CLASSES, text
        assert text.count("{") == text.count("}") == len(re.findall(r"\{\w+:[^{}]+\}", text)), text


@pytest.mark.parametrize("half", [0, 1])
def test_each_sentence_stands_in_a_letter_with_its_truth(half: int) -> None:
    drawn = [invent_letter(number, half) for number in range(letters(half))]

    marked = sum(len(re.findall(r"\{(?!free)\w+:", text)) for _, text in sentences(half))
    assert sum(len(letter.identity) for letter in drawn) >= marked > 500
    again = invent_letter(letters(half), half)
    assert again.identity.keys() == drawn[0].identity.keys(), "behind the last they begin anew"


def test_the_faults_of_the_second_half_are_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    measure_letters.main(
        ["--style", "sentences, unseen half", "--count", "2", "--text", "typeset", "--examples", "99"]
    )

    told = capsys.readouterr().out
    assert told.startswith("sentences, unseen half, typeset")
    assert " leak " not in told
