"""Every test has a data folder and a database of its own; nothing of the person's settings reaches it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

# Before anything of the package is imported: the embedded settings read the environment once.
for _key in [key for key in os.environ if key.startswith("ENDOREG_")]:
    del os.environ[_key]
os.environ["ENDOREG_DATA_DIR"] = tempfile.mkdtemp(prefix="endoreg-tests-")

from django.db import connections

from endoreg_db.bootstrap import configure, current_config, prepare

configure()

from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.models import EndoscopyProcessor
from endoreg_db.samples import RecordingTruth, draw_recording, scaled, shipped_profile
from endoreg_db.services.store import Store, open_store

#: A third of the CV-1500's size: quick to encode; its text is too small to be read.
SMALL_DEVICE = "small_cv_1500"


def pytest_sessionfinish() -> None:
    shutil.rmtree(os.environ["ENDOREG_DATA_DIR"], ignore_errors=True)


def _use_database(file: Path) -> None:
    connections.close_all()
    connections["default"].settings_dict["NAME"] = str(file)
    connections.settings["default"]["NAME"] = str(file)  # for threads that connect later


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the schema and the shipped data, to be copied."""
    root = tmp_path_factory.mktemp("template") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENDOREG_DATA_DIR", str(root))
        _use_database(root / "endoreg.sqlite3")
        prepare(current_config())
        small = small_profile()
        EndoscopyProcessor.register(small)
        connections.close_all()  # SQLite folds its write-ahead log into the file
    return root / "endoreg.sqlite3"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private data folder, not made yet; in this process and in every child."""
    for key in [key for key in os.environ if key.startswith("ENDOREG_")]:
        monkeypatch.delenv(key)
    data = tmp_path / "data"
    monkeypatch.setenv("ENDOREG_DATA_DIR", str(data))
    # What is tested is what the pass is sure of; that a person looks first has a test of its own.
    monkeypatch.setenv("ENDOREG_REPORT_RELEASE", "verified")
    _use_database(data / "endoreg.sqlite3")
    yield data
    connections.close_all()


@pytest.fixture
def store(data_dir: Path, migrated_database: Path) -> Store:
    """An open, empty store; ``test_center``, the shipped devices and :data:`SMALL_DEVICE` are registered."""
    from endoreg_db.storage.layout import DataFolder

    DataFolder(data_dir).prepare()
    shutil.copy(migrated_database, data_dir / "endoreg.sqlite3")
    return open_store(current_config())


def small_profile() -> DeviceProfile:
    from dataclasses import replace

    return replace(scaled(shipped_profile(), 1 / 3), name=SMALL_DEVICE, title="Small CV-1500")


DrawnOnce = Callable[..., tuple[Path, RecordingTruth]]


@pytest.fixture(scope="session")
def drawn_once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> DrawnOnce:
    """Recordings drawn once for all workers, by seed, seconds and profile; never write there."""
    shared = tmp_path_factory.getbasetemp()
    shared = (shared if worker_id == "master" else shared.parent) / "drawn"
    shared.mkdir(exist_ok=True)

    def draw(
        *, seed: int = 1, seconds: float = 1.0, profile: DeviceProfile | None = None
    ) -> tuple[Path, RecordingTruth]:
        import pickle

        used = profile or shipped_profile()
        path = shared / f"{used.digest[:12]}-{seed}-{seconds}.mp4"
        truth_file = path.with_suffix(".truth")
        with FileLock(path.with_suffix(".drawing")):
            if not truth_file.exists():
                truth = draw_recording(path, seed=seed, seconds=seconds, profile=used)
                truth_file.write_bytes(pickle.dumps(truth))
        return path, pickle.loads(truth_file.read_bytes())

    return draw


@pytest.fixture
def small_recording(tmp_path: Path, drawn_once: DrawnOnce) -> Path:
    """A private copy of a one-second recording of :data:`SMALL_DEVICE`, in a folder of its own."""
    source, _ = drawn_once(profile=small_profile())
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return Path(shutil.copy(source, inbox / "recording.mp4"))
