"""A folder is gone through in bulk: what is finished and unchanged is known without being opened."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from endoreg_db.cli.import_ import import_files
from endoreg_db.cli.output import Flags, Output
from endoreg_db.cli.selection import select
from endoreg_db.intake import sightings
from endoreg_db.intake.inspect import MediaKind
from endoreg_db.intake.scan import scan
from endoreg_db.models import Center, EndoscopyProcessor, MediaFile, State, VideoFile
from endoreg_db.services import video_import
from endoreg_db.services.store import Store
from endoreg_db.storage.source import fingerprint
from tests.faults.stand_in import DEVICE, stand_in_pass, write_recording


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def video(store: Store) -> VideoFile:
    """A published record, as far as the database is concerned."""
    return VideoFile.objects.create(
        kind=MediaFile.Kind.VIDEO,
        center=Center.objects.get(name="test_center"),
        processor=EndoscopyProcessor.objects.get(name="olympus_cv_1500"),
        content_sha256="ab" * 32,
        size_bytes=1,
        state=State.PUBLISHED,
        output_name="safe.mp4",
        output_sha256="cd" * 32,
    )


def _file(path: Path, content: bytes = b"\0\0\0\x18ftypmp42") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _remember(store: Store, path: Path, video: VideoFile) -> None:
    sightings.remember(store.sighting_of(path, fingerprint(path)), video)


def _paths(folder: Path, **options: Path) -> list[str]:
    found = scan(folder, None, **options).found
    assert all(known is None for _path, known in found)
    return [str(Path(path).relative_to(folder)) for path, _known in found]


# ------------------------------------------------------------------------------------ known or not


def test_a_finished_file_is_known_with_what_a_result_needs(
    store: Store, video: VideoFile, inbox: Path
) -> None:
    finished, new = _file(inbox / "a" / "finished.mp4"), _file(inbox / "new.mp4")
    _remember(store, finished, video)
    by_path = dict(scan(inbox, store.sightings_key).found)
    assert by_path.keys() == {str(finished), str(new)} and by_path[str(new)] is None
    sighting = by_path[str(finished)]
    assert sighting is not None
    known = sightings.recall_many([sighting])[sighting]
    assert (known.uuid, known.output_name) == (video.uuid, "safe.mp4")


@pytest.mark.parametrize("change", ["longer", "touched", "replaced", "renamed", "linked"])
def test_a_file_that_changed_in_any_way_must_be_read(
    store: Store, video: VideoFile, inbox: Path, change: str
) -> None:
    path = _file(inbox / "recording.mp4")
    _remember(store, path, video)
    if change == "longer":
        path.write_bytes(path.read_bytes() + b"more")
    elif change == "touched":
        os.utime(path, ns=(1, 1))
    elif change == "replaced":
        before = path.stat()
        _file(inbox / "other").replace(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "renamed":
        path.rename(inbox / "renamed.mp4")
    else:
        (inbox / "second name.mp4").hardlink_to(path)
    assert not [path for path, known in scan(inbox, store.sightings_key).found if known]


@pytest.mark.parametrize("state", [State.RECEIVED, State.PROCESSING, State.FAILED, State.QUARANTINED])
def test_a_file_whose_record_is_not_settled_must_be_read(
    store: Store, video: VideoFile, inbox: Path, state: State
) -> None:
    _remember(store, _file(inbox / "recording.mp4"), video)
    (before,) = scan(inbox, store.sightings_key).found
    assert before[1] is not None
    MediaFile.objects.update(state=state, output_name="", output_sha256="")
    (found,) = scan(inbox, store.sightings_key).found
    assert found[1] is None
    assert sightings.recall_many([before[1]]) == {}, "nor is it told of, if it was seen a moment ago"


def test_a_file_is_known_by_whatever_path_leads_to_its_folder(
    store: Store, video: VideoFile, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _remember(store, _file(inbox / "recording.mp4"), video)
    monkeypatch.chdir(inbox.parent)
    for folder in (Path("inbox"), Path("."), Path("inbox/../inbox")):
        (found,) = [path for path, known in scan(folder, store.sightings_key).found if known]
        assert not Path(found).is_absolute(), "the path comes back as it was given"


def test_another_key_knows_nothing(store: Store, video: VideoFile, inbox: Path) -> None:
    _remember(store, _file(inbox / "recording.mp4"), video)
    ((_path, known),) = scan(inbox, bytes(32)).found
    assert known is None


def test_many_files_take_few_queries(store: Store, video: VideoFile, inbox: Path) -> None:
    files = [_file(inbox / f"{number:04}.mp4") for number in range(1201)]
    for path in files[:-1]:
        _remember(store, path, video)
    with CaptureQueriesContext(connection) as queries:
        found = scan(inbox, store.sightings_key).found
    assert [Path(path) for path, _known in found] == files
    assert [Path(path) for path, known in found if known is None] == files[-1:]
    assert len(queries) <= 3, "one for each batch of 500"


# ------------------------------------------------------------------------------- what is looked at


def test_the_order_is_folder_by_folder_by_name(inbox: Path) -> None:
    for name in ("b/1.mp4", "z.mp4", "a/2.mp4", "a/1.mp4", "a/deep/3.mp4", "c.mp4"):
        _file(inbox / name)
    assert _paths(inbox) == ["c.mp4", "z.mp4", "a/1.mp4", "a/2.mp4", "a/deep/3.mp4", "b/1.mp4"]


def test_hidden_files_lock_files_and_the_data_folder_are_passed_over(inbox: Path) -> None:
    for name in (".hidden.mp4", ".trash/1.mp4", "1.mp4.lock", "data/vault.mp4", "folder.lock/2.mp4"):
        _file(inbox / name)
    assert _paths(inbox, never=inbox / "folder.lock" / ".." / "data") == ["folder.lock/2.mp4"]
    assert _paths(inbox, never=inbox / "not there") == ["data/vault.mp4", "folder.lock/2.mp4"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(inbox: Path, tmp_path: Path) -> None:
    target = _file(tmp_path / "elsewhere" / "1.mp4")
    (inbox / "file.mp4").symlink_to(target)
    (inbox / "folder").symlink_to(target.parent)
    (inbox / "nowhere.mp4").symlink_to(tmp_path / "missing")
    assert _paths(inbox) == ["file.mp4", "nowhere.mp4"]


def test_what_is_no_file_and_what_has_no_text_for_a_name_is_found_too(inbox: Path) -> None:
    os.mkfifo(inbox / "pipe.mp4")
    odd = Path(os.fsdecode(os.fsencode(inbox) + b"/\xff\n.mp4"))
    _file(odd)
    assert _paths(inbox) == ["pipe.mp4", odd.name]


def test_a_folder_that_cannot_be_read_is_told(inbox: Path) -> None:
    found = scan(inbox / "gone", None)
    assert found.found == []
    assert [type(error) for error in found.unreadable] == [FileNotFoundError]


# ------------------------------------------------------------------------------ what a command takes


def test_a_selection_opens_no_finished_file(
    store: Store, video: VideoFile, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished, new, text = (_file(inbox / name) for name in ("1.mp4", "2.mp4", "notes.txt"))
    text.write_text("no media")
    _remember(store, finished, video)
    opened: list[Path] = []

    def look(path: Path) -> MediaKind:
        opened.append(path)
        return MediaKind.OTHER if path == text else MediaKind.VIDEO

    monkeypatch.setattr("endoreg_db.cli.selection.inspect", look)
    selection = select([inbox], never=store.folder.root, sightings_key=store.sightings_key)
    assert opened == [new, text]
    assert [(one.path, one.kind, one.known is not None) for one in selection.candidates] == [
        (finished, None, True),
        (new, MediaKind.VIDEO, False),
    ]
    assert selection.skipped == 1


def test_a_record_that_is_not_settled_any_more_when_it_is_told_of_is_imported_again(
    store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_import, "run_video", stand_in_pass)
    monkeypatch.setattr(sightings, "SETTLING_SECONDS", -1.0)
    recording = write_recording(inbox / "recording.mp4")
    assert _imported(inbox)["status"] == "imported"
    assert (again := _imported(inbox))["status"] == "duplicate"
    recall_many = sightings.recall_many

    def fail_meanwhile(known: Sequence[bytes]) -> dict[bytes, sightings.Known]:
        record = MediaFile.objects.get()
        store.publisher.retract(store.folder.published / record.output_name)
        record.advance(State.FAILED, output_name="", output_sha256="")
        return recall_many(known)

    monkeypatch.setattr(sightings, "recall_many", fail_meanwhile)
    after = _imported(inbox)
    assert (after["status"], after["uuid"]) == ("imported", again["uuid"])
    assert after["path"] == str(recording) and Path(after["output"]).exists()


def _imported(inbox: Path) -> dict[str, Any]:
    """What ``endoreg import INBOX --json`` prints of its only file."""
    printed = io.StringIO()
    code = import_files(Output(Flags(as_json=True), printed, io.StringIO()), [inbox], "test_center", DEVICE)
    assert code == 0
    line: dict[str, Any] = json.loads(printed.getvalue())
    return line
