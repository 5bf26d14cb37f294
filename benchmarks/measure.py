"""Whole commands, timed by the operating system's own accounting, in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run of a command, with all its waited-for children, has used."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    peak_mb: float  # MB (10^6) of the largest single process


class CommandFailedError(RuntimeError):
    """A command that is being measured ended with another code than 0."""


def run(command: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end and return what it used.

    Raises:
        CommandFailedError: its exit code is not 0; the message holds the end of what it wrote.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=None if environ is None else {**os.environ, **environ},
    ) as process:
        assert process.stdout is not None
        written = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        end = written.decode("utf-8", "replace")[-1000:]
        raise CommandFailedError(f"{command[0]} ended with code {process.returncode}: {end}")
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


def median(usages: Sequence[Usage]) -> Usage:
    """The median of each figure."""
    return Usage(
        *(statistics.median(getattr(u, figure) for u in usages) for figure in ("wall", "cpu", "peak_mb"))
    )


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with its title."""
    lines = [f"### {title}", "", " | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(row) for row in rows]
    return "\n".join(f"| {line} |" if " | " in line else line for line in lines) + "\n"
