"""The files below a folder, and which of them are finished already: found out in bulk, without opening one.

Per file it takes one look of the file system, one keyed digest, and a share of a query. So a folder with
a hundred thousand finished recordings is gone through in half a second.
"""

from __future__ import annotations

import operator
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from endoreg_db.intake import sightings

_Identity = tuple[int, int]  # device and inode

# What os.fsdecode() does, without a call for each of very many names.
_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


#: One thing below a folder that is neither folder nor lock file: its path as given, below the folder; and
#: its sighting if it is finished and has not changed since (:func:`sightings.recall_many` knows more), or
#: None where it is new, changed, unfinished, or too young to be sure. A plain tuple: there are very many,
#: and Python's garbage collector would go through objects of another kind again and again.
Found: TypeAlias = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Scan:
    """What is below a folder."""

    found: list[Found]  # folder by folder, by name
    unreadable: list[OSError]  # folders that could not be looked into


def scan(folder: Path, key: bytes | None, *, never: Path | None = None) -> Scan:
    """Go through ``folder`` and all folders below it.

    Hidden files and folders, and lock files, are passed over; so is the folder ``never``, wherever
    it lies. Links to files are followed, links to folders are not. What is no regular file, or a
    link to nowhere, is among what was found: to say what is wrong with it is not for a scan.

    Args:
        folder: where to look.
        key: of the sightings, at most 64 bytes; ``Store.sightings_key``. None: every file counts as
            unknown, for a caller who wants each of them read.
        never: a folder that is not input, such as the data folder.
    """
    unreadable: list[OSError] = []
    top = os.fsencode(folder)
    files = _files(top, None if never is None else _identity(never), unreadable)
    if key is None:
        return Scan([(os.fsdecode(path), None) for path, _status in files], unreadable)
    digest_of = sightings.digester(key)
    # A sighting covers the absolute path; the caller gets back the path as it was given.
    prefix, cut = os.path.abspath(top), len(top)  # noqa: PTH100 - resolves no link, asks no disk
    paths: list[str] = []
    digests: list[bytes] = []
    for path, status in files:
        paths.append(path.decode(_ENCODING, _ERRORS))
        digests.append(b"" if status is None else digest_of(prefix + path[cut:], status))
    unsure = sightings.to_be_read(digests)
    known = (None if digest in unsure else digest for digest in digests)
    return Scan(list(zip(paths, known, strict=True)), unreadable)


_File = tuple[bytes, os.stat_result | None]


def _files(top: bytes, forbidden: _Identity | None, unreadable: list[OSError]) -> Iterator[_File]:
    """Path of every file, in bytes because a name need not be text; and status, if it is a regular one."""
    folders = [top]
    while folders:
        inner: list[bytes] = []
        for entry in _entries(folders.pop(), unreadable):
            if entry.is_dir(follow_symlinks=False):
                if forbidden is None or _identity(entry) != forbidden:
                    inner.append(entry.path)
            elif entry.name[-5:] != b".lock":
                try:
                    status = entry.stat()
                except OSError:  # a link to nowhere, or gone since the look
                    yield entry.path, None
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield entry.path, status
                elif not stat.S_ISDIR(status.st_mode):
                    yield entry.path, None
        folders += reversed(inner)


def _entries(folder: bytes, unreadable: list[OSError]) -> list[os.DirEntry[bytes]]:
    """What is in the folder and not hidden, by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted([e for e in entries if e.name[:1] != b"."], key=_NAME_OF)
    except OSError as error:
        unreadable.append(error)
        return []


_NAME_OF = operator.attrgetter("name")


def _identity(folder: Path | os.DirEntry[bytes]) -> _Identity | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
