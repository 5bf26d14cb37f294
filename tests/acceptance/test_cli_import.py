"""``endoreg import`` through the installed command: what it prints, and what it leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from endoreg_db.intake.sightings import SETTLING_SECONDS
from endoreg_db.models import AuditEvent, EndoscopyProcessor, ImportAttempt, VideoFile
from endoreg_db.services.store import Store
from tests.acceptance.command_line import ENDOREG, OPTIONS, Endoreg, Untouched, lock_of, run_installed
from tests.conftest import small_profile


def test_a_recording_and_its_copy_are_one_import_and_one_duplicate(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    copy = Path(shutil.copy(small_recording, small_recording.with_name("copy.mov")))
    before = Untouched.now(small_recording)
    ended = endoreg("import", small_recording, copy, *OPTIONS, "--json")
    assert ended.code == 0, ended.err
    first, second = ended.lines
    assert list(first) == ["path", "status", "uuid", "output", "seconds", "error"]
    assert list(second) == list(first)
    published = store.folder.published / f"{first['uuid']}.mp4"
    assert published.stat().st_size > 0
    assert first == {
        "path": str(small_recording),
        "status": "imported",
        "uuid": str(VideoFile.objects.get().uuid),
        "output": str(published),
        "seconds": first["seconds"],
        "error": None,
    }
    assert first["seconds"] > second["seconds"] > 0
    assert second == {**first, "path": str(copy), "status": "duplicate", "seconds": second["seconds"]}
    assert Untouched.now(small_recording) == before
    assert not lock_of(small_recording).exists() and not list(store.folder.tmp.iterdir())


def test_a_person_is_told_what_happened_and_where_the_safe_file_is(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    ended = endoreg("import", small_recording, *OPTIONS)
    (published,) = store.publisher.published_files()
    head, where, record, total = ended.out.splitlines()
    assert head.startswith(f"imported: {small_recording} (")
    assert where.split() == ["safe", "file", str(published)]
    assert record.split() == ["record", published.stem]
    assert total == "1 file: 1 imported"
    assert ended.err == ""


def test_quiet_says_nothing_about_a_success(endoreg: Endoreg, small_recording: Path) -> None:
    ended = endoreg("import", small_recording, *OPTIONS, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_verbose_tells_each_step_on_standard_error(endoreg: Endoreg, small_recording: Path) -> None:
    ended = endoreg("import", small_recording, *OPTIONS, "--verbose")
    assert ended.code == 0
    assert f"INFO    Acquired file lock for: {small_recording}" in ended.err
    assert "INFO    Released file lock" in ended.err
    assert "INFO" not in ended.out


def test_json_keeps_logs_on_standard_error_with_one_correlation_id_for_each_file(
    endoreg: Endoreg, small_recording: Path
) -> None:
    letter = small_recording.with_name("letter.mp4")
    letter.write_text("Dear colleague")
    ended = endoreg("--json", "import", letter, small_recording, *OPTIONS, "--verbose")
    assert [line["status"] for line in ended.lines] == ["failed", "imported"]
    logged = [json.loads(line) for line in ended.err.splitlines()]
    ids: dict[str, set[str]] = {str(path): set() for path in (letter, small_recording)}
    for line in logged:
        assert {"time", "level", "logger", "message", "correlation_id"} <= set(line)
        for path, seen in ids.items():
            if path in line["message"]:
                seen.add(line["correlation_id"])
    assert [len(seen) for seen in ids.values()] == [1, 1]
    assert ids[str(letter)] != ids[str(small_recording)]


def test_a_folder_is_imported_recursively_without_what_is_no_media(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    inbox = small_recording.parent
    (inbox / "b").mkdir()
    shutil.copy(small_recording, inbox / "b" / "without-suffix")
    shutil.copy(small_recording, inbox / ".hidden.mp4")
    (inbox / "notes.txt").write_text("not media")
    (inbox / "thumbs.db").write_bytes(b"\1\2\3")
    (inbox / "recording.mp4.txt.lock").write_text("lock")
    ended = endoreg("import", inbox, *OPTIONS)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == "2 files: 1 imported, 1 duplicate; 2 passed over (no media)"
    assert endoreg("import", inbox, *OPTIONS, "--json").lines[1]["path"] == str(
        inbox / "b" / "without-suffix"
    )


def test_finished_files_of_a_folder_are_reported_without_an_import(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    inbox = small_recording.parent
    time.sleep(max(0.0, small_recording.stat().st_ctime + SETTLING_SECONDS + 0.1 - time.time()))
    (first,) = endoreg("import", inbox, *OPTIONS, "--json").lines
    attempts = ImportAttempt.objects.count()

    again = endoreg("import", inbox, *OPTIONS, "--json")
    assert again.code == 0, again.err
    assert again.lines == [{**first, "status": "duplicate", "seconds": 0.0}]
    told = endoreg("import", inbox, *OPTIONS)
    assert (told.code, told.out) == (0, "1 file: 1 duplicate\n")
    assert "known already" in endoreg("import", inbox, *OPTIONS, "--verbose").out
    assert ImportAttempt.objects.count() == attempts

    copy = Path(shutil.copy(small_recording, inbox / "copy.mp4"))
    lines = endoreg("import", inbox, *OPTIONS, "--json").lines
    assert [(line["path"], line["status"]) for line in lines] == [
        (str(copy), "duplicate"),
        (str(small_recording), "duplicate"),
    ]
    assert ImportAttempt.objects.count() == attempts + 1, "only the new one was looked into"

    removed = endoreg("import", inbox, *OPTIONS, "--delete-source")
    assert removed.code == 0, removed.err
    assert not list(inbox.iterdir())
    events = AuditEvent.objects.filter(action=AuditEvent.Action.SOURCE_REMOVED)
    assert events.count() == 2, "each after its stored copy had been read back"


def test_a_folder_without_media_is_no_failure(endoreg: Endoreg, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ended = endoreg("import", empty, *OPTIONS)
    assert (ended.code, ended.out) == (0, "0 files: nothing to import\n")


def test_the_stored_files_are_never_imported_themselves(
    endoreg: Endoreg, small_recording: Path, data_dir: Path
) -> None:
    endoreg("import", small_recording, *OPTIONS)
    again = endoreg("import", data_dir.parent, *OPTIONS, "--json")
    assert [(line["path"], line["status"]) for line in again.lines] == [(str(small_recording), "duplicate")]


def test_the_same_path_twice_is_a_duplicate(endoreg: Endoreg, small_recording: Path) -> None:
    first, second = endoreg("import", small_recording, small_recording, *OPTIONS, "--json").lines
    assert (first["status"], second["status"]) == ("imported", "duplicate")
    assert (first["uuid"], first["output"]) == (second["uuid"], second["output"])


def test_an_unconfirmed_device_sends_to_review_and_says_how_to_go_on(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    EndoscopyProcessor.register(replace(small_profile(), name="new_device", confirmed=False))
    options = ("--center", "test_center", "--processor", "new_device")
    ended = endoreg("import", small_recording, *options)
    uuid = VideoFile.objects.get().uuid
    assert ended.code == 5
    assert f"endoreg show {uuid}" in ended.out and f"endoreg approve {uuid}" in ended.out
    assert "because" in ended.out
    assert not list(store.publisher.published_files())


def test_the_source_is_deleted_only_when_asked_to(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    content = small_recording.read_bytes()
    assert endoreg("import", small_recording, *OPTIONS, "--delete-source").code == 0
    assert not small_recording.exists()
    assert b"".join(store.vault.read(VideoFile.objects.get().content_sha256)) == content


def test_without_keep_original_the_vault_stays_empty(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    assert endoreg("import", small_recording, *OPTIONS, "--no-keep-original").code == 0
    assert not list(store.vault.addresses())
    refused = endoreg("import", small_recording, *OPTIONS, "--no-keep-original", "--delete-source")
    assert refused.code == 2
    assert small_recording.exists()


def test_one_bad_file_does_not_keep_the_others_out(endoreg: Endoreg, small_recording: Path) -> None:
    missing, letter = small_recording.with_name("a.mp4"), small_recording.with_name("z.mp4")
    letter.write_text("Dear colleague")
    ended = endoreg("import", missing, letter, small_recording, *OPTIONS, "--json")
    assert ended.code == 3
    assert [line["status"] for line in ended.lines] == ["failed", "failed", "imported"]
    assert [line["error"] and line["error"]["type"] for line in ended.lines] == [
        "SourceMissingError",
        "UnsupportedMediaError",
        None,
    ]
    assert all(list(line["error"]) == ["type", "message", "step"] for line in ended.lines[:2])


def test_two_terminals_at_once_import_once(store: Store, small_recording: Path) -> None:
    command = [ENDOREG, "import", str(small_recording), *OPTIONS, "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [(json.loads(p.communicate(timeout=120)[0]), p.returncode) for p in both]
    statuses = sorted(answer["status"] for answer, _ in answers)
    assert statuses in (["duplicate", "imported"], ["imported", "locked"])
    assert all(code == (4 if answer["status"] == "locked" else 0) for answer, code in answers)
    assert VideoFile.objects.count() == len(list(store.publisher.published_files())) == 1
    assert not lock_of(small_recording).exists()


@pytest.mark.parametrize("more", [(), ("--verbose",)], ids=["plain", "verbose"])
def test_a_name_that_is_no_text_is_imported_and_cannot_steer_the_terminal(
    endoreg: Endoreg, small_recording: Path, more: tuple[str, ...]
) -> None:
    odd = small_recording.with_name("\x1b[31mred\nline \udcff.mp4")
    small_recording.rename(odd)
    told = endoreg("import", odd, *OPTIONS, *more)
    assert told.code == 0, told.err
    assert told.out.startswith(f"imported: {odd.parent}/\\x1b[31mred\\nline \\udcff.mp4 (")
    assert "\x1b" not in told.err
    assert all(" INFO " in line for line in told.err.splitlines()), "no name begins a line of its own"
    (line,) = endoreg("import", odd, *OPTIONS, "--json").lines
    assert line["path"] == str(odd)


def test_python_m_is_the_same_command(store: Store, small_recording: Path) -> None:
    command = [sys.executable, "-m", "endoreg_db", "import", str(small_recording), *OPTIONS, "--json"]
    ended = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["status"] == "imported"


def test_a_host_projects_settings_are_used(tmp_path: Path, small_recording: Path) -> None:
    (tmp_path / "host_settings.py").write_text(
        "from pathlib import Path\nHERE = Path(__file__).parent\nSECRET_KEY = 'host'\n"
        "INSTALLED_APPS = ['endoreg_db']\nUSE_TZ = True\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': HERE / 'host.sqlite3'}}\n"
    )
    import os

    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "host_settings", "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], env=environ, check=True)
    listed = run_installed("center", "list", env=environ)
    assert (listed.code, listed.out) == (0, "test_center\n"), listed.err
    assert ImportAttempt.objects.db == "default" and not (tmp_path / "data" / "endoreg.sqlite3").exists()
