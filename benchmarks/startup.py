"""How long the command line takes to answer, against the Django that it has to load anyway.

    python -m benchmarks.startup [--rounds N]

Whole processes, taking turns, so that a busy moment of the machine hits all of them. The base loads
Django with the same settings and does nothing. ``endoreg status`` may take 1.5 times as long: that
leaves no room for a media or OCR library that somebody imports at the top of a module.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import table

#: The most that ``endoreg status`` may take, in times of the base.
LIMIT = 1.5

_BASE = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'endoreg_db.settings'; django.setup()"
_ENDOREG = [sys.executable, "-m", "endoreg_db"]

BASE_NAME = "django.setup()"
COMMANDS: Mapping[str, Sequence[str]] = {
    BASE_NAME: [sys.executable, "-c", _BASE],
    "endoreg status": [*_ENDOREG, "status"],
    "endoreg status --json": [*_ENDOREG, "status", "--json"],
    "endoreg --help": [*_ENDOREG, "--help"],
}


@dataclass(frozen=True, slots=True)
class Timing:
    """One command's time."""

    name: str
    seconds: float  # median
    ratio: float  # median of the rounds' own ratios to the base


def measure(rounds: int, environ: Mapping[str, str]) -> list[Timing]:
    """Run every command once a round; the first, cold round does not count."""
    laps: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            seconds = _run(command, environ)
            if number:
                laps[name].append(seconds)
    base = laps[BASE_NAME]
    return [
        Timing(
            name,
            statistics.median(taken),
            statistics.median(own / other for own, other in zip(taken, base, strict=True)),
        )
        for name, taken in laps.items()
    ]


def _run(command: Sequence[str], environ: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.perf_counter() - began


def main(arguments: Sequence[str] = ()) -> str:
    """Measure, and return the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="of each (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="endoreg-startup-") as folder:
        environ = {**os.environ, "ENDOREG_DATA_DIR": str(Path(folder) / "data")}
        environ.pop("DJANGO_SETTINGS_MODULE", None)
        timings = measure(options.rounds, environ)
    return table(
        f"Start of a command (`endoreg status` may take {LIMIT} × Django's start)",
        ("process", "ms", "× base"),
        [(timing.name, f"{timing.seconds * 1e3:.0f}", f"{timing.ratio:.2f}") for timing in timings],
    )


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
