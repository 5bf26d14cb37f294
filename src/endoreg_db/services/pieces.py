"""What an interrupted import had finished: kept, encrypted, until the next attempt takes it over.

Pieces only save time. So whatever is in the way of keeping one, or of taking one over, is logged, the
piece is dropped and made again; nothing here lets an import or a recovery fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from endoreg_db.deid.video.manifest import (
    PACKETS_SUFFIX,
    Manifest,
    finished,
    is_name,
    manifest_path,
)
from endoreg_db.errors import (
    ConfigurationError,
    CorruptStoreError,
    MediaImportError,
    SourceMissingError,
    SourceUnreadableError,
)
from endoreg_db.logging import get_logger
from endoreg_db.models import MediaFile, State
from endoreg_db.services.store import Store
from endoreg_db.storage.durable import storage_errors, write_durably

#: In these states the next attempt may come by itself, and needs the pieces.
UNFINISHED = frozenset({State.RECEIVED, State.PROCESSING, State.FAILED})

#: After so many days nobody is expected to go on with an import any more.
MOST_DAYS = 7
_DAY = 24 * 3600.0  # seconds

log = get_logger(__name__)


def keep(store: Store, content: str, folder: Path) -> None:
    """Seal all finished pieces that lie in clear in an attempt's folder.

    Each that is sealed is gone from the folder, so this may end anywhere and be called again. What is
    torn stays, to be removed with the folder.

    Args:
        store: where to keep them.
        content: SHA-256 (hex) of the recording that they are pieces of.
        folder: the attempt's.
    """
    kept = 0
    with _dropped_on_error("keep", content), storage_errors(folder):
        for packets, manifest in [*finished(folder)] if folder.is_dir() else []:
            kept += _keep_one(store, content, packets, manifest)
    if kept:
        log.info("Kept %d finished segments of content %s for the next attempt", kept, _short(content))


def hand_over(store: Store, content: str, folder: Path) -> None:
    """Write all pieces of a recording into an attempt's folder, as its cell would have.

    Call it with the lease on the content. Whether a piece can be used is for the cell to find out. Each
    has left the store when it lies in the folder: a further recovery keeps it from there again, and
    nothing takes its room twice.
    """
    with _dropped_on_error("take over", content):
        for name in store.pieces.names(content):
            if is_name(name):
                _hand_over_one(store, content, name, folder)
        store.pieces.remove(content)


def drop(store: Store, content: str) -> None:
    """Remove all pieces of a recording that nobody will take over. Costs one look where there are none."""
    with _dropped_on_error("drop", content):
        store.pieces.remove(content)


def trouble_with(store: Store, folder: Path, now: float) -> str | None:
    """Why kept pieces of a recording are not wanted; None if the next attempt may take them over.

    Args:
        store: where they lie.
        folder: theirs; its name is the recording's SHA-256.
        now: seconds since 1970.
    """
    record = MediaFile.objects.filter(content_sha256=folder.name).first()
    if record is None:
        return "is of no record"
    if record.state not in UNFINISHED:
        return f"is of the {record.kind} {record.uuid}, which is {record.state}"
    with storage_errors(folder):
        try:
            days = int((now - folder.stat().st_mtime) // _DAY)
        except FileNotFoundError:
            return None  # just now
    return f"was kept {days} days ago, and nobody has gone on with it" if days >= MOST_DAYS else None


def keep_for_record(store: Store, record: MediaFile, folder: Path) -> None:
    """Keep the pieces of a dead attempt if the record may still need them, else drop all that are kept.

    Args:
        store: where to keep them.
        record: what the attempt worked on, as it is stored now.
        folder: the attempt's.
    """
    content = record.content_sha256
    if record.state in UNFINISHED:
        keep(store, content, folder)
    # Asked again, afterwards: whoever settles the record meanwhile may have dropped pieces before the
    # last of these was kept.
    if store.pieces.folder_of(content).exists() and not _is_unfinished(record):
        drop(store, content)


def _keep_one(store: Store, content: str, packets: Path, manifest: Manifest) -> bool:
    try:
        whole = store.pieces.put(
            content, packets, manifest.sha256, manifest.to_bytes(), temp_folder=packets.parent
        )
    except (SourceMissingError, SourceUnreadableError):
        whole = False  # somebody is at it: it is not finished
    if whole:
        manifest_path(packets).unlink()
        packets.unlink()
    return whole


def _hand_over_one(store: Store, content: str, name: str, folder: Path) -> None:
    packets = folder / f"{name}{PACKETS_SUFFIX}"
    try:
        note = store.pieces.read(content, name, packets)
    except (CorruptStoreError, ConfigurationError) as error:
        log.warning("Dropped a finished segment of content %s: %s", _short(content), error)
        return
    # The packets' hash was right when they were written; so the two fit together.
    write_durably(manifest_path(packets), note)
    store.pieces.forget(content, name)


def _is_unfinished(record: MediaFile) -> bool:
    return MediaFile.objects.filter(pk=record.pk, state__in=UNFINISHED).exists()


@contextmanager
def _dropped_on_error(what: str, content: str) -> Iterator[None]:
    """Go on without the pieces."""
    try:
        yield
    except (MediaImportError, OSError) as error:
        log.warning("Could not %s finished segments of content %s: %s", what, _short(content), error)


def _short(content: str) -> str:
    return f"{content[:12]}…"
