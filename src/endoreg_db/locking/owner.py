"""Who made a lock: the binary record that lies in the lock file's extended attribute.

An ext4 inode of 256 bytes has room for about 56 bytes of value under this name; a longer one
moves to a block of its own and costs five times as much as everything else in an acquisition.
So the record is binary and says only what the next worker needs in order to tell a dead owner
from a foreign one; names and words go to the attempt's row in the database.
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

ATTRIBUTE = b"user.endoreg.owner"

_FORMAT = 1
_PROCESS = struct.Struct("<B8s16sIQ")
_TOKEN = struct.Struct("<Q")
_MACHINE, _BOOT = slice(1, 9), slice(9, 25)
_UNKNOWN_MACHINE = bytes(8)
_UNKNOWN_BOOT = bytes(16)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process runs; all zeros where the system does not say."""

    # Keyed hash of the machine id: it survives a restart, but is not unique among cloned machines.
    machine: bytes
    # The kernel's boot id: new with every start, shared by all containers on one kernel.
    boot: bytes


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told apart from every other there was or will be."""

    place: Place
    # Process id in its own namespace: a hint for people and for quick refusals, never proof.
    pid: int
    # When it began, in clock ticks after boot (`man 5 proc_pid_stat`, field 22); 0: unknown.
    started: int


class Owner(bytes):
    """One grant of a lock, told apart from every other: the record as it lies in the file.

    45 bytes: format, machine, boot, process id, start of the process, token. They are taken apart
    only when asked for: one record is made for every acquisition, and most are never looked into.
    """

    __slots__ = ()

    @classmethod
    def of(cls, process: Process, token: int) -> Owner:
        """The owner that a process is with a token of its choice, an unsigned number of 64 bits."""
        return cls(_process_part(process) + _TOKEN.pack(token))

    @property
    def process(self) -> Process:
        """Who it is."""
        _, machine, boot, pid, started = _PROCESS.unpack_from(self)
        return Process(Place(machine, boot), pid, started)

    @property
    def token(self) -> int:
        """Tells the grants of one process apart."""
        return int(_TOKEN.unpack_from(self, _PROCESS.size)[0])

    def is_under_kernel_of(self, other: Owner) -> bool:
        """Whether both processes run under one kernel, so that a lock of one is seen by the other."""
        return self[_BOOT] == other[_BOOT] != _UNKNOWN_BOOT

    def is_on_machine_of(self, other: Owner) -> bool:
        """Whether both name one machine id; clones of one disk image do so too."""
        return self[_MACHINE] == other[_MACHINE] != _UNKNOWN_MACHINE

    def __str__(self) -> str:
        process = self.process
        return f"process {process.pid}, grant {self.token:x}, machine {process.place.machine.hex()}"

    def __repr__(self) -> str:
        return f"<Owner: {self}>"


def decode(record: bytes) -> Owner | None:
    """The owner, or None for anything that is not a record of this format."""
    is_record = len(record) == _PROCESS.size + _TOKEN.size and record[0] == _FORMAT
    return Owner(record) if is_record else None


def read_place(boot_id: Path, machine_id: Path) -> Place:
    """Read where this process runs from the two files; what cannot be read stays unknown."""
    boot = _read_text(boot_id).replace("-", "")
    machine = _read_text(machine_id)
    return Place(
        machine=_hashed(machine) if machine else _UNKNOWN_MACHINE,
        boot=bytes.fromhex(boot) if _is_hex(boot, 32) else _UNKNOWN_BOOT,
    )


def current_owner() -> Owner:
    """The calling process as an owner.

    The token is the kernel's clock in nanoseconds, which no process reads twice with one result.
    """
    return Owner(_this_process_part() + _TOKEN.pack(time.monotonic_ns()))


def may_run(owner: Owner) -> bool:
    """Whether a process of the owner's number is there now, in this process's namespace.

    A number can be used again, and another container counts for itself: good for a decision
    that is harmless either way, and for nothing else.
    """
    try:
        os.kill(owner.process.pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _process_part(process: Process) -> bytes:
    place = process.place
    return _PROCESS.pack(_FORMAT, place.machine, place.boot, process.pid, process.started)


@functools.cache
def _this_process_part() -> bytes:
    place = read_place(Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id"))
    # The program's name is in parentheses and may hold anything, blanks and parentheses included.
    fields = _read_text(Path("/proc/self/stat")).rpartition(")")[2].split()
    return _process_part(Process(place, os.getpid(), int(fields[19]) if len(fields) > 19 else 0))


# A forked child inherits the cache of its parent, and is another process.
os.register_at_fork(after_in_child=_this_process_part.cache_clear)


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and all(c in "0123456789abcdefABCDEF" for c in text)


def _hashed(machine_id: str) -> bytes:
    # machine-id(5) asks that the id itself be kept confidential and only a keyed hash shown.
    return hashlib.blake2b(machine_id.encode(), digest_size=8, person=b"endoreg-lock").digest()
