"""Proof that the OCR engine reads, before anybody relies on what it does not find.

An engine whose model is damaged, or that a library's change has broken, can answer "no text" to every
picture, without an error. Then a name inside the image would be looked for, and not be found.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from endoreg_db.deid.ocr import FoundText, Line, Picture
from endoreg_db.deid.text_rules import fold
from endoreg_db.errors import DeidentificationError

_WORDS = "Proof 27/05"
_PIXELS = 32  # per em, as large as the overlays of today's devices


class Reader(Protocol):
    """What is to be proven; :class:`~endoreg_db.deid.ocr.TextReader` is one."""

    def read_line(self, picture: Picture) -> Line: ...  # noqa: D102
    def find_text(self, picture: Picture) -> list[FoundText]: ...  # noqa: D102


def require_reading(reader: Reader) -> None:
    """Let the engine read and find known words in a drawn picture.

    Raises:
        DeidentificationError: it does not.
    """
    picture = _drawn()
    line = reader.read_line(picture[16:80, 16:])
    found = [text.text for text in reader.find_text(picture)]
    if _plain(_WORDS) not in _plain(line.text) or _plain(_WORDS) not in _plain("".join(found)):
        raise DeidentificationError(
            "The OCR engine does not read its test picture, so nothing can be checked"
        )


def _drawn() -> Picture:
    """White words on black, H×W."""
    sheet = Image.new("L", (320, 96))
    font = ImageFont.load_default(_PIXELS)  # comes with Pillow
    ImageDraw.Draw(sheet).text((32, 28), _WORDS, fill=255, font=font)
    return np.asarray(sheet)


def _plain(text: str) -> str:
    return "".join(fold(text).split())
