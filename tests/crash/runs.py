"""The runs: a scenario is recorded once, then done again and again, and each time cut off elsewhere.

Everything that touches Django's connections happens in a forked child, which ends by ``os._exit`` or
by the SIGKILL that is the point of it. The parent stays single-threaded and opens no database.
"""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import signal
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from django.db import connections
from django.db.models.functions import Now

from endoreg_db.locking import owner
from endoreg_db.models import ContentLease
from endoreg_db.storage.keys import MasterKey
from tests.crash import invariants, scenarios
from tests.crash.disk import Loss, ModelDisk, StoredFile, Tree
from tests.crash.faults import Fault
from tests.crash.operations import Kind, Operation
from tests.crash.recorder import Observer, Recorder
from tests.crash.scenarios import Scenario, Stage

_T = TypeVar("_T")

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


@dataclass(frozen=True, slots=True)
class Cut:
    """What a power cut after some operations leaves."""

    number: int  # of operations before it
    loss: Loss
    tree: Tree
    database: bytes


class ChildError(Exception):
    """A child ended otherwise than it should; says with which error, and where."""


# ----------------------------------------------------------------------------------------- recording


def prepare(folder: Path, scenario: Scenario, recording: bytes, *, real: bool) -> Stage:
    """Build the stage of a scenario; it is kept below ``folder``, where all its runs take place."""
    # Loaded here, once, for all children.
    MasterKey(bytes(32)).derive("preload")
    place = Stage(folder / "run")

    def work() -> None:
        scenarios.build(place, recording)
        with _pass(real):
            scenario.prepare(place)

    in_child(work)
    return keep(place, "prepared")


def keep(stage: Stage, name: str) -> Stage:
    """Put a stage aside, to be copied."""
    return Stage(stage.root.rename(stage.root.with_name(name)))


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
        with _pass(real):
            scenario.again(place)
        problems = invariants.violations(place, store, recording, scenario.expected)
        if problems and fault is None:
            raise AssertionError(f"an undisturbed run ends with: {problems}")
        return invariants.shape_of(place)

    with _copied(prepared, place):
        operations, clean = in_child(record), in_child(finish)
    return Subject(scenario, prepared, place, recording, tuple(operations), clean, real)


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


def kill(
    subject: Subject, number: int, when: When, recovery: Recovery, *, fault: Fault | None = None
) -> list[str]:
    """Kill the process at its ``number``-th operation (from 1), recover, and say what is wrong."""
    with killed(subject, number, when, fault=fault) as stage:
        return in_child(lambda: _recovered(subject, stage, recovery))


@contextmanager
def killed(subject: Subject, number: int, when: When, *, fault: Fault | None = None) -> Iterator[Stage]:
    """The stage as a process leaves it that is killed there.

    Raises:
        ChildError: it ended before it came to that operation.
    """
    place = subject.place
    with _copied(subject.prepared, place):
        ended = _fork(lambda: _act(place, subject.scenario, _KillAt(number, when), subject.real, fault))
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
    with _pass(real), (fault or nullcontext)():
        recorder.install()
        scenario.act(stage, lambda message: recorder.message(type(message).__name__))


def _recovered(subject: Subject, stage: Stage, recovery: Recovery, *, permissions: bool = True) -> list[str]:
    store = stage.enter()
    scenario = subject.scenario
    problems = invariants.lost(stage, store, subject.recording)
    with _pass(subject.real):
        if recovery is Recovery.DOCTOR:
            scenarios.repair(stage)
        scenario.again(stage)
        if recovery is Recovery.NEXT and not scenario.heals_itself:
            scenarios.repair(stage)
    return problems + invariants.violations(
        stage, store, subject.recording, scenario.expected, subject.clean, permissions=permissions
    )


def _pass(real: bool) -> AbstractContextManager[None]:
    return nullcontext() if real else scenarios.passing_by(scenarios.stand_in)


# ---------------------------------------------------------------------------------------- power cuts


def cuts(subject: Subject, losses: Sequence[Loss] = tuple(Loss)) -> Iterator[Cut]:
    """Every different state that a power cut can leave, by the model disk."""
    disk = ModelDisk.holding(_tree_of(subject.prepared))
    database = subject.prepared.database.read_bytes()
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
    paths = (path for path in stage.root.rglob("*") if path != stage.database)
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


# ------------------------------------------------------------------------------------------ children


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a child ended."""

    signal: int  # 0: by itself
    answer: bytes  # pickled: (its result, "") or (None, its traceback)

    def result(self) -> object:
        if not self.answer:
            raise ChildError(f"a child ended without an answer, by signal {self.signal}")
        result, trouble = pickle.loads(self.answer)
        if trouble:
            raise ChildError(trouble)
        return result


def in_child(work: Callable[[], _T]) -> _T:
    """Do ``work`` in a forked child and return what it returns.

    Raises:
        ChildError: it raised, or died.
    """
    return _fork(work).result()  # type: ignore[return-value]


def _fork(work: Callable[[], object]) -> _Ended:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_and_exit(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    return _Ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, answer)


def _run_and_exit(work: Callable[[], object], writing: int) -> None:
    logging.disable()  # the warnings of recovery are what is expected here
    write = os.write  # the recorder replaces the one in the module
    try:
        answer = pickle.dumps((work(), ""))
        connections.close_all()
    except BaseException as error:  # noqa: BLE001 - whatever it was is told to the parent
        place = traceback.extract_tb(error.__traceback__)[-1]
        trouble = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
        answer = pickle.dumps((None, trouble))
    try:
        view = memoryview(answer)
        while view:
            view = view[write(writing, view) :]
    finally:
        os._exit(0)
