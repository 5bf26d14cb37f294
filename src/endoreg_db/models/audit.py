"""What people and the intake did to a record, and when. Rows are only ever added."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from endoreg_db.models.media import MediaFile


class AuditEvent(models.Model):
    """One thing that happened to one record."""

    class Action(models.TextChoices):
        """What happened."""

        IDENTITY_SHOWN = "identity_shown"
        APPROVED = "approved"
        REJECTED = "rejected"
        EXPORTED = "exported"
        SOURCE_REMOVED = "source_removed"
        SOURCE_KEPT = "source_kept"  # asked to remove it, but it was not safe to

    media = models.ForeignKey(MediaFile, on_delete=models.CASCADE, related_name="events")
    action = models.CharField(max_length=30, choices=Action.choices)
    actor = models.CharField(max_length=255)  # account of the operating system, or ``endoreg``
    detail = models.TextField(blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("at", "pk")
        indexes: ClassVar = [models.Index(fields=["media", "at"], name="audit_by_media")]

    def __str__(self) -> str:
        return f"{self.action} {self.media_id} by {self.actor}"
