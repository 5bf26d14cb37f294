"""``endoreg_db`` in a plain interpreter, and as an ordinary app of somebody else's project."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from endoreg_db.services.store import Store

_PLAIN = """
from endoreg_db.services.video_import import VideoImportService, STALE_LOCK_SECONDS
from endoreg_db.services.video_import import import_and_anonymize
from endoreg_db.services.registry import find_center, find_processor, processors
from endoreg_db.services.store import open_store
from endoreg_db.bootstrap import current_config
open_store(current_config())
names = ["olympus_cv_1500", "fujifilm_4450hd", "pentax_ept_7000"]
confirmed = [find_processor(name, processors()).confirmed for name in names]
print(STALE_LOCK_SECONDS, find_center("test_center"), confirmed)
"""

_HOST_SETTINGS = """
from pathlib import Path
HERE = Path(__file__).parent
SECRET_KEY = "host"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "endoreg_db"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "host.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ENDOREG_DATA_DIR = HERE / "intake"
ENDOREG_VIDEO_CRF = 30
"""

_HOST = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from endoreg_db.models import Center, EndoscopyProcessor
from endoreg_db.services.video_import import VideoImportService
config = VideoImportService()._config()
print(config.data_dir.name, config.video_crf, Center.objects.count(), EndoscopyProcessor.objects.count())
"""


def _run(script: str, folder: Path, **environ: str) -> str:
    import os

    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
    return ended.stdout.strip()


def test_a_plain_interpreter_needs_no_set_up(tmp_path: Path) -> None:
    plain = {"DJANGO_SETTINGS_MODULE": ""}
    assert _run(_PLAIN, tmp_path, **plain) == "600 test_center [True, False, False]"
    assert (tmp_path / "data" / "endoreg.sqlite3").is_file()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_host_project_keeps_its_settings_and_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENDOREG_DATA_DIR")
    (tmp_path / "host_settings.py").write_text(_HOST_SETTINGS)
    host = {"DJANGO_SETTINGS_MODULE": "host_settings", "PYTHONPATH": str(tmp_path)}
    assert _run(_HOST, tmp_path, **host) == "intake 30 1 3"
    assert not (tmp_path / "intake" / "endoreg.sqlite3").exists()


def test_the_environment_wins_over_a_host_projects_settings(tmp_path: Path) -> None:
    (tmp_path / "host_settings.py").write_text(_HOST_SETTINGS)
    host = {"DJANGO_SETTINGS_MODULE": "host_settings", "PYTHONPATH": str(tmp_path)}
    assert _run(_HOST, tmp_path, ENDOREG_VIDEO_CRF="18", **host) == "data 18 1 3"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a host project whose database is not made yet; children use them."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "host_settings")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    settings = tmp_path / "host_settings.py"
    settings.write_text(_HOST_SETTINGS)
    return settings


def _ended(*arguments: str) -> tuple[int, str]:
    """The exit code of a module, run as ``python -m`` does, and what it says on standard error."""
    ended = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


def test_a_host_that_has_yet_to_migrate_is_told_so(host: Path, tmp_path: Path) -> None:
    what, advice = (
        "The database has not been migrated to this version of endoreg_db",
        "Run `manage.py migrate`.",
    )
    unmigrated = (2, f"error: {what}\n    {advice}\n")
    assert _ended("endoreg_db", "status") == unmigrated
    assert _ended("django", "migrate", "-v0") == (0, "")
    assert _ended("endoreg_db", "status") == (0, "")

    with sqlite3.connect(tmp_path / "host.sqlite3") as database:  # as before an upgrade
        database.execute("DELETE FROM django_migrations WHERE name = '0007_unsettled_records'")
    database.close()
    assert _ended("endoreg_db", "status") == unmigrated
    code, told = _ended("django", "import_video", "x.mp4", "--center", "test_center")
    assert code == 2 and advice in told


def test_tables_that_were_made_without_migrations_are_the_hosts_business(host: Path) -> None:
    host.write_text(host.read_text() + "MIGRATION_MODULES = {'endoreg_db': None}\n")
    assert _ended("django", "migrate", "-v0", "--run-syncdb") == (0, "")
    assert _ended("endoreg_db", "status") == (0, "")
    host.write_text(_HOST_SETTINGS)
    assert _ended("endoreg_db", "status") == (0, "")


def test_a_database_that_does_not_answer_is_not_taken_for_one_to_migrate(host: Path, tmp_path: Path) -> None:
    host.write_text(_HOST_SETTINGS.replace('HERE / "host.sqlite3"', 'HERE / "gone" / "host.sqlite3"'))
    code, told = _ended("endoreg_db", "status")
    assert code == 3 and str(tmp_path / "gone") in told and "migrate" not in told


def test_the_migrations_are_complete(store: Store) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "endoreg_db", check=True, dry_run=True, verbosity=3)
