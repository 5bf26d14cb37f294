"""Bad input: one clear message, the right exit code, the source untouched, no lock, nothing published."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from endoreg_db.models import ImportAttempt, MediaFile, State
from endoreg_db.services.store import Store
from tests.acceptance.command_line import (
    OPTIONS,
    Ended,
    Endoreg,
    Untouched,
    as_mortal,
    lock_of,
    run_installed,
)


def _nothing_came_of_it(store: Store, source: Path) -> bool:
    left = [*store.publisher.published_files(), *store.folder.tmp.iterdir(), *store.folder.locks.iterdir()]
    return not left and not lock_of(source).exists()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("Dear colleague,\n" * 50)


def _cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        for start in range(0, 8000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _report(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7\n%%EOF\n")


@pytest.mark.parametrize(
    ("spoil", "status", "error", "said"),
    [
        (Path.unlink, "failed", "SourceMissingError", "Video file not found: {path}"),
        (_empty, "failed", "CorruptMediaError", "{path} is empty"),
        (_text, "failed", "UnsupportedMediaError", "{path} is not a video file, whatever its name says"),
        (_report, "quarantined", None, "The report is damaged: no page was found in it: {path}"),
        (_cut_off, "quarantined", None, "{path}"),
        (_sound_only, "quarantined", None, "{path}"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_file_is_refused_in_one_sentence(
    endoreg: Endoreg,
    store: Store,
    small_recording: Path,
    spoil: Callable[[Path], None],
    status: str,
    error: str | None,
    said: str,
) -> None:
    spoil(small_recording)
    before = Untouched.now(small_recording) if small_recording.exists() else None
    told = endoreg("import", small_recording, *OPTIONS)
    assert told.code == 3
    assert _says_once(told, status, said.format(path=small_recording))
    assert _nothing_came_of_it(store, small_recording)
    assert before is None or Untouched.now(small_recording) == before

    again = endoreg("import", small_recording, *OPTIONS, "--json")
    assert again.code == 3
    (line,) = again.lines
    assert (line["status"], line["output"]) == (status, None)
    assert line["error"]["type"] == error or line["error"]["type"] in (
        "CorruptMediaError",
        "UnsupportedMediaError",
    )
    # A file that got as far as having a record keeps it, and the user is told which one.
    records: list[str | None] = [
        str(record.uuid) for record in MediaFile.objects.filter(state=State.QUARANTINED)
    ]
    assert [line["uuid"]] == (records or [None])
    assert (status == "quarantined") == bool(records)


def _says_once(told: Ended, status: str, message: str) -> bool:
    lines = told.err.splitlines()
    heads = [line for line in lines if not line.startswith("    ")]
    assert len(heads) == 1, told.err
    assert heads[0].startswith(f"{status}: ") and message in heads[0]
    assert len(lines) >= 2, "and what to do next"
    assert "Traceback" not in told.err
    return True


@pytest.mark.parametrize(
    ("options", "nearest"),
    [
        (("--center", "test_centre", "--processor", "olympus_cv_1500"), "Did you mean 'test_center'?"),
        (("--center", "test_center", "--processor", "olympus_cv1500"), "Did you mean 'olympus_cv_1500'"),
    ],
)
def test_a_mistyped_name_is_found_before_the_first_file(
    endoreg: Endoreg, store: Store, small_recording: Path, options: tuple[str, ...], nearest: str
) -> None:
    before = Untouched.now(small_recording)
    told = endoreg("import", small_recording, *options)
    assert (told.code, told.out) == (2, "")
    assert nearest in told.err and "Traceback" not in told.err
    assert Untouched.now(small_recording) == before
    assert _nothing_came_of_it(store, small_recording)
    assert not ImportAttempt.objects.exists()


@pytest.mark.parametrize(
    "arguments", [(), ("file.mp4",), ("--center", "test_center"), ("x", "--centre", "y")]
)
def test_wrong_usage_ends_with_two(endoreg: Endoreg, arguments: tuple[str, ...]) -> None:
    told = endoreg("import", *arguments)
    assert (told.code, told.out) == (2, "")
    assert "Usage: endoreg import" in told.err and "Traceback" not in told.err


def test_a_file_of_what_is_known_that_says_something_else_is_wrong_usage(
    endoreg: Endoreg, store: Store, small_recording: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known.json"
    known.write_text('{"patients": ["Quast"]}', "utf-8")
    told = endoreg("import", small_recording, *OPTIONS, "--known", known)
    assert (told.code, told.out) == (2, "")
    assert "must be an object of the lists" in " ".join(told.err.split()) and "Quast" not in told.err
    assert "Traceback" not in told.err
    assert not ImportAttempt.objects.exists()


def test_an_unreadable_file_is_told(store: Store, small_recording: Path) -> None:
    before = Untouched.now(small_recording)
    small_recording.chmod(0)
    told = run_installed("import", small_recording, *OPTIONS, preexec_fn=as_mortal)
    small_recording.chmod(0o644)
    assert told.code == 3
    assert _says_once(told, "failed", f"{small_recording} cannot be read: Permission denied")
    assert Untouched.now(small_recording) == before
    assert _nothing_came_of_it(store, small_recording)


def test_an_unreadable_folder_is_not_passed_over(store: Store, small_recording: Path) -> None:
    closed = small_recording.parent / "closed"
    closed.mkdir(mode=0)
    told = run_installed("import", small_recording.parent, *OPTIONS, "--json", preexec_fn=as_mortal)
    closed.chmod(0o700)
    assert told.code == 3
    assert {line["path"]: line["status"] for line in told.lines} == {
        str(small_recording): "imported",
        str(closed): "failed",
    }


def test_a_pipe_is_refused_instead_of_waited_for(endoreg: Endoreg, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    told = endoreg("import", pipe, *OPTIONS, timeout=30)
    assert told.code == 3
    assert _says_once(told, "failed", f"{pipe} cannot be read: it is not a regular file")


def test_from_a_read_only_folder_is_imported_with_its_lock_elsewhere(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    before = Untouched.now(small_recording)
    small_recording.parent.chmod(0o500)
    told = run_installed("import", small_recording, *OPTIONS, "--json", preexec_fn=as_mortal)
    small_recording.parent.chmod(0o700)
    assert told.code == 0, told.err
    assert told.lines[0]["status"] == "imported"
    assert Untouched.now(small_recording) == before
    assert sorted(small_recording.parent.iterdir()) == [small_recording]
    assert not list(store.folder.locks.iterdir())


_HOLD = """
import sys
from pathlib import Path
from endoreg_db.locking.file_lock import acquire, lock_path_for
source = Path(sys.argv[1])
with acquire(lock_path_for(source, source.parent), stale_after=600.0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(small_recording: Path) -> Iterator[None]:
    """Another process that holds the recording's lock until the test ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(small_recording)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield
        process.communicate(timeout=30)


@pytest.mark.usefixtures("holder")
def test_a_file_that_another_process_imports_is_left_to_it(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    lock = lock_of(small_recording).stat()
    (line,) = (told := endoreg("import", small_recording, *OPTIONS, "--json")).lines
    assert told.code == 4
    assert (line["status"], line["uuid"], line["output"]) == ("locked", None, None)
    assert line["error"]["message"] == f"File already being processed: {small_recording}"
    person = endoreg("import", small_recording, *OPTIONS)
    assert _says_once(person, "locked", f"File already being processed: {small_recording}")
    after = lock_of(small_recording).stat()
    assert (lock.st_ino, lock.st_size) == (after.st_ino, after.st_size)
    assert not list(store.publisher.published_files())


@pytest.mark.usefixtures("holder")
def test_what_failed_weighs_more_than_what_is_locked(endoreg: Endoreg, small_recording: Path) -> None:
    missing = small_recording.with_name("missing.mp4")
    told = endoreg("import", small_recording, missing, *OPTIONS, "--json")
    assert [line["status"] for line in told.lines] == ["locked", "failed"]
    assert told.code == 3


@pytest.fixture
def small_disk(data_dir: Path, store: Store) -> Iterator[Path]:
    """A file system of 4 MiB under the data folder; skipped where nobody may mount one."""
    kept = data_dir.with_name("kept")
    shutil.copytree(data_dir, kept)
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(data_dir)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        shutil.copytree(kept, data_dir, dirs_exist_ok=True)
        yield data_dir
    finally:
        from django.db import connections

        connections.close_all()
        subprocess.run(["umount", "-l", str(data_dir)], check=True)


def test_a_full_disk_while_writing_leaves_everything_as_it_was(
    small_disk: Path, endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    with small_recording.open("ab") as file:  # a ``free`` box: bytes that no decoder looks at
        file.write((8 * 1024 * 1024 + 8).to_bytes(4, "big") + b"free" + os.urandom(8 * 1024 * 1024))
    before = Untouched.now(small_recording)
    told = endoreg("import", small_recording, *OPTIONS)
    assert told.code == 3
    assert _says_once(told, "failed", f"No room below {small_disk}")
    assert "Free space" in told.err
    assert Untouched.now(small_recording) == before
    assert _nothing_came_of_it(store, small_recording)
    assert not list(store.vault.addresses())

    subprocess.run(["mount", "-o", "remount,size=300m", str(small_disk)], check=True)
    again = endoreg("import", small_recording, *OPTIONS, "--json")
    assert again.lines[0]["status"] == "imported", again.err
