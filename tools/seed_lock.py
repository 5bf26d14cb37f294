"""The lock that this project began with, its indentation mended and nothing else.

Kept to be measured, and to be broken: the explorer has to find its two races
(`tests/unit/test_lock_protocol.py`), and `storm.py --algorithm seed` lets two workers in at once.
Nothing that imports recordings uses it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that the algorithm makes; the explorer gives it others."""

    open: Callable[[Path, int, int], int] = os.open
    write: Callable[[int, bytes], int] = os.write
    close: Callable[[int], None] = os.close
    stat: Callable[[Path], Any] = os.stat
    exists: Callable[[Path], bool] = Path.exists
    unlink: Callable[[Path], None] = Path.unlink
    time: Callable[[], float] = time.time


@contextmanager
def seed_lock(path: Path, stale_after: float, calls: Calls) -> Iterator[None]:
    """Hold ``<path>.lock`` as the original did.

    Raises:
        ValueError: The lock is there and not stale.
        OSError: Another process was quicker in between.
    """
    lock_path = Path(str(path) + ".lock")
    fd = None
    try:
        try:
            fd = calls.open(lock_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            if not _is_stale(lock_path, stale_after, calls):
                raise ValueError(f"File already being processed: {path}") from None
            calls.unlink(lock_path)
            fd = calls.open(lock_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        calls.write(fd, b"lock")
        calls.close(fd)
        fd = None
        yield
    finally:
        if fd is not None:
            calls.close(fd)
        if calls.exists(lock_path):
            calls.unlink(lock_path)


def _is_stale(lock_path: Path, stale_after: float, calls: Calls) -> bool:
    try:
        modified = calls.stat(lock_path).st_mtime
    except FileNotFoundError:
        return False
    return bool(calls.time() - modified > stale_after)
