"""Imports of small files, and what they leave."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from endoreg_db.deid.messages import Done
from endoreg_db.models import VideoFile
from endoreg_db.services.checks.examination import Examination
from endoreg_db.services.doctor import examine
from endoreg_db.services.sources import STALE_LOCK_SECONDS
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from tests.conftest import SMALL_DEVICE


def import_small(service: VideoImportService, path: Path, **options: Any) -> VideoFile:
    return service.import_and_anonymize(
        file_path=path, center_name="test_center", processor_name=SMALL_DEVICE, **options
    )


def published_files(store: Store) -> list[Path]:
    return list(store.publisher.published_files())


def published_digests(store: Store) -> dict[str, str]:
    """SHA-256 of each published file, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in published_files(store)}


def is_well(store: Store) -> bool:
    """The doctor, who reads every stored byte, finds nothing wrong."""
    examination = Examination(store, repair=False, deep=True, stale_after=STALE_LOCK_SECONDS)
    return all(result.is_well for result in examine(examination))


def nothing_is_left(store: Store, source: Path) -> bool:
    return not Path(f"{source}.lock").exists() and not list(store.folder.tmp.iterdir())


def messages_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def must_not_run(*_: object, **__: object) -> Done:
    raise AssertionError("media work was done for a known content")
