from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from endoreg_db.storage.layout import DataFolder
from tests.acceptance.command_line import OPTIONS, Desk, Endoreg, run_endoreg, run_installed, toml_of
from tests.conftest import DrawnOnce, small_profile


@pytest.fixture
def endoreg(store: object) -> Endoreg:
    """Run ``endoreg`` against a fresh data folder in which the small device is registered."""
    return run_endoreg


@pytest.fixture(scope="session")
def desk_once(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, drawn_once: DrawnOnce, migrated_database: Path
) -> Path:
    """Made once for all workers, by the commands themselves; never write there."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared if worker_id == "master" else shared.parent) / "desk"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "made.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make_desk(folder, drawn_once, migrated_database)
    return folder


def _make_desk(folder: Path, drawn_once: DrawnOnce, migrated_database: Path) -> None:
    inbox, data = folder / "inbox", folder / "data"
    inbox.mkdir(parents=True)
    small = small_profile()
    first, second = (drawn_once(seed=seed, profile=small)[0] for seed in (1, 2))
    shutil.copy(first, inbox / "first.mp4")
    shutil.copy(second, inbox / "second.mp4")
    (inbox / "cut.mp4").write_bytes(second.read_bytes()[:20_000])
    profile = folder / "new.toml"
    profile.write_text(toml_of(replace(small, name="new_device", confirmed=False)))

    DataFolder(data).prepare()
    shutil.copy(migrated_database, data / "endoreg.sqlite3")
    environ = {**os.environ, "ENDOREG_DATA_DIR": str(data)}
    assert run_installed("device", "add", profile, env=environ).code == 0
    new = ("--center", "test_center", "--processor", "new_device")
    imports = [(inbox / "first.mp4", OPTIONS), (inbox / "second.mp4", new), (inbox / "cut.mp4", OPTIONS)]
    ended = [run_installed("import", path, *options, "--json", env=environ) for path, options in imports]
    assert [e.code for e in ended] == [0, 5, 3], [e.err for e in ended]
    uuids = [e.lines[0]["uuid"] for e in ended]
    sources = dict(zip(uuids, (str(path) for path, _ in imports), strict=True))
    (folder / "made.json").write_text(json.dumps([*uuids, sources]))


@pytest.fixture
def desk(desk_once: Path, data_dir: Path) -> Desk:
    """A private copy, in the data folder that commands of this test use."""
    shutil.copytree(desk_once / "data", data_dir)
    return Desk(data_dir, *json.loads((desk_once / "made.json").read_text()))
