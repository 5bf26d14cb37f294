"""Reads pictures with RapidOCR as it comes, at several sizes, and compares with what OCR may confuse."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rapidfuzz.distance import Levenshtein

from quality.hunter.tokens import WHOLE_WORD, Token, folded, spellings

Picture = NDArray[np.uint8]  # H×W grey levels or H×W×3 RGB

#: The engine finds text of 20 to 60 pixels best. Small print needs the whole size, or twice that.
SCALES = (1.0, 0.5)
_FRAME = 48  # pixels that stay around what is not all of one colour
_LONGEST_SIDE = 4000  # pixels; larger pictures are shrunk to this first
_LETTERS_PER_ERROR = 7  # one letter in so many may be read wrong
#: Letters that look alike; all of a group become its first.
_ALIKE = str.maketrans(
    {"0": "o", "1": "l", "i": "l", "j": "l", "|": "l", "5": "s", "8": "b", "2": "z", "6": "g"}
)


#: Digits, and the letters that they became.
_DIGITS = frozenset("0123456789".translate(_ALIKE)) | frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class Needles:
    """The tokens in the form in which readings are compared."""

    forms: tuple[tuple[Token, tuple[str, ...]], ...]

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> Needles:
        """Prepare the tokens once for many pictures."""
        return cls(tuple((token, tuple({alike(text) for text in spellings(token)})) for token in tokens))

    def found_in(self, lines: Sequence[str]) -> Iterator[tuple[Token, str]]:
        """The tokens that the lines show, each with the line; a name over two lines counts too."""
        texts = [*lines, *(f"{a} {b}" for a, b in pairwise(lines))]
        for token, forms in self.forms:
            shown = next((text for text in texts if _shows(text, forms)), None)
            if shown is not None:
                yield token, shown


def alike(text: str) -> str:
    """The letters and digits of the text; those that OCR takes for each other made equal."""
    return "".join(letter for letter in folded(text) if letter.isalnum()).translate(_ALIKE)


def _shows(text: str, forms: Sequence[str]) -> bool:
    letters = alike(text)
    words = {alike(word) for word in folded(text).replace(",", " ").split()}
    for form in forms:
        if len(form) < WHOLE_WORD:
            if form in words:
                return True
        elif form in letters or _is_near(form, letters):
            return True
    return False


def _is_near(form: str, letters: str) -> bool:
    """Whether a stretch of ``letters`` differs from ``form`` by no more than reading errors explain.

    Numbers have to be equal: another number is another person's.
    """
    allowed = len(form) // _LETTERS_PER_ERROR
    if allowed == 0 or sum(letter in _DIGITS for letter in form) > len(form) // 2:
        return False
    lengths = range(len(form) - allowed, len(form) + allowed + 1)
    return any(
        Levenshtein.distance(form, letters[start : start + length], score_cutoff=allowed) <= allowed
        for length in lengths
        for start in range(max(0, len(letters) - length) + 1)
    )


def without_frame(picture: Picture) -> Picture:
    """The picture without the rows and columns around it in which every pixel is that of its corner.

    Nothing is written where not one pixel differs. A strip of them stays, as engines need it around
    letters; of a picture of one colour a small part.
    """
    differs = picture != picture[0, 0]
    there = differs if picture.ndim == 2 else differs.any(axis=2)
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return picture[:_FRAME, :_FRAME]
    first, last = (
        (max(0, n[0] - _FRAME) for n in (rows, columns)),
        (n[-1] + _FRAME + 1 for n in (rows, columns)),
    )
    return picture[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]


class PictureReader:
    """An OCR engine of its own; it is loaded when the first picture comes."""

    def __init__(self, *, scales: Sequence[float] = SCALES) -> None:
        """Read each picture at each of the ``scales`` (1: as it is)."""
        self._scales = tuple(scales)

    def read(self, picture: Picture) -> list[str]:
        """The lines of text in the picture, from all sizes, each only once."""
        part = without_frame(picture)
        rgb = np.repeat(part[:, :, None], 3, axis=2) if part.ndim == 2 else part
        lines: dict[str, None] = {}
        for scale in self._scales:
            lines |= dict.fromkeys(self._read_at(rgb, scale))
        return list(lines)

    def _read_at(self, rgb: Picture, scale: float) -> list[str]:
        longest = max(rgb.shape[:2])
        scale = min(scale, _LONGEST_SIDE / longest)
        size = [max(32, round(side * scale)) for side in (rgb.shape[1], rgb.shape[0])]
        scaled = Image.fromarray(rgb).resize((size[0], size[1]), Image.Resampling.LANCZOS)
        result = self._engine(np.ascontiguousarray(np.asarray(scaled)[:, :, ::-1]))
        return [str(text) for text in result.txts or ()]

    @cached_property
    def _engine(self) -> Any:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when ONNX Runtime is first imported
        return import_module("rapidocr").RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.max_side_len": _LONGEST_SIDE,
                "Det.limit_type": "max",
                "Det.limit_side_len": _LONGEST_SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
