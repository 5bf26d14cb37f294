"""Rows of an SQLite database, as whoever may query it sees them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from quality.hunter.pieces import Piece

MAGIC = b"SQLite format 3\x00"


def row_pieces(path: str) -> Iterator[Piece]:
    """Every value of every row of every table, and the schema."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_master").fetchall()
        for name, sql in tables:
            yield Piece(f"schema of {name}", sql)
        for name, sql in tables:
            if sql.upper().startswith("CREATE TABLE"):
                yield from _rows(connection, name)
    finally:
        connection.close()


def with_schema_apart(path: str, data: bytes) -> bytes:
    """Bytes of the database file, with a zero between the names in its list of tables.

    SQLite writes kind, name and table of an entry one right after the other. Where ``processor`` meets
    ``endoreg`` stands ``soren``, which nobody has written.
    """
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        entries = connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall()
    finally:
        connection.close()
    for entry in entries:
        data = data.replace("".join(entry).encode(), "\0".join(entry).encode())
    return data


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Piece]:
    quoted = table.replace('"', '""')
    cursor = connection.execute(f'SELECT * FROM "{quoted}"')
    columns = [column[0] for column in cursor.description]
    for number, row in enumerate(cursor, 1):
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, bytes) or (isinstance(value, str) and value):
                yield Piece(f"{table}.{column} in row {number}", value)
