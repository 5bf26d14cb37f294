"""Keeping typer from loading and building what a command does not need.

``endoreg status`` has to answer at once, so only the command that was called is imported and built,
and only the options that were given are checked: typer has pydantic check every value, also the None
of an option that was left out, and pydantic takes longer to load than ``status`` takes to answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from endoreg_db.cli.command import command, global_options

if TYPE_CHECKING:
    _Base = TyperCommand
else:
    _Base = object

#: How typer reads the docstrings that are the help texts.
MARKUP: Final = "markdown"


class _Option(TyperOption):
    """An option that is only checked when it was given."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        """The value as the command gets it."""
        if value is not None or self.required:
            return super().process_value(ctx, value)
        return None if self.callback is None else self.callback(ctx, self, None)


class _Quick(_Base):
    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, those that typer adds by itself among them (``--help``, completion)."""
        parameters = super().get_params(ctx)
        for parameter in parameters:
            # typer lets nobody choose the class of an option, so it is changed afterwards.
            if type(parameter) is TyperOption:
                parameter.__class__ = _Option
        return parameters


class QuickCommand(_Quick, TyperCommand):
    """A command that checks only the options that were given."""


class QuickGroup(_Quick, TyperGroup):
    """A group of commands that checks only the options that were given."""


class LazyCommands(Mapping[str, Any]):
    """Commands by name, each imported and built when somebody asks for it.

    What a name leads to is either ``"module:function"``, below this package, or a group: its help
    text and its own commands.
    """

    def __init__(self, places: Mapping[str, str | tuple[str, Mapping[str, str]]]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Any:
        place = self._places[name]
        return _build_command(name, place) if isinstance(place, str) else _build_group(name, *place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _build_command(name: str, place: str) -> Any:
    module, function = place.split(":")
    work = getattr(import_module(f"endoreg_db.cli.{module}"), function)
    app = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
    app.command(name, cls=QuickCommand)(command(work))
    return typer.main.get_command(app)


def _build_group(name: str, help_text: str, places: Mapping[str, str]) -> Any:
    app = typer.Typer(
        name=name,
        cls=QuickGroup,
        help=help_text,
        callback=global_options,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=MARKUP,
    )
    return with_commands(app, places)


def with_commands(app: typer.Typer, places: Mapping[str, Any]) -> Any:
    """The group that ``app`` describes, with these commands."""
    group: Any = typer.main.get_command(app)
    group.commands = LazyCommands(places)
    return group
