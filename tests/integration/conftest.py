from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.standing import Harness, standing_harness


@pytest.fixture(scope="session")
def crash() -> Iterator[Harness]:
    """Runs ``tools/crash.py``. It forks, so it has a process of its own, one for each worker."""
    with standing_harness() as harness:
        yield harness
