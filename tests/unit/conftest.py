"""What tests of pure parts share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from endoreg_db.samples import Recording


@pytest.fixture(scope="session")
def examination() -> list[NDArray[np.uint8]]:
    """Luma (H×W) and chroma (H/2×W/2) of one frame of an examination; whoever changes it copies it first."""
    return list(Recording(21).planes(0))
