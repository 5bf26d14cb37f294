"""What a process runs, stopped before every call to the file system.

A program is an ordinary function over `LockFiles`. To know what it does next it is run anew from
its start, given the results that it has had so far, until it asks for something that has no
result yet. It is deterministic, so one history always leads to one next call; each history is
run once and remembered as a node of a tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from endoreg_db.locking import lock_steps
from endoreg_db.locking.lock_steps import LockHeldError, Terms
from endoreg_db.locking.owner import Owner, Place, Process
from tools.seed_lock import Calls, seed_lock

PATH = "recording.mp4.lock"
STALE_AFTER = 0.5  # the simulated clock counts whole steps

ME = Owner(Process(Place(b"machine1", b"this kernel's id"), 1, 1), b"a grant!")
FOREIGN = Owner(Process(Place(b"machine2", b"other kernel's i"), 1, 1), b"b grant!")

# One wait is enough to show what waiting does; more would only repeat it.
TERMS = Terms(ME, STALE_AFTER, lambda _age: None, pauses=(0.0,))


class Pending(BaseException):  # noqa: N818 - not an error: the program has come to a call without a result
    """Leaves the program where the next call is due; no handler of ours may keep it."""


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(str(a) for a in self.arguments if isinstance(a, int))})"


@dataclass(frozen=True, slots=True)
class Ended:
    """The program has returned, or raised: `outcome` says which."""

    outcome: str


class Recorded:
    """Answers calls from a history, then stops the program."""

    def __init__(self, history: tuple[Any, ...]) -> None:
        self._history = history
        self._position = 0
        self.pending: Call | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            # A `finally` on the way out calls too; the first call is the one that was due.
            if self.pending is None and self._position < len(self._history):
                self._position += 1
                return self._history[self._position - 1]
            if self.pending is None:
                self.pending = Call(name, arguments)
            raise Pending

        return call


Program = Callable[[Any], str]


@dataclass(slots=True)
class Node:
    """Where a program is, after one history."""

    number: int
    program: Program
    history: tuple[Any, ...]
    next: Call | Ended
    after: dict[Any, Node] = field(default_factory=dict)


class Tree:
    """All the histories met so far; a node's number stands for it in a world's state."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def start(self, program: Program) -> int:
        return self._node(program, ()).number

    def advance(self, number: int, result: Any) -> int:
        node = self.nodes[number]
        key = (type(result), result)  # True is not 1 here
        if key not in node.after:
            node.after[key] = self._node(node.program, (*node.history, result))
        return node.after[key].number

    def _node(self, program: Program, history: tuple[Any, ...]) -> Node:
        node = Node(len(self.nodes), program, history, _next(program, history))
        self.nodes.append(node)
        return node


def _next(program: Program, history: tuple[Any, ...]) -> Call | Ended:
    files = Recorded(history)
    try:
        return Ended(program(files))
    except Pending:
        assert files.pending is not None
        return files.pending


def worker(files: Any) -> str:
    """Take the lock, work, renew it once, release it."""
    try:
        grip = lock_steps.acquire(files, PATH, TERMS)
    except LockHeldError:
        return "refused"
    files.enter()
    lock_steps.renew(files, PATH, grip)
    files.leave()
    lock_steps.release(files, PATH, grip)
    return "done"


def brief_worker(files: Any) -> str:
    """A worker that does not renew: three of these fit into one exploration."""
    try:
        grip = lock_steps.acquire(files, PATH, TERMS)
    except LockHeldError:
        return "refused"
    files.enter()
    files.leave()
    lock_steps.release(files, PATH, grip)
    return "done"


def remover(files: Any) -> str:
    """Recovery."""
    return "removed" if lock_steps.remove_if_dead(files, PATH, TERMS) else "left"


def looker(files: Any) -> str:
    """Somebody asks who holds the lock."""
    return lock_steps.look(files, PATH, ME).state.value


def seed_worker(files: Any) -> str:
    """A worker with the lock that this project began with."""
    try:
        with seed_lock(PATH.removesuffix(".lock"), STALE_AFTER, _seed_calls(files)):
            files.enter()
            files.leave()
    except ValueError:
        return "refused"
    except OSError:
        return "failed"
    return "done"


def _seed_calls(files: Any) -> Calls:
    def create(path: str, flags: int, mode: int) -> int:
        fd: int | None = files.create(path)
        if fd is None:
            raise FileExistsError(path)
        return fd

    def stat(path: str) -> SimpleNamespace:
        modified = files.modified_at(path)
        if modified is None:
            raise FileNotFoundError(path)
        return SimpleNamespace(st_mtime=modified)

    def unlink(path: str) -> None:
        if not files.unlink_existing(path):
            raise FileNotFoundError(path)

    def write(fd: int, content: bytes) -> int:
        files.fill(fd)
        return len(content)

    return Calls(
        open=create,
        write=write,
        close=files.close,
        stat=stat,
        exists=lambda path: files.modified_at(path) is not None,
        unlink=unlink,
        time=lambda: files.now(os.fspath(PATH)),
    )
