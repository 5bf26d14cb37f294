"""Every test has a data folder and a database of its own; nothing of the person's settings reaches it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

# Before anything of the package is imported: the embedded settings read the environment once.
for _key in [key for key in os.environ if key.startswith("ENDOREG_")]:
    del os.environ[_key]
# One thread in each process, as in the cell: a second one of a numerical library only spins.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["ENDOREG_DATA_DIR"] = tempfile.mkdtemp(prefix="endoreg-tests-")

from django.db import connections

from endoreg_db.bootstrap import configure, current_config, prepare

configure()

from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.models import EndoscopyProcessor, VideoFile
from endoreg_db.samples import Encoding, RecordingTruth, draw_recording, scaled, shipped_profile
from endoreg_db.services.store import Store, open_store
from tests import forks

#: A third of the CV-1500's size: quick to encode; its text is too small to be read.
SMALL_DEVICE = "small_cv_1500"
#: The same, but nobody has confirmed its layout.
NEW_DEVICE = "new_device"
#: Of a recording, where no other length is asked for, and how many frames that is.
SECONDS, FRAMES = 0.6, 15


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first: a worker that has nothing left takes over short ones, so none ends long after."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_sessionfinish() -> None:
    forks.stop()
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
def store(
    request: pytest.FixtureRequest, data_dir: Path, migrated_database: Path, imported_once: ImportedOnce
) -> Store:
    """An open store; ``test_center``, the shipped devices and :data:`SMALL_DEVICE` are registered.

    It is empty, or holds the one recording that the test asks for by the name of a fixture below.
    """
    for fixture, processor in _HELD.items():
        if fixture in request.fixturenames:
            shutil.copytree(imported_once(processor), data_dir)
            break
    else:
        _make_empty(data_dir, migrated_database)
    return open_store(current_config())


@pytest.fixture
def published(store: Store) -> VideoFile:
    """A recording that was imported and published; its source is not the test's."""
    return VideoFile.objects.get()


@pytest.fixture
def waiting(store: Store) -> VideoFile:
    """A recording that waits for review, because nobody has confirmed its device."""
    return VideoFile.objects.get()


_HELD = {"published": SMALL_DEVICE, "waiting": NEW_DEVICE}


def _make_empty(data: Path, migrated_database: Path) -> None:
    from endoreg_db.storage.layout import DataFolder

    DataFolder(data).prepare()
    shutil.copy(migrated_database, data / "endoreg.sqlite3")


ImportedOnce = Callable[[str], Path]


@pytest.fixture(scope="session")
def imported_once(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, migrated_database: Path, drawn_once: DrawnOnce
) -> ImportedOnce:
    """Data folders that hold one recording, imported once for all workers, by processor; to be copied."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent

    def imported(processor: str) -> Path:
        from endoreg_db.services.video_import import VideoImportService

        root = shared / f"imported-{processor}"
        with FileLock(f"{root}.importing"):
            if not root.exists():
                making, database = root.with_suffix(".making"), connections["default"].settings_dict["NAME"]
                source, _ = drawn_once(profile=small_profile())
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("ENDOREG_DATA_DIR", str(making))
                    _make_empty(making, migrated_database)
                    _use_database(making / "endoreg.sqlite3")
                    if processor == NEW_DEVICE:
                        EndoscopyProcessor.register(new_profile())
                    VideoImportService().import_and_anonymize(source, "test_center", processor)
                    _use_database(Path(database))
                making.rename(root)
        return root

    return imported


def small_profile() -> DeviceProfile:
    return replace(scaled(shipped_profile(), 1 / 3), name=SMALL_DEVICE, title="Small CV-1500")


def new_profile() -> DeviceProfile:
    return replace(small_profile(), name=NEW_DEVICE, title="New device", confirmed=False)


DrawnOnce = Callable[..., tuple[Path, RecordingTruth]]


@pytest.fixture(scope="session")
def drawn_once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> DrawnOnce:
    """Recordings drawn once for all workers, by seed, seconds, profile and keyframes; never write there."""
    shared = tmp_path_factory.getbasetemp()
    shared = (shared if worker_id == "master" else shared.parent) / "drawn"
    shared.mkdir(exist_ok=True)

    def draw(
        *, seed: int = 1, seconds: float = SECONDS, profile: DeviceProfile | None = None, gop: int = 30
    ) -> tuple[Path, RecordingTruth]:
        import pickle

        used = profile or shipped_profile()
        path = shared / f"{used.digest[:12]}-{seed}-{seconds}-{gop}.mp4"
        truth_file = path.with_suffix(".truth")
        with FileLock(path.with_suffix(".drawing")):
            if not truth_file.exists():
                often = Encoding(gop=gop)
                truth = draw_recording(path, seed=seed, seconds=seconds, profile=used, encoding=often)
                truth_file.write_bytes(pickle.dumps(truth))
        return path, pickle.loads(truth_file.read_bytes())

    return draw


@pytest.fixture
def small_recording(tmp_path: Path, drawn_once: DrawnOnce) -> Path:
    """A private copy of a short recording of :data:`SMALL_DEVICE`, in a folder of its own."""
    source, _ = drawn_once(profile=small_profile())
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return Path(shutil.copy(source, inbox / "recording.mp4"))
