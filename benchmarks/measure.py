"""Whole commands, timed by the operating system's own accounting, in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run of a command, with all its waited-for children, has used."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    peak_mb: float  # MB (10^6) of the largest single process


#: A process counts in its peak what the one that started it held then. So a small one starts the command,
#: measures it, and writes the figures of :class:`Usage` and its exit code into a file.
_LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
wall, code = time.perf_counter() - start, os.waitstatus_to_exitcode(status)
figures = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss * 1024 / 1e6}
with open(sys.argv[1], "w", encoding="utf-8") as told:
    json.dump({**figures, "code": code}, told)
"""


class CommandFailedError(RuntimeError):
    """A command that is being measured ended with a code that says it failed."""


class NotMeasuredError(RuntimeError):
    """Something that a benchmark needs is not there; the message says what, and how to get it."""


def run(
    command: Sequence[str | Path],
    environ: Mapping[str, str] | None = None,
    *,
    may_end_with: Collection[int] = (0,),
) -> Usage:
    """Run a command to its end and return what it used.

    Args:
        command: the program and its arguments.
        environ: what to add to the environment.
        may_end_with: exit codes that mean it did what it should.

    Raises:
        CommandFailedError: its exit code is another; the message holds the end of what it wrote.
    """
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as told:
        ended = subprocess.run(
            [sys.executable, "-c", _LAUNCHER, told.name, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if environ is None else {**os.environ, **environ},
        )
        used = json.load(told) if ended.returncode == 0 else {"code": ended.returncode}
    if (code := used.pop("code")) not in may_end_with:
        end = ended.stdout.decode("utf-8", "replace")[-1000:]
        raise CommandFailedError(f"{command[0]} ended with code {code}: {end}")
    return Usage(**used)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of wall time and of CPU time that ``work`` takes, its ended children included."""
    wall, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    return (time.perf_counter() - wall) * 1e3, (sum(after[:4]) - sum(before[:4])) * 1e3


def in_process_of_its_own(module: str, arguments: Sequence[str], option: str) -> str:
    """What ``module`` prints when it runs with a new, empty intake; its progress stays on standard error.

    An intake's settings are read once in a process, so a benchmark that needs one in its own process
    starts itself anew.

    Args:
        module: of the benchmark.
        arguments: of its command line.
        option: what to add to them, followed by a folder for files, on the disk of the intake's data.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as folder:
        environ = {**os.environ, "ENDOREG_DATA_DIR": str(Path(folder) / "data")}
        environ.pop("DJANGO_SETTINGS_MODULE", None)
        command = [sys.executable, "-m", module, *arguments, option, str(Path(folder) / "inbox")]
        return subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout


def median(usages: Sequence[Usage]) -> Usage:
    """The median of each figure."""
    return Usage(
        *(statistics.median(getattr(u, figure) for u in usages) for figure in ("wall", "cpu", "peak_mb"))
    )


def ratio_of_pairs(ours: Sequence[Usage], theirs: Sequence[Usage]) -> Usage:
    """The median of ours ÷ theirs, run by run, for each figure; both ran in turn."""
    pairs = zip(ours, theirs, strict=True)
    return median([Usage(a.wall / b.wall, a.cpu / b.cpu, a.peak_mb / b.peak_mb) for a, b in pairs])


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with its title."""
    lines = [f"### {title}", "", " | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(row) for row in rows]
    return "\n".join(f"| {line} |" if " | " in line else line for line in lines) + "\n"
