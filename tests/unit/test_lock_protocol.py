"""The proof: all interleavings of the protocol's steps, with a kill possible before every one.

What has to hold in every world that can be reached is in `tests/lock_explorer/explorer.py`
(`_check`) and where a call would break it, in `tests/lock_explorer/world.py` (`Violation`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from endoreg_db.locking import lock_steps
from tests.lock_explorer.explorer import BrokenPromise, Scenario, explore
from tests.lock_explorer.programs import Programs, seed_worker
from tests.lock_explorer.world import Inode, Rules

OURS = Programs()
LOCKS = {
    "no lock": None,
    "dead owner's": Inode(stale=False, record="ours", by_hand=True),
    "made by hand": Inode(stale=False, record=None, by_hand=True),
    "stale": Inode(stale=True, record=None, by_hand=True),
    "foreign host's": Inode(stale=False, record="foreign", by_hand=True),
}


@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "no attributes"])
@pytest.mark.parametrize("lock", LOCKS)
def test_three_workers_keep_every_promise(lock: str, attributes: bool) -> None:
    rules = Rules(attributes=attributes)
    report = explore(Scenario([OURS.worker] * 3, LOCKS[lock], rules))
    assert ("killed", "killed", "killed") in report.outcomes
    # Every kind of end occurs, so nothing was left out because a scenario cannot get there.
    assert any("done" in outcome and "refused" in outcome for outcome in report.outcomes)


@pytest.mark.parametrize("lock", LOCKS)
def test_undisturbed_workers_leave_nothing_and_one_of_them_gets_the_lock(lock: str) -> None:
    report = explore(Scenario([OURS.worker] * 3, LOCKS[lock], kills=False))
    assert ("done", "done", "done") in report.outcomes


@pytest.mark.parametrize("lock", LOCKS)
def test_recovery_and_two_workers(lock: str) -> None:
    workers = [OURS.worker, OURS.worker, OURS.remover]
    report = explore(Scenario(workers, LOCKS[lock], ticks=_ticks_needed(lock)))
    if LOCKS[lock] is not None:
        assert any("removed" in outcome for outcome in report.outcomes)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_of_another_user_is_replaced_without_a_second_holder(lock: str) -> None:
    workers = [OURS.worker, OURS.worker, OURS.remover]
    explore(Scenario(workers, LOCKS[lock], Rules(may_write=False), ticks=_ticks_needed(lock)))


@pytest.mark.parametrize("lock", LOCKS)
def test_looking_at_a_lock_never_breaks_a_promise(lock: str) -> None:
    report = explore(Scenario([OURS.worker, OURS.worker, OURS.looker], LOCKS[lock], slow_looks=True))
    assert any("looked at held" in outcome for outcome in report.outcomes)


@pytest.mark.parametrize("lock", ["no lock", "dead owner's", "stale"])
@pytest.mark.parametrize("busybody", [OURS.looker, OURS.remover], ids=["looker", "recovery"])
def test_patient_worker_is_not_refused_because_somebody_looks(lock: str, busybody: object) -> None:
    """Provided that the flock is given up within the pauses, as it is after a few microseconds."""
    rules = Rules(may_run=(False,), patient=True)
    report = explore(Scenario([OURS.worker, busybody], LOCKS[lock], rules, kills=False))  # type: ignore[list-item]
    assert all("done" in outcome for outcome in report.outcomes)


class TestSeedAlgorithm:
    """The explorer sees the two races of the lock that this project began with."""

    RULES = Rules(flock_to_change=False)

    def test_loser_removes_the_winners_lock_and_a_third_gets_in(self) -> None:
        with pytest.raises(BrokenPromise, match="two processes hold the lock") as found:
            explore(Scenario([seed_worker] * 3, None, self.RULES, kills=False, ticks=0))
        steps = str(found.value)
        assert steps.index("enter()") < steps.index("unlink_existing() = True") < steps.rindex("create() = 0")

    def test_two_reclaim_one_stale_lock(self) -> None:
        with pytest.raises(BrokenPromise, match="two processes hold the lock") as found:
            explore(Scenario([seed_worker] * 2, LOCKS["stale"], self.RULES, kills=False, ticks=0))
        assert str(found.value).count("unlink_existing() = True") == 2

    def test_a_lone_worker_is_all_right(self) -> None:
        report = explore(Scenario([seed_worker], None, self.RULES, kills=False))
        assert report.outcomes == {("done",)}


class Mutant(NamedTuple):
    """A change to the protocol's text, and the promise that it breaks."""

    lock: str
    broken: str
    old: str
    new: str


