"""Django settings of the embedded intake, used when no host project has configured Django."""

from __future__ import annotations

from typing import Any

import dj_database_url

from endoreg_db.conf import plain_config
from endoreg_db.errors import ConfigurationError

#: The mark by which the bootstrap knows that the database is its own to migrate.
ENDOREG_EMBEDDED = True

#: How often PostgreSQL is asked the same before it keeps the statement; psycopg's own default is 5.
_ASKED_BEFORE_KEPT = 3

_config = plain_config()


def _database(url: str) -> dict[str, Any]:
    database: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=None))
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {
            # A transaction that reads first and writes later cannot wait for a lock in SQLite's
            # default mode: it fails at once with "database is locked".
            "transaction_mode": "IMMEDIATE",
            "timeout": 60,
            # FULL: a commit that has returned survives a power cut. With NORMAL the source could
            # be deleted although the row that names its stored copy is lost.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    else:
        _require_driver()
        database["CONN_HEALTH_CHECKS"] = True
        # An import asks the same twenty questions as the one before it. Kept by the server, they cost
        # it half and us a fifth less. (A PgBouncer older than 1.21 that pools transactions cannot.)
        kept = {"server_side_binding": True, "prepare_threshold": _ASKED_BEFORE_KEPT}
        database["OPTIONS"] = {**kept, **database.get("OPTIONS", {})}
    return database


def _require_driver() -> None:
    """Make sure that the driver is there, which is only installed on request.

    Raises:
        ConfigurationError: it is not; says how to get it.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "ENDOREG_DATABASE_URL names a PostgreSQL database, and psycopg, which talks to it, is missing",
            advice="Install it with `pip install 'endoreg-intake[postgres]'`.",
        ) from error


DATABASES = {"default": _database(_config.database_url)}
INSTALLED_APPS = ["endoreg_db"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
# The intake logs through the standard library; whoever runs it (a command, a host) adds handlers.
LOGGING_CONFIG = None
