"""Centres: the hospitals and practices that recordings come from."""

from __future__ import annotations

from django.db import models


class Center(models.Model):
    """Where a recording was made."""

    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
