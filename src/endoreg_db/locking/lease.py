"""The lease: a worker's right to a content, for as long as it keeps saying so.

The file lock says who may touch a *path*; the lease says who works on a *content*, whatever its
paths are and on whichever machine. It carries a fencing token that grows with every grant. All
later writes are conditional on that token (see ``MediaFile.advance``), so a worker that slept
through its lease can believe what it wants: it changes nothing. All times are the database's, so
a host's clock that jumps means nothing either.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now

from endoreg_db.models.lease import ContentLease, Lease

#: How long a silent worker keeps its lease. A dead one on the same machine is found out at once.
LEASE_SECONDS = 60.0


class LeaseHeldError(Exception):
    """Another attempt holds the lease on this content."""

    def __init__(self, content_sha256: str, owner: UUID) -> None:
        super().__init__(f"attempt {owner} holds the lease on content {content_sha256[:12]}…")
        self.owner = owner


def grant(
    content_sha256: str,
    owner: UUID,
    *,
    is_dead: Callable[[UUID], bool],
    seconds: float | None = None,
) -> Lease:
    """Take the lease on a content: if it is free, has run out, or its owner is known to be dead.

    Joins the caller's transaction, so that the grant and what it is for become durable together.

    Args:
        content_sha256: the content, 64 hex digits.
        owner: the import attempt that asks.
        is_dead: whether an attempt's process is known to have ended; must not guess.
        seconds: until the lease runs out if it is not renewed, in database time; by default
            :data:`LEASE_SECONDS`.

    Raises:
        LeaseHeldError: somebody else holds it.
    """
    with transaction.atomic():
        known = ContentLease.objects.select_for_update().filter(content_sha256=content_sha256)
        row = known.first()
        if row is None:
            if _grant_first(content_sha256, owner, seconds):
                return Lease(content_sha256, owner, 1)
            row = known.get()
        free = models.Q(owner__isnull=True) | models.Q(owner=owner) | models.Q(expires_at__lt=Now())
        if row.owner is not None and is_dead(row.owner):
            free |= models.Q(owner=row.owner)
        taken = ContentLease.objects.filter(free, content_sha256=content_sha256, token=row.token).update(
            owner=owner, token=models.F("token") + 1, heartbeat_at=Now(), expires_at=_from_now(seconds)
        )
        if not taken:
            raise LeaseHeldError(content_sha256, row.owner or owner)
    return Lease(content_sha256, owner, row.token + 1)


def _grant_first(content_sha256: str, owner: UUID, seconds: float | None) -> bool:
    """Make the row of a content that nobody has leased before; False if somebody was faster."""
    try:
        with transaction.atomic():
            ContentLease.objects.create(
                content_sha256=content_sha256,
                owner=owner,
                token=1,
                heartbeat_at=Now(),
                expires_at=_from_now(seconds),
            )
    except IntegrityError:
        return False
    return True


def renew(lease: Lease, *, seconds: float | None = None) -> bool:
    """Say that the owner is alive; False if a newer grant has replaced this one.

    A lease that has run out but that nobody else took is renewed: no other worker has started.
    """
    renewed = ContentLease.objects.held_by(lease).update(heartbeat_at=Now(), expires_at=_from_now(seconds))
    return bool(renewed)


def release(lease: Lease) -> bool:
    """Give the lease back; False if it was no longer ours to give."""
    released = ContentLease.objects.held_by(lease).update(owner=None, heartbeat_at=None, expires_at=None)
    return bool(released)


def _from_now(seconds: float | None) -> models.expressions.CombinedExpression:
    length = timedelta(seconds=LEASE_SECONDS if seconds is None else seconds)
    return Now() + models.Value(length, output_field=models.DurationField())
