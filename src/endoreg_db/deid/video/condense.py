"""Many findings of one kind as few: a person reads spans of time, not frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from endoreg_db.deid.messages import Finding

MOST_OF_A_KIND = 100  # findings; the last of them then stands for all that follow


def condensed(findings: Iterable[Finding], *, gap: float) -> tuple[Finding, ...]:
    """Findings with the same code and words, in order of time, joined where they nearly touch.

    Args:
        findings: all with a start; one without an end is a moment.
        gap: seconds that may lie between two of them.
    """
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: f.start or 0.0):
        kind = kinds.setdefault((finding.code, finding.detail), [])
        if kind and ((finding.start or 0.0) - _end(kind[-1]) <= gap or len(kind) >= MOST_OF_A_KIND):
            kind[-1] = replace(kind[-1], end=max(_end(kind[-1]), _end(finding)))
        else:
            kind.append(finding)
    return tuple(finding for kind in kinds.values() for finding in kind)


def _end(finding: Finding) -> float:
    return finding.end if finding.end is not None else finding.start or 0.0
