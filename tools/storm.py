"""Storms on the file lock, on the real file system: `python -m tools.storm [--tries N]`.

Many processes and threads fall upon a few lock files while holders are killed, locks lie about
from yesterday, or somebody deletes them by hand. Whether two held one lock at once is seen by a
witness that knows nothing of the lock: a file that each holder makes exclusively and removes again.
The exit code is 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from endoreg_db.locking.file_lock import HeldLock, LockHeldError, acquire
from tools.seed_lock import Calls, seed_lock

STALE_AFTER = 0.5  # a worker killed before it has recorded itself blocks its path for so long
YESTERDAY = 86400.0


@dataclass(frozen=True, slots=True)
class Storm:
    """What a storm is made of; the shares are probabilities per grant."""

    name: str
    processes: int = 8
    threads: int = 1
    paths: int = 1
    # Seconds between two SIGKILLs; 0: nobody is killed.
    kill_every: float = 0.0
    # After a release, leave a lock file of yesterday, with corrupt content.
    aged: float = 0.0
    # While holding, overwrite the lock file with rubbish.
    corrupted: float = 0.0
    # While holding, move the lock file away; then a second holder is no wonder, and not counted.
    deleted: float = 0.0
    # While holding, fork a child that outlives the grant and tries to release the lock.
    forked: float = 0.0
    # Part of the tries of the first storm.
    share: float = 0.05


STORMS = (
    Storm("one path", share=1.0),
    Storm("threads", processes=4, threads=4),
    Storm("many paths", threads=2, paths=200),
    Storm("killed holders", kill_every=0.02),
    Storm("killed holders, many paths", paths=20, kill_every=0.02),
    Storm("locks of yesterday", aged=0.5),
    Storm("corrupted locks", corrupted=0.5),
    Storm("forked children", forked=0.02),
    Storm("deleted locks", deleted=0.1),
    Storm("everything but deletion", paths=3, kill_every=0.05, aged=0.2, corrupted=0.2, forked=0.01),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened, counted."""

    tries: int = 0
    grants: int = 0
    refusals: int = 0
    # Locks taken over.
    reclaims: int = 0
    # Broken promise: two holders of one lock at once.
    doubles: int = 0
    # Broken promise: a holder's lock was removed, and not by hand.
    lost: int = 0
    # Something that is neither grant nor refusal (the seed's algorithm fails so).
    failures: int = 0
    killed: int = 0
    # Broken promise: a path that cannot be locked when all is over.
    stuck: int = 0
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.doubles or self.lost or self.failures or self.stuck)


# A worker's counters lie in memory that outlives it: the first fields of a tally, in this order.
_COUNTED = ("tries", "grants", "refusals", "reclaims", "doubles", "lost", "failures")


class Counters:
    """One row of counters, written by one thread only."""

    def __init__(self, cells: Any, row: int) -> None:
        self._cells = cells
        self._start = row * len(_COUNTED)

    def add(self, name: str) -> None:
        """Count one more."""
        self._cells[self._start + _COUNTED.index(name)] += 1

    def get(self, name: str) -> int:
        """What has been counted so far, also by a worker that was killed."""
        return int(self._cells[self._start + _COUNTED.index(name)])


class Witness:
    """Sees whether somebody else is in there, by a link that is made exclusively.

    The link names its maker, at once and for good, so what a killed holder left is known as such.
    """

    def __init__(self, path: Path, me: str) -> None:
        self._link = path
        self._me = me

    def enter(self) -> bool:
        """Leave a mark; False if a living process's mark is there."""
        try:
            self._link.symlink_to(self._me)
        except FileExistsError:
            try:
                maker = str(self._link.readlink())
            except FileNotFoundError:
                return False  # it was there a moment ago
            if name_of_process(int(maker.partition("@")[0])) == maker:
                return False
            self._link.unlink(missing_ok=True)
            return self.enter()
        return True

    def leave(self) -> None:
        """Remove the mark."""
        self._link.unlink(missing_ok=True)


# `PF_EXITING` of <linux/sched.h>, in the ninth field of /proc/PID/stat.
_EXITING = 0x4


