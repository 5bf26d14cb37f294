"""The database as the services meet it: connections that went stale, and its errors in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

from django.db import Error, InterfaceError, OperationalError, connection

from endoreg_db.errors import (
    CorruptStoreError,
    DatabaseUnavailableError,
    InsufficientStorageError,
    MediaImportError,
    StorageFailedError,
)

#: SQLite's primary result codes, from <sqlite3.h>. Never by the text of a message.
_SQLITE: Mapping[int, type[MediaImportError]] = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: InsufficientStorageError,
        sqlite3.SQLITE_IOERR: StorageFailedError,
        sqlite3.SQLITE_CANTOPEN: StorageFailedError,
        sqlite3.SQLITE_READONLY: StorageFailedError,
        sqlite3.SQLITE_PERM: StorageFailedError,
        sqlite3.SQLITE_CORRUPT: CorruptStoreError,
        sqlite3.SQLITE_NOTADB: CorruptStoreError,
    }
)

#: Of PostgreSQL's error codes (its manual, appendix A): ``disk_full``.
_DISK_FULL = "53100"


def refresh_connection() -> None:
    """Have this thread's connection replaced at its next use, if it broke since its last.

    A server that was restarted leaves a connection that fails for ever; Django looks after such
    ones between the requests of a web server, and nobody does in an import that takes an hour.
    """
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def in_words(error: Error) -> MediaImportError | None:
    """A failure of the database as the operator should read it; None for a mistake of ours."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # The low byte is the primary code; the rest says more than anybody here asks.
        family = _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
        if family is not None:
            return family(f"The database {connection.settings_dict['NAME']} cannot be used: {error}")
    if getattr(cause, "sqlstate", None) == _DISK_FULL:
        return InsufficientStorageError(
            f"The database server has no room: {error}", advice="Free space on the database server."
        )
    if isinstance(error, OperationalError | InterfaceError):
        return DatabaseUnavailableError(f"The database cannot be used: {error}")
    return None
