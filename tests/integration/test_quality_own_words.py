"""What the intake writes whatever it takes in is no leak of the report that it took in."""

from __future__ import annotations

from pathlib import Path

from quality.hunter import Hit, Hunter, Token
from quality.reports.own_words import is_own_word, own_words

WARD, MONTH, FIRST_NAME = Token("Layout", "ward"), Token("May", "date"), Token("Ferenc", "name")
SURNAME = Token("Quastenberg", "name")


def test_messages_tables_and_sql_hold_words_that_are_names_elsewhere(tmp_path: Path) -> None:
    own = own_words([WARD, MONTH, FIRST_NAME, SURNAME], Hunter())

    assert own.anywhere == {WARD, MONTH, FIRST_NAME}
    assert own.in_documents == {FIRST_NAME}  # ``/Differences`` of each file's fonts
    database, report = str(tmp_path / "endoreg.sqlite3"), str(tmp_path / "published" / "0b1f.pdf")
    assert is_own_word(Hit(MONTH, database, "bytes", "utf-8", "may still"), own)
    assert not is_own_word(Hit(MONTH, report, "text of page 1", "text", "May 2020"), own)
    assert is_own_word(Hit(FIRST_NAME, report, "object 7 name in Encoding", "text", "/Differences"), own)
    assert not is_own_word(Hit(FIRST_NAME, report, "text of page 1", "text", "Ferenc"), own)
    assert not is_own_word(Hit(SURNAME, database, "bytes", "utf-8", "Quastenberg"), own)
