"""Keeping typer from loading and building what a command does not need.

``endoreg status`` has to answer at once, so only the command that was called is imported and built,
and only what can be wrong is checked: typer has pydantic check every value, also text that may be any
and the None of an option that was left out, and pydantic takes longer to load than an answer takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from endoreg_db.cli.command import command, global_options

if TYPE_CHECKING:
    _Base = TyperCommand
else:
    _Base = object

#: How typer reads the docstrings that are the help texts.
MARKUP: Final = "markdown"


class _Option(TyperOption):
    """An option that is only checked when it was given and can be wrong."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        """The value as the command gets it."""
        if value is None and not self.required:
            return None if self.callback is None else self.callback(ctx, self, None)
        return value if _is_right(self, value) else super().process_value(ctx, value)


class _Argument(TyperArgument):
    """An argument that is only checked when it can be wrong."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        """The value as the command gets it."""
        if _is_free(self) and value and self.nargs == -1:
            return [Path(path) for path in value]
        if _is_free(self) and value:
            return Path(value)
        return value if _is_right(self, value) else super().process_value(ctx, value)


def _is_right(parameter: Any, value: Any) -> bool:
    """Whether it is text, where any will do."""
    return parameter.type_descriptor.annotation is str and isinstance(value, str) and not parameter.callback


def _is_free(parameter: Any) -> bool:
    """Whether it is a path, or several, that need not lead anywhere."""
    wanted = parameter.type_descriptor
    info = wanted.parameter_info
    checked = info.exists or info.readable or info.writable or info.resolve_path or info.allow_dash
    return wanted.annotation in (Path, list[Path]) and not checked and info.file_okay and info.dir_okay


class _Quick(_Base):
    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, those that typer adds by itself among them (``--help``, completion)."""
        parameters = super().get_params(ctx)
        for parameter in parameters:
            # typer lets nobody choose the class of a parameter, so it is changed afterwards.
            if type(parameter) is TyperOption:
                parameter.__class__ = _Option
            elif type(parameter) is TyperArgument:
                parameter.__class__ = _Argument
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
