"""What a crash, a full disk or a person's hand left behind: found, and mended.

One piece of code for all who need it: the next import of the same content, a starting worker and
``endoreg doctor``. It reads the attempts, which are written before anything is done; it never
guesses from files who is at work.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now

from endoreg_db.locking.owner import current_owner
from endoreg_db.models import ImportAttempt, MediaFile
from endoreg_db.services.store import Store
from endoreg_db.storage.workspace import is_abandoned, remove_abandoned


def is_dead(store: Store, attempt_id: UUID) -> bool:
    """Whether the process of an attempt is known to have ended. Unknown is not dead."""
    attempt = ImportAttempt.objects.filter(pk=attempt_id).first()
    if attempt is None:
        return False
    boot = current_owner().process.place.boot
    # Under another kernel nothing can be told: cloned machines share their machine id. There the
    # lease runs out by itself, within a minute of database time.
    return any(boot) and attempt.boot == boot.hex() and is_abandoned(store.folder, attempt.uuid)


def settle_earlier_attempts(store: Store, record: MediaFile, current: ImportAttempt) -> int:
    """Mark attempts of a record that never came to an end as interrupted, and remove their files.

    Call it with the lease on the record's content: then no such attempt can be at work.
    Returns how many there were.
    """
    unfinished = record.attempts.filter(ended_at__isnull=True).exclude(pk=current.pk)
    attempts = [attempt.uuid for attempt in unfinished]
    for attempt_id in attempts:
        remove_abandoned(store.folder, attempt_id)
    ImportAttempt.objects.filter(pk__in=attempts).update(
        outcome=ImportAttempt.Outcome.INTERRUPTED, ended_at=Now()
    )
    return len(attempts)
