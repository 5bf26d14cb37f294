"""What a lock costs: ours, the bare system calls, the original algorithm, and well-known libraries.

    python -m benchmarks.locks [--rounds N] [--folder DIR]

All of them take turns in short laps, so that a busy moment of the machine hits all of them; a ratio
is the median of the laps' own ratios. Each acquisition makes its own lock object, as an import does.

The bare calls make a file that nobody else has made, and remove it: less cannot be a lock file. What
makes it safe takes four calls more (`flock`, `fstat`, `setxattr`, `lstat`); a line of its own says what
all eight cost, with no program around them. Where others keep disk or processors busy, the ratio of
processor time is the one to believe.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import fasteners
import filelock
import portalocker
from flufl.lock import Lock as FluflLock

from benchmarks.measure import table
from endoreg_db.locking.file_lock import LockHeldError, LockState, acquire, inspect
from endoreg_db.locking.owner import ATTRIBUTE, current_owner
from tools.seed_lock import Calls, seed_lock

STALE_AFTER = 600.0
LAP_SECONDS = 0.0005
BARE = "`open` + `write` + `close` + `unlink`, bare"
OUR_CALLS = "the eight calls of ours, bare"
OURS = "**endoreg**"

_HOLDER = """
import sys, time
from pathlib import Path
from endoreg_db.locking.file_lock import acquire
lock = acquire(Path(sys.argv[1]), stale_after=600.0)
print("held", flush=True)
time.sleep(600)
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """One lock's acquisition and release."""

    name: str
    wall: float  # microseconds, median
    cpu: float  # likewise, of processor time
    ratio: float  # median of the laps' own ratios to the bare calls
    cpu_ratio: float  # likewise, of processor time


