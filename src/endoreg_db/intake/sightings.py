"""Known files, recognised without reading them.

A file that has been imported is known again by its path, device, inode, size and times. Together
they are one keyed digest in the database, so re-scanning a folder of finished files costs a look
at the folder and one query, and the database holds no path.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from endoreg_db.models import MediaFile, SourceSighting
from endoreg_db.models.states import SETTLED
from endoreg_db.storage.publish import SourceFingerprint

#: A file that changed this recently (seconds) may change again within the same tick of its clock.
SETTLING_SECONDS = 2.0

_BATCH = 500  # SQLite allows 999 variables in a statement in its smallest builds


def digest(key: bytes, path: Path, seen: SourceFingerprint) -> bytes:
    """The 16 bytes that stand for this state of this file; ``key`` has at most 64 bytes."""
    numbers = f"{seen.device}:{seen.inode}:{seen.size}:{seen.mtime_ns}:{seen.ctime_ns}:"
    absolute = os.fsencode(os.path.abspath(path))  # noqa: PTH100 - resolves no link, asks no disk
    return hashlib.blake2b(numbers.encode() + absolute, digest_size=16, key=key).digest()


def has_settled(seen: SourceFingerprint, now: float) -> bool:
    """Whether the file last changed long enough before ``now`` (seconds since the epoch)."""
    return now - max(seen.mtime_ns, seen.ctime_ns) / 1e9 > SETTLING_SECONDS


def remember(sighting: bytes, media: MediaFile) -> None:
    """Write down that the file behind ``sighting`` has the content of ``media``; joins the transaction."""
    SourceSighting.objects.update_or_create(digest=sighting, defaults={"media": media})


def recall(sighting: bytes) -> MediaFile | None:
    """The settled record of a file that has not changed since it was seen; None if it must be read."""
    found = SourceSighting.objects.filter(digest=sighting, media__state__in=SETTLED).select_related("media")
    row = found.first()
    return None if row is None else row.media


def recall_many(sightings: Sequence[bytes]) -> dict[bytes, UUID]:
    """Of many files, those that need not be read: sighting → UUID of the settled record."""
    known: dict[bytes, UUID] = {}
    settled = SourceSighting.objects.filter(media__state__in=SETTLED)
    for start in range(0, len(sightings), _BATCH):
        rows = settled.filter(digest__in=sightings[start : start + _BATCH])
        known.update((bytes(row), media) for row, media in rows.values_list("digest", "media_id"))
    return known
