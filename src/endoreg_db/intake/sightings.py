"""Known files, recognised without reading them.

A file that has been imported is known again by its path, device, inode, size and times. Together
they are one keyed digest in the database, so re-scanning a folder of finished files costs a look
at the folder and one query, and the database holds no path.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from django.db.models import OuterRef, Subquery

from endoreg_db.models import MediaFile, SourceSighting
from endoreg_db.models.states import SETTLED
from endoreg_db.storage.publish import SourceFingerprint

#: A file that changed this recently (seconds) may change again within the same tick of its clock.
SETTLING_SECONDS = 2.0

_BATCH = 500  # SQLite allows 999 variables in a statement in its smallest builds


def digester(key: bytes) -> Callable[[bytes, os.stat_result], bytes]:
    """What makes many sightings with one ``key`` (at most 64 bytes), fast."""
    keyed = hashlib.blake2b(digest_size=16, key=key)

    def digest_of(absolute: bytes, found: os.stat_result) -> bytes:
        digest = keyed.copy()
        digest.update(
            b"%d:%d:%d:%d:%d:%b"
            % (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, absolute)
        )
        return digest.digest()

    return digest_of


def digest(key: bytes, path: Path, seen: SourceFingerprint) -> bytes:
    """The sighting of one file; the same that :func:`digester` makes of it."""
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
    # The state is looked up for each sighting found. Joined, a planner may begin with the states,
    # and go through every settled record for each batch: 0.4 s instead of 2 ms with 100,000.
    state = Subquery(MediaFile.objects.filter(pk=OuterRef("media_id")).order_by().values("state"))
    rows = SourceSighting.objects.annotate(state=state).values_list("digest", "media_id", "state")
    for start in range(0, len(sightings), _BATCH):
        found = rows.filter(digest__in=sightings[start : start + _BATCH])
        known.update((bytes(digest), media) for digest, media, state in found if state in SETTLED)
    return known
