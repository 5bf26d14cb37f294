"""Mistakes that the harness must see. Each is made for as long as its block runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from endoreg_db.services import publishing
from endoreg_db.services.context import ImportContext
from endoreg_db.storage import durable

Fault = Callable[[], AbstractContextManager[None]]


@contextmanager
def bytes_not_synced() -> Iterator[None]:
    """Files get their names before their bytes are durable."""
    with patch.object(durable, "os", _Forgetful(folders=True)):
        yield


@contextmanager
def names_not_synced() -> Iterator[None]:
    """Rows are committed, and sources removed, before the names in the store are durable."""
    with patch.object(durable, "os", _Forgetful(folders=False)):
        yield


@contextmanager
def source_removed_first() -> Iterator[None]:
    """The source goes before its record is settled."""
    real = publishing.publish

    def publish(context: ImportContext, *arguments: Any) -> None:
        durable.remove_durably(context.request.file_path)
        real(context, *arguments)

    with patch.object(publishing, "publish", publish):
        yield


class _Forgetful:
    """The module ``os`` with an fsync that leaves out either files or folders.

    The recorder, which replaces the real fsync later, never hears of those.
    """

    def __init__(self, *, folders: bool) -> None:
        self._folders = folders  # whether it is them that are synced

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, fd: int) -> None:
        """Sync the one, forget the other."""
        if stat.S_ISDIR(os.fstat(fd).st_mode) is self._folders:
            os.fsync(fd)


FAULTS: dict[str, Fault] = {
    "bytes-not-synced": bytes_not_synced,
    "names-not-synced": names_not_synced,
    "source-removed-first": source_removed_first,
}
