"""``endoreg doctor``: what a crash, a full disk or a person's hand left behind, found and mended."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endoreg_db.cli.output import Output, indented, printable, table

if TYPE_CHECKING:
    from endoreg_db.services.checks.examination import CheckResult, Problem

#: Something is wrong and was not mended; as for files that failed.
NOT_WELL = 3


def doctor(
    output: Output,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]",
            readable=False,
            help="Also say who holds the locks of these files.",
            show_default=False,
        ),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also read every stored and published file and compare its hash. Takes long."
        ),
    ] = False,
) -> int:
    """Compare database, files and locks; exit code 0 only when all is well.

    Looks only, unless `--repair` is given. What a living worker is about to use is left alone, so it
    may run at any time.
    """
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.bootstrap import current_config
    from endoreg_db.services.checks.examination import Examination
    from endoreg_db.services.doctor import examine
    from endoreg_db.services.sources import stale_lock_seconds

    config = current_config()
    sources = tuple(path.absolute() for path in files or ())
    examination = Examination(
        store, repair, deep, stale_lock_seconds(config), sources, config.report_house_file
    )
    results = []
    for result in examine(examination):
        results.append(result)
        output.result(_as_json(result))
    output.say(_as_text(results, repaired=repair))
    return 0 if all(result.is_well for result in results) else NOT_WELL


def _as_json(result: CheckResult) -> dict[str, object]:
    problems = [{key: value for key, value in asdict(p).items() if key != "check"} for p in result.problems]
    return {
        "check": result.name,
        "looked_at": result.looked_at,
        "well": result.is_well,
        "problems": problems,
        "notes": list(result.notes),
    }


def _as_text(results: list[CheckResult], *, repaired: bool) -> str:
    rows = [
        (r.name, r.looked_at, len(r.problems), sum(p.repaired for p in r.problems), _verdict(r))
        for r in results
    ]
    problems = [problem for result in results for problem in result.problems]
    parts = [table(("CHECK", "LOOKED AT", "WRONG", "MENDED", ""), rows)]
    parts += [_told(problem) for problem in problems]
    parts += [f"{result.name}: {printable(note)}" for result in results for note in result.notes]
    left = sum(not problem.repaired for problem in problems)
    if not left:
        parts.append("All is well." if not problems else "All is well now.")
    elif repaired:
        parts.append(f"{left} left for a person to decide.")
    else:
        parts.append(f"{left} found; `endoreg doctor --repair` mends what can be mended.")
    return "\n".join(parts)


def _verdict(result: CheckResult) -> str:
    if not result.problems:
        return "well"
    return "mended" if result.is_well else "NOT WELL"


def _told(problem: Problem) -> str:
    head = f"{problem.check}: {printable(problem.what)}{' (mended)' if problem.repaired else ''}"
    return f"{head}\n{indented(problem.advice)}" if problem.advice else head
