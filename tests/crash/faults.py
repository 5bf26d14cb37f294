"""Mistakes that the harness must see. Each is made for as long as its block runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from endoreg_db.services import records
from endoreg_db.storage import durable

Fault = Callable[[], AbstractContextManager[None]]


@contextmanager
def bytes_not_synced() -> Iterator[None]:
    """Files get their names before their bytes are durable."""
    with _fsync_of(folders=True):
        yield


@contextmanager
def names_not_synced() -> Iterator[None]:
    """Rows are committed, and sources removed, before the names in the store are durable."""
    with _fsync_of(folders=False):
        yield


@contextmanager
def source_removed_first() -> Iterator[None]:
    """The source goes before its record is settled."""
    real = records.publish

    def publish(context: Any, *arguments: Any) -> None:
        durable.remove_durably(context.request.file_path)
        real(context, *arguments)

    records.publish = publish
    try:
        yield
    finally:
        records.publish = real


@contextmanager
def output_named_by_nobody() -> Iterator[None]:
    """The published file gets another name than the record says."""
    real = records.Publisher.publish

    def publish(self: Any, candidate: Path, uuid: Any, suffix: str) -> Path:
        stray = self.data_folder.published / "stray.mp4"
        stray.write_bytes(candidate.read_bytes())
        return real(self, candidate, uuid, suffix)

    records.Publisher.publish = publish  # type: ignore[method-assign]
    try:
        yield
    finally:
        records.Publisher.publish = real  # type: ignore[method-assign]


@contextmanager
def _fsync_of(*, folders: bool) -> Iterator[None]:
    """Sync either folders or files only. The recorder, installed later, must not see the others."""
    real = durable.os

    class Forgetful:
        """The module ``os`` as ``durable`` sees it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def fsync(self, fd: int) -> None:
            if stat.S_ISDIR(os.fstat(fd).st_mode) is folders:
                os.fsync(fd)

    durable.os = Forgetful()  # type: ignore[assignment]
    try:
        yield
    finally:
        durable.os = real
