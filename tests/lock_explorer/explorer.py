"""The search: every world that can be reached, and what has to hold in each."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.lock_explorer.programs import Call, Ended, Program, Programs, Tree
from tests.lock_explorer.world import (
    Inode,
    Process,
    Rules,
    Violation,
    World,
    canonical,
    is_unseen,
    is_waiting,
    kill,
    perform,
    put,
    tick,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Where an exploration starts, and what may happen."""

    programs: Sequence[Program]
    # The lock file that is there at the start.
    lock: Inode | None = None
    rules: Rules = field(default_factory=Rules)
    # A process may be killed before each of its steps.
    kills: bool = True
    # How often time may pass the stale limit.
    ticks: int = 1
    # Somebody may merely look for longer than a worker has patience: then a worker may be turned
    # away, and one that slept past the stale limit may leave its file, which is stale.
    slow_looks: bool = False


class Report(NamedTuple):
    worlds: int
    # Kinds of end: the processes' outcomes, sorted.
    outcomes: frozenset[tuple[str, ...]]


_Done = tuple[tuple[Call, Any], ...]


class _Step(NamedTuple):
    """How a world was first reached."""

    before: World
    # The slot that moved (None: time passed), and what it did (nothing: it was killed).
    slot: int | None
    done: _Done
    # For each slot of the world after, the slot in the world before.
    order: tuple[int, ...]


class BrokenPromise(AssertionError):
    """What was broken, and the shortest way there."""


def explore(scenario: Scenario) -> Report:
    """Visit every reachable world once.

    Raises:
        BrokenPromise: With the shortest trace.
    """
    gc.disable()  # a million small tuples, none of them garbage, would be gone through again and again
    try:
        return _Search(scenario).run()
    finally:
        gc.enable()


