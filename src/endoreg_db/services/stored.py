"""What lies in the vault, and who names it.

Contents are shared between records, so nothing is removed on one record's word.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from django.db import transaction
from django.db.models import Q

from endoreg_db.locking import lease
from endoreg_db.models import ContentLease, MediaFile, State
from endoreg_db.models.lease import Lease
from endoreg_db.services import recovery
from endoreg_db.services.store import Store


def has_original(store: Store, record: MediaFile) -> bool:
    """Whether the vault holds the original of a record; the record alone may say so of one that was lost."""
    return record.original_kept and store.vault.contains(record.content_sha256)


def is_named(sha256: str) -> bool:
    """Whether some record needs this object of the vault."""
    return MediaFile.objects.filter(
        Q(content_sha256=sha256, original_kept=True)
        | Q(candidate_sha256=sha256)
        | Q(text_sha256=sha256, state=State.NEEDS_REVIEW)
    ).exists()


def is_known(sha256: str) -> bool:
    """Whether this database has ever stored this object of the vault.

    Each content is leased before it is stored, and the lease's row stays. What has none is an original or a
    candidate of another database, or of a newer copy of this one.
    """
    return ContentLease.objects.filter(content_sha256=sha256).exists()


def remove_unless_named(store: Store, sha256: str) -> bool:
    """Remove an object of the vault that no record needs; False if somebody is just storing it.

    Two reports can have the same output, once their names are gone.
    """

    def remove(_own: Lease) -> None:
        if not is_named(sha256):
            store.vault.remove(sha256)

    # Who stores a content holds its lease, so under ours nobody is about to name it.
    return under_lease(store, sha256, remove)


def under_lease(store: Store, sha256: str, work: Callable[[Lease], object]) -> bool:
    """Do ``work`` while holding the lease on a content; False if somebody else holds it.

    All in one transaction: a doctor has no attempt by which others could tell that it has died, so
    its lease must not outlive it.
    """
    try:
        with transaction.atomic():
            own = lease.grant(sha256, uuid4(), is_dead=lambda attempt: recovery.is_dead(store, attempt))
            work(own)
            lease.release(own)
    except lease.LeaseHeldError:
        return False
    return True
