"""The intake on PostgreSQL: as on SQLite, and with a server that goes away in between."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import run_endoreg
from tests.faults.processes import Worker, play
from tests.faults.stand_in import write_recording
from tests.postgres import MISSING, PrivatePostgres, private_postgres

CLEAN: dict[str, list[str]] = {"left": [], "odd outputs": [], "complaints": []}


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    """One server for all tests that a worker runs here."""
    pytest.importorskip("psycopg", reason=MISSING)
    pytest.importorskip("platformdirs", reason=MISSING)
    before = os.environ.get("XDG_RUNTIME_DIR")
    with tempfile.TemporaryDirectory(prefix="endoreg-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        try:
            with private_postgres(Path(folder)) as running:
                yield running
        except ImportError:
            pytest.skip(MISSING)
    if before is None:
        del os.environ["XDG_RUNTIME_DIR"]
    else:
        os.environ["XDG_RUNTIME_DIR"] = before


@pytest.fixture(scope="module")
def migrated(server: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with the schema and the shipped data, to be copied."""
    name = server.new_database()
    environ = {
        "ENDOREG_DATABASE_URL": server.url(name),
        "ENDOREG_DATA_DIR": str(tmp_path_factory.mktemp("template") / "data"),
    }
    with Worker([], open_first=True, environ=environ) as worker:
        worker.go_on()
        worker.results()
    return name


@pytest.fixture
def database(server: PrivatePostgres, migrated: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database without records, which every child process of the test uses."""
    url = server.url(server.new_database(like=migrated))
    monkeypatch.setenv("ENDOREG_DATABASE_URL", url)
    return url


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "inbox" / "recording.mp4")


def _import(*sources: Path, **orders: Any) -> list[dict[str, Any]]:
    with Worker(sources, **orders) as worker:
        return worker.results()


def _at_once(sources: list[Path]) -> list[str]:
    """Import each in a process of its own, all at the same time; how each of them ended."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker([path], wait_first=True)) for path in sources]
        for worker in workers:
            assert worker.hear() == {"event": "ready"}
        for worker in workers:
            worker.go_on()
        return [result["status"] for worker in workers for result in worker.results()]


def _look(data: Path, source: Path) -> dict[str, Any]:
    return play("look", data, source)


def _is_clean(state: dict[str, Any], **expected: Any) -> bool:
    wanted = {**CLEAN, "source": True, **expected}
    return {key: state[key] for key in wanted} == wanted


def _query(url: str, sql: str) -> list[Any]:
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


# ------------------------------------------------------------------------------- as on SQLite


@pytest.mark.usefixtures("database")
def test_a_recording_is_imported_once(data_dir: Path, small_recording: Path) -> None:
    copy = Path(shutil.copy(small_recording, small_recording.with_name("copy.mp4")))
    first, second = _import(small_recording, copy, real=True)
    assert (first["status"], second["status"]) == ("imported", "duplicate")
    assert first["uuid"] == second["uuid"]
    assert not (data_dir / "endoreg.sqlite3").exists()
    assert _is_clean(_look(data_dir, copy), published=1, records={"published": 1})


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("names", ["one name", "eight names"])
def test_eight_processes_and_one_content(data_dir: Path, source: Path, names: str) -> None:
    sources = [source] * 8
    if names == "eight names":
        sources = [Path(shutil.copy(source, source.with_name(f"{n}.mp4"))) for n in range(8)]
    statuses = _at_once(sources)
    assert statuses.count("imported") == 1
    assert set(statuses) <= {"imported", "duplicate", "FileLockedError"}
    assert _is_clean(_look(data_dir, source), published=1, records={"published": 1})


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("mended_by", ["the next import", "the doctor"])
def test_a_killed_import_is_taken_over(data_dir: Path, source: Path, mended_by: str) -> None:
    with Worker([source], wait=True) as killed:
        assert killed.hear() == {"event": "in pass"}
        killed.kill()
    if mended_by == "the doctor":
        told = play("mend_all", data_dir, source)
        assert "attempts" in told["mended"]
        assert _is_clean(told, published=0)
    assert _import(source)[0]["status"] == "imported"
    assert _is_clean(_look(data_dir, source), published=1, records={"published": 1})


@pytest.mark.usefixtures("database")
def test_commands_ask_a_server_what_they_ask_a_file(data_dir: Path, source: Path) -> None:
    (imported,) = _import(source)
    uuid = imported["uuid"]
    (record,) = run_endoreg("status", "--json").lines
    assert (record["uuid"], record["state"], record["source"]) == (uuid, "published", str(source))
    (shown,) = run_endoreg("show", uuid, "--identity", "--json").lines
    assert shown["sha256"] == record["sha256"]
    assert run_endoreg("review", "--json").lines == []
    assert run_endoreg("center", "add", "Haus am See").code == 0
    assert run_endoreg("pseudonyms", "rotate").code == 0
    assert run_endoreg("approve", uuid).code == 0
    assert run_endoreg("doctor", "--deep").code == 0
    assert run_endoreg("reject", uuid, "--reason", "a name shows").code == 0
    assert _query(os.environ["ENDOREG_DATABASE_URL"], "SELECT state FROM endoreg_db_mediafile") == [
        ("rejected",)
    ]
    assert _is_clean(_look(data_dir, source), published=0)


# ------------------------------------------------------------------------- first start, anew


def test_machines_that_share_the_database_alone_start_at_once(
    server: PrivatePostgres, tmp_path: Path
) -> None:
    database = server.url(server.new_database())
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                # Folders of their own: no lock of a file keeps these apart.
                Worker(
                    [],
                    open_first=True,
                    environ={
                        "ENDOREG_DATABASE_URL": database,
                        "ENDOREG_DATA_DIR": str(tmp_path / f"machine-{n}"),
                    },
                )
            )
            for n in range(4)
        ]
        for worker in workers:
            assert worker.hear() == {"event": "ready"}
        for worker in workers:
            worker.go_on()
        for worker in workers:
            assert worker.results() == []
    applied = _query(database, "SELECT app, name, count(*) FROM django_migrations GROUP BY 1, 2")
    assert applied and all(times == 1 for _app, _name, times in applied)
    assert _query(database, "SELECT count(*) FROM endoreg_db_center") == [(1,)]


