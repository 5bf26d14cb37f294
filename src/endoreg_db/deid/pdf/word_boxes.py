"""Where the words of a recognised line begin and end: between two letters, in the widest empty gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.ocr import Picture, SpacedLine


def word_spans(line: SpacedLine, picture: Picture) -> list[tuple[str, int, int]]:
    """The words of a line with their first column and the first column after them.

    Args:
        line: as it was read in ``picture``.
        picture: H×W×3, the line and little else.
    """
    width = picture.shape[1]
    words = line.text.split()
    if not words:
        return []
    centres = [place * width for place in line.places]
    ends = np.cumsum([len(word) for word in words])
    empty = _empty_columns(picture)
    edges = [_first_ink(empty)]
    for end in ends[:-1]:
        left, right = _gap(empty, centres[end - 1], centres[end])
        edges += [left, right]
    edges.append(width - _first_ink(empty[::-1]))
    spans = zip(words, edges[::2], edges[1::2], strict=True)
    return [(word, left, max(right, left + 1)) for word, left, right in spans]


def _empty_columns(picture: Picture) -> NDArray[np.bool_]:
    """The columns without ink: all of their pixels are close to the background."""
    grey = picture.mean(axis=2)
    background = float(np.median(grey))
    contrast = np.abs(grey - background).max(axis=0)
    return np.asarray(contrast < max(24.0, 0.35 * float(contrast.max())))


def _first_ink(empty: NDArray[np.bool_]) -> int:
    inked = np.flatnonzero(~empty)
    return int(inked[0]) if len(inked) else 0


def _gap(empty: NDArray[np.bool_], before: float, after: float) -> tuple[int, int]:
    """The widest run of empty columns between the middles of two letters; their middle if there is none."""
    start, stop = int(min(before, after)), int(max(before, after)) + 1
    runs = list(_runs(empty[start:stop]))
    if not runs:
        middle = round((before + after) / 2)
        return middle, middle
    left, right = max(runs, key=lambda run: run[1] - run[0])
    return start + left, start + right


def _runs(flags: Sequence[bool] | NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and end of each run of true values."""
    padded = np.concatenate(([False], np.asarray(flags, bool), [False]))
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    yield from ((int(a), int(b)) for a, b in list(pairwise(changes))[::2])
