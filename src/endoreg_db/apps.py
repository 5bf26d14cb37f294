"""The Django application."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EndoregConfig(AppConfig):
    """EndoReg Intake as an ordinary app of a Django project."""

    name = "endoreg_db"
    verbose_name = "EndoReg Intake"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the shipped device profiles and the test centre loaded after each ``migrate``."""
        post_migrate.connect(_load_shipped_data, sender=self)


def _load_shipped_data(using: str, **_: Any) -> None:
    from endoreg_db.models.shipped import load_shipped_data

    load_shipped_data(using)