def contenders(folder: Path) -> Mapping[str, Callable[[], None]]:
    """Every way to lock and unlock once, each with a file of its own."""
    calls = Calls()
    bare, eight = os.fspath(folder / "bare.lock"), os.fspath(folder / "eight.lock")
    owner = current_owner()
    ours, seed = folder / "ours.mp4.lock", folder / "seed.mp4"
    names = {name: os.fspath(folder / name) for name in ("hard", "soft", "flufl", "port", "fast")}

    def lock_bare() -> None:
        fd = os.open(bare, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        os.write(fd, b"lock")
        os.close(fd)
        os.unlink(bare)  # noqa: PTH108 - a Path costs more than the call

    def lock_with_eight_calls() -> None:
        fd = os.open(eight, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fstat(fd)
        os.setxattr(fd, ATTRIBUTE, owner)
        os.write(fd, b"lock")
        os.lstat(eight)
        os.unlink(eight)  # noqa: PTH108 - as above
        os.close(fd)

    def lock_ours() -> None:
        acquire(ours, stale_after=STALE_AFTER).release()

    def lock_seed() -> None:
        with seed_lock(seed, STALE_AFTER, calls):
            pass

    def lock_hard() -> None:
        with filelock.FileLock(names["hard"], timeout=0):
            pass

    def lock_soft() -> None:
        with filelock.SoftFileLock(names["soft"], timeout=0):
            pass

    def lock_flufl() -> None:
        with FluflLock(names["flufl"]):
            pass

    def lock_port() -> None:
        with portalocker.Lock(names["port"], timeout=0, fail_when_locked=True):
            pass

    def lock_fast() -> None:
        with fasteners.InterProcessLock(names["fast"]):
            pass

    return {
        BARE: lock_bare,
        OUR_CALLS: lock_with_eight_calls,
        OURS: lock_ours,
        "the original algorithm, mended": lock_seed,
        "`filelock.FileLock`": lock_hard,
        "`filelock.SoftFileLock`": lock_soft,
        "`flufl.lock.Lock`": lock_flufl,
        "`portalocker.Lock`": lock_port,
        "`fasteners.InterProcessLock`": lock_fast,
    }


def measure(folder: Path, rounds: int) -> list[Timing]:
    """Let all of them take turns."""
    ways = contenders(folder)
    times = {name: _times(way) for name, way in ways.items()}
    laps: dict[str, list[_Lap]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            laps[name].append(_lap(way, times[name]))
    return [
        Timing(
            name,
            statistics.median(lap.wall for lap in taken) * 1e6,
            statistics.median(lap.cpu for lap in taken) * 1e6,
            statistics.median(own.wall / bare.wall for own, bare in zip(taken, laps[BARE], strict=True)),
            statistics.median(own.cpu / bare.cpu for own, bare in zip(taken, laps[BARE], strict=True)),
        )
        for name, taken in laps.items()
    ]


def measure_rest(folder: Path, rounds: int) -> list[tuple[str, float]]:
    """What else is done with a lock, in microseconds (median)."""
    path = folder / "held.mp4.lock"
    with acquire(path, stale_after=STALE_AFTER) as lock:

        def be_refused() -> None:
            try:
                acquire(path, stale_after=STALE_AFTER)
            except LockHeldError:
                return
            raise AssertionError("two hold one lock")

        ways: dict[str, Callable[[], object]] = {
            "refused by a live holder": be_refused,
            "`renew`": lock.renew,
            "`inspect`": lambda: inspect(path),
        }
        laps = {name: [_lap(way, 10).wall for _ in range(rounds)] for name, way in ways.items()}
    return [(name, statistics.median(taken) * 1e6) for name, taken in laps.items()]


def measure_takeover(folder: Path, rounds: int) -> list[float]:
    """Milliseconds in which the lock of a holder that was just killed is taken over, sorted."""
    taken = []
    for number in range(rounds):
        path = folder / f"dead-{number}.mp4.lock"
        with _killed_holder(path):
            reclaimed: list[float] = []
            started = time.perf_counter()
            lock = acquire(path, stale_after=STALE_AFTER, on_reclaim=reclaimed.append)
            taken.append((time.perf_counter() - started) * 1e3)
            lock.release()
            assert len(reclaimed) == 1
    return sorted(taken)


@contextmanager
def _killed_holder(path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", _HOLDER, os.fspath(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait()
        assert inspect(path).state is LockState.DEAD
        yield


def _times(way: Callable[[], object]) -> int:
    """How often per lap: all laps last about as long, so the system interrupts them about as often."""
    _lap(way, 20)
    return max(1, round(LAP_SECONDS / _lap(way, 20).wall))


class _Lap(NamedTuple):
    """Seconds for one acquisition and release."""

    wall: float
    cpu: float  # of this thread


def _lap(way: Callable[[], object], times: int) -> _Lap:
    started, began = time.perf_counter(), time.thread_time()
    for _ in range(times):
        way()
    return _Lap((time.perf_counter() - started) / times, (time.thread_time() - began) / times)


def _file_system(folder: Path) -> str:
    """The type of the file system that the folder lies on, as the kernel names it."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    real = folder.resolve()
    over = [mount for mount in mounts if real.is_relative_to(mount[1])]
    return max(over, key=lambda mount: len(mount[1]))[2]


def main(arguments: Sequence[str] = ()) -> str:
    """Measure, and return the tables as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=300, help="laps of each (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the locks lie (default: a temporary folder)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="endoreg-locks-") as name:
        folder = Path(name)
        timings = measure(folder, options.rounds)
        rest = measure_rest(folder, options.rounds)
        takeovers = measure_takeover(folder, 5)
        kind = _file_system(folder)
    cost = table(
        f"Locks: acquire and release ({kind})",
        ("lock", "µs", "× bare calls", "µs of CPU", "CPU × bare calls"),
        [(t.name, f"{t.wall:.0f}", f"{t.ratio:.2f}", f"{t.cpu:.0f}", f"{t.cpu_ratio:.2f}") for t in timings],
    )
    others = table(
        "Locks: the rest",
        ("what", "time"),
        [(what, f"{microseconds:.0f} µs") for what, microseconds in rest]
        + [("dead owner's lock taken over (slowest of 5)", f"{takeovers[-1]:.2f} ms")],
    )
    return f"{cost}\n{others}"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
