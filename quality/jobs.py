"""Recordings and reports, judged one after the other in processes of their own; each result is kept."""

from __future__ import annotations

import hashlib
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
from quality.plan import draw_plan
from quality.reports.bench import ReportJudgement, examine_report
from quality.reports.corpus import draw_report_plan

PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class Job:
    """One recording or report, and where its judgement is kept."""

    seed: int
    seconds: float  # of a recording; 0: a report
    folder: Path

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
            replace(_examined(job, Path(work)), code=code_digest()).write(job.path)
    return _line(judgement_of(job))


def judgement_of(job: Job) -> Judgement | ReportJudgement:
    """What was found of it, in this run or an earlier one."""
    return Judgement.read(job.path) if job.seconds else ReportJudgement.read(job.path)


@cache
def code_digest() -> str:
    """Of the package and the bench as they lie there: results of several versions are no figures of one."""
    digest = hashlib.sha256()
    for package in ("endoreg_db", "quality"):
        root = Path(str(resources.files(package)))
        for path in sorted(path for path in root.rglob("*") if path.suffix in (".py", ".toml", ".txt")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _examined(job: Job, work: Path) -> Judgement | ReportJudgement:
    if not job.seconds:
        return examine_report(draw_report_plan(job.seed), work, _hunter())
    plan = draw_plan(job.seed, seconds=job.seconds)
    return bench.examine(plan, work, job.folder / PICTURES, _hunter())


@cache
def _hunter() -> Hunter:
    """One for each process: its OCR engine takes long to load."""
    return Hunter()


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