@pytest.mark.usefixtures("database")
def test_records_without_their_data_folder_are_refused(data_dir: Path, source: Path, tmp_path: Path) -> None:
    assert _import(source)[0]["status"] == "imported"
    mount_point = tmp_path / "not mounted"
    mount_point.mkdir()
    other = write_recording(source.with_name("other.mp4"))
    (refused,) = _import(other, environ={"ENDOREG_DATA_DIR": str(mount_point)})
    assert refused["status"] == "ConfigurationError"
    assert str(mount_point) in refused["message"] and "Mount the disk" in refused["advice"]
    assert not list(mount_point.iterdir()), "nothing was made in its place"
    assert _import(other)[0]["status"] == "imported"


@pytest.mark.usefixtures("database")
def test_a_server_that_is_down_gives_no_leave_to_start_anew(
    server: PrivatePostgres, data_dir: Path, source: Path
) -> None:
    server.stop()
    try:
        (refused,) = _import(source)
    finally:
        server.start()
    assert refused["status"] == "DatabaseUnavailableError"
    assert "database server" in refused["advice"]
    assert not data_dir.exists()


# ------------------------------------------------------------------- the server goes away


def test_a_server_restarted_during_the_pass_does_no_harm(
    server: PrivatePostgres, database: str, data_dir: Path, source: Path
) -> None:
    with Worker([source], wait=True, heartbeat_seconds=0.1) as worker:
        assert worker.hear() == {"event": "in pass"}
        server.stop()
        time.sleep(0.5)  # some heartbeats fail
        server.start()
        (before,) = _query(database, "SELECT heartbeat_at FROM endoreg_db_contentlease")
        deadline = time.monotonic() + 20
        while _query(database, "SELECT heartbeat_at FROM endoreg_db_contentlease") == [before]:
            assert time.monotonic() < deadline, "the keeper did not survive"
            time.sleep(0.05)
        worker.go_on()
        (result,) = worker.results()
    assert result["status"] == "imported"
    assert _is_clean(_look(data_dir, source), published=1, records={"published": 1})


@pytest.mark.usefixtures("database")
def test_a_server_gone_at_the_end_of_the_pass_fails_the_import_until_the_next(
    server: PrivatePostgres, data_dir: Path, source: Path
) -> None:
    with Worker([source], wait=True) as worker:
        assert worker.hear() == {"event": "in pass"}
        server.stop()
        try:
            worker.go_on()
            (failed,) = worker.results()
        finally:
            server.start()
    assert failed["status"] == "DatabaseUnavailableError"
    assert _look(data_dir, source)["published"] == 0
    assert _import(source)[0]["status"] == "imported"
    assert _is_clean(_look(data_dir, source), published=1, records={"published": 1})


@pytest.mark.usefixtures("database")
def test_a_server_restarted_again_and_again_loses_and_doubles_nothing(
    server: PrivatePostgres, data_dir: Path, tmp_path: Path
) -> None:
    sources = [write_recording(tmp_path / "inbox" / f"{n}.mp4") for n in range(60)]
    with Worker(sources) as worker:
        heard = []
        for _ in range(3):
            heard += [worker.hear() for _ in range(8)]
            server.stop()
            server.start()
        results = [line for line in heard if "status" in line] + worker.results()
    assert len(results) == len(sources)
    assert {result["status"] for result in results} == {"imported", "DatabaseUnavailableError"}
    again = _import(*sources)
    assert {result["status"] for result in again} <= {"imported", "duplicate"}
    play("mend_all", data_dir, sources[0])  # attempts that the server could not be told the end of
    state = _look(data_dir, sources[0])
    assert _is_clean(state, published=60, records={"published": 60})
