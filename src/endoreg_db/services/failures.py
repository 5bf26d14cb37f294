"""What a failure of the system or of the database means to the operator.

Everything that an import raises passes here once, on its way out. The storage, the lock and the cell
put their own errors into words; this is for what they could not foresee.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from django.db import Error as AnyDatabaseError

from endoreg_db.errors import (
    LeaseLostError,
    MediaImportError,
    SourceMissingError,
    SourceUnreadableError,
    StorageFailedError,
)
from endoreg_db.services import database, records
from endoreg_db.services.context import ImportContext
from endoreg_db.storage.durable import storage_errors

#: Failures of disks, shares and limits. Not EPIPE and the like: those are between a caller's own
#: callback and its terminal.
_OF_FILES = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ESTALE,
        errno.EMFILE,
        errno.ENFILE,
    }
)


def in_words(error: BaseException, context: ImportContext | None) -> BaseException:
    """The error to raise instead of ``error``: itself, where it says already what to do next.

    A worker whose content was taken over finds its files gone and its connections closed. What it
    should say is that it lost the lease, whatever it stumbled over.
    """
    if not isinstance(error, Exception):
        return error  # Ctrl-C and the like
    if context is not None and not isinstance(error, LeaseLostError) and records.has_lost_lease(context):
        return LeaseLostError(f"The lease on {context.request.file_path} was lost while working on it")
    if isinstance(error, MediaImportError):
        return error
    if isinstance(error, AnyDatabaseError):
        return database.in_words(error) or error
    if isinstance(error, OSError) and error.errno in _OF_FILES:
        return _of_files(error, context)
    return error


def _of_files(error: OSError, context: ImportContext | None) -> MediaImportError:
    path = None if error.filename is None else Path(os.fsdecode(error.filename))
    if context is not None and path == context.request.file_path:
        if error.errno == errno.ENOENT:
            return SourceMissingError(f"Source file not found: {path}")
        return SourceUnreadableError(f"{path} cannot be read: {error.strerror}")
    if path is None and context is not None:
        path = context.store.folder.root
    if path is None:
        return StorageFailedError(f"The system refused: {error.strerror}")
    try:
        with storage_errors(path):
            raise error
    except MediaImportError as told:
        return told
