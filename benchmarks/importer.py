"""A process that imports one small file for each line that it reads, and says what that cost.

    python -m benchmarks.importer RECORDS IMPORTS

It opens the intake that its environment names, fills the database with so many records, and says so;
then it is good for so many imports.
Only :mod:`benchmarks.bookkeeping` starts it.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from endoreg_db.bootstrap import configure, current_config

configure()

from django.db import connection  # noqa: E402 - Django first

from benchmarks.filling import fill  # noqa: E402
from endoreg_db.intake.sightings import SETTLING_SECONDS  # noqa: E402
from endoreg_db.models import Center, EndoscopyProcessor, MediaFile  # noqa: E402
from endoreg_db.services.context import ImportRequest  # noqa: E402
from endoreg_db.services.store import open_store  # noqa: E402
from endoreg_db.services.video_import import VideoImportService  # noqa: E402
from tests.faults.stand_in import CANDIDATE, DEVICE, good_result, write_recording  # noqa: E402

_PIECE = os.urandom(2048)  # what the bare steps write in place of an original and a candidate


class BookkeepingService(VideoImportService):
    """The import service without the media work: a candidate appears, and its making does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.media_wall = 0.0  # seconds
        self.media_cpu = 0.0

    def _process_frames_and_metadata(self) -> None:
        context = self._enter("_process_frames_and_metadata")
        wall, cpu = time.perf_counter(), time.process_time()
        candidate = context.the_workspace.folder / "candidate.mp4"
        candidate.write_bytes(CANDIDATE)
        context.done = good_result(candidate)
        self.media_wall = time.perf_counter() - wall
        self.media_cpu = time.process_time() - cpu


def main() -> None:
    """Fill the database, then import whenever a line arrives."""
    store = open_store(current_config())
    center, processor = Center.objects.get(), EndoscopyProcessor.objects.get(name=DEVICE)
    fill(int(sys.argv[1]), center=center.pk, processor=processor.pk)
    home = store.folder.root.parent
    files = iter(_recordings(home / "inbox", int(sys.argv[2])))
    service, bare = BookkeepingService(), _bare_steps(home / "bare")
    _say(records=MediaFile.objects.count())
    for path, _line in zip(files, sys.stdin, strict=False):
        began, cpu_began = time.perf_counter(), time.process_time()
        outcome = service.import_file(ImportRequest(path, center.name, DEVICE))
        wall = time.perf_counter() - began - service.media_wall
        cpu = time.process_time() - cpu_began - service.media_cpu
        assert outcome.status == "imported"
        began = time.perf_counter()
        bare()
        _say(wall=wall * 1e3, cpu=cpu * 1e3, bare=(time.perf_counter() - began) * 1e3)


def _recordings(inbox: Path, count: int) -> list[Path]:
    """Small files of different sizes that have not changed for as long as it takes to be sure of it."""
    sizes = random.Random(1).sample(range(2000, 60000), count)
    paths = [write_recording(inbox / f"{number}.mp4", size) for number, size in enumerate(sizes)]
    time.sleep(SETTLING_SECONDS + 0.1)
    return paths


def _bare_steps(folder: Path) -> Callable[[], None]:
    """What cannot be left out: four commits of a row, two files and two names made durable."""
    for name in ("tmp", "vault", "published"):
        (folder / name).mkdir(parents=True)
    commit = _committer(folder / "bare.sqlite3")
    numbers = iter(range(sys.maxsize))

    def run() -> None:
        name = f"{next(numbers)}"
        original, candidate = folder / "tmp" / f"{name}.enc", folder / "tmp" / f"{name}.mp4"
        commit()
        _write(original)
        commit()
        os.link(original, folder / "vault" / original.name)
        _fsync(folder / "vault")
        commit()
        _write(candidate)
        candidate.rename(folder / "published" / candidate.name)
        _fsync(folder / "published")
        commit()
        original.unlink()

    return run


def _committer(file: Path) -> Callable[[], object]:
    """Commits one row each time, in a table of its own, as durably as the intake does."""
    insert = "INSERT INTO bare (content) VALUES ('a row of about a hundred bytes, as those of an import are')"
    if connection.vendor == "sqlite":
        database: Any = sqlite3.connect(file, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
    else:
        import psycopg

        database = psycopg.connect(current_config().database_url, autocommit=True)
    database.execute("CREATE TABLE bare (content text)")
    return lambda: database.execute(insert)


def _write(path: Path) -> None:
    with path.open("wb") as file:
        file.write(_PIECE)
        file.flush()
        os.fsync(file.fileno())


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _say(**fields: float) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
