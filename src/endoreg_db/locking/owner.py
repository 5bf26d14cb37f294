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
from dataclasses import dataclass
from pathlib import Path

ATTRIBUTE = "user.endoreg.owner"
TOKEN_BYTES = 8

_FORMAT = 1
_RECORD = struct.Struct("<B8s16sIQ8s")
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


@dataclass(frozen=True, slots=True)
class Owner:
    """One grant of a lock."""

    process: Process
    # Random; the attempt's row carries it too, so that a lock and an attempt can be matched.
    token: bytes

    @property
    def pid(self) -> int:
        """Process id, in the owner's own namespace."""
        return self.process.pid

    def is_under_kernel_of(self, other: Owner) -> bool:
        """Whether both processes run under one kernel, so that a lock of one is seen by the other."""
        return self.process.place.boot == other.process.place.boot != _UNKNOWN_BOOT

    def is_on_machine_of(self, other: Owner) -> bool:
        """Whether both name one machine id; clones of one disk image do so too."""
        return self.process.place.machine == other.process.place.machine != _UNKNOWN_MACHINE

    def __str__(self) -> str:
        return f"process {self.pid}, grant {self.token.hex()}, machine {self.process.place.machine.hex()}"


def encode(owner: Owner) -> bytes:
    """The record, 45 bytes."""
    process = owner.process
    place = process.place
    return _RECORD.pack(_FORMAT, place.machine, place.boot, process.pid, process.started, owner.token)


def decode(record: bytes) -> Owner | None:
    """The owner, or None for anything that is not a record of this format."""
    if len(record) != _RECORD.size or record[0] != _FORMAT:
        return None
    _, machine, boot, pid, started, token = _RECORD.unpack(record)
    return Owner(Process(Place(machine, boot), pid, started), token)


def read_place(boot_id: Path, machine_id: Path) -> Place:
    """Read where this process runs from the two files; what cannot be read stays unknown."""
    boot = _read_text(boot_id).replace("-", "")
    machine = _read_text(machine_id)
    return Place(
        machine=_hashed(machine) if machine else _UNKNOWN_MACHINE,
        boot=bytes.fromhex(boot) if _is_hex(boot, 32) else _UNKNOWN_BOOT,
    )


def current_owner(token: bytes | None = None) -> Owner:
    """The calling process as an owner, with a fresh random token unless one is given."""
    return Owner(_process(os.getpid()), token or os.urandom(TOKEN_BYTES))


def may_run(owner: Owner) -> bool:
    """Whether a process of the owner's number is there now, in this process's namespace.

    A number can be used again, and another container counts for itself: good for a decision
    that is harmless either way, and for nothing else.
    """
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@functools.lru_cache(maxsize=1)
def _process(pid: int) -> Process:
    # Keyed by number because a forked child inherits the cache of its parent.
    place = read_place(Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id"))
    # The program's name is in parentheses and may hold anything, blanks and parentheses included.
    fields = _read_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return Process(place, pid, int(fields[19]) if len(fields) > 19 else 0)


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
