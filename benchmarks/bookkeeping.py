"""What an import costs beside the media work, with few and with very many records in the database.

    python -m benchmarks.bookkeeping [--records 0 100000 1000000] [--databases sqlite postgresql]
                                     [--rounds 60] [--folder DIR]

Everything is real (locks, lease, database, vault, publishing) but the pass, whose time does not count
anyway. One process for each database size imports one small file whenever it is its turn, and then
does, with bare calls, what any crash-safe import must do at least: that says how fast the disk is at
that moment. Where the data folder lies decides most of it; on a memory disk (``--folder /dev/shm``)
the figures are the intake's own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import table
from tests.postgres import private_postgres

DATABASES = ("sqlite", "postgresql")
RECORDS = (0, 100_000, 1_000_000)
LIMIT_MS = 20.0
LIMIT_FLAT = 1.3
WARM_UP = 5  # imports that do not count


@dataclass(frozen=True, slots=True)
class Cost:
    """One import and its reference, in milliseconds."""

    wall: float
    cpu: float  # of the importing process; not of a database server
    bare: float  # wall time of the bare durable steps, right after


@dataclass(frozen=True, slots=True)
class Subject:
    """A process that imports into one database."""

    database: str
    records: int
    process: subprocess.Popen[str]

    def hear(self) -> Mapping[str, float]:
        """The next line that it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the importer into {self.database} with {self.records:,} records has ended")
        said: Mapping[str, float] = json.loads(line)
        return said

    def take_turn(self) -> Cost:
        """Have it import one file."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return Cost(**self.hear())


def measure(
    folder: Path, databases: Sequence[str], records: Sequence[int], rounds: int
) -> dict[Subject, list[Cost]]:
    """Let all of them take turns."""
    with ExitStack() as stack:
        subjects = list(_subjects(stack, folder, databases, records, rounds))
        costs: dict[Subject, list[Cost]] = {subject: [] for subject in subjects}
        for number in range(WARM_UP + rounds):
            for subject in subjects:
                cost = subject.take_turn()
                if number >= WARM_UP:
                    costs[subject].append(cost)
    return costs


def _subjects(
    stack: ExitStack, folder: Path, databases: Sequence[str], records: Sequence[int], rounds: int
) -> Iterator[Subject]:
    for database in databases:
        new_url = stack.enter_context(_urls(database, folder))
        for count in records:
            home = folder / f"{database}-{count}"
            home.mkdir()
            environ = {"ENDOREG_DATA_DIR": str(home / "data"), "ENDOREG_DATABASE_URL": new_url(home)}
            sys.stderr.write(f"  {database}: making {count:,} records …\n")
            subject = Subject(database, count, _start(stack, count, rounds, environ))
            assert subject.hear() == {"records": count}
            yield subject


@contextmanager
def _urls(database: str, folder: Path) -> Iterator[Callable[[Path], str]]:
    """What names a new database for a subject at home in a folder."""
    if database == "sqlite":
        yield lambda home: f"sqlite:///{home / 'data' / 'endoreg.sqlite3'}"
        return
    with private_postgres(folder) as server:
        yield lambda _home: server.url(server.new_database())


def _start(stack: ExitStack, records: int, rounds: int, environ: Mapping[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.importer", str(records), str(WARM_UP + rounds)],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def _row(subject: Subject, costs: Sequence[Cost], smallest: Sequence[Cost]) -> list[str]:
    walls = [cost.wall for cost in costs]
    growth = statistics.median(cost.wall / first.wall for cost, first in zip(costs, smallest, strict=True))
    growth_cpu = statistics.median(cost.cpu / first.cpu for cost, first in zip(costs, smallest, strict=True))
    return [
        f"{subject.database}, {subject.records:,}",
        f"{statistics.median(walls):.1f}",
        f"{statistics.quantiles(walls, n=10)[-1]:.1f}",
        f"{statistics.median(cost.cpu for cost in costs):.1f}",
        f"{statistics.median(cost.bare for cost in costs):.1f}",
        f"{statistics.median(cost.wall / cost.bare for cost in costs):.2f}",
        f"{growth:.2f}",
        f"{growth_cpu:.2f}",
    ]


def main(arguments: Sequence[str] = ()) -> str:
    """Measure, and return the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, nargs="+", default=RECORDS, help="sizes of the database")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--rounds", type=int, default=100, help="imports into each (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, help="where data folders and databases lie (default: temporary)"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # a database server that root starts runs as another user
        costs = measure(folder, options.databases, options.records, options.rounds)
    return _table(costs)


def _table(costs: Mapping[Subject, Sequence[Cost]]) -> str:
    smallest: dict[str, Sequence[Cost]] = {}  # of each database; the others are compared with it
    for subject, taken in costs.items():
        smallest.setdefault(subject.database, taken)
    rows = [_row(subject, taken, smallest[subject.database]) for subject, taken in costs.items()]
    title = "Bookkeeping of one import, without the media work"
    limits = f"(may take {LIMIT_MS:g} ms, and {LIMIT_FLAT:g} × as long as with the fewest records)"
    header = (
        "records",
        "ms",
        "ms, 90 %",
        "ms of CPU",
        "bare steps, ms",
        "× bare",
        "× fewest",
        "CPU × fewest",
    )
    return table(f"{title} {limits}", header, rows)


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
