"""The runs: a scenario is recorded once, then done again and again, and each time cut off elsewhere.

Each run is a forked child, see :mod:`tests.crash.children`; its parent has no open connection and no
other thread while it forks.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from django.db import connections
from django.db.models import F
from django.db.models.functions import Now

from endoreg_db.locking import owner
from endoreg_db.models import ContentLease, ImportAttempt
from tests.crash import invariants, scenarios
from tests.crash.children import ChildError, fork, in_child
from tests.crash.disk import Loss, ModelDisk, StoredFile, Tree
from tests.crash.faults import Fault
from tests.crash.operations import Kind, Operation
from tests.crash.recorder import Observer, Recorder
from tests.crash.scenarios import Scenario, Stage

_OFF_SECONDS = 5.0  # how long before the new start the power went


class When(StrEnum):
    """On which side of an operation the process dies."""

    BEFORE = "before"
    AFTER = "after"


class Recovery(StrEnum):
    """Who mends."""

    DOCTOR = "the doctor, then one more try"
    NEXT = "one more try alone"


@dataclass(frozen=True, slots=True)
class Subject:
    """A scenario that was recorded, ready to be cut off."""

    scenario: Scenario
    prepared: Stage  # copied for every run, never changed
    place: Stage  # where every run takes place; the records hold absolute paths
    recording: bytes
    operations: tuple[Operation, ...]
    clean: invariants.Shape  # of the stage after an undisturbed run
    real: bool  # with the real cell
    fault: Fault | None = None  # a mistake that is made in every run


@dataclass(frozen=True, slots=True)
class Cut:
    """What a power cut after some operations leaves."""

    number: int  # of operations before it
    loss: Loss
    tree: Tree
    database: bytes


# ----------------------------------------------------------------------------------------- recording


def make_ready(folder: Path) -> Stage:
    """Build, in ``folder``, the empty stage that all others begin as, and have all loaded that they need.

    The latter in this process, which is to fork them: every child then finds all modules loaded and
    caches filled.
    """
    empty, rehearsal = Stage(folder / "empty"), Stage(folder / "rehearsal")
    in_child(lambda: scenarios.build_store(empty))
    logging.disable()
    publish = scenarios.SCENARIOS["publish"]
    with _pass(publish, real=False):
        scenarios.build(rehearsal, empty, scenarios.small_recording())
        publish.again(rehearsal)
        scenarios.repair(rehearsal)
        connections.close_all()
    logging.disable(logging.NOTSET)
    shutil.rmtree(rehearsal.root)
    return empty


def prepare(folder: Path, empty: Stage, scenario: Scenario, recording: bytes, *, real: bool) -> Stage:
    """Build the stage of a scenario; it is kept below ``folder``, where all its runs take place."""
    place = Stage(folder / "run")

    def work() -> None:
        scenarios.build(place, empty, recording)
        with _pass(scenario, real):
            scenario.prepare(place)

    in_child(work)
    return Stage(place.root.rename(folder / "prepared"))


def study(prepared: Stage, scenario: Scenario, *, real: bool, fault: Fault | None = None) -> Subject:
    """Record the scenario once on a copy of the stage, and see that it ends as expected.

    With a ``fault`` it may end otherwise; its operations are what is wanted then.

    Raises:
        ChildError: it does not, although nothing disturbed it.
    """
    recording = prepared.source.read_bytes()
    place = Stage(prepared.root.with_name("run"))

    def record() -> list[Operation]:
        log = _Log(place)
        _act(place, scenario, log, real, fault)
        return log.operations

    def finish() -> invariants.Shape:
        store = place.enter()
        with _pass(scenario, real):
            scenario.again(place)
        problems = invariants.violations(place, store, recording, scenario.expected)
        if problems and fault is None:
            raise AssertionError(f"an undisturbed run ends with: {problems}")
        return invariants.shape_of(place)

    with _copied(prepared, place):
        operations = in_child(record)
        if not real:  # what the cell does is not recorded
            _check_complete(prepared, operations, place)
        clean = in_child(finish)
    return Subject(scenario, prepared, place, recording, tuple(operations), clean, real, fault)


def _check_complete(prepared: Stage, operations: Sequence[Operation], stage: Stage) -> None:
    """See that the recorded operations lead to what is there; else the recorder has missed some."""
    disk = ModelDisk.holding(_tree_of(prepared))
    for operation in operations:
        disk.apply(operation)
    if disk.names.keys() != _tree_of(stage).keys():
        missed = sorted(disk.names.keys() ^ _tree_of(stage).keys())
        raise ChildError(f"the recording does not explain {missed}")


@contextmanager
def _copied(prepared: Stage, place: Stage) -> Iterator[None]:
    """A copy of the stage, until the block ends."""
    shutil.copytree(prepared.root, place.root)
    try:
        yield
    finally:
        shutil.rmtree(place.root)


class _Log:
    """Keeps every operation, with the bytes that it made durable."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.operations: list[Operation] = []

    def before(self, operation: Operation) -> None:
        self.operations.append(operation)

    def after(self, operation: Operation, *, failed: bool) -> None:
        content = operation.content
        if operation.kind is Kind.FSYNC:
            content = (self._stage.root / operation.path).read_bytes()
        elif operation.kind is Kind.COMMIT:
            content = _database_of(self._stage)
        self.operations[-1] = replace(operation, content=content, failed=failed)


