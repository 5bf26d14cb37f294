"""A simulated file system with one lock path, and the processes on it.

It does what POSIX promises and no more: ``open`` with O_EXCL is atomic, a flock belongs to an
open file and goes with it, an inode lives as long as it is open, a killed process closes its
files. A world is immutable; equal worlds are one to the search, whatever led to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from endoreg_db.locking.owner import Owner
from tests.lock_explorer.programs import FOREIGN, ME, Call

# Calls that neither change the world nor ask anything of it.
_ASKS_NOBODY = frozenset({"pause", "may_write", "may_run", "uptime"})
_STAMPS = frozenset({"fill", "cut", "touch"})
_ABOUT_ONE_FILE = frozenset({"names", "identify", "owner", "age", "close"}) | _STAMPS

_UNLOCKED, _SHARED, _EXCLUSIVE = range(3)
_OWNERS = {None: None, "ours": ME, "foreign": FOREIGN}


class Violation(Exception):
    """A promise is broken."""


class Inode(NamedTuple):
    # Not modified since time last passed the stale limit.
    stale: bool
    # Key of `_OWNERS`.
    record: str | None
    # Neither made nor adopted by a process here: it was there at the start.
    by_hand: bool = False
    # Its maker was killed before it could record itself (or its adopter, without attributes).
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
    # Whoever writes to a lock or removes it has to hold its flock; `is_unseen` builds on this.
    flock_to_change: bool = True
    # Patience suffices: a process that pauses goes on when whoever merely looks has done so.
    patient: bool = False


class World(NamedTuple):
    path: int | None
    inodes: tuple[Inode, ...]
    processes: tuple[Process, ...]
    # How often time may still pass the stale limit.
    ticks: int = 0


def perform(world: World, slot: int, call: Call, rules: Rules) -> Iterator[tuple[Any, World]]:
    """Every way in which a call of the process in that slot can go: its result, and the world after."""
    simple = _READS.get(call.name)
    if simple is not None:
        for result in simple(world, slot, call.arguments, rules):
            yield result, world
    else:
        yield _WRITES[call.name](world, slot, call.arguments, rules)


def is_unseen(world: World, slot: int, call: Call, rules: Rules) -> bool:
    """Whether it makes no difference to anybody if others run before or after this call.

    Such a call is done together with the one before, which spares the search most of its worlds.
    Under an inode's flock nobody else changes the inode or its name: see `Rules.flock_to_change`.
    """
    if call.name in _ASKS_NOBODY:
        return not (call.name == "pause" and rules.patient)
    if call.name not in _ABOUT_ONE_FILE:
        return False
    file = _open_file(world, slot, _fd_of(call))
    if call.name == "close":
        return file.lock == _UNLOCKED
    if not rules.flock_to_change or file.lock != _EXCLUSIVE:
        return False
    if call.name in _STAMPS:
        return not world.ticks and not world.inodes[file.inode].stale
    return call.name != "age" or not world.ticks


def is_waiting(world: World, slot: int, call: Call, rules: Rules) -> bool:
    """Whether a patient process pauses while another has the flock without being a holder."""
    if call.name != "pause" or not rules.patient:
        return False
    inodes = {file.inode for file in world.processes[slot].files}
    return any(
        file.lock != _UNLOCKED and file.inode in inodes
        for other, process in enumerate(world.processes)
        if other != slot and not process.working
        for file in process.files
    )


def kill(world: World, slot: int, rules: Rules) -> World:
    """SIGKILL: its files are closed, which gives up its flocks; nothing else is done."""
    process = world.processes[slot]
    inodes = list(world.inodes)
    for file in process.files:
        if inodes[file.inode].record is None and (file.made or not rules.attributes):
            inodes[file.inode] = inodes[file.inode]._replace(orphaned=True)
    return put(world._replace(inodes=tuple(inodes)), slot, Process(None))


def tick(world: World) -> World:
    """Time passes: what is not renewed now is stale."""
    inodes = tuple(inode._replace(stale=True) for inode in world.inodes)
    return world._replace(inodes=inodes, ticks=world.ticks - 1)


def canonical(world: World) -> tuple[World, tuple[int, ...]]:
    """The one form of all worlds that differ only in the order of alike processes and of inodes.

    Returns:
        The world, and for each of its slots the slot that the process had.
    """
    order = sorted(range(len(world.processes)), key=lambda slot: _rank(world, world.processes[slot]))
    numbers: dict[int, int] = {}
    path = None if world.path is None else numbers.setdefault(world.path, 0)
    processes = []
    for slot in order:
        process = world.processes[slot]
        if process.files:
            files = tuple(
                Open(file.fd, numbers.setdefault(file.inode, len(numbers)), file.lock, file.made)
                for file in process.files
            )
            process = Process(process.node, files, process.working)
        processes.append(process)
    inodes = tuple(world.inodes[old] for old in numbers)
    return World(path, inodes, tuple(processes), world.ticks), tuple(order)


def _rank(world: World, process: Process) -> tuple[Any, ...]:
    files = [(file[0], *file[2:], file.inode == world.path) for file in process.files]
    return (-1 if process.node is None else process.node, process.working, files)


def put(world: World, slot: int, process: Process) -> World:
    """The world with another process in that slot."""
    processes = world.processes
    # Not `_replace`, which takes four times as long: this is done for every step of every world.
    changed = (*processes[:slot], process, *processes[slot + 1 :])
    return World(world.path, world.inodes, changed, world.ticks)


def _fd_of(call: Call) -> int:
    """The descriptor that a call is about; an inode is stood for by one (see `_identify`)."""
    if call.name == "names":
        return int(call.arguments[1][1])
    return int(call.arguments[-1] if call.name == "age" else call.arguments[0])


def _open_file(world: World, slot: int, fd: int) -> Open:
    return next(file for file in world.processes[slot].files if file.fd == fd)


def _with_file(world: World, slot: int, file: Open) -> World:
    process = world.processes[slot]
    files = tuple(file if other.fd == file.fd else other for other in process.files)
    return put(world, slot, process._replace(files=files))


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


def _age(world: World, slot: int, arguments: Any, _rules: Rules) -> tuple[int, ...]:
    _path, fd = arguments
    return (int(world.inodes[_open_file(world, slot, fd).inode].stale),)


def _age_at(world: World, _slot: int, _arguments: Any, _rules: Rules) -> tuple[int | None, ...]:
    return (None if world.path is None else int(world.inodes[world.path].stale),)


_READS: dict[str, Callable[[World, int, Any, Rules], tuple[Any, ...]]] = {
    "names": _names,
    "identify": _identify,
    "owner": _owner,
    "age": _age,
    "age_at": _age_at,
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
    world = world._replace(path=number, inodes=(*world.inodes, Inode(stale=False, record=None)))
    return _opened(world, slot, number, made=True)


def _open(world: World, slot: int, _arguments: Any, _rules: Rules) -> tuple[int | None, World]:
    return (None, world) if world.path is None else _opened(world, slot, world.path, made=False)


def _opened(world: World, slot: int, inode: int, *, made: bool) -> tuple[int, World]:
    process = world.processes[slot]
    taken = {file.fd for file in process.files}
    fd = next(number for number in range(len(taken) + 1) if number not in taken)
    return fd, put(world, slot, process._replace(files=(*process.files, Open(fd, inode, made=made))))


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
    return None, put(world, slot, process._replace(files=files))


def _record(world: World, slot: int, arguments: Any, rules: Rules) -> tuple[None, World]:
    file = _open_file(world, slot, arguments[0])
    number = file.inode
    _demand_flock(world, slot, number, rules)
    if not file.made:
        _demand_left_behind(world.inodes[number])
    inode = world.inodes[number]._replace(by_hand=False)
    if rules.attributes:
        inode = inode._replace(record="ours")
    return None, _with_inode(world, number, inode)


def _stamp(world: World, slot: int, arguments: Any, rules: Rules) -> tuple[None, World]:
    number = _open_file(world, slot, arguments[0]).inode
    _demand_flock(world, slot, number, rules)
    return None, _with_inode(world, number, world.inodes[number]._replace(stale=False))


def _unlink(world: World, slot: int, _arguments: Any, rules: Rules) -> tuple[None, World]:
    if world.path is None:
        return None, world
    _demand_flock(world, slot, world.path, rules)
    return None, world._replace(path=None)


def _unlink_existing(world: World, slot: int, arguments: Any, rules: Rules) -> tuple[bool, World]:
    existed = world.path is not None
    return existed, _unlink(world, slot, arguments, rules)[1]


def _demand_flock(world: World, slot: int, inode: int, rules: Rules) -> None:
    if rules.flock_to_change and not _holds(world.processes[slot], inode):
        raise Violation("a lock was changed or removed by a process that does not hold its flock")


def _demand_left_behind(inode: Inode) -> None:
    if inode.record != "ours" and not inode.stale:
        raise Violation("a lock was taken over that is young and may be somebody's")


def _holds(process: Process, inode: int) -> bool:
    return any(file.inode == inode and file.lock == _EXCLUSIVE for file in process.files)


def _enter(world: World, slot: int, _arguments: Any, _rules: Rules) -> tuple[None, World]:
    if any(process.working for process in world.processes):
        raise Violation("two processes hold the lock at once")
    return None, put(world, slot, world.processes[slot]._replace(working=True))


def _leave(world: World, slot: int, _arguments: Any, _rules: Rules) -> tuple[None, World]:
    return None, put(world, slot, world.processes[slot]._replace(working=False))


def _lose(_world: World, _slot: int, _arguments: Any, _rules: Rules) -> tuple[None, World]:
    raise Violation("a holder's path leads to another lock or to none")


_WRITES: dict[str, Callable[[World, int, Any, Rules], tuple[Any, World]]] = {
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
    "lose": _lose,
}
