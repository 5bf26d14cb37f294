"""The command, run as a user runs it: in a process of its own, judged by what it prints.

Where nothing about its start is tested, that process has Django and the like loaded already.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endoreg_db.deid.profiles import DeviceProfile
from tests import forks
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


def run_endoreg(*arguments: object, **options: Any) -> Ended:
    """Run a command; ``options`` as of :func:`run_module`."""
    return run_module("endoreg_db", *arguments, **options)


def run_module(
    module: str, *arguments: object, timeout: float = 120, env: Mapping[str, str] | None = None
) -> Ended:
    """Run a module as ``python -m`` does, in this environment or in ``env``."""
    environ = os.environ if env is None else env
    assert _read_by_python(environ) == _read_by_python(os.environ), "for that it has to be started anew"
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = forks.start(
            module, _texts(arguments), environ=environ, stdout=out.fileno(), stderr=err.fileno()
        )
        try:
            code = process.wait(timeout)
        finally:
            process.signal(signal.SIGKILL)
        out.seek(0)
        err.seek(0)
        return Ended(code, out.read().decode(), err.read().decode())


def _read_by_python(environ: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter asks for when it starts."""
    return {key: value for key, value in environ.items() if key.startswith(("PYTHON", "LC_", "LANG"))}


def run_installed(*arguments: object, timeout: float = 120, **options: Any) -> Ended:
    """Run the installed script, in a process that is started for it; ``options`` as of ``subprocess.run``."""
    ended: subprocess.CompletedProcess[bytes] = subprocess.run(
        [ENDOREG, *_texts(arguments)], capture_output=True, timeout=timeout, check=False, **options
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def _texts(arguments: Sequence[object]) -> list[str]:
    return [os.fspath(_as_argument(argument)) for argument in arguments]


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
