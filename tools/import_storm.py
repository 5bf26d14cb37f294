"""Many processes import the same file at the same instant, round after round.

In every second round each process has a name of its own for the content (a hard or a symbolic
link), so that the lease has to decide instead of the file lock. Each round must end with one record,
one stored original and one published file; every process but one is told ``File already being
processed`` or is given the finished record. Prints one JSON line; exit code 1 if any round ended otherwise.

    python tools/import_storm.py --rounds 200 --processes 8
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

DEVICE = "storm_device"


def main() -> int:
    """Run the storm in a data folder of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--processes", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endoreg-storm-") as folder:
        os.environ["ENDOREG_DATA_DIR"] = str(Path(folder) / "data")
        report = storm(Path(folder), options.rounds, options.processes)
    print(json.dumps(report))
    return 0 if report["violations"] == 0 else 1


def storm(folder: Path, rounds: int, processes: int) -> dict[str, object]:
    """Run the rounds; returns what was counted."""
    recordings = [folder / "inbox" / f"{number:06d}.mp4" for number in range(rounds)]
    _draw(recordings)
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_work, args=(recordings, name, barrier, answers)) for name in range(processes)
    ]
    for worker in workers:
        worker.start()
    told = [answers.get(timeout=3600) for _ in range(rounds * processes)]
    for worker in workers:
        worker.join()
    by_round: dict[int, Counter[str]] = {}
    for number, answer in told:
        by_round.setdefault(number, Counter())[answer] += 1
    problems = [*_odd_rounds(by_round, processes), *_odd_store(folder / "data", rounds, recordings)]
    return {
        "rounds": rounds,
        "processes": processes,
        "answers": dict(sum(by_round.values(), Counter())),
        "violations": len(problems),
        "problems": problems[:10],
    }


def _draw(recordings: list[Path]) -> None:
    """One small recording, made a different content each time by a ``free`` box with a number in it."""
    from endoreg_db.bootstrap import configure, current_config, prepare

    configure()
    from dataclasses import replace

    from endoreg_db.models import EndoscopyProcessor
    from endoreg_db.samples import draw_recording, scaled, shipped_profile

    prepare(current_config())
    profile = replace(scaled(shipped_profile(), 1 / 3), name=DEVICE)
    EndoscopyProcessor.register(profile)
    recordings[0].parent.mkdir()
    draw_recording(recordings[0], seed=1, seconds=0.5, profile=profile)
    content = recordings[0].read_bytes()
    for number, path in enumerate(recordings):
        path.write_bytes(content + struct.pack(">I4sQ", 16, b"free", number))


def _own_name(recording: Path, process: int) -> Path:
    """Another name for the recording: a symbolic link for every second process, else a hard one."""
    name = recording.with_stem(f"{recording.stem}-{process}")
    name.symlink_to(recording) if process % 2 else name.hardlink_to(recording)
    return name


def _work(
    recordings: list[Path], process: int, barrier: Barrier, answers: multiprocessing.Queue[tuple[int, str]]
) -> None:
    from endoreg_db.errors import FileLockedError
    from endoreg_db.services.context import ImportRequest
    from endoreg_db.services.video_import import VideoImportService

    logging.getLogger("endoreg_db").addHandler(logging.NullHandler())  # refusals are what is expected here
    for number, recording in enumerate(recordings):
        path = _own_name(recording, process) if number % 2 else recording
        request = ImportRequest(path, "test_center", DEVICE)
        barrier.wait()
        try:
            answer: str = VideoImportService().import_file(request).status
        except FileLockedError as error:
            answer = "locked" if str(error) == f"File already being processed: {path}" else repr(error)
        except Exception as error:  # noqa: BLE001 - counted and shown as a violation
            answer = repr(error)
        answers.put((number, answer))


def _odd_rounds(by_round: dict[int, Counter[str]], processes: int) -> Iterator[str]:
    for number, answers in sorted(by_round.items()):
        expected = answers["imported"] == 1 and answers["locked"] + answers["duplicate"] == processes - 1
        if not expected:
            yield f"round {number}: {dict(answers)}"


def _odd_store(data: Path, rounds: int, recordings: list[Path]) -> Iterator[str]:
    from endoreg_db.bootstrap import current_config
    from endoreg_db.models import ContentLease, State, VideoFile
    from endoreg_db.services.store import open_store

    store = open_store(current_config())
    counts = {
        "records": VideoFile.objects.filter(state=State.PUBLISHED).count(),
        "originals": sum(1 for _ in store.vault.addresses()),
        "published files": sum(1 for _ in store.publisher.published_files()),
    }
    yield from (f"{count} {what} after {rounds} rounds" for what, count in counts.items() if count != rounds)
    left = [*data.glob("tmp/*"), *recordings[0].parent.glob("*.lock")]
    yield from (f"left behind: {path}" for path in left)
    if ContentLease.objects.filter(owner__isnull=False).exists():
        yield "a lease was not given back"


if __name__ == "__main__":
    sys.exit(main())
