"""What must be true after an import that failed, and after one that went through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from endoreg_db.models import ContentLease, ImportAttempt, MediaFile, State
from endoreg_db.services.checks.examination import Examination, Problem
from endoreg_db.services.doctor import examine
from endoreg_db.services.store import Store


def left_behind(store: Store, source: Path) -> list[str]:
    """What nobody at work may leave: files of attempts, locks, held leases, running attempts."""
    found = [f"file {path}" for path in store.folder.tmp.rglob("*")]
    found += [f"lock {path}" for path in (*source.parent.glob("*.lock"), *store.folder.locks.iterdir())]
    found += [f"lease {row}" for row in ContentLease.objects.filter(owner__isnull=False)]
    found += [f"{row}" for row in ImportAttempt.objects.filter(ended_at__isnull=True)]
    return found


def unfinished_files(folder: Path) -> list[Path]:
    """Files that were being written, anywhere below the data folder."""
    return [path for path in folder.rglob(".*") if path.name.endswith(".part")]


def published_names(store: Store) -> set[str]:
    """Of the files that researchers see."""
    return {path.name for path in store.publisher.published_files()}


def recorded_outputs() -> set[str]:
    """Of the files that records name as published."""
    return set(MediaFile.objects.filter(state=State.PUBLISHED).values_list("output_name", flat=True))


def complaints(store: Store) -> list[str]:
    """What the doctor finds, changing nothing."""
    return [f"{problem.check}: {problem.what}" for problem in _problems(store, repair=False)]


def mend(store: Store) -> set[str]:
    """Let the doctor repair; returns the checks that had something to do."""
    return {problem.check for problem in _problems(store, repair=True)}


def _problems(store: Store, *, repair: bool) -> Iterator[Problem]:
    for result in examine(Examination(store, repair=repair, deep=True, stale_after=600.0)):
        yield from result.problems
