"""From a plain interpreter to a working intake: Django configured, database migrated."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings

from endoreg_db.conf import PREFIX, Config, config_from, from_dotenv, from_environment
from endoreg_db.storage.layout import DataFolder

EMBEDDED_SETTINGS = "endoreg_db.settings"


def configure() -> None:
    """Configure Django with ``endoreg_db.settings``, unless a host project has done so or will."""
    if settings.configured or apps.ready or apps.loading:
        return
    # The variable may be our own, inherited from a parent process that ran the embedded intake.
    if os.environ.get("DJANGO_SETTINGS_MODULE") in (None, "", EMBEDDED_SETTINGS):
        os.environ["DJANGO_SETTINGS_MODULE"] = EMBEDDED_SETTINGS
        django.setup()


def current_config() -> Config:
    """The configuration: the environment first, then the host's Django settings, then ``.env``."""
    hosted = {key: getattr(settings, key) for key in dir(settings) if key.startswith(PREFIX)}
    return config_from({**from_dotenv(Path.cwd()), **hosted, **from_environment(os.environ)})


def prepare(config: Config) -> DataFolder:
    """Make the data folder and, when the database is our own, bring its schema up to date.

    Safe to call at the start of every operation and by many processes at once: the usual case
    costs one query and two folder listings.
    """
    folder = DataFolder(config.data_dir)
    folder.prepare()
    if getattr(settings, "ENDOREG_EMBEDDED", False) and _missing_migrations():
        _migrate(folder)
    return folder


def _missing_migrations() -> bool:
    """Compare names only: building Django's migration graph costs more than a whole ``status``."""
    from django.db import DatabaseError, connection

    wanted = {
        path.stem for path in (Path(apps.get_app_config("endoreg_db").path) / "migrations").glob("0*.py")
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM django_migrations WHERE app = 'endoreg_db'")
            applied = {row[0] for row in cursor.fetchall()}
    except DatabaseError:  # no such table: a new database
        return True
    return not wanted <= applied


def _migrate(folder: DataFolder) -> None:
    from django.core.management import call_command

    with (folder.root / "migrate.lock").open("w") as turnstile:
        fcntl.flock(turnstile, fcntl.LOCK_EX)  # freed by close, and by the kernel if we die
        if _missing_migrations():
            call_command("migrate", interactive=False, verbosity=0)
