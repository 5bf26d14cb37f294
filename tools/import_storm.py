"""Many processes import the same file at the same instant, round after round.

In every second round each process has a name of its own for the content (a hard or a symbolic
link), so that the lease has to decide instead of the file lock. Each round must end with one record,
one stored original and one published file; every process but one is told ``File already being
processed`` or is given the finished record. Prints one JSON line; exit code 1 if any round ended otherwise.
Says on standard error how far it is. Ctrl-C ends it after the round at hand, with a report of all until
then and exit code 130.

    python tools/import_storm.py --rounds 200 --processes 8
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from queue import Empty
from typing import Any

DEVICE = "storm_device"

INTERRUPTED = 130  # exit code

_EVERY = 10.0  # seconds between two lines on how far it is
_PATIENCE = 600.0  # seconds that a round may take; then it hangs

#: Forked, so that the storm does not wait for eight Pythons to load. What forks runs no thread.
_CONTEXT = multiprocessing.get_context("fork")


class StormBroken(Exception):
    """A process of the storm died, or does not come back."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all processes of the storm have in common."""

    recordings: list[Path]  # one for each round
    barrier: Barrier  # passed by all at once, at the beginning of each round
    answers: Any  # the queue of (round, answer)
    stop: Event  # set: there is to be no further round
    goes_on: Any  # whether there is one; decided once for all, when the last has come to the barrier


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
    if report["violations"]:
        return 1
    return INTERRUPTED if report["rounds"] != options.rounds else 0


def storm(folder: Path, rounds: int, processes: int) -> dict[str, object]:
    """Run the rounds; returns what was counted, in as many of them as there were."""
    shared = _share([folder / "inbox" / f"{number:06d}.mp4" for number in range(rounds)], processes)
    _prepare(shared.recordings)
    workers = [_CONTEXT.Process(target=_work, args=(shared, name), daemon=True) for name in range(processes)]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    by_round: dict[int, Counter[str]] = {}
    problems: list[str] = []
    try:
        _listen(shared, workers, by_round)
    except StormBroken as broken:
        problems.append(str(broken))
    done = len(by_round)
    problems += [*_odd_rounds(by_round, processes), *_odd_store(folder / "data", done, shared.recordings)]
    return {
        "rounds": done,
        "processes": processes,
        "seconds": round(time.monotonic() - begun, 1),
        "answers": dict(sum(by_round.values(), Counter())),
        "violations": len(problems),
        "problems": problems[:10],
    }


def _share(recordings: list[Path], processes: int) -> Shared:
    stop, goes_on = _CONTEXT.Event(), _CONTEXT.Value("b", 1)

    def decide() -> None:
        goes_on.value = not stop.is_set()

    return Shared(recordings, _CONTEXT.Barrier(processes, decide), _CONTEXT.Queue(), stop, goes_on)


def _listen(shared: Shared, workers: Sequence[BaseProcess], by_round: dict[int, Counter[str]]) -> None:
    """Count the answers until all processes have ended, and say how far it is.

    Raises:
        StormBroken: one of them died, or no answer came for a long time.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: shared.stop.set())
    told = last = time.monotonic()
    while any(worker.is_alive() for worker in workers) or not shared.answers.empty():
        try:
            number, answer = shared.answers.get(timeout=0.5)
        except Empty:
            _require_life(workers, time.monotonic() - last)
            continue
        last = time.monotonic()
        by_round.setdefault(number, Counter())[answer] += 1
        complete = by_round[number].total() == len(workers)
        if complete and (number == 0 or last - told > _EVERY):
            told = last
            _say(
                f"{number + 1} of {len(shared.recordings)} rounds: {dict(sum(by_round.values(), Counter()))}"
            )
    _require_life(workers, 0.0)


def _require_life(workers: Sequence[BaseProcess], silent: float) -> None:
    died = [worker.exitcode for worker in workers if worker.exitcode]
    if died or silent > _PATIENCE:
        for worker in workers:
            worker.kill()
        raise StormBroken(f"processes died: {died}" if died else f"no answer for {silent:.0f} s")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _prepare(recordings: list[Path]) -> None:
    """Make the store and the recordings, in a process of its own: NumPy starts threads."""
    drawing = _CONTEXT.Process(target=_draw, args=(recordings,))
    drawing.start()
    drawing.join()
    if drawing.exitcode != 0:
        raise StormBroken("the recordings could not be drawn")
    from endoreg_db.bootstrap import configure

    configure()
    # Here, once for all processes.
    from endoreg_db.services import media_import, video_import  # noqa: F401


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


def _work(shared: Shared, process: int) -> None:
    from endoreg_db.errors import FileLockedError
    from endoreg_db.services.context import ImportRequest
    from endoreg_db.services.video_import import VideoImportService

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who lets the round end
    logging.getLogger("endoreg_db").addHandler(logging.NullHandler())  # refusals are what is expected here
    for number, recording in enumerate(shared.recordings):
        path = _own_name(recording, process) if number % 2 else recording
        request = ImportRequest(path, "test_center", DEVICE)
        shared.barrier.wait()
        if not shared.goes_on.value:
            return
        try:
            answer: str = VideoImportService().import_file(request).status
        except FileLockedError as error:
            answer = "locked" if str(error) == f"File already being processed: {path}" else repr(error)
        except Exception as error:  # noqa: BLE001 - counted and shown as a violation
            answer = repr(error)
        shared.answers.put((number, answer))


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
