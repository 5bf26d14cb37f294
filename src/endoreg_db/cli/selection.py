"""Which files an import takes: what was named, and what is in the folders that were named."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from endoreg_db.errors import MediaImportError, SourceUnreadableError
from endoreg_db.intake.inspect import MediaKind, inspect
from endoreg_db.intake.scan import scan

_CONTAINERS = {".3gp", ".asf", ".avi", ".dv", ".m4v", ".mkv", ".mov", ".mp4", ".mxf", ".webm", ".wmv"}
_STREAMS = {".m2ts", ".m2v", ".mpeg", ".mpg", ".mts", ".ts", ".vob"}

#: Names that promise a recording or a report. Such a file is never passed over in silence, whatever
#: is in it: somebody waits for it.
MEDIA_SUFFIXES = frozenset(_CONTAINERS | _STREAMS | {".pdf"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file to import."""

    path: Path
    kind: MediaKind | None  # by content; None where that could not, or need not, be read
    error: MediaImportError | None = None  # it cannot even be tried
    known: bytes | None = None  # its sighting, if it is finished and has not changed since


@dataclass(frozen=True, slots=True)
class Selection:
    """What an import takes, in order, and how much it leaves."""

    candidates: tuple[Candidate, ...]
    skipped: int  # files in folders that are no media


def select(paths: Iterable[Path], *, never: Path, sightings_key: bytes | None = None) -> Selection:
    """The files at ``paths``, and those in folders at ``paths``, folder by folder, by name.

    In folders, hidden files, lock files and what is neither media by content nor by name are
    passed over. So is the folder ``never``, wherever it lies: what the intake stores is not its input.
    With a ``sightings_key``, files in folders that are finished and have not changed are known
    without being opened.
    """
    chosen: list[Candidate] = []
    skipped = 0
    for path in paths:
        if not path.is_dir():
            chosen.append(look(path))
            continue
        for found in _in_folder(path, never, sightings_key):
            if found.error is None and not _is_wanted(found):
                skipped += 1
            else:
                chosen.append(found)
    return Selection(tuple(chosen), skipped)


def _in_folder(folder: Path, never: Path, sightings_key: bytes | None) -> Iterator[Candidate]:
    scanned = scan(folder, sightings_key, never=never)
    for name, known in scanned.found:
        path = Path(name)
        yield look(path) if known is None else Candidate(path, None, known=known)
    for error in scanned.unreadable:
        path = Path(os.fsdecode(error.filename))
        yield Candidate(path, None, _unreadable(path, error.strerror or str(error)))


def look(path: Path) -> Candidate:
    """The file at ``path``, after a look at its first bytes."""
    try:
        # Opening a pipe to look into it would wait for somebody to write there, for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            return Candidate(path, None, _unreadable(path, "it is not a regular file"))
        return Candidate(path, inspect(path))
    except OSError:
        return Candidate(path, None)  # the import says what is wrong, in its own words


def _unreadable(path: Path, why: str) -> SourceUnreadableError:
    return SourceUnreadableError(f"{path} cannot be read: {why}", path=path)


def _is_wanted(found: Candidate) -> bool:
    is_media = found.kind in (None, MediaKind.VIDEO, MediaKind.REPORT)
    return is_media or found.path.suffix.lower() in MEDIA_SUFFIXES
