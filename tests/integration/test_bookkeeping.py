"""What an import asks of the database does not grow with the records in it: counted, not timed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.filling import fill
from endoreg_db.intake import sightings
from endoreg_db.intake.scan import scan
from endoreg_db.models import Center, EndoscopyProcessor, SourceSighting, VideoFile
from endoreg_db.services import recovery, video_import
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from tests.faults.stand_in import DEVICE, stand_in_pass, write_recording

#: Tables that have a few rows for each record; a query that goes through one of them takes ever longer.
GROWING = (
    "endoreg_db_mediafile",
    "endoreg_db_videofile",
    "endoreg_db_contentlease",
    "endoreg_db_importattempt",
    "endoreg_db_sensitivemeta",
    "endoreg_db_sourcesighting",
    "endoreg_db_auditevent",
)


@pytest.fixture
def recordings(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that can be imported without a look at their pictures, and whose sightings count at once."""
    monkeypatch.setattr(video_import, "run_video", stand_in_pass)
    monkeypatch.setattr(sightings, "SETTLING_SECONDS", -1.0)
    return [write_recording(tmp_path / "inbox" / f"{size}.mp4", size) for size in (2000, 3000)]


def _import(path: Path) -> None:
    VideoImportService().import_and_anonymize(path, "test_center", DEVICE)


def _queries(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"] for query in captured]


def _outside_transactions(queries: list[str]) -> list[str]:
    """The statements that are a transaction of their own."""
    found, inside = [], False
    for sql in queries:
        inside = sql.startswith("BEGIN") or (inside and not sql.startswith("COMMIT"))
        if not inside and not sql.startswith("COMMIT"):
            found.append(sql)
    return found


def _scans(queries: list[str]) -> list[str]:
    """The queries for which SQLite goes through all rows of a growing table, or sorts what it found."""
    suspects = []
    with connection.cursor() as cursor:
        for sql in queries:
            if not sql.startswith(("SELECT", "UPDATE", "DELETE")):
                continue
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = [row[3] for row in cursor.fetchall()]
            if any(_goes_through_all(step) for step in plan):
                suspects.append(f"{sql}: {plan}")
    return suspects


def _goes_through_all(step: str) -> bool:
    # The running attempts have an index of their own, which holds nothing else.
    return step.startswith("SCAN") and step.split()[1] in GROWING and "attempt_running" not in step


def test_the_plans_of_queries_are_judged() -> None:
    assert _goes_through_all("SCAN endoreg_db_mediafile")
    assert _goes_through_all("SCAN endoreg_db_mediafile USING INDEX media_by_age")
    assert not _goes_through_all("SEARCH endoreg_db_mediafile USING INDEX media_by_size (size_bytes=?)")
    assert not _goes_through_all("SCAN endoreg_db_importattempt USING INDEX attempt_running")


def test_no_query_of_an_import_goes_through_a_growing_table(recordings: list[Path]) -> None:
    first, second = recordings
    _import(first)  # so that the second one meets records
    queries = _queries(lambda: _import(second))
    assert _scans(queries) == []
    assert sum(sql.startswith(("SELECT", "INSERT", "UPDATE")) for sql in queries) <= 21
    assert sum(sql.startswith("SAVEPOINT") for sql in queries) == 0
    by_themselves = [sql for sql in _outside_transactions(queries) if not sql.startswith("SELECT")]
    assert [sql.split(" SET ")[0].split(" (")[0] for sql in by_themselves] == [
        'INSERT INTO "endoreg_db_importattempt"',
        'UPDATE "endoreg_db_mediafile"',
    ], "the attempt, and that its original is kept"
    assert sum(sql.startswith("COMMIT") for sql in queries) == 2, "the lease with the record, and publishing"


def test_no_query_for_a_duplicate_goes_through_a_growing_table(
    recordings: list[Path], tmp_path: Path
) -> None:
    first, _second = recordings
    _import(first)
    copy = tmp_path / "inbox" / "copy.mp4"
    copy.write_bytes(first.read_bytes())
    assert _scans(_queries(lambda: _import(copy))) == []
    assert _scans(_queries(lambda: _import(first))) == [], "known without reading it"


def test_no_query_of_clearing_up_or_of_a_scan_goes_through_a_growing_table(
    store: Store, recordings: list[Path]
) -> None:
    for path in recordings:
        _import(path)
    cleared = _queries(lambda: recovery.clear_up(store, stale_after=600.0))
    assert len(cleared) == 1 and _scans(cleared) == []
    scanned = _queries(lambda: scan(recordings[0].parent, store.sightings_key))
    assert len(scanned) == 1 and _scans(scanned) == []


def test_the_benchmarks_can_fill_a_database_of_todays_shape(store: Store) -> None:
    center, processor = Center.objects.get(), EndoscopyProcessor.objects.order_by("pk")[0]
    fill(200, center=center.pk, processor=processor.pk)
    assert {table: _rows(table) > 0 for table in GROWING} == dict.fromkeys(GROWING, True)
    assert VideoFile.objects.count() == SourceSighting.objects.count() == 200


def _rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])