class _Search:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.tree = Tree()
        processes = tuple(Process(self.tree.start(program)) for program in scenario.programs)
        path, inodes = (None, ()) if scenario.lock is None else (0, (scenario.lock,))
        self.start = canonical(World(path, inodes, processes, ticks=scenario.ticks))[0]
        self.steps: dict[World, _Step | None] = {self.start: None}
        self.outcomes: set[tuple[str, ...]] = set()

    def run(self) -> Report:
        waiting = deque([self.start])
        while waiting:
            world = waiting.popleft()
            try:
                self._check(world)
                for slot, done, after in self._moves(world):
                    found, order = canonical(after)
                    if found not in self.steps:
                        self.steps[found] = _Step(world, slot, done, order)
                        waiting.append(found)
            except Violation as violation:
                raise BrokenPromise(f"{violation}:\n{self._trace(world)}") from violation
        return Report(len(self.steps), frozenset(self.outcomes))

    def _moves(self, world: World) -> Iterator[tuple[int | None, _Done, World]]:
        for slot in range(len(world.processes)):
            call = self._call(world, slot)
            if call is None:
                continue
            if self.scenario.kills:
                yield slot, (), kill(world, slot, self.scenario.rules)
            if not is_waiting(world, slot, call, self.scenario.rules):
                yield from self._moves_of(world, slot)
        if world.ticks and any(self._call(world, slot) for slot in range(len(world.processes))):
            yield None, (), tick(world)

    def _moves_of(self, world: World, slot: int) -> Iterator[tuple[int | None, _Done, World]]:
        try:
            for done, after in self._steps_of(world, slot):
                yield slot, done, after
        except Violation as violation:
            who = _name(self._names_at(world)[slot])
            raise Violation(f"{violation} (the next step of {who} breaks it)") from None

    def _steps_of(self, world: World, slot: int) -> Iterator[tuple[_Done, World]]:
        call = self._call(world, slot)
        assert call is not None
        for result, after in perform(world, slot, call, self.scenario.rules):
            moved = self._advance(after, slot, result)
            done = ((call, result),)
            following = self._call(moved, slot)
            if following is not None and is_unseen(moved, slot, following, self.scenario.rules):
                yield from ((done + more, last) for more, last in self._steps_of(moved, slot))
            else:
                yield done, moved

    def _call(self, world: World, slot: int) -> Call | None:
        node = world.processes[slot].node
        following = None if node is None else self.tree.nodes[node].next
        return following if isinstance(following, Call) else None

    def _advance(self, world: World, slot: int, result: Any) -> World:
        process = world.processes[slot]
        assert process.node is not None
        node = self.tree.advance(process.node, result)
        return put(world, slot, Process(node, process.files, process.working))

    def _check(self, world: World) -> None:
        """What has to hold when every process has ended."""
        if any(self._call(world, slot) for slot in range(len(world.processes))):
            return
        outcomes = self._outcomes(world)
        self.outcomes.add(outcomes)
        left = None if world.path is None else world.inodes[world.path]
        if any(process.files for process in world.processes):
            raise Violation("a process ended with the lock file open")
        if left is not None and not left.by_hand:
            self._check_left_behind(world, left)
        if "killed" not in outcomes and not self.scenario.slow_looks:
            self._check_somebody_got_it(world)
        self._check_takable(world, left)

    def _check_left_behind(self, world: World, left: Inode) -> None:
        if "killed" not in self._outcomes(world) and not (self.scenario.slow_looks and left.stale):
            raise Violation("every process ended by itself, and one left its lock behind")
        if not left.stale and left.record is None and not left.orphaned:
            raise Violation("a live process left a young lock without an owner")

    def _check_somebody_got_it(self, world: World) -> None:
        lock = self.scenario.lock
        was_free = lock is None or lock.record == "ours" or lock.stale
        outcomes = self._outcomes(world)
        if was_free and "refused" in outcomes and not {"done", "removed"} & set(outcomes):
            raise Violation("a process was refused, and no process had the lock")

    def _check_takable(self, world: World, left: Inode | None) -> None:
        if (left is None or left.record == "ours") and not self._can_be_taken(world):
            raise Violation("the owner is dead, and its lock cannot be taken")
        if not self._can_be_taken(tick(world)):
            raise Violation("the lock is stale, and cannot be taken")

    def _can_be_taken(self, world: World) -> bool:
        """Whether a process that comes when all is quiet gets the lock, whatever is answered to it."""
        newcomer = Process(self.tree.start(Programs().worker))
        slot = len(world.processes)
        waiting = [world._replace(processes=(*world.processes, newcomer))]
        while waiting:
            current = waiting.pop()
            if self._call(current, slot) is not None:
                waiting.extend(after for _done, after in self._steps_of(current, slot))
            elif self._outcome(current.processes[slot]) != "done":
                return False
        return True

    def _outcomes(self, world: World) -> tuple[str, ...]:
        return tuple(sorted(self._outcome(process) for process in world.processes))

    def _outcome(self, process: Process) -> str:
        following = None if process.node is None else self.tree.nodes[process.node].next
        return following.outcome if isinstance(following, Ended) else "killed"

    def _path_to(self, world: World) -> list[_Step]:
        path = []
        while (step := self.steps[world]) is not None:
            path.append(step)
            world = step.before
        return path[::-1]

    def _names_at(self, world: World) -> list[int]:
        """Which process is in which slot: alike processes change places in a canonical world."""
        names = list(range(len(world.processes)))
        for step in self._path_to(world):
            names = [names[old] for old in step.order]
        return names

    def _trace(self, world: World) -> str:
        names, lines = list(range(len(world.processes))), []
        for number, step in enumerate(self._path_to(world), 1):
            lines.append(f"{number:3} {_told(step, names)}")
            names = [names[old] for old in step.order]
        return "\n".join(lines)


def _name(number: int) -> str:
    return "ABCDEFGH"[number]


def _told(step: _Step, names: list[int]) -> str:
    if step.slot is None:
        return "time passes the stale limit"
    done = "; ".join(f"{call} = {_shown(result)}" for call, result in step.done)
    return f"{_name(names[step.slot])}: {done or 'is killed'}"


def _shown(result: Any) -> str:
    return str(result) if result is None or isinstance(result, int | tuple) else "a record"
