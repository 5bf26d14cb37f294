"""What it costs to import a recording again, against ``sha256sum`` of the file.

    python -m benchmarks.duplicates [--megabytes 512] [--rounds 9]

A copy under another name has to be read once, to be recognised by its content. The file that was
imported is not read again as long as nobody has changed it. Everything is real but the media pass of
the first import.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.measure import in_process_of_its_own, table, timed

LIMIT_RATIO, LIMIT_MS = 1.2, 50.0
_PIECE = 2**20
_REFERENCE = "`sha256sum FILE`"


def main(arguments: Sequence[str] = ()) -> str:
    """Measure, and return the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=512, help="of the recording (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="of each (default: %(default)s)")
    parser.add_argument("--inbox", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inbox is None:
        return in_process_of_its_own("benchmarks.duplicates", arguments, "--inbox")
    return _measure(options.inbox, options.megabytes, options.rounds)


def _measure(inbox: Path, megabytes: int, rounds: int) -> str:
    from benchmarks.importer import BookkeepingService
    from endoreg_db.intake.sightings import SETTLING_SECONDS
    from endoreg_db.services.context import ImportRequest
    from tests.faults.stand_in import DEVICE

    source = _recording(inbox / "recording.mp4", megabytes)

    def call(path: Path, expected: str) -> None:
        outcome = BookkeepingService().import_file(ImportRequest(path, "test_center", DEVICE))
        assert outcome.status == expected

    def whole_command(path: Path) -> None:
        options = ["--center", "test_center", "--processor", DEVICE, "--quiet"]
        subprocess.run([sys.executable, "-m", "endoreg_db", "import", str(path), *options], check=True)

    call(source, "imported")
    laps: dict[str, list[tuple[float, float]]] = {
        _REFERENCE: [],
        "**service call**, a copy": [],
        "`endoreg import`, a copy, whole": [],
    }
    ways: list[Callable[[Path], object]] = [_sha256sum, lambda path: call(path, "duplicate"), whole_command]
    for number in range(rounds):
        for taken, way in zip(laps.values(), ways, strict=True):
            taken.append(timed(partial(way, _second_name(source, f"copy-{number}.mp4"))))
    time.sleep(SETTLING_SECONDS + 0.1)  # the other names have touched the file
    call(source, "duplicate")
    unchanged = [timed(lambda: call(source, "duplicate")) for _ in range(rounds)]
    return _table(megabytes, laps, unchanged, _bytes_read(lambda: call(source, "duplicate")))


def _recording(path: Path, megabytes: int) -> Path:
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(b"\0\0\0\x18ftypmp42")
        for _ in range(megabytes):
            file.write(os.urandom(_PIECE))
    return path


def _second_name(source: Path, name: str) -> Path:
    """The same bytes under another path, as a copy has them."""
    path = source.with_name(name)
    path.unlink(missing_ok=True)
    path.hardlink_to(source)
    return path


def _sha256sum(path: Path) -> None:
    subprocess.run(["sha256sum", path], check=True, stdout=subprocess.PIPE)


def _bytes_read(work: Callable[[], None]) -> int:
    """How many bytes this process asks the system for while it works."""

    def asked_for() -> int:
        counters = Path("/proc/self/io").read_text(encoding="ascii")
        return int(counters.split("rchar: ")[1].split()[0])

    before = asked_for()
    work()
    return asked_for() - before


def _table(
    megabytes: int,
    laps: dict[str, list[tuple[float, float]]],
    unchanged: Sequence[tuple[float, float]],
    read: int,
) -> str:
    reference = laps[_REFERENCE]
    rows = [[name, *_figures(taken, reference)] for name, taken in laps.items()]
    rows.append(["**service call**, unchanged file", *_figures(unchanged, reference)])
    title = f"A duplicate of {megabytes} MiB (may take {LIMIT_RATIO:g} × `sha256sum` + {LIMIT_MS:g} ms)"
    told = f"The unchanged file was recognised with {read / 1e3:.0f} kB read, database and settings included."
    header = ("what", "ms", "ms of CPU", "× sha256sum", "ms above 1.2 × sha256sum")
    return f"{table(title, header, rows)}\n{told}\n"


def _figures(
    taken: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]]
) -> tuple[str, ...]:
    pairs = list(zip(taken, reference, strict=True))
    return (
        f"{statistics.median(wall for wall, _cpu in taken):.0f}",
        f"{statistics.median(cpu for _wall, cpu in taken):.0f}",
        f"{statistics.median(own[0] / other[0] for own, other in pairs):.2f}",
        f"{statistics.median(own[0] - LIMIT_RATIO * other[0] for own, other in pairs):.0f}",
    )


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
