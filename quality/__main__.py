"""``python -m quality``: draws recordings and reports, imports them as a user would, and counts what leaks.

Results lie in the folder ``--out``, one file for each recording or report. A run that was interrupted
goes on where it was; one with more of them adds to what is there. On another machine it goes on with the
file ``--kept``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quality import page, results
from quality.bench import Judgement
from quality.jobs import PICTURES, Job, judge, judgement_of, keep, take_over
from quality.page import Figures
from quality.reports import results as report_results
from quality.reports.bench import ReportJudgement


def main(arguments: list[str] | None = None) -> int:
    """Run the bench; 0 if nothing leaked and the hunter found all that was planted, else 1."""
    options = _parser().parse_args(arguments)
    recordings: Path = options.out / f"seed-{options.seed}-{options.seconds:g}s"
    reports: Path = options.out / f"seed-{options.seed}-reports"
    jobs = [Job(options.seed + n, options.seconds, recordings) for n in range(options.recordings)]
    jobs += [Job(options.seed + n, 0.0, reports) for n in range(options.reports)]
    counted = f"{options.recordings} recordings and {options.reports} reports"
    sys.stdout.write(f"{counted} from seed {options.seed} on; results in {options.out}\n")
    for folder in (recordings, reports):
        folder.mkdir(parents=True, exist_ok=True)
    if options.kept is not None and (taken := take_over(jobs, options.kept)):
        sys.stdout.write(f"{taken} of them were judged before, by the same code ({options.kept})\n")
    for line in judge(jobs, options.at_once):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if options.kept is not None:
        keep(jobs, options.kept)
    judgements = [judgement_of(job) for job in jobs]
    for kind in (Judgement, ReportJudgement):
        versions = {judged.code for judged in judgements if isinstance(judged, kind)}
        if len(versions) > 1:
            sys.stdout.write(
                f"The results are of {len(versions)} versions of the code: no figures of any of them\n"
            )
    return _tell(options.out, judgements, f"{recordings.name}/{PICTURES}")


def _tell(folder: Path, judgements: Sequence[Judgement | ReportJudgement], pictures: str) -> int:
    """Print and write the figures; what the command ends with."""
    recordings = [judged for judged in judgements if isinstance(judged, Judgement)]
    reports = [judged for judged in judgements if isinstance(judged, ReportJudgement)]
    summaries: dict[str, Any] = {}
    if recordings:
        summaries["recordings"] = results.summarise(recordings)
    if reports:
        summaries["reports"] = report_results.summarise_reports(reports)
        summaries |= report_results.by_kind(reports)
    figures = [Figures(name, tuple(summary.lines())) for name, summary in summaries.items()]
    failures = [*results.failures(recordings, pictures), *report_results.failures(reports)]
    (folder / "summary.json").write_text(page.as_json(summaries), encoding="utf-8")
    page.write_page(folder / "index.html", figures, failures)
    sys.stdout.write("".join(f"\n{part}\n" for part in figures) + f"\nPage: {folder / 'index.html'}\n")
    return 1 if any(judged.leaks or judged.control_missed for judged in judgements) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m quality", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recordings", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each recording")
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first of each; the next has the next one")
    parser.add_argument("--at-once", type=int, default=1, help="how many are imported and judged at once")
    parser.add_argument(
        "--kept",
        type=Path,
        help="a file of judgements: those by the same code are taken over, and at the end it holds all",
    )
    parser.add_argument("--out", type=Path, default=Path("quality-results"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
