"""The doctor: compares database, files and locks, and mends what a crash or a hand left behind.

With ``repair`` a check mends before it yields. No check touches anything that a living worker may be
about to use: a record is changed under the lease on its content, a file is removed only while its row
or its lease is locked.
"""

from __future__ import annotations

from collections.abc import Iterator

from endoreg_db.services.checks import files, settings, workers
from endoreg_db.services.checks.examination import Check, CheckResult, Examination, Note, Problem

#: In this order: who is dead first, then what the dead left.
CHECKS: dict[str, Check] = {
    "attempts": workers.interrupted_attempts,
    "leases": workers.dead_leases,
    "records": workers.unfinished_records,
    "temporary files": workers.temporary_files,
    "kept segments": files.kept_segments,
    "published files": files.published_files,
    "published records": files.published_records,
    "certificates": files.certificates_of_files,
    "stored originals": files.stored_originals,
    "orphaned originals": files.orphaned_originals,
    "proposed profiles": files.proposed_profiles,
    "locks": workers.locks,
    "house list": settings.house_list,
}


def examine(examination: Examination) -> Iterator[CheckResult]:
    """Run every check, in an order in which each finds what the ones before it left."""
    for name, check in CHECKS.items():
        found = list(check(examination))
        problems = tuple(one for one in found if isinstance(one, Problem))
        notes = tuple(one.what for one in found if isinstance(one, Note))
        yield CheckResult(name, found.count(None), problems, notes)
