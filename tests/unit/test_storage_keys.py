"""The key is made once, kept private, and used only through what is derived from it."""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path

import pytest

from endoreg_db.errors import ConfigurationError
from endoreg_db.storage.keys import KEY_FILE, MasterKey, load_key, load_or_create_key


def test_the_key_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    made = load_or_create_key(tmp_path)
    assert load_or_create_key(tmp_path) == made == load_key(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert (tmp_path / KEY_FILE).read_bytes() == made.material


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert load_or_create_key(tmp_path).material != load_or_create_key(tmp_path / "other").material


def test_a_missing_key_is_not_made_where_one_must_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=KEY_FILE) as caught:
        load_key(tmp_path)
    assert "Restore" in caught.value.advice
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_may_use_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    load_or_create_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(mode)
    with pytest.raises(ConfigurationError, match=f"mode {mode:o}") as caught:
        load_or_create_key(tmp_path)
    assert "chmod 600" in caught.value.advice


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused_and_left_alone(tmp_path: Path, size: int) -> None:
    path = tmp_path / KEY_FILE
    path.touch(0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(ConfigurationError, match="does not have 32 bytes"):
        load_or_create_key(tmp_path)
    assert path.read_bytes() == bytes(size)


def test_derived_keys_follow_rfc_5869_and_differ_by_purpose_and_salt() -> None:
    key = MasterKey(bytes(range(32)))
    # HKDF-SHA256 computed from its definition, step by step.
    extracted = hmac.digest(bytes(32), key.material, hashlib.sha256)
    expanded = hmac.digest(extracted, b"endoreg vault\x01", hashlib.sha256)
    assert key.derive("vault") == expanded
    others = {key.derive("sealing"), key.derive("vault", salt=b"s"), key.derive("vault"), key.material}
    assert len(others) == 4


def test_neither_repr_nor_key_id_shows_the_key() -> None:
    key = MasterKey(b"secret material of 32 bytes.....")
    assert "secret" not in repr(key)
    assert len(key.key_id) == 8
    assert key.key_id not in key.material
    assert key.key_id != MasterKey(bytes(32)).key_id


def test_a_key_of_the_wrong_length_cannot_exist() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        MasterKey(bytes(16))
