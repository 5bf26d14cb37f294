"""Which imports may be run again without a person naming them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db.models.functions import Now

from endoreg_db.models import ContentLease, MediaFile, State
from endoreg_db.services.recovery import is_dead
from endoreg_db.services.store import Store


def retriable(store: Store) -> Iterator[UUID]:
    """Records whose import failed, or was interrupted and is nobody's work any more; oldest first.

    Quarantined ones are not among them: those are retried only by name.
    """
    unfinished = MediaFile.objects.filter(state__in=[State.FAILED, State.PROCESSING, State.RECEIVED])
    for record in unfinished.order_by("created_at", "uuid").iterator(chunk_size=500):
        if record.state == State.FAILED or not _is_worked_on(store, record):
            yield record.pk


def _is_worked_on(store: Store, record: MediaFile) -> bool:
    leases = ContentLease.objects.filter(content_sha256=record.content_sha256, expires_at__gte=Now())
    owner = leases.values_list("owner", flat=True).first()
    return owner is not None and not is_dead(store, owner)
