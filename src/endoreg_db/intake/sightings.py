"""Known files, recognised without reading them.

A file that has been imported is known again by its path, device, inode, size and times. Together
they are one keyed digest in the database, so re-scanning a folder of finished files costs a look
at the folder and one query, and the database holds no path.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from endoreg_db.models import MediaFile, SourceSighting
from endoreg_db.models.prepared import Prepared, given, inserting
from endoreg_db.models.states import SETTLED, UNSETTLED
from endoreg_db.storage.source import SourceFingerprint

#: A file that changed this recently (seconds) may change again within the same tick of its clock.
SETTLING_SECONDS = 2.0

_BATCH = 500  # SQLite allows 999 variables in a statement in its smallest builds


class Known(NamedTuple):
    """The settled record of a file that has not changed since it was seen; one of very many."""

    media_id: UUID | str  # as the database holds it
    output_name: str  # of the published file; empty where there is none

    @property
    def uuid(self) -> UUID:
        """The record's."""
        return UUID(str(self.media_id))


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
    _REMEMBER.run(digest=sighting, media=media)


def forget(media: MediaFile) -> None:
    """Have every source of this content read again when it is imported next."""
    SourceSighting.objects.filter(media=media.pk).delete()


def recall(sighting: bytes) -> MediaFile | None:
    """The settled record of a file that has not changed since it was seen; None if it must be read."""
    # Two slim queries and not one that joins: most files that are asked about are new.
    seen = _SEEN.rows(digest=sighting)
    return MediaFile.objects.filter(pk=seen[0][0], state__in=SETTLED).first() if seen else None


def recall_many(sightings: Sequence[bytes]) -> dict[bytes, Known]:
    """Of many files, those that need not be read: sighting → settled record.

    Who wants to know only which these are, asks :func:`to_be_read` for the others.
    """
    rows = _found_in_batches(_RECALL, "%s", sightings)
    return {bytes(row[0]): Known(row[1], row[3]) for row in rows if row[2] in _SETTLED}


def to_be_read(sightings: Sequence[bytes]) -> set[bytes]:
    """Of many files, those without a settled record.

    It takes half as long as :func:`recall_many`: of files that are finished, and most are, nothing has
    to be brought from the database.
    """
    return {bytes(row[0]) for row in _found_in_batches(_TO_BE_READ, "(%s)", sightings)}


def _found_in_batches(statement: str, place: str, sightings: Sequence[bytes]) -> Iterator[Sequence[Any]]:
    # In SQL of our own: to build such statements and to convert their rows would take Django four
    # times as long as the database takes to answer.
    by_index = "INDEXED BY media_unsettled" if connection.vendor == "sqlite" else ""
    with connection.cursor() as cursor:
        for start in range(0, len(sightings), _BATCH):
            batch = sightings[start : start + _BATCH]
            places = ", ".join([place] * len(batch))
            cursor.execute(statement.format(places, by_index=by_index), batch)
            yield from cursor.fetchall()


_SEEN = Prepared(
    lambda: SourceSighting.objects.filter(digest=given(SourceSighting, "digest")).values_list("media_id")
)
_REMEMBER = Prepared(
    lambda: inserting(
        SourceSighting(digest=given(SourceSighting, "digest"), media_id=given(SourceSighting, "media")),
        replacing=["media"],
    )
)

_SETTLED = frozenset(state.value for state in SETTLED)  # plain text is compared five times faster

_UNSETTLED = ", ".join(f"'{state}'" for state in sorted(UNSETTLED))  # as the index has them

#: The state is looked up for each sighting that is found, and not asked for: a planner might begin with
#: the states, and go through every settled record for each batch (0.4 s instead of 2 ms with 100,000).
_RECALL = f"""
SELECT sighting.digest, media.uuid, media.state, media.output_name
FROM {SourceSighting._meta.db_table} sighting
JOIN {MediaFile._meta.db_table} media ON media.uuid = sighting.media_id
WHERE sighting.digest IN ({{}})
"""

#: Whether a record is settled is looked up in an index that holds the others alone, because to look at each
#: of very many records takes as long as all the rest. SQLite has to be told so.
_TO_BE_READ = f"""
WITH asked (digest) AS (VALUES {{}})
SELECT asked.digest FROM asked WHERE (
    SELECT 1 FROM {SourceSighting._meta.db_table} sighting
    WHERE sighting.digest = asked.digest AND NOT EXISTS (
        SELECT 1 FROM {MediaFile._meta.db_table} media {{by_index}}
        WHERE media.uuid = sighting.media_id AND media.state IN ({_UNSETTLED})
    )
) IS NULL
"""
