"""The row behind a lease: who works on a content, until when, and the token that fences the rest off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from endoreg_db.models.prepared import given


@dataclass(frozen=True, slots=True)
class Lease:
    """One grant."""

    content_sha256: str
    owner: UUID  # the import attempt that it was granted to
    token: int  # fencing token: larger than that of every earlier grant for this content


class LeaseQuerySet(models.QuerySet["ContentLease"]):
    """The question that every conditional write asks."""

    def held_by(self, lease: Lease) -> LeaseQuerySet:
        """The row, if this grant is still the newest one for its content."""
        return self.filter(content_sha256=lease.content_sha256, token=lease.token, owner=lease.owner)


class ContentLease(models.Model):
    """One content's lease. The row stays when the lease is given back, so that tokens only grow."""

    content_sha256 = models.CharField(max_length=64, primary_key=True)
    token = models.BigIntegerField(default=0)
    owner = models.UUIDField(null=True)  # the import attempt; null: free
    heartbeat_at = models.DateTimeField(null=True)  # database time
    expires_at = models.DateTimeField(null=True)  # database time

    objects: ClassVar = LeaseQuerySet.as_manager()

    def __str__(self) -> str:
        return f"lease {self.token} on {self.content_sha256[:12]}"


#: A lease in statements that are built once; :func:`held_values` are its values.
HELD = Lease(
    content_sha256=given(ContentLease, "content_sha256", "lease_content"),
    owner=given(ContentLease, "owner", "lease_owner"),
    token=given(ContentLease, "token", "lease_token"),
)


def held_values(lease: Lease) -> dict[str, Any]:
    """What :data:`HELD` stands for when it is this lease."""
    return {
        "lease_content": lease.content_sha256,
        "lease_owner": lease.owner,
        "lease_token": lease.token,
    }
