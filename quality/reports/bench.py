"""Imports reports of the corpus as a user would, and looks at everything that came of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process

from quality.hunter import Hit, Hunter, Report
from quality.hunter.tokens import folded
from quality.intake import CENTER, Intake, Judged, Leak
from quality.reports.corpus import FILE_NAME, ReportPlan, ReportTruth, write_report
from quality.reports.own_words import OwnWords, is_own_word, own_words
from quality.reports.plants import IN_PICTURES

#: The sizes at which pages of the output are read: print on them has 20 to 60 pixels, which suits the engine.
PAGES = (1.0,)
_SAME_WORD = 80  # of 100; OCR reads a letter of a long word wrong, and it is the word all the same


@dataclass(frozen=True, slots=True)
class ReportJudgement(Judged):
    """What became of one report."""

    style: str
    form: str
    clinical: int  # clinical words of the letter
    lost: int  # of these, not to be found in the cleaned text


def examine_report(plan: ReportPlan, work: Path, hunter: Hunter, pages: Hunter) -> ReportJudgement:
    """Write the report of a plan, import it, and hunt through all that the intake wrote.

    Args:
        plan: the report.
        work: an empty folder for the report and the data folder; its content may be removed after.
        hunter: looks for what is hidden in the untouched report.
        pages: looks for what leaked. It may read each picture at one size only: what the intake writes is
            read twice anyway, as the picture that is stored and as the page that is shown.
    """
    source, truth = write_report(plan, work / "inbox")
    reads = plan.planted in IN_PICTURES
    control = hunter.hunt(source, truth.planted, pictures=reads, until_found=True)
    # What the pass is sure of is published, as a site does that does not have every report looked at.
    intake = Intake(work, {"ENDOREG_REPORT_RELEASE": "verified"})
    begun = time.monotonic()
    (said, *_) = intake.run("import", str(source), "--center", CENTER)
    imported = time.monotonic()
    tokens = (*truth.tokens, *truth.planted)
    own = own_words(truth.tokens, pages)
    found = [
        pages.hunt(intake.data, tokens, shallow=intake.encrypted),
        pages.hunt(intake.log, [t for t in tokens if t.label != FILE_NAME], pictures=False),
    ]
    hunted = time.monotonic()
    shown = intake.run("show", said["uuid"], "--identity")[0] if said["uuid"] else {}
    later: list[Report] = []
    if said["status"] == "needs_review":
        intake.run("approve", said["uuid"])
        later = [pages.hunt(intake.published, tokens)]
    texts = [path.read_text("utf-8") for path in intake.published.glob("*.txt")]
    return ReportJudgement(
        seed=plan.seed,
        style=plan.style,
        form=plan.form,
        planted=tuple(token.label for token in truth.planted),
        control_missed=tuple(t.label for t in truth.planted if t not in control.tokens),
        status=said["status"],
        error=said["error"] and said["error"]["type"],
        findings=tuple(finding["code"] for finding in shown.get("findings", [])),
        leaks=_leaks(found, own, intake),
        leaks_if_approved=_leaks(later, own, intake),
        fields=_fields(truth, shown),
        clinical=len(truth.clinical) if texts else 0,
        lost=sum(_lost(truth.clinical, text) for text in texts),
        import_seconds=imported - begun,
        hunt_seconds=hunted - imported,
    )


def _leaks(reports: Sequence[Report], own: OwnWords, intake: Intake) -> tuple[Leak, ...]:
    hits = (hit for report in reports for hit in report.hits)
    return tuple(_leak(hit, intake) for hit in hits if not is_own_word(hit, own))


def _leak(hit: Hit, intake: Intake) -> Leak:
    below = Path(hit.path).relative_to(intake.root).as_posix()
    return Leak(hit.token.label, f"{below}: {hit.where}", hit.how, hit.excerpt, None)


def _fields(truth: ReportTruth, shown: Mapping[str, object]) -> dict[str, bool]:
    return (
        {name: folded(str(shown.get(name) or "")) == folded(value) for name, value in truth.fields.items()}
        if shown
        else {}
    )


def _lost(clinical: Sequence[str], text: str) -> int:
    """How many of the words the text does not have any more, each as often as it was there."""
    missing = Counter(map(folded, clinical))
    there = Counter(folded(text).split())
    same = missing & there
    missing, there = missing - same, there - same
    lost = 0
    for word, count in missing.items():
        for _ in range(count):
            match = process.extractOne(word, [w for w, n in there.items() if n], scorer=fuzz.ratio)
            if match is None or match[1] < _SAME_WORD:
                lost += 1
            else:
                there[match[0]] -= 1
    return lost