def _database_of(stage: Stage) -> bytes:
    """The database as its last commit has left it, without its log."""
    source = sqlite3.connect(stage.database)
    try:
        return source.serialize()
    finally:
        source.close()


# ------------------------------------------------------------------------------------------- killing


class _KillAt:
    """Ends the process, as SIGKILL does, at one operation."""

    def __init__(self, number: int, when: When) -> None:
        self._number = number
        self._when = when
        self._seen = 0

    def before(self, _operation: Operation) -> None:
        self._seen += 1
        self._kill_if(When.BEFORE)

    def after(self, _operation: Operation, *, failed: bool) -> None:
        self._kill_if(When.AFTER)

    def _kill_if(self, when: When) -> None:
        if when is self._when and self._seen == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


def kill(subject: Subject, number: int, when: When, recovery: Recovery) -> list[str]:
    """Kill the process at its ``number``-th operation (from 1), recover, and say what is wrong."""
    with killed(subject, number, when) as stage:
        return in_child(lambda: _recovered(subject, stage, recovery))


@contextmanager
def killed(subject: Subject, number: int, when: When) -> Iterator[Stage]:
    """The stage as a process leaves it that is killed there.

    Raises:
        ChildError: it ended before it came to that operation.
    """
    place = subject.place
    with _copied(subject.prepared, place):
        killer = _KillAt(number, when)
        ended = fork(lambda: _act(place, subject.scenario, killer, subject.real, subject.fault))
        if ended.signal != signal.SIGKILL:
            raise ChildError(f"operation {number} was never reached, or: {ended.result()}")
        _outwait_locks_of_nobody(place)
        yield place


def _outwait_locks_of_nobody(stage: Stage) -> None:
    """Let a lock without an owner's record become stale.

    A process that dies between the two system calls that make the lock file and its record leaves one;
    it counts as somebody's until then. All others are found to be a dead owner's at once.
    """
    for path in stage.root.rglob("*.lock"):
        if path != stage.data / "migrate.lock" and owner.ATTRIBUTE.decode() not in os.listxattr(path):
            _make_older(path, 2 * scenarios.STALE_AFTER)


