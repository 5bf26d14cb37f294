from __future__ import annotations

import pytest

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.ocr import EMPTY, FoundText, Line, Picture, TextReader
from endoreg_db.deid.ocr_proof import require_reading
from endoreg_db.errors import DeidentificationError


class Engine:
    """An engine that answers the same to every picture."""

    def __init__(self, line: str, found: str) -> None:
        self._line, self._found = line, found

    def read_line(self, picture: Picture) -> Line:
        return Line(self._line, 0.99) if self._line else EMPTY

    def find_text(self, picture: Picture) -> list[FoundText]:
        return [FoundText(Box(0, 0, 10, 10), self._found, 0.99)] if self._found else []


def test_the_engine_that_is_installed_reads() -> None:
    require_reading(TextReader())


@pytest.mark.parametrize(
    ("line", "found"), [("", ""), ("Proof 27/05", ""), ("", "Proof 27/05"), ("xkcd", "xkcd")]
)
def test_an_engine_that_reads_nothing_or_rubbish_is_refused(line: str, found: str) -> None:
    with pytest.raises(DeidentificationError, match="does not read its test picture"):
        require_reading(Engine(line, found))
