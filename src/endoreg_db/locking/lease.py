"""The lease: a worker's right to a content, for as long as it keeps saying so.

The file lock says who may touch a *path*; the lease says who works on a *content*, whatever its
paths are and on whichever machine. It carries a fencing token that grows with every grant. All
later writes are conditional on that token (see ``MediaFile.advance``), so a worker that slept
through its lease can believe what it wants: it changes nothing. All times are the database's, so
a host's clock that jumps means nothing either.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import models, transaction
from django.db.models.functions import Now

from endoreg_db.models.lease import HELD, ContentLease, Lease, held_values
from endoreg_db.models.prepared import Prepared, given, inserting, updating

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
    with transaction.atomic(savepoint=False):
        if _first_grant(_length(seconds)).run(content_sha256=content_sha256, owner=owner):
            return Lease(content_sha256, owner, 1)
        row = ContentLease.objects.select_for_update().get(content_sha256=content_sha256)
        free = models.Q(owner__isnull=True) | models.Q(owner=owner) | models.Q(expires_at__lt=Now())
        if row.owner is not None and is_dead(row.owner):
            free |= models.Q(owner=row.owner)
        taken = ContentLease.objects.filter(free, content_sha256=content_sha256, token=row.token).update(
            owner=owner,
            token=models.F("token") + 1,
            heartbeat_at=Now(),
            expires_at=_from_now(_length(seconds)),
        )
    if not taken:
        raise LeaseHeldError(content_sha256, row.owner or owner)
    return Lease(content_sha256, owner, row.token + 1)


def renew(lease: Lease, *, seconds: float | None = None) -> bool:
    """Say that the owner is alive; False if a newer grant has replaced this one.

    A lease that has run out but that nobody else took is renewed: no other worker has started.
    """
    held = ContentLease.objects.held_by(lease)
    return bool(held.update(heartbeat_at=Now(), expires_at=_from_now(_length(seconds))))


def release(lease: Lease) -> bool:
    """Give the lease back; False if it was no longer ours to give."""
    return bool(_RELEASE.run(**held_values(lease)))


def is_held(lease: Lease) -> bool:
    """Whether the lease is still ours; if so, it stays ours until the caller's transaction ends."""
    return bool(_LOCK.rows(**held_values(lease)))


@functools.cache
def _first_grant(seconds: float) -> Prepared:
    """Makes the row of a content that nobody has leased before; whoever was faster keeps theirs."""
    return Prepared(
        lambda: inserting(
            ContentLease(
                content_sha256=given(ContentLease, "content_sha256"),
                owner=given(ContentLease, "owner"),
                token=1,
                heartbeat_at=Now(),
                expires_at=_from_now(seconds),
            ),
            unless_there=True,
        )
    )


_LOCK = Prepared(lambda: ContentLease.objects.select_for_update().held_by(HELD).values_list("token"))
_RELEASE = Prepared(
    lambda: updating(ContentLease.objects.held_by(HELD), owner=None, heartbeat_at=None, expires_at=None)
)


def _length(seconds: float | None) -> float:
    return LEASE_SECONDS if seconds is None else seconds


def _from_now(seconds: float) -> models.expressions.CombinedExpression:
    return Now() + models.Value(timedelta(seconds=seconds), output_field=models.DurationField())