def _make_older(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def _act(stage: Stage, scenario: Scenario, observer: Observer, real: bool, fault: Fault | None) -> None:
    stage.enter()
    recorder = Recorder(stage.root, observer)
    with _pass(scenario, real), (fault or nullcontext)():
        recorder.install()
        scenario.act(stage, lambda message: recorder.message(type(message).__name__))


def _recovered(subject: Subject, stage: Stage, recovery: Recovery, *, permissions: bool = True) -> list[str]:
    store = stage.enter()
    scenario = subject.scenario
    problems = invariants.lost(stage, store, subject.recording)
    with _pass(scenario, subject.real):
        if recovery is Recovery.DOCTOR:
            scenarios.repair(stage)
        scenario.again(stage)
        if recovery is Recovery.NEXT and not scenario.heals_itself:
            scenarios.repair(stage)
    return problems + invariants.violations(
        stage, store, subject.recording, scenario.expected, subject.clean, permissions=permissions
    )


def _pass(scenario: Scenario, real: bool) -> AbstractContextManager[object]:
    return nullcontext() if real else scenarios.passing_by(scenario.stand_in or scenarios.stand_in)


# ---------------------------------------------------------------------------------------- power cuts


def cuts(subject: Subject, losses: Sequence[Loss] = tuple(Loss)) -> Iterator[Cut]:
    """Every different state that a power cut can leave, by the model disk."""
    disk = ModelDisk.holding(_tree_of(subject.prepared))
    database = _database_of(subject.prepared)  # what a killed process has committed may be in its log
    seen: list[tuple[Tree, bytes]] = []
    for number in range(len(subject.operations) + 1):
        if number:
            operation = subject.operations[number - 1]
            disk.apply(operation)
            database = operation.content if operation.kind is Kind.COMMIT else database
        for loss in losses:
            state = disk.after_cut(loss), database
            if state not in seen:
                seen.append(state)
                yield Cut(number, loss, *state)


def cut_power(subject: Subject, cut: Cut, recovery: Recovery) -> list[str]:
    """Start the machine again with what the cut left, recover, and say what is wrong."""
    stage = subject.place

    def work() -> list[str]:
        _start_again(stage)
        return _recovered(subject, stage, recovery, permissions=False)

    try:
        _materialise(cut, stage)
        return in_child(work)
    finally:
        shutil.rmtree(stage.root)


def _tree_of(stage: Stage) -> Tree:
    paths = (path for path in stage.root.rglob("*") if not path.name.startswith(stage.database.name))
    return {
        str(path.relative_to(stage.root)): None if path.is_dir() else StoredFile(path.read_bytes())
        for path in paths
    }


def _materialise(cut: Cut, stage: Stage) -> None:
    """Write what is left to a real folder. Locks are as old as the time that the machine was off."""
    for name, file in cut.tree.items():
        path = stage.root / name
        if file is None:
            path.mkdir(mode=0o700, parents=True)
            continue
        path.write_bytes(file.content)
        path.chmod(0o600)
        if file.attribute:
            os.setxattr(path, owner.ATTRIBUTE, file.attribute)
        if path.suffix == ".lock":
            # One whose record was lost is nobody's, so it only counts as left behind when it is stale.
            _make_older(path, _OFF_SECONDS if file.attribute else 2 * scenarios.STALE_AFTER)
    stage.source.parent.mkdir(exist_ok=True)
    stage.database.write_bytes(cut.database)


def _start_again(stage: Stage) -> None:
    """Make this child a process under a kernel that has just started, after leases have run out."""
    real_place, real_clock = owner.read_place, time.clock_gettime
    started = real_clock(time.CLOCK_BOOTTIME) - 0.5

    def place(boot_id: Path, machine_id: Path) -> owner.Place:
        return replace(real_place(boot_id, machine_id), boot=b"another boot id!")

    def clock(which: int) -> float:
        return real_clock(which) - (started if which == time.CLOCK_BOOTTIME else 0.0)

    owner.read_place = place
    time.clock_gettime = clock
    stage.enter()
    held = ContentLease.objects.filter(owner__isnull=False)
    held.update(expires_at=Now() - timedelta(seconds=1))
    # Recorded a moment ago, it must all the same have begun before the power went.
    off = timedelta(seconds=_OFF_SECONDS)
    ImportAttempt.objects.filter(ended_at__isnull=True).update(started_at=F("started_at") - off)
