"""The installed command, run as a user runs it: in a process of its own, judged by what it prints."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endoreg_db.deid.profiles import DeviceProfile
from tests.conftest import SMALL_DEVICE

#: The console script of the environment that the tests run in.
ENDOREG = str(Path(sys.executable).with_name("endoreg"))
OPTIONS = ("--center", "test_center", "--processor", SMALL_DEVICE)

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output, which must be one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Untouched:
    """What a file was before, to be compared with what it is after."""

    path: Path
    sha256: str
    mtime_ns: int

    @classmethod
    def now(cls, path: Path) -> Untouched:
        return cls(path, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)


def lock_of(path: Path) -> Path:
    return Path(f"{path}.lock")


def as_mortal() -> None:
    """For ``preexec_fn``: make file permissions count, for root as well."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "cannot give up a capability")


def run_endoreg(*arguments: object, timeout: float = 120, **options: Any) -> Ended:
    ended: subprocess.CompletedProcess[bytes] = subprocess.run(
        [ENDOREG, *(os.fspath(_as_argument(argument)) for argument in arguments)],
        capture_output=True,
        timeout=timeout,
        check=False,
        **options,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def _as_argument(argument: object) -> str | Path:
    return argument if isinstance(argument, Path) else str(argument)


Endoreg = Callable[..., Ended]


def toml_of(profile: DeviceProfile) -> str:
    """A device profile as the file that a person would write."""
    plain = profile.as_dict()
    boxes = plain.pop("boxes")
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    return "\n".join([*lines, "[boxes]", *(f"{key} = {value}" for key, value in boxes.items())])


@dataclass(frozen=True)
class Desk:
    """A data folder with one record in each of three states."""

    data: Path
    published: str  # UUID
    waiting: str  # UUID; needs review, because its device is not confirmed
    quarantined: str  # UUID
    sources: dict[str, str]  # UUID → path
