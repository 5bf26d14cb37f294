"""From a plain interpreter to a working intake: Django configured, database migrated."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings

from endoreg_db.conf import PREFIX, Config, config_from, current_folder, from_dotenv, from_environment
from endoreg_db.errors import ConfigurationError
from endoreg_db.storage.layout import DataFolder

EMBEDDED_SETTINGS = "endoreg_db.settings"

#: Names the advisory lock in a PostgreSQL database; any number that nobody else takes ("endoreg").
_MIGRATION_LOCK = int.from_bytes(b"endoreg", "big")
#: How long others may take to make a new database ready for this process to connect.
_CONNECT_SECONDS = 60.0


def configure() -> None:
    """Configure Django with ``endoreg_db.settings``, unless a host project has done so or will."""
    if settings.configured or apps.ready or apps.loading:
        return
    if not names_a_host():
        os.environ["DJANGO_SETTINGS_MODULE"] = EMBEDDED_SETTINGS
        django.setup()


def names_a_host() -> bool:
    """Whether the environment names the settings of a host project."""
    # The variable may be our own, inherited from a parent process that ran the embedded intake.
    return os.environ.get("DJANGO_SETTINGS_MODULE") not in (None, "", EMBEDDED_SETTINGS)


def current_config() -> Config:
    """The configuration: the environment first, then the host's Django settings, then ``.env``.

    Raises:
        ConfigurationError: a value cannot be used; says why.
    """
    hosted = {key: getattr(settings, key) for key in dir(settings) if key.startswith(PREFIX)}
    values = {**from_dotenv(current_folder()), **hosted, **from_environment(os.environ)}
    if not getattr(settings, "ENDOREG_EMBEDDED", False):
        values.pop(f"{PREFIX}DATABASE_URL", None)  # a host's database is that of its own settings
    return config_from(values)


def prepare(config: Config) -> DataFolder:
    """Make the data folder and, when the database is our own, bring its schema up to date.

    Safe to call at the start of every operation and by many processes at once: the usual case
    costs one query and two folder listings.

    Raises:
        ConfigurationError: the data folder cannot be used, or a host has not migrated its database.
    """
    folder = DataFolder(config.data_dir)
    _prepare_folder(folder)
    if _missing_migrations():
        if getattr(settings, "ENDOREG_EMBEDDED", False):
            _migrate(folder)
        else:
            _require_migrations()
    return folder


def _prepare_folder(folder: DataFolder) -> None:
    try:
        folder.prepare(first_start=False)
    except ConfigurationError:
        # A new data folder, or the empty place where the disk of an old one is not mounted. A
        # database that lies elsewhere knows which.
        folder.prepare(first_start=not _has_records())


def _has_records() -> bool:
    """Whether the database holds records of media; False where there is no database yet.

    Raises:
        django.db.OperationalError: it cannot be asked. That is no leave to start anew.
    """
    from django.db import connection

    from endoreg_db.models import MediaFile

    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return False  # asking would make the file
    _connect()
    return _has_tables() and MediaFile.objects.exists()


def _has_tables() -> bool:
    """Whether the database has the tables of media, by whichever migrations."""
    from django.db import connection

    from endoreg_db.models import MediaFile

    return MediaFile._meta.db_table in connection.introspection.table_names()


def _missing_migrations() -> bool:
    """Compare names only: building Django's migration graph costs more than a whole ``status``."""
    from django.db import DatabaseError

    try:
        return not _known_migrations() <= _applied_migrations()
    except DatabaseError:  # no such table: a new database
        return True


def _applied_migrations() -> set[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = 'endoreg_db'")
        return {row[0] for row in cursor.fetchall()}


def _require_migrations() -> None:
    """Make sure that a host's database has our tables as this version needs them.

    Raises:
        ConfigurationError: the host has yet to migrate it.
        django.db.DatabaseError: it cannot be asked.
    """
    from django.db import connection

    if "endoreg_db" in settings.MIGRATION_MODULES:
        return  # other migrations, or none: only the host knows which there should be
    is_recorded = "django_migrations" in connection.introspection.table_names()
    applied = _applied_migrations() if is_recorded else set()
    if not applied and _has_tables():
        return  # made without migrations, as databases of tests may be
    if not _known_migrations() <= applied:
        raise ConfigurationError(
            "The database has not been migrated to this version of endoreg_db",
            advice="Run `manage.py migrate`.",
        )


@cache
def _known_migrations() -> frozenset[str]:
    """Those that the installed software brings with it."""
    folder = Path(apps.get_app_config("endoreg_db").path) / "migrations"
    return frozenset(path.stem for path in folder.glob("0*.py"))


def _migrate(folder: DataFolder) -> None:
    from django.core.management import call_command

    with (folder.root / "migrate.lock").open("w") as turnstile:
        fcntl.flock(turnstile, fcntl.LOCK_EX)  # freed by close, and by the kernel if we die
        _connect()
        with _one_at_a_time_on_the_server():
            if _missing_migrations():
                _refuse_to_begin_anew(folder)
                call_command("migrate", interactive=False, verbosity=0)


def _connect() -> None:
    """Connect, also while others do so for the first time.

    A connection switches a new SQLite file to its write-ahead log. While another one is about to, SQLite does
    not wait for it as it does for any other lock: it says at once that the database is locked.

    Raises:
        django.db.OperationalError: it cannot be connected to, for all of :data:`_CONNECT_SECONDS`.
    """
    from django.db import OperationalError, connection

    last_try = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            if connection.vendor != "sqlite" or time.monotonic() > last_try:
                raise
            time.sleep(0.02)
        else:
            return


def _refuse_to_begin_anew(folder: DataFolder) -> None:
    """Stop before an empty database is put in charge of what another one knows.

    Raises:
        ConfigurationError: the database is new, and originals or published files are there already.
    """
    if _has_tables() or not folder.holds_media():
        return
    raise ConfigurationError(
        f"The database is new, but {folder.root} holds what another one has stored",
        advice="Set ENDOREG_DATABASE_URL to the database that this data folder belongs to, or restore it "
        "from its backup.",
    )


@contextmanager
def _one_at_a_time_on_the_server() -> Iterator[None]:
    """Keep out other machines, which share the database but perhaps no locks of files.

    PostgreSQL frees the lock when the connection ends, so nobody who dies here blocks the rest.
    """
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
