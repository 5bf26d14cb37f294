"""What a process runs, stopped before every call to the file system.

A program is an ordinary function over `LockFiles`. To know what it does next it is run anew from
its start, given the results that it has had so far, until it asks for something that has no
result yet. It is deterministic, so one history always leads to one next call; each history is
run once and remembered as a node of a tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from endoreg_db.locking import lock_steps
from endoreg_db.locking.owner import Owner, Place, Process
from tools.seed_lock import Calls, seed_lock

PATH = "recording.mp4.lock"
STALE_AFTER = 0.5  # a simulated age is 0 (young) or 1 (stale)

ME = Owner.of(Process(Place(b"machine1", b"this kernel's id"), pid=1, started=1), token=1)
FOREIGN = Owner.of(Process(Place(b"machine2", b"other kernel's i"), pid=1, started=1), token=2)


class Pending(BaseException):
    """Leaves the program where the next call is due; no handler of ours may keep it."""


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(str(a) for a in self.arguments if isinstance(a, int))})"


@dataclass(frozen=True, slots=True)
class Ended:
    """The process has done its work; `outcome` says how it went."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Then:
    """This part of the program is done, and all that the next part knows of it is `argument`.

    It lets the search forget by which of many histories a process came to hold the lock.
    """

    program: Program
    argument: Any = None


class Recorded:
    """Answers calls from a history, then stops the program."""

    # One wait is enough to show what waiting does; more would only repeat it.
    pauses = (0.0,)

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


Program = Callable[[Any, Any], "str | Then"]


@dataclass(slots=True)
class Node:
    """Where a program is, after one history."""

    number: int
    program: Program
    argument: Any
    history: tuple[Any, ...]
    next: Call | Ended
    after: dict[Any, int] = field(default_factory=dict)


class Tree:
    """All the histories met so far; a node's number stands for it in a world's state."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._starts: dict[Any, int] = {}

    def start(self, program: Program, argument: Any = None) -> int:
        key = (program, argument)
        if key not in self._starts:
            self._starts[key] = self._number(program, argument, ())
        return self._starts[key]

    def advance(self, number: int, result: Any) -> int:
        node = self.nodes[number]
        key = (type(result), result)  # True is not 1 here
        if key not in node.after:
            node.after[key] = self._number(node.program, node.argument, (*node.history, result))
        return node.after[key]

    def _number(self, program: Program, argument: Any, history: tuple[Any, ...]) -> int:
        following = _next(program, argument, history)
        if isinstance(following, Then):
            return self.start(following.program, following.argument)
        if isinstance(following, Ended) and history:
            return self.start(_ended, following.outcome)
        self.nodes.append(Node(len(self.nodes), program, argument, history, following))
        return len(self.nodes) - 1


def _next(program: Program, argument: Any, history: tuple[Any, ...]) -> Call | Ended | Then:
    files = Recorded(history)
    try:
        result = program(files, argument)
    except Pending:
        assert files.pending is not None
        return files.pending
    return result if isinstance(result, Then) else Ended(result)


def _ended(_files: Any, outcome: str) -> str:
    """However a process came to its end, it makes no difference any more."""
    return outcome


def _tell_nobody(_age: float) -> None:
    """Take a lock over in silence."""


class Programs:
    """The programs over one version of the protocol's steps: the production one, or a mutant."""

    def __init__(self, steps: Any = lock_steps) -> None:
        self._steps = steps

    def worker(self, files: Any, _argument: Any) -> str | Then:
        """Take the lock, in as many rounds as it needs, and hold it."""
        try:
            grip = self._steps.try_once(files, PATH, ME, STALE_AFTER, _tell_nobody)
        except self._steps.LockHeldError:
            return "refused"
        return Then(self.worker) if grip is None else Then(self.holder, grip)

    def holder(self, files: Any, grip: Any) -> str:
        """Work, renew the lock, work on, release it."""
        files.enter()
        if not self._steps.renew(files, PATH, grip):
            files.lose()
        files.leave()
        self._steps.release(files, PATH, grip)
        return "done"

    def remover(self, files: Any, _argument: Any) -> str:
        """Recovery."""
        return "removed" if self._steps.remove_if_dead(files, PATH, ME, STALE_AFTER, _tell_nobody) else "left"

    def looker(self, files: Any, _argument: Any) -> str:
        """Somebody asks who holds the lock."""
        return "looked at " + str(self._steps.look(files, PATH, ME).state.value)


def seed_worker(files: Any, _argument: Any) -> str:
    """A worker with the lock that this project began with."""
    try:
        with seed_lock(Path(PATH.removesuffix(".lock")), STALE_AFTER, _seed_calls(files)):
            files.enter()
            files.leave()
    except ValueError:
        return "refused"
    except OSError:
        return "failed"
    return "done"


def _seed_calls(files: Any) -> Calls:
    def create(path: Path, flags: int, mode: int) -> int:
        fd: int | None = files.create(path)
        if fd is None:
            raise FileExistsError(path)
        return fd

    def stat(path: Path) -> SimpleNamespace:
        age = files.age_at(path)
        if age is None:
            raise FileNotFoundError(path)
        return SimpleNamespace(st_mtime=-age)

    def unlink(path: Path) -> None:
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
        exists=lambda path: files.age_at(path) is not None,
        unlink=unlink,
        time=lambda: 0.0,
    )
