"""``python -m quality``: draws recordings, imports them as a user would, and counts what leaks.

Results lie in the folder ``--out``, one file for each recording. A run that was interrupted goes on
where it was; one with more recordings adds to what is there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from quality import bench, results
from quality.bench import Judgement
from quality.hunter import Hunter
from quality.plan import draw_plan


def main(arguments: list[str] | None = None) -> int:
    """Run the bench; 0 if nothing leaked and the hunter found all that was planted, else 1."""
    options = _parser().parse_args(arguments)
    folder = options.out / f"seed-{options.seed}-{options.seconds:g}s"
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(
        f"seeds {options.seed} to {options.seed + options.recordings - 1}; results in {folder}\n"
    )
    hunter = Hunter()
    judgements = []
    for seed in range(options.seed, options.seed + options.recordings):
        judgement = _judge(seed, options.seconds, folder, hunter)
        judgements.append(judgement)
        sys.stdout.write(f"{_line(judgement)}\n")
        sys.stdout.flush()
    summary = results.summarise(judgements)
    (folder / "summary.json").write_text(results.as_json(summary), encoding="utf-8")
    results.write_page(folder / "index.html", summary, judgements, pictures="pictures")
    sys.stdout.write(f"\n{results.as_table(summary)}\n\nPage: {folder / 'index.html'}\n")
    well = summary.control.count == summary.control.total and summary.leak_free.count == summary.recordings
    return 0 if well else 1


def _judge(seed: int, seconds: float, folder: Path, hunter: Hunter) -> Judgement:
    """The judgement of that seed: from an earlier run, or made now."""
    path = folder / f"{seed:05}.json"
    if not path.exists():
        with tempfile.TemporaryDirectory(prefix="endoreg-quality-") as work:
            plan = draw_plan(seed, seconds=seconds)
            bench.examine(plan, Path(work), folder / "pictures", hunter).write(path)
    return Judgement.read(path)


def _line(judgement: Judgement) -> str:
    right = sum(judgement.fields.values())
    parts = [
        f"{judgement.seed:05}",
        f"{judgement.codec:16}",
        f"{judgement.processor:20}",
        f"{judgement.status:12}",
        f"fields {right}/{len(judgement.fields)}",
        f"{judgement.import_seconds:.0f} s",
        ",".join(judgement.happens),
        "CONTROL MISSED " + ", ".join(judgement.control_missed) if judgement.control_missed else "",
        "LEAK " + ", ".join(sorted({leak.label for leak in judgement.leaks})) if judgement.leaks else "",
    ]
    return "  ".join(part for part in parts if part)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m quality", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recordings", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each recording")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first recording; the next has the next one"
    )
    parser.add_argument("--out", type=Path, default=Path("quality-results"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
