"""Scenes that need a process of their own: a small disk, a disk that turns read-only, too few open files.

    python -m tests.faults.scenes full_disk /mnt/data recording.mp4

Those that mount something run where nobody else sees it (``unshare --mount``). Each prints one JSON
object that says what happened; the test judges it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from endoreg_db.bootstrap import configure, current_config

configure()

from django.db import connection  # noqa: E402 - Django first

from endoreg_db.deid.messages import Done  # noqa: E402
from endoreg_db.models import MediaFile  # noqa: E402
from endoreg_db.services import media_import  # noqa: E402
from endoreg_db.services.store import Store, open_store  # noqa: E402
from tests.faults.aftermath import (  # noqa: E402
    complaints,
    left_behind,
    mend,
    published_names,
    recorded_outputs,
)
from tests.faults.stand_in import DEVICE, current_pass, set_pass, stand_in_pass  # noqa: E402
from tests.faults.worker import outcome_of, register_small_device  # noqa: E402

Scene = Callable[[Path, Path], dict[str, Any]]


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _state(store: Store, source: Path) -> dict[str, Any]:
    """What a test asks for after a failure and after the next import."""
    return {
        "left": left_behind(store, source),
        "odd outputs": sorted(published_names(store) ^ recorded_outputs()),
        "published": len(published_names(store)),
        "complaints": complaints(store),
        "source": source.is_file(),
    }


def full_disk(data: Path, recording: Path) -> dict[str, Any]:
    """The real pass fills a disk of a few megabytes; then there is room."""
    media_import.SPARE_BYTES = 0  # what is asked for before is not what fills the disk later
    data.mkdir()
    _mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", data)
    store, device = open_store(current_config()), register_small_device()
    # Room for the original and for what is asked for before the pass, and hardly more.
    rest = shutil.disk_usage(data).used + 3 * recording.stat().st_size + 256 * 1024
    _mount("-o", f"remount,size={rest}", data)
    failed = outcome_of(recording, device)
    after_failure = _state(store, recording)
    _mount("-o", "remount,size=256m", data)
    again = outcome_of(recording, device)
    return {"failed": failed, "after": after_failure, "again": again, "end": _state(store, recording)}


def read_only_source(data: Path, recording: Path) -> dict[str, Any]:
    """The folder of the source is read-only, as a write-protected share is."""
    inbox = recording.parent
    _mount("--bind", inbox, inbox)
    _mount("-o", "remount,ro,bind", inbox)
    locks: list[str] = []

    def look(*arguments: Any, **options: Any) -> Done:
        locks.extend(path.name for path in (data / "locks").iterdir())
        return stand_in_pass(*arguments, **options)

    set_pass(look)
    store = open_store(current_config())
    imported = outcome_of(recording, DEVICE)
    return {"imported": imported, "locks": locks, "end": _state(store, recording)}


def read_only_data(data: Path, recording: Path) -> dict[str, Any]:
    """The disk of the data folder turns read-only during the pass, as after an error of the disk."""
    store = open_store(current_config())

    def turn(*arguments: Any, **options: Any) -> Done:
        # Only a failing disk turns read-only while files are open for writing; so a read-only view of
        # the folder is laid over it, which whoever opens something from now on gets.
        connection.close()
        _mount("--bind", data, data)
        _mount("-o", "remount,ro,bind", data)
        return stand_in_pass(*arguments, **options)

    set_pass(turn)
    failed = outcome_of(recording, DEVICE)
    connection.close()
    subprocess.run(["umount", "--lazy", data], check=True)
    set_pass(stand_in_pass)
    after_failure = _state(store, recording)
    again = outcome_of(recording, DEVICE)
    return {"failed": failed, "after": after_failure, "again": again, "end": _state(store, recording)}


def few_files(_data: Path, recording: Path) -> dict[str, Any]:
    """The limit on open files rises one by one, from none left to enough for all but the real pass."""
    real_pass, store = current_pass(), open_store(current_config())
    runs: list[dict[str, Any]] = []

    def run(extra: int, the_pass: Callable[..., Done]) -> str:
        # The content of a real recording, told from the others by what follows it.
        source = recording.with_name(f"{len(runs)}.mp4")
        source.write_bytes(recording.read_bytes() + (16).to_bytes(4, "big") + b"free" + os.urandom(8))
        set_pass(the_pass)
        connection.close()
        with _open_files(extra):
            outcome = outcome_of(source, DEVICE)
        set_pass(stand_in_pass)
        # A folder has to be opened to be emptied: what is in it is left to the doctor.
        left = [thing for thing in left_behind(store, source) if not thing.startswith("file ")]
        runs.append({"outcome": outcome, "left": left, "again": outcome_of(source, DEVICE)})
        return str(outcome["status"])

    enough = next(extra for extra in range(64) if run(extra, stand_in_pass) == "imported")
    for extra in (enough, enough + 6):
        run(extra, real_pass)
    return {"runs": runs, "mended": sorted(mend(store)), "end": _state(store, recording)}


@contextmanager
def _open_files(extra: int) -> Iterator[None]:
    """Let this process open so many more files than it has open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The limit is on numbers, not on how many: the first one too many is what it has to be.
    used = {int(name) for name in os.listdir("/proc/self/fd")}
    free = [number for number in range(soft) if number not in used]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[extra], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def look(_data: Path, source: Path) -> dict[str, Any]:
    """What there is, seen by a process that has nothing to do with how it came about."""
    store = open_store(current_config())
    return {
        **_state(store, source),
        "records": dict(Counter(MediaFile.objects.values_list("state", flat=True))),
    }


def mend_all(_data: Path, source: Path) -> dict[str, Any]:
    """Let the doctor repair."""
    store = open_store(current_config())
    return {"mended": sorted(mend(store)), **_state(store, source)}


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (full_disk, read_only_source, read_only_data, few_files, look, mend_all)
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(SCENES[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))))
