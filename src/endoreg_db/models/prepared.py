"""Statements whose SQL is built once in a process: those that every import runs.

To build the SQL of a query takes Django five to ten times as long as the database takes to answer it,
and an import asks twenty times. So these queries are written like any other, with :func:`given` in the
place of each value that only a run knows, and Django's SQL is kept. All the rest of the intake asks
Django directly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from django.db.models.constants import OnConflict
from django.db.models.expressions import Expression
from django.db.models.sql import InsertQuery, Query, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

#: What Django makes SQL of: a query set, or what :func:`updating` and :func:`inserting` make.
Asked: TypeAlias = "models.QuerySet[Any, Any] | Query"


def given(model: type[models.Model], column: str, name: str = "") -> Any:
    """The place of a value that is given at each run; typed as anything, because it stands for one.

    Args:
        model: whose field the value is compared with, or written to.
        column: the name of that field.
        name: under which the value is given; the field's own unless told.
    """
    return _Given(model._meta.get_field(column), name or column)


class _Given(Expression):
    def __init__(self, output_field: Any, name: str) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, _compiler: Any, _connection: Any) -> Any:
        return "%s", [self]  # among the parameters, where `_parameter` finds it


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """A statement that is built when it first runs, and kept.

    Args:
        build: makes the query; called once for each kind of database.
    """

    build: Callable[[], Asked] = field(repr=False)

    def rows(self, **values: Any) -> list[Sequence[Any]]:
        """Ask, and return what was found."""
        sql = _sql_of(self, connection.vendor)
        with sql.executed(values) as cursor:
            found = cursor.fetchall()
        return list(sql.compiler.apply_converters(found, sql.converters)) if sql.converters else found

    def objects(self, **values: Any) -> list[Any]:
        """Ask for objects, or for some of their fields, and return what was found."""
        sql = _sql_of(self, connection.vendor)
        return [sql.model.from_db(connection.alias, sql.names, row) for row in self.rows(**values)]

    def run(self, **values: Any) -> int:
        """Change something; returns how many rows were changed or added."""
        with _sql_of(self, connection.vendor).executed(values) as cursor:
            return int(cursor.rowcount)


def insert(row: models.Model) -> None:
    """Add a new row to the table of its model alone; no signal is sent.

    What the database fills in by itself is asked for when somebody first reads it.
    """
    fields = row._meta.concrete_fields
    _insertion(type(row)).run(
        **{f.attname: getattr(row, f.attname) for f in fields if not f.has_db_default()}
    )
    row._state.adding, row._state.db = False, connection.alias
    for filled_in in (f.attname for f in fields if f.has_db_default()):
        row.__dict__.pop(filled_in, None)


def inserting(row: models.Model, *, unless_there: bool = False, replacing: Sequence[str] = ()) -> Query:
    """What adds a row; a field with a default in the database gets that.

    Args:
        row: its values, some of them :func:`given`.
        unless_there: whether to do nothing where there is a row with its key.
        replacing: fields that are replaced in the row with its key, where there is one.
    """
    meta = row._meta
    conflict = OnConflict.IGNORE if unless_there else OnConflict.UPDATE if replacing else None
    query = InsertQuery(
        type(row),
        on_conflict=conflict,
        update_fields=[meta.get_field(name) for name in replacing],
        unique_fields=[meta.pk] if replacing else [],
    )
    query.insert_values([f for f in meta.local_concrete_fields if not f.has_db_default()], [row])
    return query


def updating(rows: models.QuerySet[Any, Any], **changes: Any) -> Query:
    """What ``rows.update(**changes)`` does."""
    query: UpdateQuery = rows.query.chain(UpdateQuery)  # type: ignore[assignment]
    query.add_update_values(changes)
    query.clear_ordering(force=True)
    return query


@functools.cache
def _insertion(model: type[models.Model]) -> Prepared:
    def build() -> Query:
        fields = [f for f in model._meta.concrete_fields if not f.has_db_default()]
        return inserting(model(**{f.attname: given(model, f.name, f.attname) for f in fields}))

    return Prepared(build)


@dataclass(frozen=True, slots=True)
class _Sql:
    """What Django has made of a statement, for one kind of database."""

    text: str
    parameters: tuple[Any, ...]  # in order; a _Given where the value of a run belongs
    model: Any  # what is asked for
    names: tuple[str, ...]  # of its fields
    converters: Any  # of the values that are found, by their place
    compiler: SQLCompiler

    def executed(self, values: dict[str, Any]) -> CursorWrapper:
        cursor = connection.cursor()
        cursor.execute(self.text, [_parameter(place, values) for place in self.parameters])
        return cursor


@functools.cache
def _sql_of(statement: Prepared, vendor: str) -> _Sql:
    asked = statement.build()
    query = asked.query if isinstance(asked, models.QuerySet) else asked
    compiler = query.get_compiler(connection=connection)
    made = compiler.as_sql()
    text, parameters = made[0] if isinstance(query, InsertQuery) else made
    columns = [column for column, _sql, _alias in compiler.select or ()]
    names = tuple(column.target.attname for column in columns)
    converters = compiler.get_converters(columns)
    return _Sql(text, tuple(parameters), query.model, names, converters, compiler)


def _parameter(place: Any, values: dict[str, Any]) -> Any:
    if not isinstance(place, _Given):
        return place
    value = values[place.name]
    if isinstance(value, models.Model):
        value = value.pk
    return place.output_field.get_db_prep_save(value, connection)