MUTANTS = {
    "new lock is not looked at again once it is locked": Mutant(
        "no lock",
        "two processes hold the lock|leads to another lock or to none",
        "found = files.identify(fd)",
        "found = (0, fd)",
    ),
    "adopted lock is not checked to be the one at the path": Mutant(
        "stale",
        "two processes hold the lock|leads to another lock or to none",
        "if inode is None or not files.names(path, inode):",
        "inode = (0, fd)\n    if False:",
    ),
    "lock is adopted without its flock": Mutant(
        "stale",
        "does not hold its flock",
        "    if not (files.try_lock(fd) or _lock_patiently(files, fd)):\n        raise",
        "    if False:\n        raise",
    ),
    "lock is judged only before it is locked": Mutant(
        "stale",
        "may be somebody's",
        "    _refuse_unless_left_behind(files, path, fd, me, stale_after)\n    return inode",
        "    return inode",
    ),
    "lock is judged only after it is locked": Mutant(
        "no lock",
        "left its lock behind|young lock without an owner",
        "    _refuse_unless_left_behind(files, path, fd, me, stale_after)\n    if not (",
        "    if not (",
    ),
    "record comes before the flock": Mutant(
        "no lock",
        "does not hold its flock",
        "    inode = None\n    try:\n        if not (",
        "    inode = None\n    try:\n        files.record(fd, me)\n        if not (",
    ),
    "adopted lock is made young before it has an owner": Mutant(
        "stale",
        "young lock without an owner|may be somebody's",
        "files.record(fd, me)\n                files.cut(fd)\n                files.fill(fd)",
        "files.cut(fd)\n                files.fill(fd)\n                files.record(fd, me)",
    ),
    "lock is let go before it is removed": Mutant(
        "no lock",
        "does not hold its flock",
        "if files.names(path, inode):\n            files.unlink(path)\n    finally:\n        files.close(fd)",
        "files.close(fd)\n    finally:\n        files.unlink(path)",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_every_step_is_needed(name: str) -> None:
    """A protocol with one step left out or moved breaks a promise, and the explorer says so."""
    mutant = MUTANTS[name]
    programs = Programs(_mutated(mutant.old, mutant.new))
    with pytest.raises(BrokenPromise, match=mutant.broken):
        for attributes in (True, False):
            explore(Scenario([programs.worker] * 3, LOCKS[mutant.lock], Rules(attributes=attributes)))


def test_without_patience_a_look_would_turn_a_worker_away() -> None:
    mutant = Programs(_mutated("    for seconds in files.pauses:", "    for seconds in ():"))
    rules = Rules(may_run=(False,), patient=True)
    with pytest.raises(BrokenPromise, match="no process had the lock"):
        explore(Scenario([mutant.worker, mutant.looker], LOCKS["dead owner's"], rules, kills=False))


def _ticks_needed(lock: str) -> int:
    """Time need not pass where what is there can be taken at once; that spares most of the worlds."""
    return int(lock in ("made by hand", "foreign host's"))


def _mutated(old: str, new: str) -> ModuleType:
    source = Path(lock_steps.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1, f"the protocol has changed; change this mutant with it: {old}"
    module = ModuleType("endoreg_db.locking.mutated_steps")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(source.replace(old, new), "mutated_steps.py", "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module
