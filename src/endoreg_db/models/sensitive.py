"""What was read of a patient's identity, kept apart from the record and encrypted."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from endoreg_db.models.media import MediaFile


class SensitiveMeta(models.Model):
    """The identity read from one media file, and where the file came from.

    ``sealed`` is encrypted with a key that lies outside the database: a dump of the database, or a
    query of a researcher who may read every table, gives nobody's name away. Use
    :mod:`endoreg_db.services.identity_records` to read and write it; each look is recorded.
    """

    media = models.OneToOneField(
        MediaFile, primary_key=True, on_delete=models.CASCADE, related_name="sensitive"
    )
    sealed = models.BinaryField()
    read_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"identity of {self.media_id}"
