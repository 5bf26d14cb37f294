"""Pieces of interrupted imports are kept encrypted, each for its recording and name alone."""

from __future__ import annotations

import hashlib
import shutil
import stat
from pathlib import Path

import pytest

from endoreg_db.errors import ConfigurationError, CorruptStoreError, SourceMissingError
from endoreg_db.storage.keys import MasterKey
from endoreg_db.storage.pieces import SealedPieces

KEY = MasterKey(bytes(range(32)))
ONE, OTHER = "a1" * 32, "b2" * 32
NOTE = b"what is to be known about it"


@pytest.fixture
def store(tmp_path: Path) -> SealedPieces:
    (tmp_path / "tmp").mkdir()
    return SealedPieces(tmp_path / "pieces", KEY)


def packets(tmp_path: Path, name: str = "segment-00000", size: int = 70_000) -> Path:
    path = tmp_path / "tmp" / f"{name}.packets"
    path.write_bytes(hashlib.shake_256(name.encode()).digest(size))
    return path


def put(store: SealedPieces, tmp_path: Path, name: str = "segment-00000", content: str = ONE) -> bytes:
    path = packets(tmp_path, name)
    whole = path.read_bytes()
    assert store.put(content, path, hashlib.sha256(whole).hexdigest(), NOTE, tmp_path / "tmp")
    return whole


def test_a_piece_comes_out_as_it_went_in(store: SealedPieces, tmp_path: Path) -> None:
    whole = put(store, tmp_path)
    assert store.names(ONE) == ["segment-00000"]
    assert store.read(ONE, "segment-00000", tmp_path / "out") == NOTE
    assert (tmp_path / "out").read_bytes() == whole
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_nothing_of_a_piece_can_be_read_without_the_key(store: SealedPieces, tmp_path: Path) -> None:
    whole = put(store, tmp_path)
    kept = [path.read_bytes() for path in store.folder.rglob("*") if path.is_file()]
    assert len(kept) == 2
    assert not any(part in content for content in kept for part in (whole[:16], whole[-16:], NOTE))
    assert all(path.stat().st_mode & 0o077 == 0 for path in [store.folder, *store.folder.rglob("*")])
    with pytest.raises(ConfigurationError):
        SealedPieces(store.folder, MasterKey(bytes(32))).read(ONE, "segment-00000", tmp_path / "out")


def test_a_file_with_other_bytes_than_were_told_is_not_kept(store: SealedPieces, tmp_path: Path) -> None:
    path = packets(tmp_path)
    assert not store.put(ONE, path, "00" * 32, NOTE, tmp_path / "tmp")
    assert store.names(ONE) == []
    assert [*(tmp_path / "tmp").iterdir()] == [path]


def test_a_piece_can_be_kept_twice_and_one_of_its_name_is_replaced(
    store: SealedPieces, tmp_path: Path
) -> None:
    put(store, tmp_path)
    put(store, tmp_path)
    newer = packets(tmp_path, size=50)
    sha256 = hashlib.sha256(newer.read_bytes()).hexdigest()
    assert store.put(ONE, newer, sha256, b"another", tmp_path / "tmp")
    assert store.names(ONE) == ["segment-00000"]
    assert store.read(ONE, "segment-00000", tmp_path / "out") == b"another"
    assert (tmp_path / "out").read_bytes() == newer.read_bytes()


def test_a_piece_is_of_no_other_recording_and_no_other_name(store: SealedPieces, tmp_path: Path) -> None:
    put(store, tmp_path)
    shutil.copytree(store.folder_of(ONE), store.folder_of(OTHER))
    with pytest.raises(CorruptStoreError):
        store.read(OTHER, "segment-00000", tmp_path / "out")
    note = store.folder_of(ONE) / "segment-00000.sealed"
    shutil.copy(note, note.with_name("segment-00001.sealed"))
    with pytest.raises(CorruptStoreError):
        store.read(ONE, "segment-00001", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", [".sealed", ".enc"])
@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1], lambda b: b"", lambda b: b[:90] + bytes([b[90] ^ 1]) + b[91:]]
)
def test_a_damaged_piece_does_not_come_out(
    store: SealedPieces, tmp_path: Path, suffix: str, spoil: object
) -> None:
    assert callable(spoil)
    put(store, tmp_path)
    (path,) = store.folder_of(ONE).rglob(f"*{suffix}")
    path.chmod(0o600)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(CorruptStoreError):
        store.read(ONE, "segment-00000", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    store.forget(ONE, "segment-00000")
    assert store.names(ONE) == []


def test_one_piece_is_forgotten_and_the_others_stay(store: SealedPieces, tmp_path: Path) -> None:
    put(store, tmp_path)
    whole = put(store, tmp_path, "segment-00001")
    store.forget(ONE, "segment-00000")
    store.forget(ONE, "segment-00000")
    assert store.names(ONE) == ["segment-00001"]
    with pytest.raises(CorruptStoreError):
        store.read(ONE, "segment-00000", tmp_path / "out")
    store.read(ONE, "segment-00001", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == whole


def test_all_pieces_of_a_recording_are_removed_and_no_others(store: SealedPieces, tmp_path: Path) -> None:
    assert store.names(ONE) == [] and [*store.folders()] == []
    store.remove(ONE)
    put(store, tmp_path)
    put(store, tmp_path, content=OTHER)
    store.remove(ONE)
    assert [*store.folders()] == [store.folder_of(OTHER)]
    assert store.names(OTHER) == ["segment-00000"]


def test_a_file_that_is_gone_is_not_kept(store: SealedPieces, tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError):
        store.put(ONE, tmp_path / "tmp" / "segment-00000.packets", "00" * 32, NOTE, tmp_path / "tmp")
    assert store.names(ONE) == []


@pytest.mark.parametrize("content", ["", "..", "A1" * 32, "a1" * 31, "a1" * 32 + "\n"])
def test_pieces_lie_nowhere_else(store: SealedPieces, content: str) -> None:
    assert not store.is_content(content)
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.remove(content)
