"""A simulated file system with one lock path, and the processes on it.

It does what POSIX promises and no more: ``open`` with O_EXCL is atomic, a flock belongs to an
open file and goes with it, an inode lives as long as it is open, a killed process closes its
files. A world is immutable; equal worlds are one to the search, whatever led to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from endoreg_db.locking.owner import Owner
from tests.lock_explorer.programs import FOREIGN, ME, Call

_UNLOCKED, _SHARED, _EXCLUSIVE = range(3)
_OWNERS = {None: None, "ours": ME, "foreign": FOREIGN}


class Violation(Exception):  # noqa: N818 - a finding
    """A promise is broken."""


class Inode(NamedTuple):
    modified: int
    # Key of `_OWNERS`.
    record: str | None
    # Neither made nor adopted by a process here: it was there at the start.
    by_hand: bool = False
    # A process was killed between making or adopting it and recording itself.
    orphaned: bool = False


class Open(NamedTuple):
    """An open file of a process."""

    fd: int
    inode: int
    lock: int = _UNLOCKED
    made: bool = False


class Process(NamedTuple):
    # Where its program is; None: killed.
    node: int | None
    opened: int = 0
    files: tuple[Open, ...] = ()
    # Between `enter` and `leave`, with the inode that it holds.
    working: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What kind of file system and what kind of processes."""

    # Extended attributes: without them there are no owner records.
    attributes: bool = True
    # May the descriptor of an existing lock be written to (it is another user's if not)?
    may_write: bool = True
    # What a look at process numbers may answer. Both: it may be wrong either way.
    may_run: tuple[bool, ...] = (True, False)
    # Whoever removes the path has to hold that inode's flock.
    unlink_needs_flock: bool = True


class World(NamedTuple):
    path: int | None
    inodes: tuple[Inode, ...]
    processes: tuple[Process, ...]
    now: int = 0
    # How often time may still pass the stale limit.
    ticks: int = 0
    killed: bool = False
    granted: bool = False


def perform(world: World, slot: int, call: Call, rules: Rules) -> Iterator[tuple[Any, World]]:
    """Every way in which a call of the process in that slot can go: its result, and the world after."""
    simple = _READS.get(call.name)
    if simple is not None:
        for result in simple(world, slot, call.arguments, rules):
            yield result, world
    else:
        yield _WRITES[call.name](world, slot, call.arguments, rules)


def kill(world: World, slot: int) -> World:
    """SIGKILL: its files are closed, which gives up its flocks; nothing else is done."""
    process = world.processes[slot]
    inodes = list(world.inodes)
    for file in process.files:
        if (file.made or file.lock == _EXCLUSIVE) and inodes[file.inode].record is None:
            inodes[file.inode] = inodes[file.inode]._replace(orphaned=True)
    return _put(world._replace(inodes=tuple(inodes), killed=True), slot, Process(None))


def tick(world: World) -> World:
    """Time passes: what is not renewed now is stale."""
    return world._replace(now=world.now + 1, ticks=world.ticks - 1)


def canonical(world: World) -> tuple[World, tuple[int, ...]]:
    """The one form of all worlds that differ only in the order of alike processes and of inodes.

    Returns:
        The world, and for each of its slots the slot that the process had.
    """
    order = sorted(range(len(world.processes)), key=lambda slot: _rank(world, world.processes[slot]))
    numbers: dict[int, int] = {}

    def number(inode: int) -> int:
        return numbers.setdefault(inode, len(numbers))

    path = None if world.path is None else number(world.path)
    processes = tuple(
        process._replace(files=tuple(file._replace(inode=number(file.inode)) for file in process.files))
        for process in (world.processes[slot] for slot in order)
    )
    inodes = tuple(world.inodes[old] for old in numbers)
    return world._replace(path=path, inodes=inodes, processes=processes), tuple(order)


def _rank(world: World, process: Process) -> tuple[Any, ...]:
    files = [(file[0], *file[2:], file.inode == world.path) for file in process.files]
    return (-1 if process.node is None else process.node, process.working, files)


def _put(world: World, slot: int, process: Process) -> World:
    processes = world.processes
    return world._replace(processes=(*processes[:slot], process, *processes[slot + 1 :]))


def _open_file(world: World, slot: int, fd: int) -> Open:
    return next(file for file in world.processes[slot].files if file.fd == fd)


def _with_file(world: World, slot: int, file: Open) -> World:
    process = world.processes[slot]
    files = tuple(file if other.fd == file.fd else other for other in process.files)
    return _put(world, slot, process._replace(files=files))


def _with_inode(world: World, number: int, inode: Inode) -> World:
    return world._replace(inodes=(*world.inodes[:number], inode, *world.inodes[number + 1 :]))


def _locks_of_others(world: World, slot: int, mine: Open) -> set[int]:
    return {
        file.lock
        for other, process in enumerate(world.processes)
        for file in process.files
        if file.inode == mine.inode and (other, file.fd) != (slot, mine.fd)
    }


# Calls that change nothing.