def name_of_process(pid: int) -> str | None:
    """Number and start of a process, which no other has; None if it cannot do anything any more.

    The kernel closes the files of a killed process, and gives up its flocks, some time before it
    becomes a zombie; it runs no code of its own any more, but looks alive to a hasty witness.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = status.rpartition(")")[2].split()
    is_gone = fields[0] in "ZX" or int(fields[6]) & _EXITING
    return None if is_gone else f"{pid}@{fields[19]}"


class Worker:
    """One thread that tries to get locks."""

    def __init__(
        self, storm: Storm, folder: Path, counters: Counters, tries: int, dice: random.Random
    ) -> None:
        self._storm = storm
        self._folder = folder
        self._counters = counters
        self._tries = tries
        self._dice = dice
        self._me = str(name_of_process(os.getpid()))

    def run(self) -> None:
        """Try until this row of counters is full."""
        while self._counters.get("tries") < self._tries:
            self._counters.add("tries")
            path = self._folder / f"{self._dice.randrange(self._storm.paths)}.mp4.lock"
            try:
                lock = acquire(
                    path, stale_after=STALE_AFTER, on_reclaim=lambda _: self._counters.add("reclaims")
                )
            except LockHeldError:
                self._counters.add("refusals")
                os.sched_yield()  # the holder is to get on, so that the lock changes hands often
                continue
            self._counters.add("grants")
            self._hold(lock)
            if self._happens(self._storm.aged):
                self._leave_lock_of_yesterday(path)

    def _hold(self, lock: HeldLock) -> None:
        moved = self._happens(self._storm.deleted)
        with self._watched(lock.path):
            if self._happens(self._storm.corrupted):
                lock.path.write_bytes(b"corrupted data\n")
            if self._happens(self._storm.forked):
                self._fork(lock)
            if moved:
                lock.path.rename(self._folder / f"moved-{os.getpid()}-{self._counters.get('grants')}")
            os.sched_yield()  # let the others have a go at it
        if lock.renew() == moved:
            self._counters.add("lost")
        lock.release()

    @contextmanager
    def _watched(self, path: Path) -> Iterator[None]:
        if self._storm.deleted:
            yield
            return
        witness = Witness(path.with_suffix(".witness"), self._me)
        if not witness.enter():
            self._counters.add("doubles")
        try:
            yield
        finally:
            witness.leave()

    def _happens(self, share: float) -> bool:
        return share > 0 and self._dice.random() < share

    def _fork(self, lock: HeldLock) -> None:
        if os.fork() == 0:
            lock.release()
            time.sleep(self._dice.random() * 0.02)
            os._exit(0)

    def _leave_lock_of_yesterday(self, path: Path) -> None:
        made = self._folder / f"made-{os.getpid()}"
        made.write_bytes(b"corrupted data\n")
        then = time.time() - YESTERDAY
        os.utime(made, (then, then))
        try:
            path.hardlink_to(made)
        except FileExistsError:
            return  # somebody has the lock
        finally:
            made.unlink()


class SeedWorker(Worker):
    """The same with the lock that the project began with."""

    def run(self) -> None:
        """Try until this row of counters is full."""
        calls = Calls()
        while self._counters.get("tries") < self._tries:
            self._counters.add("tries")
            path = self._folder / f"{self._dice.randrange(self._storm.paths)}.mp4"
            try:
                with seed_lock(path, STALE_AFTER, calls):
                    self._counters.add("grants")
                    with self._watched(Path(f"{path}.lock")):
                        os.sched_yield()
            except ValueError:
                self._counters.add("refusals")
                os.sched_yield()
            except OSError:
                self._counters.add("failures")


class Crew:
    """The worker processes of a storm."""

    def __init__(self, storm: Storm, kind: type[Worker], folder: Path, tries: int, number: int) -> None:
        self._storm = storm
        self._kind = kind
        self._folder = folder
        self._number = number
        self._rows = storm.processes * storm.threads
        self._share = -(-tries // self._rows)
        self._cells: Any = RawArray("Q", self._rows * len(_COUNTED))
        self._context = multiprocessing.get_context("fork")
        self._processes: dict[int, BaseProcess] = {}

    def run(self, dice: random.Random) -> Tally:
        """Let all of them work until all tries are done."""
        started = time.perf_counter()
        for index in range(self._storm.processes):
            self._start(index, generation=0)
        killed = self._kill_until_done(dice) if self._storm.kill_every else 0
        for process in self._processes.values():
            process.join()
        seconds = time.perf_counter() - started
        rows = [Counters(self._cells, row) for row in range(self._rows)]
        counted = {name: sum(row.get(name) for row in rows) for name in _COUNTED}
        return Tally(**counted, killed=killed, seconds=seconds)

    def _start(self, index: int, generation: int) -> None:
        process = self._context.Process(target=self._work, args=(index, generation))
        process.start()
        self._processes[index] = process

    def _kill_until_done(self, dice: random.Random) -> int:
        killed = 0
        while True:
            time.sleep(self._storm.kill_every)
            alive = [index for index, process in self._processes.items() if process.is_alive()]
            if not alive:
                return killed
            index = dice.choice(alive)
            self._processes[index].kill()
            self._processes[index].join()
            killed += 1
            self._start(index, killed)

    def _work(self, index: int, generation: int) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forked children are nobody's concern
        rows = range(index * self._storm.threads, (index + 1) * self._storm.threads)
        workers = [
            self._kind(
                self._storm,
                self._folder,
                Counters(self._cells, row),
                self._share,
                random.Random(f"{self._number}/{row}/{generation}"),
            )
            for row in rows
        ]
        threads = [threading.Thread(target=worker.run) for worker in workers[1:]]
        for thread in threads:
            thread.start()
        workers[0].run()
        for thread in threads:
            thread.join()


def run_storm(storm: Storm, tries: int, number: int, folder: Path, *, seed_algorithm: bool = False) -> Tally:
    """Let one storm pass over an empty folder, and look at what it leaves.

    Args:
        storm: What happens.
        tries: How often a lock is asked for, by all workers together.
        number: For the dice; what the operating system does is not repeated by it.
        folder: Empty; the locks lie there.
        seed_algorithm: Use the lock that the project began with.
    """
    kind = SeedWorker if seed_algorithm else Worker
    tally = Crew(storm, kind, folder, tries, number).run(random.Random(number))
    if seed_algorithm:
        return tally
    time.sleep(STALE_AFTER + 0.1 if storm.kill_every else 0.0)
    stuck = sum(not _can_be_locked(path) for path in sorted(folder.glob("*.lock")))
    if not (storm.kill_every or storm.aged):
        stuck += len(list(folder.glob("*.lock")))
    return Tally(**{**asdict(tally), "stuck": stuck})


def _can_be_locked(path: Path) -> bool:
    try:
        acquire(path, stale_after=STALE_AFTER).release()
    except LockHeldError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the storms and print a table; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tries", type=int, default=1_000_000, help="of the first storm (default: %(default)s)"
    )
    parser.add_argument(
        "--only", choices=[storm.name for storm in STORMS], help="one storm, with all the tries"
    )
    parser.add_argument("--algorithm", choices=["ours", "seed"], default="ours")
    parser.add_argument("--number", type=int, default=1, help="for the dice (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the locks lie (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="one object a line")
    options = parser.parse_args(arguments)
    clean = True
    for storm in STORMS:
        if options.only not in (None, storm.name):
            continue
        tries = options.tries if options.only else int(options.tries * storm.share)
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="storm-") as folder:
            tally = run_storm(
                storm, tries, options.number, Path(folder), seed_algorithm=options.algorithm == "seed"
            )
        print(
            json.dumps({"storm": storm.name, **asdict(tally)}) if options.json else _line(storm, tally),
            flush=True,
        )
        clean = clean and tally.is_clean
    return 0 if clean else 1


def _line(storm: Storm, tally: Tally) -> str:
    return (
        f"{storm.name:27} {tally.tries:>9,} tries {tally.grants:>9,} grants {tally.refusals:>9,} refusals "
        f"{tally.reclaims:>7,} taken over {tally.killed:>5,} killed {tally.tries / tally.seconds:>8,.0f}/s   "
        f"double {tally.doubles}, lost {tally.lost}, failed {tally.failures}, stuck {tally.stuck}"
    )


if __name__ == "__main__":
    sys.exit(main())
