"""What is where and why, and the decisions of a person, through the installed command."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from endoreg_db.errors import ConfigurationError
from endoreg_db.models import AuditEvent, ImportAttempt, MediaFile, State
from endoreg_db.samples import draw_report
from endoreg_db.services.pdf_import import PdfImportService, import_and_anonymize
from endoreg_db.services.store import Store
from tests.acceptance.command_line import ENDOREG, OPTIONS, Desk, run_endoreg, toml_of
from tests.conftest import small_profile

STATUS_FIELDS = ["uuid", "kind", "state", "source", "sha256", "output", "attempts", "error"]
IDENTITY_FIELDS = [
    "first_name",
    "last_name",
    "birth_date",
    "examination_date",
    "examination_time",
    "case_number",
    "device",
    "device_serial",
]


def test_status_as_json_has_the_fields_of_the_contract(desk: Desk) -> None:
    told = run_endoreg("status", "--json")
    assert (told.code, told.err) == (0, "")
    assert [list(line) for line in told.lines] == [STATUS_FIELDS] * 3
    published, waiting, quarantined = told.lines
    source = desk.sources[desk.published]
    assert published == {
        "uuid": desk.published,
        "kind": "video",
        "state": "published",
        "source": source,
        "sha256": hashlib.sha256(Path(source).read_bytes()).hexdigest(),
        "output": str(desk.data / "published" / f"{desk.published}.mp4"),
        "attempts": 1,
        "error": None,
    }
    assert (waiting["uuid"], waiting["state"], waiting["output"]) == (desk.waiting, "needs_review", None)
    assert quarantined["state"] == "quarantined"
    assert list(quarantined["error"]) == ["type", "message", "step"]
    assert desk.sources[desk.quarantined] in quarantined["error"]["message"]


def test_status_as_a_table_shows_whole_uuids_and_why_there_is_no_output(desk: Desk) -> None:
    told = run_endoreg("status", env={**os.environ, "COLUMNS": "40"})
    heading, *rows = told.out.splitlines()
    assert heading.split()[:4] == ["STATE", "KIND", "UUID", "SOURCE"]
    assert [row.split()[2] for row in rows] == [desk.published, desk.waiting, desk.quarantined]
    assert rows[0].endswith(f"{desk.published}.mp4")
    assert "never" in rows[1], "the layout was never confirmed"


def test_status_of_one_state(desk: Desk) -> None:
    told = run_endoreg("status", "--state", "needs_review", "--json")
    assert [line["uuid"] for line in told.lines] == [desk.waiting]
    refused = run_endoreg("status", "--state", "lost")
    assert refused.code == 2 and "quarantined" in refused.err


def test_status_of_nothing(data_dir: Path) -> None:
    assert run_endoreg("status").out == "No records.\n"
    assert run_endoreg("status", "--json").out == ""


def test_a_reader_that_goes_away_is_no_error(desk: Desk) -> None:
    with subprocess.Popen([ENDOREG, "status"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_show_says_what_was_done_but_not_who_the_patient_is(desk: Desk) -> None:
    (line,) = run_endoreg("show", desk.quarantined, "--json").lines
    assert list(line)[: len(STATUS_FIELDS)] == STATUS_FIELDS
    assert not set(IDENTITY_FIELDS) & set(line)
    (attempt,) = line["history"]
    assert (attempt["outcome"], attempt["error"]) == ("quarantined", line["error"])
    told = run_endoreg("show", desk.waiting)
    assert f"endoreg approve {desk.waiting}" in told.out
    assert "review: The layout of" in told.out
    assert "birth" not in told.out
    assert not AuditEvent.objects.exists()


def test_showing_the_identity_prints_every_field_and_is_recorded(desk: Desk) -> None:
    (line,) = run_endoreg("show", desk.published, "--identity", "--json").lines
    assert list(line)[-len(IDENTITY_FIELDS) :] == IDENTITY_FIELDS
    assert AuditEvent.objects.get().action == AuditEvent.Action.IDENTITY_SHOWN
    told = run_endoreg("show", desk.published, "--identity")
    assert all(field.replace("_", " ") in told.out for field in IDENTITY_FIELDS)
    assert "identity_shown" in told.out, "the first look"


@pytest.mark.parametrize("command", [("show",), ("approve",), ("reject", "--reason", "x"), ("retry",)])
@pytest.mark.parametrize("uuid", ["12", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_record_is_a_usage_error(desk: Desk, command: tuple[str, ...], uuid: str) -> None:
    told = run_endoreg(*command, uuid)
    assert told.code == 2
    assert uuid in told.err and "endoreg status" in told.err


def test_review_lists_what_waits_and_why(desk: Desk) -> None:
    told = run_endoreg("review")
    assert desk.waiting in told.out and "never" in told.out and desk.published not in told.out
    (line,) = run_endoreg("review", "--json").lines
    assert list(line) == [*STATUS_FIELDS, "findings"]
    assert "unconfirmed_profile" in {finding["code"] for finding in line["findings"]}


def test_approving_publishes_and_then_releases(desk: Desk) -> None:
    (line,) = run_endoreg("approve", desk.waiting, "--json").lines
    assert (line["state"], line["output"]) == ("published", str(desk.data / f"published/{desk.waiting}.mp4"))
    assert Path(line["output"]).stat().st_size > 0
    told = run_endoreg("approve", desk.waiting)
    assert told.out.startswith(f"released: {desk.waiting}\n")
    assert run_endoreg("review").out == "Nothing waits for review.\n"
    again = run_endoreg("approve", desk.waiting)
    assert again.code == 3 and "released" in again.err and "Traceback" not in again.err


def test_rejecting_needs_a_reason_and_removes_the_output(desk: Desk) -> None:
    assert run_endoreg("reject", desk.published).code == 2
    blank = run_endoreg("reject", desk.published, "--reason", "  ")
    assert blank.code == 2 and "--reason" in blank.err
    output = desk.data / "published" / f"{desk.published}.mp4"
    assert output.exists()
    (line,) = run_endoreg("reject", desk.published, "--reason", "name on a badge", "--json").lines
    assert (line["state"], line["output"]) == ("rejected", None)
    assert not output.exists()
    assert AuditEvent.objects.get().detail == "name on a badge"


def test_a_duplicate_of_a_known_file_is_told_quietly_or_in_full(desk: Desk) -> None:
    source = desk.sources[desk.published]
    assert run_endoreg("import", source, *OPTIONS, "--quiet").out == ""
    told = run_endoreg("import", source, *OPTIONS)
    assert told.out.startswith(f"duplicate: {source} (known already, nothing was done again)\n")
    waiting = run_endoreg("import", desk.sources[desk.waiting], *OPTIONS)
    assert waiting.code == 0 and "safe file" not in waiting.out
    assert f"endoreg show {desk.waiting}" in waiting.out


def test_what_is_quarantined_is_retried_only_by_name(desk: Desk) -> None:
    assert run_endoreg("retry", "--all").out == "Nothing to retry.\n"
    told = run_endoreg("retry", desk.quarantined, "--json")
    (line,) = told.lines
    assert told.code == 3
    assert (line["path"], line["status"]) == (desk.sources[desk.quarantined], "quarantined")
    assert line["uuid"] == desk.quarantined
    status = run_endoreg("status", "--state", State.QUARANTINED, "--json").lines
    assert [entry["attempts"] for entry in status] == [2]


def test_a_retry_finds_a_mistyped_processor_before_the_record_is_touched(desk: Desk) -> None:
    told = run_endoreg("retry", desk.quarantined, "--processor", "olympus_cv1500", "--json")
    assert (told.code, told.out) == (2, "")
    assert "Did you mean 'olympus_cv_1500'" in told.err and "Traceback" not in told.err
    assert ImportAttempt.objects.filter(media_id=UUID(desk.quarantined)).count() == 1


@pytest.fixture
def failed_report(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MediaFile:
    """A report whose import failed; its source is at ``report.pdf``, its original in the vault."""
    draw_report(tmp_path / "report.pdf", seed=1)
    with monkeypatch.context() as patch, pytest.raises(ConfigurationError):
        patch.setenv("ENDOREG_REPORT_HOUSE_FILE", str(tmp_path / "missing.toml"))
        import_and_anonymize(tmp_path / "report.pdf", "test_center")
    return MediaFile.objects.get(state=State.FAILED)


@pytest.mark.parametrize("processor", ["olympus_cv_1500", "nonsense"])
def test_no_processor_is_taken_for_a_report(failed_report: MediaFile, processor: str) -> None:
    told = run_endoreg("retry", failed_report.uuid, "--processor", processor)
    assert (told.code, told.out) == (2, "")
    assert "is for recordings" in told.err and "Traceback" not in told.err
    with pytest.raises(ValueError, match="is for recordings"):
        PdfImportService().retry(failed_report, processor_name=processor)
    assert ImportAttempt.objects.count() == 1


@pytest.mark.parametrize("given", ["--all", "{uuid}"])
def test_a_retry_that_fails_before_its_attempt_names_the_record(
    failed_report: MediaFile, store: Store, tmp_path: Path, given: str
) -> None:
    (tmp_path / "report.pdf").unlink()
    store.vault.path_of(failed_report.content_sha256).unlink()
    told = run_endoreg("retry", given.format(uuid=failed_report.uuid), "--json")
    (line,) = told.lines
    assert (told.code, line["status"], line["error"]["type"]) == (3, "failed", "SourceMissingError")
    assert line["uuid"] == str(failed_report.uuid)
    assert ImportAttempt.objects.count() == 1


@pytest.mark.parametrize("arguments", [(), ("12", "--all")])
def test_retry_wants_one_or_all(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert run_endoreg("retry", *arguments).code == 2


def test_a_centre_is_added_once(desk: Desk) -> None:
    assert run_endoreg("center", "add", "Klinikum Köln").out == "Added: Klinikum Köln\n"
    assert run_endoreg("center", "add", "Klinikum Köln", "--json").lines == [
        {"name": "Klinikum Köln", "added": False}
    ]
    assert run_endoreg("center", "list").out.splitlines() == ["Klinikum Köln", "test_center"]
    assert run_endoreg("center", "--json", "list").lines[0] == {"name": "Klinikum Köln"}
    assert run_endoreg("center", "add", "  ").code == 2


def test_a_device_is_added_from_its_file(desk: Desk, tmp_path: Path) -> None:
    profile = replace(small_profile(), name="ward_3", title="Ward 3", confirmed=False)
    file = tmp_path / "ward_3.toml"
    file.write_text(toml_of(profile))
    told = run_endoreg("device", "add", file)
    assert told.out.startswith("Registered: ward_3\n") and "not confirmed" in told.out
    (line,) = run_endoreg("device", "add", file, "--json").lines
    assert line == {"name": "ward_3", "title": "Ward 3", "confirmed": False, "changed": False}
    listed = {line["name"]: line for line in run_endoreg("device", "list", "--json").lines}
    assert listed["ward_3"] == {"name": "ward_3", "title": "Ward 3", "confirmed": False, "shipped": False}
    assert listed["olympus_cv_1500"]["confirmed"] and not listed["pentax_ept_7000"]["confirmed"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not valid TOML"),
        ('name = "x"\nframe = [64, 64]\nimage = [0, 0, 99, 64]', "does not fit into the 64×64 frame"),
        (toml_of(replace(small_profile(), name="olympus_cv_1500")), "comes with the intake"),
        (None, "cannot be read"),
    ],
)
def test_an_unusable_device_file_is_refused(desk: Desk, tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "device.toml"
    if text is not None:
        file.write_text(text)
    told = run_endoreg("device", "add", file)
    assert told.code == 2 and said in told.err and "Traceback" not in told.err


def test_a_lost_key_is_told_in_a_sentence_and_with_a_traceback_only_on_request(desk: Desk) -> None:
    shutil.rmtree(desk.data / "keys")
    told = run_endoreg("status")
    assert told.code == 2
    assert "has lost" in told.err and "Restore it from the backup" in told.err
    assert "Traceback" not in told.err
    assert "Traceback" in run_endoreg("status", "--verbose").err
    (line,) = map(json.loads, run_endoreg("status", "--json").err.splitlines())
    assert (line["level"], line["type"]) == ("error", "ConfigurationError")
    assert set(line) == {"time", "level", "logger", "message", "advice", "type"}
    (line,) = map(json.loads, run_endoreg("status", "--json", "--verbose").err.splitlines())
    assert "Traceback" in line["traceback"]


def test_a_database_that_does_not_answer_is_told_in_a_sentence(desk: Desk) -> None:
    (desk.data / "endoreg.sqlite3").write_bytes(b"not a database" * 1000)
    told = run_endoreg("status")
    assert told.code not in (0, 2) and "Traceback" not in told.err
    assert "database" in told.err


def test_a_wrong_setting_is_told_with_what_it_may_be(desk: Desk) -> None:
    told = run_endoreg("status", env={**os.environ, "ENDOREG_VIDEO_PRESET": "warp"})
    assert told.code == 2
    assert "ENDOREG_VIDEO_PRESET is 'warp'; it may be ultrafast" in told.err


def test_samples_are_drawn_from_a_seed(tmp_path: Path) -> None:
    options = ("--seconds", "0.2", "--json")
    seeds = {"a": 1, "b": 1, "c": 2}
    drawn = [run_endoreg("sample", tmp_path / name, "--seed", seed, *options) for name, seed in seeds.items()]
    assert [ended.code for ended in drawn] == [0, 0, 0]
    assert drawn[0].lines == [
        {
            "recording": str(tmp_path / "a" / "sample-recording.mp4"),
            "report": str(tmp_path / "a" / "sample-report.pdf"),
        }
    ]
    a, b, c = (Path(ended.lines[0]["recording"]).read_bytes() for ended in drawn)
    assert a == b != c


def test_a_seed_below_nothing_is_wrong_usage(tmp_path: Path) -> None:
    told = run_endoreg("sample", tmp_path / "inbox", "--seed", "-1")
    assert told.code == 2 and "--seed" in told.err
    assert not list(tmp_path.iterdir())


def test_the_command_that_a_sample_suggests_can_be_copied_into_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "Anna's inbox"
    *_, suggested = run_endoreg("sample", folder, "--seconds", "0.2").out.splitlines()
    assert shlex.split(suggested)[1:4] == ["endoreg", "import", str(folder / "sample-recording.mp4")]


def test_a_sample_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = run_endoreg("sample", tmp_path / "file")
    assert told.code == 2 and "cannot be written" in told.err and "Traceback" not in told.err
