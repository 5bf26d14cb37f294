"""Recordings and reports, judged one after the other in processes of their own; each result is kept."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from multiprocessing import get_context
from pathlib import Path

from quality import bench
from quality.bench import Judgement
from quality.hunter import Hunter
from quality.hunter.reading import SCALES
from quality.plan import draw_plan
from quality.reports.bench import PAGES, ReportJudgement, examine_report
from quality.reports.corpus import draw_report_plan

PICTURES = "pictures"

#: What recordings do not go through, and what reports do not; the rest of the code is of both.
_OF_REPORTS = (
    "endoreg_db/deid/pdf/",
    "endoreg_db/deid/reports/",
    "quality/reports/",
    "quality/held_out/",
    "quality/letter",
    "quality/blind_",
    "quality/measure_letters",
)
_OF_RECORDINGS = ("endoreg_db/deid/video/", "quality/recordings", "quality/painter", "quality/screens")
_SUMS_UP = ("quality/__main__", "quality/jobs", "quality/results", "quality/page", "quality/statistics")


@dataclass(frozen=True, slots=True)
class Job:
    """One recording or report, and where its judgement is kept."""

    seed: int
    seconds: float  # of a recording; 0: a report
    folder: Path

    @property
    def is_report(self) -> bool:
        """Whether it is a report, and no recording."""
        return not self.seconds

    @property
    def path(self) -> Path:
        """Of the judgement."""
        return self.folder / f"{self.seed:05}.json"


def judge(jobs: Sequence[Job], at_once: int) -> Iterator[str]:
    """Judge all of them, and say a line on each, in order."""
    # The workers import this module. What is in ``__main__`` they would not find.
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        yield from pool.map(_judged, jobs)


def _judged(job: Job) -> str:
    """A line on one recording or report, judged in an earlier run or now."""
    if not job.path.exists():
        with tempfile.TemporaryDirectory(prefix="endoreg-quality-") as work:
            replace(_examined(job, Path(work)), code=code_digest(job.is_report)).write(job.path)
    return _line(judgement_of(job))


def judgement_of(job: Job) -> Judgement | ReportJudgement:
    """What was found of it, in this run or an earlier one."""
    return ReportJudgement.read(job.path) if job.is_report else Judgement.read(job.path)


@cache
def code_digest(report: bool) -> str:
    """Of the code that imports and judges recordings, or reports, as it lies there.

    Results of several versions are no figures of one. What only the other kind goes through is left out, and
    so is what only sums up, so that a run may go on after a change there.
    """
    digest = hashlib.sha256()
    for package in ("endoreg_db", "quality"):
        root = Path(str(resources.files(package)))
        for path in sorted(path for path in root.rglob("*") if path.suffix in (".py", ".toml", ".txt")):
            name = f"{package}/{path.relative_to(root).as_posix()}"
            if not name.startswith(_SUMS_UP + (_OF_RECORDINGS if report else _OF_REPORTS)):
                digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def take_over(jobs: Sequence[Job], kept: Path) -> int:
    """Put judgements of an earlier run where this one looks for them; how many of them.

    Args:
        jobs: those that are wanted.
        kept: what :func:`keep` wrote, of any version of the code; it may be missing.
    """
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    earlier = {_asked_for(judged): judged for judged in map(_from_json, lines)}
    taken = 0
    for job in jobs:
        judged = earlier.get((job.seed, round(job.seconds)))
        if judged and judged.code == code_digest(job.is_report) and not job.path.exists():
            judged.write(job.path)
            taken += 1
    return taken


def keep(jobs: Sequence[Job], kept: Path) -> None:
    """Write the judgements that there are into one file, each in a line."""
    lines = (judgement_of(job).as_json() + "\n" for job in jobs if job.path.exists())
    kept.write_text("".join(lines), encoding="utf-8")


def _from_json(line: str) -> Judgement | ReportJudgement:
    return Judgement.from_json(line) if "seconds" in json.loads(line) else ReportJudgement.from_json(line)


def _asked_for(judged: Judgement | ReportJudgement) -> tuple[int, int]:
    """Seed and seconds: a recording is as long as its frames, which is not quite what was asked for."""
    return judged.seed, round(judged.seconds) if isinstance(judged, Judgement) else 0


def _examined(job: Job, work: Path) -> Judgement | ReportJudgement:
    if job.is_report:
        return examine_report(draw_report_plan(job.seed), work, _hunter(), _hunter(PAGES))
    plan = draw_plan(job.seed, seconds=job.seconds)
    return bench.examine(plan, work, job.folder / PICTURES, _hunter())


@cache
def _hunter(scales: tuple[float, ...] = SCALES) -> Hunter:
    """One for each process: its OCR engine takes long to load."""
    return Hunter(scales=scales)


def _line(judgement: Judgement | ReportJudgement) -> str:
    right = sum(judgement.fields.values())
    if isinstance(judgement, Judgement):
        what = (f"{judgement.codec:16}", f"{judgement.processor:20}", ",".join(judgement.happens))
    else:
        what = (f"{judgement.style:16}", f"{judgement.form:20}", "")
    parts = [
        f"{judgement.seed:05}",
        *what[:2],
        f"{judgement.status:12}",
        f"fields {right}/{len(judgement.fields)}",
        f"{judgement.import_seconds:.0f} s",
        what[2],
        "CONTROL MISSED " + ", ".join(judgement.control_missed) if judgement.control_missed else "",
        "LEAK " + ", ".join(sorted({leak.label for leak in judgement.leaks})) if judgement.leaks else "",
    ]
    return "  ".join(part for part in parts if part)
