"""Lock files as others hold them or leave them behind."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from endoreg_db.locking.owner import (
    ATTRIBUTE,
    Owner,
    current_owner,
)

STALE = 600.0
HOLDER = """
import sys, time
from pathlib import Path
from endoreg_db.locking.file_lock import acquire
lock = acquire(Path(sys.argv[1]), stale_after=600.0)
print("held", flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def other_process_holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def leave_dead_lock(path: Path) -> None:
    with other_process_holding(path) as process:
        process.kill()
        process.wait()
    assert path.exists()


def write_record(path: Path, owner: Owner) -> None:
    path.write_bytes(b"lock")
    os.setxattr(path, ATTRIBUTE, owner)


def foreign_owner(*, machine: bytes = b"elsewher") -> Owner:
    """An owner on another host, or, with our machine id, from before a restart (or on a clone)."""
    me = current_owner()
    place = dataclasses.replace(me.process.place, machine=machine, boot=b"another boot id!")
    return Owner.of(dataclasses.replace(me.process, place=place), me.token)


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def in_forked_child(work: Callable[[], bool]) -> bool:
    """Run in a child made by fork alone, and return what it found."""
    process = multiprocessing.get_context("fork").Process(target=lambda: sys.exit(0 if work() else 1))
    with warnings.catch_warnings():
        # Python 3.12 warns of forks in a process with threads, which a test runner's worker is.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    process.join(20)
    return process.exitcode == 0


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
