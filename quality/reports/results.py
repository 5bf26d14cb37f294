"""Sums the judgements of reports up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from quality.intake import Leak
from quality.page import Failure, in_words
from quality.reports.bench import ReportJudgement
from quality.statistics import Share, share_of


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """The figures of reports of one form, or of one style of letters."""

    reports: int
    control: Share  # canaries that the hunter found in the untouched files
    leak_free: Share  # files
    leaks: dict[str, int]  # label of the token → files
    leak_free_candidates: Share  # of those under review, had a person let them pass unseen
    fields_right: Share
    review: Share
    refused: Share  # failed or quarantined
    clinical_lost: Share  # words
    import_seconds: float  # median

    def lines(self) -> Iterator[tuple[str, str]]:
        """What is printed: name and value."""
        yield "reports", str(self.reports)
        yield "control: canaries found in the untouched files", str(self.control)
        yield "leak-free files", str(self.leak_free)
        yield "leaks by class (files)", in_words(self.leaks)
        yield "leak-free candidates, had nobody looked", str(self.leak_free_candidates)
        yield "header fields right", str(self.fields_right)
        yield "sent to review", str(self.review)
        yield "failed or quarantined", str(self.refused)
        yield "clinical words lost", str(self.clinical_lost)
        yield "import, seconds (median)", f"{self.import_seconds:.2f}"


def summarise_reports(judgements: Sequence[ReportJudgement]) -> ReportSummary:
    """The figures over all the judgements, of which there is at least one."""
    held = [j for j in judgements if j.status == "needs_review"]
    return ReportSummary(
        reports=len(judgements),
        control=share_of(label not in j.control_missed for j in judgements for label in j.planted),
        leak_free=share_of(not j.leaks for j in judgements),
        leaks=dict(sorted(Counter(label for j in judgements for label in _labels(j.leaks)).items())),
        leak_free_candidates=share_of(not j.leaks_if_approved for j in held),
        fields_right=share_of(right for j in judgements for right in j.fields.values()),
        review=Share(len(held), len(judgements)),
        refused=share_of(j.status in ("failed", "quarantined") for j in judgements),
        clinical_lost=Share(sum(j.lost for j in judgements), sum(j.clinical for j in judgements)),
        import_seconds=median(j.import_seconds for j in judgements),
    )


def by_kind(judgements: Sequence[ReportJudgement]) -> dict[str, ReportSummary]:
    """The figures for each style and form of reports that there is."""
    kinds = sorted({(j.style, j.form) for j in judgements})
    return {
        f"{style}, {form}": summarise_reports([j for j in judgements if (j.style, j.form) == (style, form)])
        for style, form in kinds
    }


def failures(judgements: Sequence[ReportJudgement]) -> Iterator[Failure]:
    """Every report that is not as it should be."""
    for judgement in judgements:
        if notes := _faults(judgement):
            title = f"Report {judgement.seed}: {judgement.status}, {judgement.style}, {judgement.form}"
            yield Failure(title, (f"findings: {', '.join(judgement.findings)}", *notes))


def _faults(judgement: ReportJudgement) -> list[str]:
    return [
        *(f"the hunter did not find: {label}" for label in judgement.control_missed),
        *(str(leak) for leak in judgement.leaks),
        *(f"had nobody looked: {leak}" for leak in judgement.leaks_if_approved),
        *(f"read wrong or not at all: {name}" for name, right in judgement.fields.items() if not right),
    ]


def _labels(leaks: Sequence[Leak]) -> set[str]:
    return {leak.label for leak in leaks}
