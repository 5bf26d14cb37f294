"""Where a command opens the intake: Django set up, settings read, database ready, store open."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from endoreg_db.services.store import Store


def open_session() -> Store:
    """The store below the data folder; folder, key and the embedded database are made at first use.

    Commands call it before they import a service, because only it sets Django up when
    ``DJANGO_SETTINGS_MODULE`` names a host project.

    Raises:
        ConfigurationError: a setting, the data folder or its key cannot be used; says why.
    """
    with _without_garbage_collection():
        import django
        from django.apps import apps

        from endoreg_db.bootstrap import configure, current_config

        configure()
        if not apps.ready:  # a host project's, and nobody but us is in this process to load it
            django.setup()
        from endoreg_db.services.store import open_store

        return open_store(current_config())


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Nothing that is imported is garbage, and looking for some takes a tenth of a start's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
