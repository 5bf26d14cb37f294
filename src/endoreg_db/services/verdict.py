"""Whether an output may be published: the one place that says so.

The cell reports, this module judges. It fails closed: an output is safe only when everything that
was looked at says so, and whatever is not understood goes to a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from endoreg_db.deid.messages import Done, Finding, ReportDone
from endoreg_db.deid.profiles import DeviceProfile


class Decision(StrEnum):
    """What happens to the output."""

    SAFE = "safe"  # publish
    REVIEW = "review"  # keep it as a protected candidate until a person has looked
    UNSAFE = "unsafe"  # destroy it: it is known to show what it must not


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and everything it rests on."""

    decision: Decision
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that kept the output from being published."""
        return tuple(f for f in self.findings if f.severity != "note")


def judge(done: Done, profile: DeviceProfile) -> Verdict:
    """Judge a finished pass over a recording that was made for ``profile``."""
    return _judged((*done.findings, *done.verification.findings, *_own_doubts(done, profile)))


def judge_report(done: ReportDone, *, needs_a_look: bool) -> Verdict:
    """Judge a finished pass over a report.

    Args:
        done: what the cell has told.
        needs_a_look: whether a person must look at every report, however sure the pass is. A name in
            running text that nothing announces is found by no rule, and raises no doubt either.
    """
    unseen = [_UNSEEN] if needs_a_look else []
    return _judged((*done.findings, *done.verification.findings, *_own_doubts_of_report(done), *unseen))


_UNSEEN = Finding("report_unseen", "review", "Reports are published after a person has looked at them")


def _judged(findings: tuple[Finding, ...]) -> Verdict:
    severities = {finding.severity for finding in findings}
    if not severities <= {"note", "review", "fatal"} or "fatal" in severities:
        return Verdict(Decision.UNSAFE, findings)
    return Verdict(Decision.REVIEW if "review" in severities else Decision.SAFE, findings)


def _own_doubts(done: Done, profile: DeviceProfile) -> list[Finding]:
    """What the parent checks itself instead of taking the cell's word for it."""
    told = {finding.code for finding in (*done.findings, *done.verification.findings)}
    doubts = []
    if not profile.confirmed and "unconfirmed_profile" not in told:
        doubts.append(
            Finding(
                "unconfirmed_profile",
                "review",
                f"The layout of {profile.title} was never confirmed on a real recording",
            )
        )
    if done.frames_damaged and "damaged_frames" not in told:
        doubts.append(
            Finding("damaged_frames", "review", f"{done.frames_damaged} frames could not be decoded")
        )
    if done.frames_decoded < 1 or done.verification.frames != done.frames_decoded:
        doubts.append(
            Finding(
                "frame_count",
                "fatal",
                f"{done.frames_decoded} frames were read, {done.verification.frames} are in the output",
            )
        )
    return doubts


def _own_doubts_of_report(done: ReportDone) -> list[Finding]:
    """As above, for reports."""
    doubts = []
    if done.pages < 1 or done.verification.pages != done.pages:
        doubts.append(
            Finding(
                "page_count",
                "fatal",
                f"{done.pages} pages were read, {done.verification.pages} are in the output",
            )
        )
    if done.verification.words == 0:
        doubts.append(Finding("no_words", "review", "No word of the report has stayed"))
    if done.pages_scanned and done.verification.lines_read == 0:
        doubts.append(Finding("not_looked_at", "review", "The output's scanned pages were not read again"))
    # Without any identity either the report has none, or it was not found; only a person can tell.
    if done.words_removed == 0:
        doubts.append(Finding("nothing_found", "review", "Nothing that identifies anybody was found"))
    return doubts
