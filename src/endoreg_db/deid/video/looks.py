"""What the pass hands to OCR: boxes of the source's overlay, and pictures of the output."""

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
    at: float  # seconds from the start of the output
    path: str  # .npy
