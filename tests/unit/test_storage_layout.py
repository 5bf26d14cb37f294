"""The data folder is made once, and never silently made again in the wrong place."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from uuid import UUID

import pytest

from endoreg_db.errors import ConfigurationError, StorageFailedError
from endoreg_db.storage.keys import load_key
from endoreg_db.storage.layout import DataFolder

ROOMS = ["keys", "locks", "published", "tmp", "vault"]
ATTEMPT = UUID(int=7)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def tree(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*")}


@pytest.mark.parametrize("exists", [True, False])
def test_first_start_makes_private_rooms_and_a_key(tmp_path: Path, exists: bool) -> None:
    root = tmp_path / "deep" / "data"
    if exists:
        root.mkdir(parents=True, mode=0o755)
    DataFolder(root).prepare()
    assert sorted(path.name for path in root.iterdir()) == [".endoreg", *ROOMS]
    for folder in (root, *(root / room for room in ROOMS)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(load_key(root / "keys").material) == 32


def test_later_starts_change_nothing(data: DataFolder) -> None:
    data.root.chmod(0o750)  # an administrator lets a group in
    before = tree(data.root)
    data.prepare()
    data.prepare(first_start=False)
    assert tree(data.root) == before
    assert stat.S_IMODE(data.root.stat().st_mode) == 0o750


def test_a_folder_with_other_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigurationError, match=r"holds other files \(recordings\)") as caught:
        DataFolder(tmp_path).prepare()
    assert "ENDOREG_DATA_DIR" in caught.value.advice
    assert [path.name for path in tmp_path.iterdir()] == ["recordings"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_fresh_disk_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".snapshot").mkdir()
    DataFolder(tmp_path).prepare()
    assert (tmp_path / "vault").is_dir()


def test_a_first_start_that_was_cut_short_is_finished_with_the_same_key(data: DataFolder) -> None:
    key = load_key(data.keys)
    (data.root / ".endoreg").unlink()
    data.tmp.rmdir()
    data.prepare()
    assert load_key(data.keys) == key
    assert data.tmp.is_dir()


def test_a_start_that_another_one_overtakes_goes_on_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between this start's look for the marker and its look for other files, another one finishes."""
    look = DataFolder._foreign_files

    def overtaken(folder: DataFolder) -> Path | None:
        monkeypatch.undo()
        DataFolder(folder.root).prepare()
        (folder.vault / "ab").mkdir()
        return look(folder)

    monkeypatch.setattr(DataFolder, "_foreign_files", overtaken)
    data = DataFolder(tmp_path / "data")
    data.prepare()
    assert (data.vault / "ab").is_dir()


def test_a_used_folder_without_its_marker_is_refused(data: DataFolder) -> None:
    (data.vault / "ab").mkdir()
    (data.root / ".endoreg").unlink()
    with pytest.raises(ConfigurationError, match="vault/ab") as caught:
        data.prepare()
    assert "Mount" in caught.value.advice


def test_an_empty_mount_point_is_refused_where_records_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="it is empty"):
        DataFolder(tmp_path).prepare(first_start=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lost", ["keys", "vault", "published", "keys/vault.key"])
def test_what_was_lost_is_named_and_not_made_again(data: DataFolder, lost: str) -> None:
    path = data.root / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ConfigurationError, match=lost):
        data.prepare()
    assert not path.exists()


def test_rooms_that_hold_nothing_lasting_are_made_again(data: DataFolder) -> None:
    data.tmp.rmdir()
    data.locks.rmdir()
    data.prepare()
    assert data.tmp.is_dir()
    assert data.locks.is_dir()


def test_a_root_that_is_a_file_or_out_of_reach_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageFailedError, match=str(root)):
            DataFolder(root).prepare()


def test_a_root_that_belongs_to_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir(mode=0o755)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        DataFolder(tmp_path / "data").prepare()


def test_attempts_have_private_folders_that_recovery_finds(data: DataFolder) -> None:
    made = data.make_attempt_folder(ATTEMPT)
    assert made == data.attempt_folder(ATTEMPT) == data.make_attempt_folder(ATTEMPT)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert list(data.attempt_folders()) == [made]


def test_a_disk_unmounted_since_the_start_is_noticed_before_anything_is_written(data: DataFolder) -> None:
    shutil.rmtree(data.root)
    data.root.mkdir()
    with pytest.raises(StorageFailedError, match="is gone") as caught:
        data.make_attempt_folder(ATTEMPT)
    assert "Mount" in caught.value.advice
    assert list(data.root.iterdir()) == []