def _names(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[bool, ...]:
    _path, (_device, fd) = arguments
    return (_open_file(world, slot, fd).inode == world.path,)


def _identify(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[Any, ...]:
    # The descriptor stands for the inode that it is open on: alike processes stay alike.
    (fd,) = arguments
    return ((0, fd) if _open_file(world, slot, fd).inode == world.path else None,)


def _owner(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[Owner | None, ...]:
    return (_OWNERS[world.inodes[_open_file(world, slot, arguments[0]).inode].record],)


def _modified(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[int, ...]:
    return (world.inodes[_open_file(world, slot, arguments[0]).inode].modified,)


def _modified_at(world: World, _slot: int, _arguments: Any, _rules: Rules) -> tuple[int | None, ...]:
    return (None if world.path is None else world.inodes[world.path].modified,)


_READS = {
    "names": _names,
    "identify": _identify,
    "owner": _owner,
    "modified": _modified,
    "modified_at": _modified_at,
    "now": lambda world, _slot, _arguments, _rules: (world.now,),
    "uptime": lambda _world, _slot, _arguments, _rules: (1e9,),
    "may_run": lambda _world, _slot, _arguments, rules: rules.may_run,
    "may_write": lambda _world, _slot, _arguments, rules: (rules.may_write,),
    "pause": lambda _world, _slot, _arguments, _rules: (None,),
}


# Calls that change the world.


def _create(world: World, slot: int, _arguments: Any, _rules: Rules) -> tuple[int | None, World]:
    if world.path is not None:
        return None, world
    number = len(world.inodes)
    world = world._replace(path=number, inodes=(*world.inodes, Inode(world.now, None)))
    return _opened(world, slot, number, made=True)


def _open(world: World, slot: int, _arguments: Any, _rules: Rules) -> tuple[int | None, World]:
    return (None, world) if world.path is None else _opened(world, slot, world.path, made=False)


def _opened(world: World, slot: int, inode: int, *, made: bool) -> tuple[int, World]:
    process = world.processes[slot]
    fd = process.opened
    file = Open(fd, inode, made=made)
    return fd, _put(world, slot, process._replace(opened=fd + 1, files=(*process.files, file)))


def _try_lock(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[bool, World]:
    file = _open_file(world, slot, arguments[0])
    if _locks_of_others(world, slot, file) - {_UNLOCKED}:
        return False, world
    return True, _with_file(world, slot, file._replace(lock=_EXCLUSIVE))


def _try_share(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[bool, World]:
    file = _open_file(world, slot, arguments[0])
    if _EXCLUSIVE in _locks_of_others(world, slot, file):
        return False, world
    return True, _with_file(world, slot, file._replace(lock=_SHARED))


def _close(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[None, World]:
    process = world.processes[slot]
    files = tuple(file for file in process.files if file.fd != arguments[0])
    return None, _put(world, slot, process._replace(files=files))


def _record(world: World, slot: int, arguments: Any, rules: Rules) -> tuple[None, World]:
    number = _open_file(world, slot, arguments[0]).inode
    inode = world.inodes[number]._replace(by_hand=False)
    if rules.attributes:
        inode = inode._replace(record="ours")
    return None, _with_inode(world, number, inode)


def _stamp(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[None, World]:
    number = _open_file(world, slot, arguments[0]).inode
    return None, _with_inode(world, number, world.inodes[number]._replace(modified=world.now))


def _unlink(world: World, slot: int, _arguments: Any, rules: Rules) -> tuple[None, World]:
    if world.path is None:
        return None, world
    if rules.unlink_needs_flock and not _holds(world.processes[slot], world.path):
        raise Violation("a lock was removed by a process that does not hold it")
    return None, world._replace(path=None)


def _unlink_existing(world: World, slot: int, arguments: Any, rules: Rules) -> tuple[bool, World]:
    existed = world.path is not None
    return existed, _unlink(world, slot, arguments, rules)[1]


def _holds(process: Process, inode: int) -> bool:
    return any(file.inode == inode and file.lock == _EXCLUSIVE for file in process.files)


def _enter(world: World, slot: int, _arguments: Any, _rules: Rules) -> tuple[None, World]:
    if any(process.working for process in world.processes):
        raise Violation("two processes hold the lock at once")
    process = world.processes[slot]._replace(working=True)
    return None, _put(world._replace(granted=True), slot, process)


def _leave(world: World, slot: int, _arguments: Any, _rules: Rules) -> tuple[None, World]:
    return None, _put(world, slot, world.processes[slot]._replace(working=False))


_WRITES = {
    "create": _create,
    "open": _open,
    "try_lock": _try_lock,
    "try_share": _try_share,
    "close": _close,
    "record": _record,
    "fill": _stamp,
    "cut": _stamp,
    "touch": _stamp,
    "unlink": _unlink,
    "unlink_existing": _unlink_existing,
    "enter": _enter,
    "leave": _leave,
}

__all__ = ["Inode", "Process", "Rules", "Violation", "World", "canonical", "kill", "perform", "replace", "tick"]
