"""What goes into the vault comes out again, byte for byte, or an error does."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from endoreg_db.errors import (
    ConfigurationError,
    CorruptStoreError,
    InsufficientStorageError,
    SourceMissingError,
    SourceUnreadableError,
    StorageFailedError,
)
from endoreg_db.storage.keys import MasterKey
from endoreg_db.storage.source import FileDigest, hash_file
from endoreg_db.storage.vault import Vault
from endoreg_db.storage.vault_file import encrypted_size

CHUNK = 2**20
HEADER = 8 + 1 + 8 + 32 + 7
KEY = MasterKey(bytes(range(32)))

Tree = tuple[Vault, Path]


def new_vault(folder: Path) -> Tree:
    (folder / "vault").mkdir()
    (folder / "tmp").mkdir()
    return Vault(folder / "vault", KEY), folder / "tmp"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return new_vault(tmp_path)


def source_of(tmp_path: Path, size: int, seed: bytes = b"seed") -> Path:
    """A file of ``size`` bytes that no two chunks of are alike."""
    path = tmp_path / "source.mp4"
    path.write_bytes(hashlib.shake_256(seed).digest(size))
    return path


def stored(tree: Tree, tmp_path: Path, size: int, seed: bytes = b"seed") -> tuple[str, Path]:
    vault, temp = tree
    sha256 = vault.put_file(source_of(tmp_path, size, seed), temp)
    return sha256, vault.path_of(sha256)


# Round trips ---------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(chunks=st.integers(0, 2), offset=st.integers(-18, 18))
def test_sizes_around_the_borders_of_chunks_survive(
    tmp_path_factory: pytest.TempPathFactory, chunks: int, offset: int
) -> None:
    folder = tmp_path_factory.mktemp("vault")
    vault, temp = tree = new_vault(folder)
    size = max(0, chunks * CHUNK + offset)
    sha256, path = stored(tree, folder, size)
    content = (folder / "source.mp4").read_bytes()
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(vault.read(sha256)) == content
    assert path.stat().st_size == encrypted_size(size)
    assert vault.verify(sha256)
    assert list(temp.iterdir()) == []


def test_the_stored_bytes_follow_the_documented_format(tree: Tree, tmp_path: Path) -> None:
    """An independent reader: what is stored today must be readable by every later version."""
    _sha256, path = stored(tree, tmp_path, 2 * CHUNK + 5)
    raw = path.read_bytes()
    header, body = raw[:HEADER], raw[HEADER:]
    assert header[:9] == b"EndoVlt\0\x01"
    assert header[9:17] == hashlib.sha256(b"endoreg key id" + KEY.material).digest()[:8]
    salt, prefix = header[17:49], header[49:56]
    aead = AESGCM(HKDF(hashes.SHA256(), 32, salt, b"endoreg vault").derive(KEY.material))
    sealed = [body[at : at + CHUNK + 16] for at in range(0, len(body), CHUNK + 16)]
    plain = [
        aead.decrypt(prefix + i.to_bytes(4, "big") + bytes([i == len(sealed) - 1]), piece, header)
        for i, piece in enumerate(sealed)
    ]
    assert b"".join(plain) == (tmp_path / "source.mp4").read_bytes()


def test_ingesting_twice_uses_other_keys_and_keeps_no_plaintext(tree: Tree, tmp_path: Path) -> None:
    vault, temp = tree
    source = tmp_path / "source.mp4"
    source.write_bytes(b"Mustermann " * 1000)
    one, two = vault.ingest(source, temp), vault.ingest(source, temp)
    assert one.sha256 == two.sha256
    assert one.temp_path.read_bytes()[HEADER:] != two.temp_path.read_bytes()[HEADER:]
    assert b"Mustermann" not in one.temp_path.read_bytes()


def test_address_lookup_and_removal(tree: Tree, tmp_path: Path) -> None:
    vault, _temp = tree
    addresses = sorted(stored(tree, tmp_path, 10, seed)[0] for seed in (b"1", b"2", b"3"))
    (vault.folder / "ab").mkdir(exist_ok=True)
    for stray in ("stray.enc", "c" * 62, f"{'c' * 62}.tmp"):
        (vault.folder / "ab" / stray).write_bytes(b"")
    assert list(vault.addresses()) == addresses
    assert vault.path_of(addresses[0]) == vault.folder / addresses[0][:2] / f"{addresses[0][2:]}.enc"
    vault.remove(addresses[0])
    vault.remove(addresses[0])
    assert [vault.contains(address) for address in addresses] == [False, True, True]


@pytest.mark.parametrize("address", ["", "ab", "../../etc/passwd", "A" * 64, "a" * 63 + "\n", "a" * 65])
def test_what_is_no_address_never_becomes_a_path(tree: Tree, address: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        tree[0].path_of(address)


def test_everything_stored_is_private(tree: Tree, tmp_path: Path) -> None:
    _sha256, path = stored(tree, tmp_path, 10)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# Keeping -------------------------------------------------------------------------------------


def test_a_second_copy_is_not_kept(tree: Tree, tmp_path: Path) -> None:
    vault, temp = tree
    source = source_of(tmp_path, 100)
    assert vault.keep(vault.ingest(source, temp)) is True
    inode = next(vault.folder.glob("*/*")).stat().st_ino
    assert vault.keep(vault.ingest(source, temp)) is False
    assert [path.stat().st_ino for path in vault.folder.glob("*/*")] == [inode]
    assert list(temp.iterdir()) == []


def test_a_copy_of_the_wrong_size_is_replaced_by_a_whole_one(tree: Tree, tmp_path: Path) -> None:
    vault, temp = tree
    sha256, path = stored(tree, tmp_path, 100)
    path.write_bytes(path.read_bytes()[:-1])
    assert vault.keep(vault.ingest(tmp_path / "source.mp4", temp)) is True
    assert vault.verify(sha256)
    assert list(temp.iterdir()) == []


# Tampering -----------------------------------------------------------------------------------


def flipped(position: int) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        changed = bytearray(raw)
        changed[position] ^= 0x80
        return bytes(changed)

    return change


def sealed_chunks(raw: bytes) -> list[bytes]:
    return [raw[at : at + CHUNK + 16] for at in range(HEADER, len(raw), CHUNK + 16)]


def reordered(*order: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:HEADER] + b"".join(sealed_chunks(raw)[i] for i in order)


TAMPERINGS: dict[str, Callable[[bytes], bytes]] = {
    "magic": flipped(0),
    "version": flipped(8),
    "salt": flipped(17),
    "nonce prefix": flipped(55),
    "first byte of the first chunk": flipped(HEADER),
    "tag of the first chunk": flipped(HEADER + CHUNK),
    "middle of the second chunk": flipped(HEADER + CHUNK + 16 + 1000),
    "last byte": flipped(-1),
    "last chunk cut off at its border": reordered(0, 1),
    "first chunk missing": reordered(1, 2),
    "chunks swapped": reordered(1, 0, 2),
    "chunk repeated": reordered(0, 0, 1, 2),
    "last chunk repeated": reordered(0, 1, 2, 2),
    "cut in the middle of a chunk": lambda raw: raw[: HEADER + CHUNK // 2],
    "cut inside a tag": lambda raw: raw[:-1],
    "cut inside the last tag's first bytes": lambda raw: raw[: HEADER + 2 * (CHUNK + 16) + 3],
    "only the header": lambda raw: raw[:HEADER],
    "half a header": lambda raw: raw[:20],
    "empty": lambda raw: b"",
    "byte appended": lambda raw: raw + b"\0",
    "chunk of zeros appended": lambda raw: raw + bytes(CHUNK + 16),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_every_change_of_a_stored_file_is_noticed(tree: Tree, tmp_path: Path, tampering: str) -> None:
    vault, _temp = tree
    sha256, path = stored(tree, tmp_path, 2 * CHUNK + 100)
    path.write_bytes(TAMPERINGS[tampering](path.read_bytes()))
    assert vault.verify(sha256) is False
    with pytest.raises(CorruptStoreError, match="damaged") as caught:
        vault.extract(sha256, tmp_path / "out")
    assert "backup" in caught.value.advice
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source.mp4", "tmp", "vault"]


def test_pieces_that_were_yielded_before_the_damage_are_right(tree: Tree, tmp_path: Path) -> None:
    sha256, path = stored(tree, tmp_path, 2 * CHUNK + 100)
    path.write_bytes(flipped(-1)(path.read_bytes()))
    pieces = tree[0].read(sha256)
    assert next(pieces) + next(pieces) == (tmp_path / "source.mp4").read_bytes()[: 2 * CHUNK]
    with pytest.raises(CorruptStoreError):
        next(pieces)


def test_a_whole_file_under_another_address_is_noticed(tree: Tree, tmp_path: Path) -> None:
    vault, _temp = tree
    one, path_of_one = stored(tree, tmp_path, 100, b"1")
    two, path_of_two = stored(tree, tmp_path, 100, b"2")
    os.replace(path_of_one, path_of_two)
    assert vault.verify(two) is False
    with pytest.raises(CorruptStoreError, match="another content"):
        list(vault.read(two))
    assert vault.verify(one) is False  # missing


def test_a_missing_original_is_named(tree: Tree) -> None:
    with pytest.raises(CorruptStoreError, match="not in the vault"):
        list(tree[0].read("0" * 64))


@pytest.mark.parametrize("other", ["key", "id"])
def test_another_key_is_told_from_damage(tree: Tree, tmp_path: Path, other: str) -> None:
    vault, _temp = tree
    sha256, path = stored(tree, tmp_path, 100)
    if other == "key":
        vault = Vault(vault.folder, MasterKey(bytes(32)))
    else:
        path.write_bytes(flipped(10)(path.read_bytes()))
    for use in (vault.verify, lambda address: list(vault.read(address))):
        with pytest.raises(ConfigurationError, match="was encrypted with key"):
            use(sha256)


# Extracting ----------------------------------------------------------------------------------


def test_an_extracted_copy_is_whole_and_private(tree: Tree, tmp_path: Path) -> None:
    sha256, _path = stored(tree, tmp_path, CHUNK + 1)
    tree[0].extract(sha256, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "source.mp4").read_bytes()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


# Sources -------------------------------------------------------------------------------------


def make_unreadable(path: Path) -> None:
    path.symlink_to(path)  # a loop; permissions would not stop root


@pytest.mark.parametrize("read", ["hash", "ingest"])
@pytest.mark.parametrize(
    ("make", "expected", "words"),
    [
        (lambda path: None, SourceMissingError, "not found"),
        (os.mkdir, SourceUnreadableError, "directory"),
        (os.mkfifo, SourceUnreadableError, "Not a regular file"),
        (make_unreadable, SourceUnreadableError, "symbolic links"),
    ],
)
def test_what_is_no_readable_file_is_refused(
    tree: Tree,
    tmp_path: Path,
    read: str,
    make: Callable[[Path], None],
    expected: type[SourceMissingError | SourceUnreadableError],
    words: str,
) -> None:
    vault, temp = tree
    make(tmp_path / "a.mp4")
    with pytest.raises(expected, match=words) as caught:
        hash_file(tmp_path / "a.mp4") if read == "hash" else vault.ingest(tmp_path / "a.mp4", temp)
    assert caught.value.path == str(tmp_path / "a.mp4")
    assert list(temp.iterdir()) == []


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def replace(path: Path) -> None:
    before = path.stat()
    path.with_name("new").write_bytes(bytes(before.st_size))
    os.utime(path.with_name("new"), ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(path.with_name("new"), path)


def truncate(path: Path) -> None:
    os.truncate(path, 10)


@pytest.mark.parametrize("read", ["hash", "ingest"])
@pytest.mark.parametrize("change", [grow, rewrite, replace, truncate])
def test_a_source_that_changes_while_it_is_read_is_refused(
    tree: Tree, tmp_path: Path, read: str, change: Callable[[Path], None]
) -> None:
    vault, temp = tree
    source = source_of(tmp_path, 2 * CHUNK)

    def on_bytes(done: int) -> None:
        if done == CHUNK:
            change(source)

    with pytest.raises(SourceUnreadableError, match="changed while it was read") as caught:
        hash_file(source, on_bytes) if read == "hash" else vault.ingest(source, temp, on_bytes=on_bytes)
    assert "Wait" in caught.value.advice
    assert list(temp.iterdir()) == []


def test_a_source_that_vanishes_while_it_is_read_is_missing(tree: Tree, tmp_path: Path) -> None:
    vault, temp = tree
    source = source_of(tmp_path, 10)
    with pytest.raises(SourceMissingError):
        vault.ingest(source, temp, on_bytes=lambda _done: source.unlink())
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "reports"), [(0, [0]), (5, [5]), (CHUNK, [CHUNK]), (CHUNK + 1, [CHUNK, CHUNK + 1])]
)
def test_progress_is_told_in_bytes(tree: Tree, tmp_path: Path, size: int, reports: list[int]) -> None:
    vault, temp = tree
    source = source_of(tmp_path, size)
    hashed: list[int] = []
    ingested: list[int] = []
    digest = hash_file(source, hashed.append)
    result = vault.ingest(source, temp, on_bytes=ingested.append)
    assert hashed == ingested == reports
    assert digest == FileDigest(hashlib.sha256(source.read_bytes()).hexdigest(), size)
    assert digest == FileDigest(result.sha256, result.size)


def test_an_interrupted_ingest_leaves_nothing(tree: Tree, tmp_path: Path) -> None:
    vault, temp = tree

    def interrupt(_done: int) -> NoReturn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vault.ingest(source_of(tmp_path, 10), temp, on_bytes=interrupt)
    assert list(temp.iterdir()) == []


def test_the_source_is_only_read(tree: Tree, tmp_path: Path) -> None:
    source = source_of(tmp_path, 100)
    source.chmod(0o400)
    before, content = source.stat(), source.read_bytes()
    tree[0].put_file(source, tree[1])
    after = source.stat()
    assert source.read_bytes() == content
    assert (before.st_mtime_ns, before.st_ctime_ns, before.st_mode) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_mode,
    )


# Faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, InsufficientStorageError), (errno.EIO, StorageFailedError)]
)
def test_a_failing_disk_leaves_no_encrypted_file(
    tree: Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expected: type[InsufficientStorageError | StorageFailedError],
) -> None:
    vault, temp = tree
    source = source_of(tmp_path, 100)

    def fail(_descriptor: int) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(expected, match=str(temp)):
        vault.ingest(source, temp)
    assert list(temp.iterdir()) == []
    assert source.exists()


def test_a_vault_that_cannot_be_written_keeps_the_ingested_file_for_another_try(
    tree: Tree, tmp_path: Path
) -> None:
    vault, temp = tree
    ingested = vault.ingest(source_of(tmp_path, 100), temp)
    vault.folder.rmdir()
    with pytest.raises(StorageFailedError):
        vault.keep(ingested)
    with pytest.raises(StorageFailedError):
        list(vault.addresses())
    with pytest.raises(StorageFailedError):
        vault.put_file(tmp_path / "source.mp4", temp)
    assert list(temp.iterdir()) == [ingested.temp_path]
    vault.folder.mkdir()
    assert vault.keep(ingested) is True
    assert vault.verify(ingested.sha256)


def test_the_folder_of_a_content_is_made_durable_before_it_holds_anything(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, temp = tree
    sync, synced = os.fsync, []

    def spy(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            synced.append((path.name, [file.name for file in path.rglob("*.enc")]))
        sync(descriptor)

    ingested = vault.ingest(source_of(tmp_path, 100), temp)
    target = vault.path_of(ingested.sha256)
    target.parent.mkdir()  # by somebody who died before it was durable
    monkeypatch.setattr(os, "fsync", spy)
    vault.keep(ingested)
    assert synced == [("vault", []), (target.parent.name, [target.name])]
    synced.clear()
    vault.keep(vault.ingest(source_of(tmp_path, 100), temp))  # the same content once more
    assert [name for name, _files in synced] == [target.parent.name], "the folder itself lasts already"
