"""Bytes are either there as a whole or not there at all, and errors say what to do."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest

from endoreg_db.errors import ConfigurationError, InsufficientStorageError, StorageFailedError
from endoreg_db.storage.durable import (
    fsync_folder,
    link_durably,
    make_private_folder,
    move_durably,
    new_file,
    remove_durably,
    remove_folder_durably,
    require_room,
    storage_errors,
    write_durably,
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_written_file_holds_the_bytes_is_private_and_alone(tmp_path: Path) -> None:
    write_durably(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"
    assert mode_of(tmp_path / "a") == 0o600
    assert names_in(tmp_path) == ["a"]


def test_a_function_may_write_the_content_and_the_mode_is_as_asked(tmp_path: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"one ")
        file.write(b"two")

    previous = os.umask(0o077)
    try:
        write_durably(tmp_path / "a", write, mode=0o644)
    finally:
        os.umask(previous)
    assert (tmp_path / "a").read_bytes() == b"one two"
    assert mode_of(tmp_path / "a") == 0o644


def test_the_temp_file_may_lie_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "final").mkdir()

    def write(file: BinaryIO) -> None:
        assert len(names_in(tmp_path / "tmp")) == 1
        assert names_in(tmp_path / "final") == []
        file.write(b"content")

    write_durably(tmp_path / "final" / "a", write, temp_folder=tmp_path / "tmp")
    assert names_in(tmp_path / "tmp") == []
    assert (tmp_path / "final" / "a").read_bytes() == b"content"


@pytest.mark.parametrize("failure", [RuntimeError("writer"), KeyboardInterrupt()])
def test_a_failing_writer_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: BaseException
) -> None:
    write_durably(tmp_path / "a", b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half of the new")
        raise failure

    with pytest.raises(type(failure)):
        write_durably(tmp_path / "a", write)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names_in(tmp_path) == ["a"]


def test_bytes_are_synced_before_they_get_their_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def spy_sync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def spy_replace(source: Path, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "replace", spy_replace)
    write_durably(tmp_path / "a", b"content")
    assert steps == ["file", "rename", "folder"]

    steps.clear()
    (tmp_path / "other").mkdir()
    move_durably(tmp_path / "a", tmp_path / "other" / "b")
    assert steps == ["file", "rename", "folder", "folder"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, InsufficientStorageError),
        (errno.EDQUOT, InsufficientStorageError),
        (errno.EIO, StorageFailedError),
        (errno.EROFS, StorageFailedError),
    ],
)
def test_an_error_of_the_disk_leaves_the_old_file_and_says_where(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    expected: type[InsufficientStorageError | StorageFailedError],
) -> None:
    write_durably(tmp_path / "a", b"old")

    def fail(*_arguments: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(expected, match=str(tmp_path)) as caught:
        write_durably(tmp_path / "a", b"new")
    assert caught.value.advice
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names_in(tmp_path) == ["a"]


def test_a_write_that_the_kernel_cuts_short_leaves_nothing(tmp_path: Path) -> None:
    """A real failing write, without privileges: the limit on the size of files."""
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from endoreg_db.errors import StorageFailedError\n"
        "from endoreg_db.storage.durable import write_durably\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))\n"
        "try: write_durably(Path(sys.argv[1]), bytes(2**20))\n"
        "except StorageFailedError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in done.stdout
    assert names_in(tmp_path) == []


def test_full_disk_names_folder_and_free_space(tmp_path: Path) -> None:
    with (
        pytest.raises(InsufficientStorageError, match=rf"{tmp_path}: the disk was full; [\d,.]+ MiB"),
        storage_errors(tmp_path / "missing" / "file"),
    ):
        raise OSError(errno.ENOSPC, "full")


def test_two_file_systems_are_a_matter_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="different file systems"), storage_errors(tmp_path):
        raise OSError(errno.EXDEV, "link", "a", None, "b")


def test_our_own_errors_pass_unchanged(tmp_path: Path) -> None:
    ours = StorageFailedError("in words")
    with pytest.raises(StorageFailedError) as caught, storage_errors(tmp_path):
        raise ours
    assert caught.value is ours


def test_room_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    require_room(tmp_path, 1)
    with pytest.raises(InsufficientStorageError, match=f"{tmp_path}: .* MiB needed, .* MiB free"):
        require_room(tmp_path, 2**60)


def test_a_missing_folder_is_never_made_on_the_way(tmp_path: Path) -> None:
    gone = tmp_path / "unmounted" / "a"
    for act in (partial(write_durably, gone, b""), partial(make_private_folder, gone)):
        with pytest.raises(StorageFailedError):
            act()
    assert names_in(tmp_path) == []


def test_move_replaces_the_target_and_takes_the_source_away(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    (tmp_path / "b").write_bytes(b"old")
    move_durably(tmp_path / "a", tmp_path / "b")
    assert names_in(tmp_path) == ["b"]
    assert (tmp_path / "b").read_bytes() == b"new"


def make_link(path: Path) -> None:
    (path.parent / "secret").write_bytes(b"key")
    path.symlink_to(path.parent / "secret")


@pytest.mark.parametrize("make", [make_link, os.mkfifo, os.mkdir, lambda path: None])
def test_only_a_regular_file_can_be_moved(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a")
    before = names_in(tmp_path)
    with pytest.raises(StorageFailedError, match=str(tmp_path / "a")):
        move_durably(tmp_path / "a", tmp_path / "b")
    assert names_in(tmp_path) == before


def test_a_link_is_given_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert link_durably(tmp_path / "a", tmp_path / "c") is True
    assert link_durably(tmp_path / "b", tmp_path / "c") is False
    assert (tmp_path / "c").read_text() == "a"


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    remove_durably(tmp_path / "a")
    remove_durably(tmp_path / "a")
    remove_durably(tmp_path / "never" / "was")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    remove_folder_durably(tmp_path / "folder")
    remove_folder_durably(tmp_path / "folder")
    assert names_in(tmp_path) == []


def test_a_folder_is_not_removed_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageFailedError):
        remove_durably(tmp_path / "folder")
    assert names_in(tmp_path) == ["folder"]


def test_folders_are_private_and_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        make_private_folder(tmp_path / "a")
    assert mode_of(tmp_path / "a") == 0o700
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailedError, match="file"):
        make_private_folder(tmp_path / "file")


def test_syncing_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFailedError):
        fsync_folder(tmp_path / "gone")


def test_a_share_that_knows_no_sync_of_folders_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> NoReturn:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fail)
    fsync_folder(tmp_path)


def test_new_files_have_their_own_names_and_are_the_callers_to_remove(tmp_path: Path) -> None:
    with new_file(tmp_path) as (_file, one), new_file(tmp_path) as (_other, two):
        assert one != two
    assert names_in(tmp_path) == sorted([one.name, two.name])
    assert mode_of(one) == 0o600


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_folder_that_cannot_be_synced_is_an_error_although_the_file_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    sync = os.fsync

    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    with pytest.raises((InsufficientStorageError, StorageFailedError), match=str(tmp_path)):
        write_durably(tmp_path / "a", b"whole")
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"whole"
