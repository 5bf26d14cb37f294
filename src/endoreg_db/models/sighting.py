"""Sightings: source files that were seen with a known content, so that they need not be read again."""

from __future__ import annotations

from django.db import models

from endoreg_db.models.media import MediaFile


class SourceSighting(models.Model):
    """One state of one source file. ``digest`` covers path and fingerprint under a key: it names nobody."""

    digest = models.BinaryField(max_length=16, primary_key=True)
    media = models.ForeignKey(MediaFile, on_delete=models.CASCADE, related_name="sightings")

    def __str__(self) -> str:
        return f"sighting of {self.media_id}"
