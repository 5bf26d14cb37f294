"""What the pass hands to OCR: boxes of the source's overlay, and pictures of the output; and how many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class BoxLook:
    """An overlay box as it was at one moment."""

    field: str
    at: float  # seconds from the start of the recording
    crop: NDArray[np.uint8]  # luma, H×W


@dataclass(frozen=True, slots=True)
class SceneLook:
    """A picture of the output, saved as an array of grey levels."""

    piece: int  # number of the piece that it is from
    at: float  # seconds from the start of the recording
    path: str  # .npy
    #: The picture right before, where that may be the last without what made this one worth a look.
    before: SceneLook | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that was saved for it."""
        return (self.path,) if self.before is None else (self.path, *self.before.paths)


_ALLOWANCE_SECONDS = 10.0  # about as long as a piece is, where a recording can be cut


class Allowance:
    """So many looks in each ten seconds, counted from the first one on.

    A recording that cannot be cut is one piece, however long it is; looks that come regularly would
    use up any number that is for the whole piece.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun: float | None = None  # when these ten seconds began
        self._used = 0

    def is_used_up(self, at: float) -> bool:
        """Whether no further look is allowed at ``at`` seconds; times do not fall."""
        if self._begun is not None and at - self._begun >= _ALLOWANCE_SECONDS:
            passed = (at - self._begun) // _ALLOWANCE_SECONDS
            self._begun, self._used = self._begun + passed * _ALLOWANCE_SECONDS, 0
        return self._used >= self._most

    def use(self, at: float, looks: int = 1) -> None:
        """Count looks that were taken at ``at`` seconds."""
        self._begun = at if self._begun is None else self._begun
        self._used += looks
