"""The key of the pseudonyms is made once, is private, and can be shared and replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from endoreg_db.errors import ConfigurationError
from endoreg_db.storage.keys import KEY_FILE, PSEUDONYM_KEY_FILE, load_key
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.pseudonym_key import load_pseudonym_key, replace_pseudonym_key


def test_the_first_start_makes_it_beside_the_other_key_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    folder.prepare()
    key = load_pseudonym_key(folder.keys, may_create=False)
    assert key != load_key(folder.keys)
    assert sorted(path.name for path in folder.keys.iterdir()) == sorted([KEY_FILE, PSEUDONYM_KEY_FILE])
    assert stat.S_IMODE((folder.keys / PSEUDONYM_KEY_FILE).stat().st_mode) == 0o600


def test_a_lost_key_is_not_made_anew_where_pseudonyms_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=PSEUDONYM_KEY_FILE):
        load_pseudonym_key(tmp_path, may_create=False)
    assert list(tmp_path.iterdir()) == []


def test_replacing_keeps_the_old_key_under_its_id(tmp_path: Path) -> None:
    old = load_pseudonym_key(tmp_path, may_create=True)
    new = replace_pseudonym_key(tmp_path)
    assert new != old
    assert load_pseudonym_key(tmp_path, may_create=False) == new
    kept = tmp_path / f"pseudonym-{old.key_id.hex()}.key"
    assert kept.read_bytes() == old.material
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_centre_can_take_over_the_key_of_another_one(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        load_pseudonym_key(folder, may_create=True)
    shared = (there / PSEUDONYM_KEY_FILE).read_bytes()
    assert replace_pseudonym_key(here, shared) == load_pseudonym_key(there, may_create=False)
    files = set(here.iterdir())
    replace_pseudonym_key(here, shared)  # once more changes nothing
    assert set(here.iterdir()) == files


def test_material_of_another_length_is_refused_and_the_key_stays(tmp_path: Path) -> None:
    key = load_pseudonym_key(tmp_path, may_create=True)
    with pytest.raises(ConfigurationError, match="32 bytes, not 31"):
        replace_pseudonym_key(tmp_path, bytes(31))
    assert load_pseudonym_key(tmp_path, may_create=False) == key
