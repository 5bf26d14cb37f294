"""Import attempts: written before anything is done, so that recovery reads instead of guessing."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class ImportAttempt(models.Model):
    """One run of an import, from the first byte read to its end or its death."""

    class Outcome(models.TextChoices):
        """How it ended; empty while it runs."""

        RUNNING = ""
        IMPORTED = "imported"
        DUPLICATE = "duplicate"
        NEEDS_REVIEW = "needs_review"
        FAILED = "failed"
        QUARANTINED = "quarantined"
        LOCKED = "locked"
        INTERRUPTED = "interrupted"

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    media = models.ForeignKey(
        "endoreg_db.MediaFile", null=True, on_delete=models.CASCADE, related_name="attempts"
    )
    kind = models.CharField(max_length=10)
    correlation_id = models.CharField(max_length=32)
    sealed_source = models.BinaryField()  # the path, encrypted: file names carry patients' names
    step = models.CharField(max_length=60)
    host = models.CharField(max_length=255)
    boot = models.CharField(max_length=32)  # the kernel's boot id; the same in all of its containers
    pid = models.PositiveIntegerField()
    token = models.BigIntegerField(null=True)  # fencing token, once granted
    outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True, default=Outcome.RUNNING)
    error_type = models.CharField(max_length=100, blank=True, default="")
    error_message = models.TextField(blank=True, default="")  # the path replaced by <source>
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("started_at", "uuid")
        indexes: ClassVar = [
            models.Index(
                fields=["started_at"], name="attempt_running", condition=models.Q(ended_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.uuid} ({self.outcome or 'running'})"
