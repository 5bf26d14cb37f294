"""Publishing moves whole files to their place; fingerprints tell changed sources from unchanged ones."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from uuid import UUID

import pytest

from endoreg_db.errors import SourceMissingError, SourceUnreadableError, StorageFailedError
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.publish import Publisher
from endoreg_db.storage.source import fingerprint

RECORD = UUID("12345678-1234-5678-1234-567812345678")
PROOF = b"{}"  # a certificate; what is in it is not the publisher's concern


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return Publisher(folder)


def candidate_of(publisher: Publisher, content: bytes) -> Path:
    path = publisher.data_folder.tmp / "candidate"
    path.write_bytes(content)
    path.chmod(0o644)
    return path


def test_a_candidate_is_moved_to_its_place_and_made_private(publisher: Publisher) -> None:
    candidate = candidate_of(publisher, b"safe")
    path = publisher.publish(candidate, RECORD, ".mp4", PROOF)
    assert path == publisher.final_path(RECORD, ".mp4")
    assert path.name == "12345678-1234-5678-1234-567812345678.mp4"
    assert path.read_bytes() == b"safe"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not candidate.exists()
    assert list(publisher.published_files()) == [path]


def test_the_bytes_are_durable_before_their_names_and_both_names_with_one_sync(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate, steps = candidate_of(publisher, b"safe"), []
    sync, replace = os.fsync, os.replace

    def spy_sync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        sync(descriptor)

    def spy_replace(source: Path, target: Path) -> None:
        steps.append(f"name {target.name.removeprefix(str(RECORD))}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "replace", spy_replace)
    publisher.publish(candidate, RECORD, ".mp4", PROOF)
    names = ["name .mp4.certificate.json", "name .mp4"]  # nobody sees the file without its certificate
    assert steps == ["sync file", "sync file", *names, "sync folder"]


def test_what_an_attempt_left_before_its_commit_is_replaced(publisher: Publisher) -> None:
    publisher.publish(candidate_of(publisher, b"left behind"), RECORD, ".mp4", PROOF)
    path = publisher.publish(candidate_of(publisher, b"new"), RECORD, ".mp4", PROOF)
    assert path.read_bytes() == b"new"


def test_a_link_in_place_of_the_candidate_publishes_and_changes_nothing(publisher: Publisher) -> None:
    candidate, other = publisher.data_folder.tmp / "candidate", publisher.data_folder.tmp / "other"
    other.touch()
    other.chmod(0o644)
    candidate.symlink_to(other)
    with pytest.raises(StorageFailedError, match="candidate"):
        publisher.publish(candidate, RECORD, ".mp4", PROOF)
    assert list(publisher.published_files()) == []
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


def test_a_missing_candidate_is_an_error(publisher: Publisher) -> None:
    with pytest.raises(StorageFailedError):
        publisher.publish(publisher.data_folder.tmp / "nothing", RECORD, ".mp4", PROOF)


@pytest.mark.parametrize("suffix", ["", "mp4", "/../../x.mp4", ".mp4/", ".", ".MP4", ".mp4\n"])
def test_what_is_not_a_suffix_is_refused(publisher: Publisher, suffix: str) -> None:
    with pytest.raises(ValueError, match="not a suffix"):
        publisher.final_path(RECORD, suffix)


def test_a_certificate_lies_beside_its_file(publisher: Publisher) -> None:
    path = publisher.final_path(RECORD, ".mp4.certificate.json")
    assert path.name == f"{publisher.final_path(RECORD, '.mp4').name}.certificate.json"


def test_retracting_removes_once_and_only_published_files(publisher: Publisher) -> None:
    path = publisher.publish(candidate_of(publisher, b"safe"), RECORD, ".mp4", PROOF)
    publisher.retract(path)
    publisher.retract(path)
    assert list(publisher.published_files()) == []
    with pytest.raises(ValueError, match="not a published file"):
        publisher.retract(publisher.data_folder.keys / "vault.key")
    assert (publisher.data_folder.keys / "vault.key").exists()


def test_strays_in_the_published_folder_are_listed(publisher: Publisher) -> None:
    stray = publisher.data_folder.published / "notes.txt"
    stray.write_bytes(b"")
    assert list(publisher.published_files()) == [stray]


def test_an_unchanged_source_keeps_its_fingerprint_also_through_a_link(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"content")
    first = fingerprint(path)
    assert fingerprint(path) == first
    assert first.size == 7
    (tmp_path / "link").symlink_to(path)
    assert fingerprint(tmp_path / "link") == first


def test_every_kind_of_change_shows_in_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"content")
    os.utime(path, ns=(1, 1))
    seen = [fingerprint(path)]

    time.sleep(0.02)  # file systems' clocks tick every few milliseconds
    path.write_bytes(b"CONTENT")  # same size
    seen.append(fingerprint(path))
    os.utime(path, ns=(1, 1))  # and its time set back: the change time still tells
    seen.append(fingerprint(path))
    (tmp_path / "b").write_bytes(b"content")
    os.replace(tmp_path / "b", path)
    seen.append(fingerprint(path))
    assert len(set(seen)) == len(seen)


def test_a_missing_or_unreachable_source_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match=r"gone\.mp4"):
        fingerprint(tmp_path / "gone.mp4")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceUnreadableError, match="Not a directory"):
        fingerprint(tmp_path / "file" / "a.mp4")
