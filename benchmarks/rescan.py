"""What it costs to go again through a folder of finished files, against looking at each of them.

    python -m benchmarks.rescan [--files 100000] [--rounds 9]

The reference asks the system for the status of every file and does nothing with it. Below it: the
scan, with its look into the database, as every ``endoreg import FOLDER`` begins; and that command as
a whole, with its start and a JSON line for each file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measure import in_process_of_its_own, table, timed

LIMIT = 4.0
_FILES_IN_A_FOLDER = 500
_COMMAND_ROUNDS = 3


def main(arguments: Sequence[str] = ()) -> str:
    """Measure, and return the table as Markdown."""
    options = _parser().parse_args(arguments)
    if options.inbox is None:
        return in_process_of_its_own("benchmarks.rescan", arguments, "--inbox")
    inbox: Path = options.inbox
    sys.stderr.write(f"  making {options.files:,} files and their records …\n")
    _make_finished(inbox, options.files)
    return _measure(inbox, options.files, options.rounds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000, help="finished files (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="of each (default: %(default)s)")
    parser.add_argument("--inbox", type=Path, help=argparse.SUPPRESS)
    return parser


def _make_finished(inbox: Path, count: int) -> None:
    """Small files, each with a record and a sighting, in a database where others have theirs too."""
    from endoreg_db.bootstrap import configure, current_config

    configure()
    from benchmarks.filling import fill
    from endoreg_db.intake.sightings import digester
    from endoreg_db.models import Center, EndoscopyProcessor, MediaFile, SourceSighting
    from endoreg_db.services.store import open_store

    store = open_store(current_config())
    center, processor = Center.objects.get(), EndoscopyProcessor.objects.order_by("pk")[0]
    fill(count, center=center.pk, processor=processor.pk)
    MediaFile.objects.filter(state="failed").update(state="needs_review")  # settled, all of them
    digest_of = digester(store.sightings_key)
    records = MediaFile.objects.values_list("pk", flat=True)
    SourceSighting.objects.bulk_create(
        SourceSighting(digest=digest_of(os.fsencode(path), path.stat()), media_id=record)
        for path, record in zip(_files(inbox, count), records, strict=True)
    )


def _files(inbox: Path, count: int) -> Iterator[Path]:
    for number in range(count):
        folder = inbox / f"{number // _FILES_IN_A_FOLDER:04}"
        if number % _FILES_IN_A_FOLDER == 0:
            folder.mkdir(parents=True)
        path = folder / f"recording-{number:07}.mp4"
        path.write_bytes(b"\0\0\0\x18ftypmp42")
        yield path


def _measure(inbox: Path, count: int, rounds: int) -> str:
    from endoreg_db.bootstrap import current_config
    from endoreg_db.intake.scan import scan
    from endoreg_db.services.store import open_store

    key = open_store(current_config()).sightings_key

    def ours() -> None:
        scanned = scan(inbox, key)
        assert sum(known is not None for _path, known in scanned.found) == count

    def whole_command() -> None:
        options = ["--center", "test_center", "--processor", "olympus_cv_1500", "--json"]
        command = [sys.executable, "-m", "endoreg_db", "import", str(inbox), *options]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        assert printed.count(b'"status": "duplicate"') == count

    ways: dict[str, Callable[[], None]] = {
        "`scandir` + `stat`, bare": lambda: _bare_walk(inbox),
        "**scan**": ours,
        "`endoreg import FOLDER --json`, whole": whole_command,
    }
    laps: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            if way is whole_command and number > _COMMAND_ROUNDS:
                continue
            taken = timed(way)
            if number:  # the first round only warms the caches
                laps[name].append(taken)
    bare, *_rest = laps.values()
    rows = [
        [
            name,
            f"{statistics.median(wall for wall, _cpu in taken):.0f}",
            f"{statistics.median(cpu for _wall, cpu in taken):.0f}",
            *(
                f"{statistics.median(own[i] / other[i] for own, other in zip(taken, bare, strict=False)):.2f}"
                for i in (0, 1)  # wall time, CPU
            ),
        ]
        for name, taken in laps.items()
    ]
    title = f"Re-scan of {count:,} finished files (may take {LIMIT:g} × the bare look)"
    return table(title, ("what", "ms", "ms of CPU", "× bare", "CPU × bare"), rows)


def _bare_walk(folder: Path) -> None:
    folders = [os.fsencode(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    entry.stat()


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
