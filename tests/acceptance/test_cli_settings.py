"""Settings that cannot be used: one sentence, one JSON line, and never the password in a URL."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from endoreg_db.errors import ConfigurationError
from endoreg_db.models import ImportAttempt, MediaFile, State
from endoreg_db.samples import draw_report
from endoreg_db.services.pdf_import import import_and_anonymize
from endoreg_db.services.store import Store
from tests.acceptance.command_line import ENDOREG, Ended, run_endoreg, run_installed


def _refused_once(told: Ended, said: str) -> bool:
    heads = [line for line in told.err.splitlines() if not line.startswith("    ")]
    assert (told.code, told.out, len(heads)) == (2, "", 1), told.err
    assert heads[0].startswith("error: ") and said in heads[0]
    return True


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "postgresql://u:se-cret#pw@localhost/endoreg",
        "postgresql://u:se-cret@localhost:99999/endoreg",
        "mysql://u:se-cret@localhost/endoreg",
        "sqlite://",
    ],
)
def test_a_database_url_that_leads_nowhere_is_told_without_its_password(data_dir: Path, url: str) -> None:
    environ = {**os.environ, "ENDOREG_DATABASE_URL": url}
    told = run_endoreg("status", env=environ)
    assert _refused_once(
        told, "ENDOREG_DATABASE_URL cannot be used; it may be sqlite:///PATH or postgresql://"
    )
    (line,) = map(json.loads, run_endoreg("status", "--json", env=environ).err.splitlines())
    assert (line["level"], line["type"]) == ("error", "ConfigurationError")
    at_length = run_endoreg("status", "--verbose", env=environ).err
    assert "Traceback" in at_length and "se-cret" not in at_length
    assert not data_dir.exists()


def test_a_host_projects_database_is_its_own_whatever_the_url_says(tmp_path: Path) -> None:
    (tmp_path / "host_settings.py").write_text(
        "from pathlib import Path\nSECRET_KEY = 'host'\nINSTALLED_APPS = ['endoreg_db']\nUSE_TZ = True\n"
        "NAME = Path(__file__).with_name('host.sqlite3')\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': NAME}}\n"
    )
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "host_settings",
        "PYTHONPATH": _first_on_the_path(tmp_path),
        "ENDOREG_DATABASE_URL": "mysql://u:se-cret@localhost/hosts_own",
    }
    subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], env=environ, check=True)
    listed = run_installed("center", "list", env=environ)
    assert (listed.code, listed.out) == (0, "test_center\n"), listed.err


def _first_on_the_path(folder: Path) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


@pytest.mark.parametrize(
    ("module", "code", "said", "advice"),
    [
        ("raise ImportError('no pq wrapper available')", 2, "psycopg", "endoreg-intake[postgres]"),
        ("raise RuntimeError('broken')", 1, "Something unexpected happened (RuntimeError: broken)", "report"),
    ],
    ids=["missing", "broken"],
)
def test_a_driver_that_cannot_be_loaded_is_told_once(
    tmp_path: Path, module: str, code: int, said: str, advice: str
) -> None:
    (tmp_path / "psycopg.py").write_text(module)
    environ = {
        **os.environ,
        "PYTHONPATH": _first_on_the_path(tmp_path),
        "ENDOREG_DATABASE_URL": "postgresql://u:se-cret@localhost/endoreg",
    }
    told = run_installed("status", env=environ)
    assert (told.code, told.out) == (code, "")
    head, rest = told.err.rstrip("\n").split("\n")
    assert said in head and advice in rest
    (line,) = map(json.loads, run_installed("status", "--json", env=environ).err.splitlines())
    assert said in line["message"]


def test_the_database_lies_in_the_data_folder_whatever_that_is_called(tmp_path: Path) -> None:
    data = tmp_path / "100%25 #1 of what?" / "data"
    assert run_endoreg("status", env={**os.environ, "ENDOREG_DATA_DIR": str(data)}).code == 0
    assert (data / "endoreg.sqlite3").is_file()
    assert list(tmp_path.iterdir()) == [data.parent]


def test_a_file_of_settings_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("ENDOREG_REPORT_PASSWORD=se-cret-für-alle\n".encode("latin-1"))
    told = run_installed("status", cwd=tmp_path)
    assert _refused_once(told, f"{tmp_path}/.env cannot be read: it is not UTF-8")
    assert "se-cret" not in run_installed("status", "--verbose", cwd=tmp_path).err


@pytest.mark.parametrize("command", [("status",), ("certify", "verify", "x")], ids=" ".join)
def test_a_current_folder_that_is_gone_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {shlex.quote(str(gone))} && rmdir ../gone && exec {shlex.join([ENDOREG, *command])}"
    ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    told = Ended(ended.returncode, ended.stdout, ended.stderr)
    assert _refused_once(told, "The current folder cannot be used: No such file or directory")


def test_a_folder_of_an_unknown_user_is_told(data_dir: Path) -> None:
    told = run_endoreg("status", env={**os.environ, "ENDOREG_DATA_DIR": "~nobody-here/data"})
    assert _refused_once(told, "ENDOREG_DATA_DIR is '~nobody-here/data'")


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder of two reports."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for seed in (1, 2):
        draw_report(inbox / f"{seed}.pdf", seed=seed)
    return inbox


@pytest.fixture
def mistyped_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of ``ENDOREG_REPORT_HOUSE_FILE``, with the name of a list mistyped."""
    file = tmp_path / "house.toml"
    file.write_text('ward = ["Station 7"]\n', "utf-8")
    monkeypatch.setenv("ENDOREG_REPORT_HOUSE_FILE", str(file))
    return file


def test_a_list_of_the_house_that_cannot_be_used_stops_an_import_before_the_first_file(
    store: Store, reports: Path, mistyped_house: Path
) -> None:
    told = run_endoreg("import", reports, "--center", "test_center")
    assert _refused_once(told, f"ENDOREG_REPORT_HOUSE_FILE: {mistyped_house} lists 'ward'; it may list wards")
    assert not ImportAttempt.objects.exists() and not list(store.vault.addresses())


@pytest.mark.parametrize("given", ["--all", "{uuid}"])
def test_a_list_of_the_house_that_cannot_be_used_stops_a_retry_before_the_first_record(
    store: Store, reports: Path, mistyped_house: Path, given: str
) -> None:
    with pytest.raises(ConfigurationError):
        import_and_anonymize(reports / "1.pdf", "test_center")
    failed = MediaFile.objects.get(state=State.FAILED)
    told = run_endoreg("retry", given.format(uuid=failed.uuid))
    assert _refused_once(told, f"ENDOREG_REPORT_HOUSE_FILE: {mistyped_house} lists 'ward'")
    assert ImportAttempt.objects.count() == 1


def test_the_doctor_finds_a_list_of_the_house_that_cannot_be_used(store: Store, mistyped_house: Path) -> None:
    told = run_endoreg("doctor")
    assert told.code == 3
    assert f"house list: ENDOREG_REPORT_HOUSE_FILE: {mistyped_house} lists 'ward'" in told.out
    mistyped_house.write_text('wards = ["Station 7"]\n', "utf-8")
    assert run_endoreg("doctor").code == 0
