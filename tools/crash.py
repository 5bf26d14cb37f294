"""Kills an import, by SIGKILL, at every durable operation that it makes, and looks what is left.

Each scenario is recorded once. Then a process does the same again on a fresh copy of its data folder
and is killed before, and in another run after, each of its operations; recovery and one more try
follow. It must end with one record, one original, one published file, and nothing else. With
``--power`` the recorded operations are replayed on a model disk instead, which loses what was not
synced, without the cell. Prints one line for each scenario; exit code 1 if any point did not end clean.

    python tools/crash.py                          # everything, with the real cell: hours
    python tools/crash.py --sample 4 --seed 7      # four points of each scenario
    python tools/crash.py --stand-in               # without the cell: minutes
    python tools/crash.py --power                  # likewise
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.crash.runs import Recovery, Subject, When
    from tests.crash.scenarios import Stage

sys.path.insert(0, str(Path(__file__).parents[1]))  # the harness lies beside the tests

#: Recovery is interrupted on stages that were left at every so many operations of an import.
_REPAIR_STRIDE = 9


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to try; says what is wrong afterwards."""

    label: str
    run: Callable[[], list[str]]


def main(arguments: Sequence[str] | None = None, empty: Stage | None = None) -> int:
    """Run what the command line asks for.

    Args:
        arguments: the command line; the process's own if not given.
        empty: what :func:`make_ready` returned in the process that forked this one, if it did.
    """
    options = _parser().parse_args(arguments)
    # What the cell does to the disk is not recorded, so there the model disk would not know it.
    options.stand_in |= options.power
    with tempfile.TemporaryDirectory(prefix="endoreg-crash-") as name:
        folder = Path(name)
        chosen = _chosen(folder, empty or make_ready(folder), options)
        clean = [_report(name, points) for name, points in chosen]
    return 0 if all(clean) else 1


def make_ready(folder: Path) -> Stage:
    """Load everything and build an empty stage in ``folder``; returns it."""
    # Before the package is imported: the embedded settings read the environment once.
    os.environ["ENDOREG_DATA_DIR"] = str(folder / "unused")
    os.environ["ENDOREG_REPORT_RELEASE"] = "verified"  # so that reports have something to publish
    from endoreg_db.bootstrap import configure

    configure()
    from tests.crash import runs

    return runs.make_ready(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", action="append", help="only this one; may be given again")
    parser.add_argument("--power", action="store_true", help="cut the power instead of killing")
    parser.add_argument("--stand-in", action="store_true", help="without the cell: fast, same bookkeeping")
    parser.add_argument(
        "--short",
        action="store_true",
        help="each state of the disk once with each way to recover, instead of twice",
    )
    parser.add_argument("--sample", type=int, help="only so many points of each scenario")
    parser.add_argument("--seed", type=int, default=1, help="which points are in the sample")
    parser.add_argument(
        "--fault", help="make this mistake, to see that it is found; see tests/crash/faults.py"
    )
    parser.add_argument("--slice", default="1/1", help="I/N: only every N-th point, from the I-th on")
    return parser


def _chosen(folder: Path, empty: Stage, options: argparse.Namespace) -> Iterator[tuple[str, list[Point]]]:
    """The scenarios that were asked for, each with its points."""
    from tests.crash.scenarios import SCENARIOS

    recording = _recording(folder, real=not options.stand_in)
    for name in options.scenario or [*SCENARIOS, "repair"]:
        points = [*_points(folder / name.replace(" ", "-"), empty, name, recording, options)]
        index, count = map(int, options.slice.split("/"))
        points = points[index - 1 :: count]
        if options.sample is not None and options.sample < len(points):
            points = random.Random(options.seed).sample(points, options.sample)
        yield name, points


def _points(
    folder: Path, empty: Stage, name: str, recording: bytes, options: argparse.Namespace
) -> Iterator[Point]:
    from tests.crash import runs
    from tests.crash.faults import FAULTS
    from tests.crash.scenarios import REPAIR, SCENARIOS, Stage

    real = not options.stand_in
    fault = FAULTS[options.fault] if options.fault else None
    to_points = _power_points if options.power else (_kill_points_short if options.short else _kill_points)
    scenario = SCENARIOS["publish" if name == "repair" else name]
    prepared = runs.prepare(folder, empty, scenario, recording, real=real)
    subject = runs.study(prepared, scenario, real=real, fault=fault)
    if name != "repair":
        yield from to_points(subject)
        return
    for number in range(1, len(subject.operations) + 1, _REPAIR_STRIDE):
        with runs.killed(subject, number, runs.When.AFTER) as stage:
            shutil.copytree(stage.root, folder / f"dead-{number}")
        dead = runs.study(Stage(folder / f"dead-{number}"), REPAIR, real=real)
        yield from to_points(replace(dead, clean=subject.clean))


def _kill_points(subject: Subject) -> Iterator[Point]:
    from tests.crash.runs import Recovery, When

    for when in When:
        for recovery in Recovery:
            yield from _kills(subject, when, recovery)


def _kill_points_short(subject: Subject) -> Iterator[Point]:
    """What is on the disk after one operation is what is there before the next."""
    from tests.crash.runs import Recovery, When

    yield from _kills(subject, When.BEFORE, Recovery.DOCTOR)
    yield from _kills(subject, When.AFTER, Recovery.NEXT)


def _kills(subject: Subject, when: When, recovery: Recovery) -> Iterator[Point]:
    from tests.crash import runs

    for number, operation in enumerate(subject.operations, start=1):
        run = partial(runs.kill, subject, number, when, recovery)
        yield Point(f"killed {when} {number} ({operation}); {recovery}", run)


def _power_points(subject: Subject) -> Iterator[Point]:
    from tests.crash import runs
    from tests.crash.operations import disorder

    yield Point("the order of the operations", partial(disorder, subject.operations))
    for cut in runs.cuts(subject):
        for recovery in runs.Recovery:
            run = partial(runs.cut_power, subject, cut, recovery)
            yield Point(f"power cut after {cut.number}, losing {cut.loss}; {recovery}", run)


def _recording(folder: Path, *, real: bool) -> bytes:
    from tests.crash import scenarios
    from tests.crash.children import in_child

    if not real:
        return scenarios.small_recording()

    def draw() -> bytes:
        from endoreg_db.samples import draw_recording, scaled, shipped_profile

        path = folder / "drawn.mp4"
        draw_recording(path, seed=1, seconds=0.5, profile=scaled(shipped_profile(), 1 / 3))
        return path.read_bytes()

    return in_child(draw)


def _report(name: str, points: list[Point]) -> bool:
    """Run the points and print the scenario's line; whether all ended clean."""
    problems: list[str] = []
    clean = 0
    for point in points:
        found = _found(point)
        clean += not found
        problems += [f"{point.label}: {problem}" for problem in found]
    print(f"{name}: {len(points)} points, {clean} clean, {len(problems)} problems", flush=True)
    for problem in problems:
        print(f"  {problem}", flush=True)
    return bool(points) and not problems


def _found(point: Point) -> list[str]:
    from tests.crash.children import ChildError

    try:
        return point.run()
    except ChildError as error:
        return [f"recovery failed: {error}"]


if __name__ == "__main__":
    sys.exit(main())
