"""Words in scripts without capitals, and letters that a text layer writes in two signs, or lost."""

from __future__ import annotations

import unicodedata

import pytest

from endoreg_db.deid.reports.scripts import is_of_other_script
from endoreg_db.deid.reports.words import Source
from tests.report_text import find_in, gone_from, in_body

NAMES = [
    ("Rücksprache mit 王小明 erfolgte.", {"王小明"}),
    ("Die Tochter محمد علي wurde informiert.", {"محمد", "علي"}),
    ("Herr 王小明 wurde informiert.", {"王小明"}),
    ("Herr 王 wurde informiert.", {"王"}),
    ("Im Beisein von דוד כהן untersucht.", {"דוד", "כהן"}),
    ("Frau 김 민수 kommt wieder.", {"김", "민수"}),
    ("Gespräch mit गीता शर्मा geführt.", {"गीता", "शर्मा"}),
    ("Rücksprache mit иванов erfolgte.", {"иванов"}),
    ("Rücksprache mit μαρία erfolgte.", {"μαρία"}),
]


@pytest.mark.parametrize("source", ["text", "ocr"])
@pytest.mark.parametrize(("sentence", "names"), NAMES)
def test_words_of_a_script_that_reports_are_not_written_in_go(
    sentence: str, names: set[str], source: Source
) -> None:
    gone = set(gone_from(in_body(sentence), source=source))
    assert names <= gone
    assert not {"Rücksprache", "wurde", "informiert.", "erfolgte.", "Gespräch", "kommt"} & gone


def test_what_stands_beside_such_a_word_is_beside_a_name() -> None:
    found = find_in(in_body("Rücksprache mit 王小明 und Grünlich gehalten."))
    kept = "Grünlich" not in gone_from(in_body("Rücksprache mit 王小明 und Grünlich gehalten."))
    assert not kept or any(doubt.code in ("unknown_words", "risky_words") for doubt in found.doubts)


@pytest.mark.parametrize(
    "text", ["µg", "α", "γδ", "TNFα", "37℃", "5Ω", "1ª", "nº", "ﬁbrös", "10⁵", "Łukasz", "naïve", "Ⅲ", "ﬂ"]
)
def test_signs_of_medicine_and_ligatures_are_of_our_scripts(text: str) -> None:
    assert not is_of_other_script(text)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_goes_whether_or_not_its_accents_are_signs_of_their_own(form: str) -> None:
    sentence = unicodedata.normalize(form, "Rücksprache mit Xyrgböm erfolgte.")  # type: ignore[arg-type]
    gone = gone_from(in_body(sentence))
    assert [unicodedata.normalize("NFC", word) for word in gone] == ["Xyrgböm"]


@pytest.mark.parametrize("name", ["Xyrgbo¨m", "Xyrgb¨om", "Xyrgb\ufffdm", "Xyrgb\uf0b7m"])
def test_a_name_goes_though_a_letter_of_it_is_lost_or_has_its_accent_beside_it(name: str) -> None:
    assert gone_from(in_body(f"Rücksprache mit {name} erfolgte.")) == [name]
