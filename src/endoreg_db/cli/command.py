"""What all commands share: their options, and the one place that turns errors into exit codes.

A command is a plain function. Its first parameter is the :class:`Output`; the others are options and
arguments as typer reads them from annotations. It returns its exit code, or None for 0.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from endoreg_db.cli.logs import configure_logging
from endoreg_db.cli.output import Flags, Output
from endoreg_db.cli.signals import StopRequested, stop_signals
from endoreg_db.errors import MediaImportError

UNEXPECTED = 1

AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object a line on standard output; logs on standard error.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and what was asked for, no more.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print each step, and tracebacks.")]

_Work = Callable[..., int | None]


def global_options(
    ctx: typer.Context, as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Remember the options that stand before a command's name."""
    ctx.obj = _flags_before(ctx) | Flags(as_json, quiet, verbose)


def command(work: _Work) -> Callable[..., None]:
    """Make a function a command: with the options that all have, and an exit code for every error."""

    @functools.wraps(work)
    def run(ctx: typer.Context, as_json: bool, quiet: bool, verbose: bool, **options: Any) -> None:
        flags = _flags_before(ctx) | Flags(as_json, quiet, verbose)
        if flags.quiet and flags.verbose:
            raise typer.BadParameter("choose one of --quiet and --verbose")
        output = Output.standard(flags)
        configure_logging(output)
        raise typer.Exit(_exit_code(output, functools.partial(work, output, **options)))

    signature = _signature(work)
    # typer reads both; the annotations are evaluated here, where their names are known.
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    return run


def _signature(work: _Work) -> inspect.Signature:
    _output, *own = inspect.signature(work, eval_str=True).parameters.values()
    shared = inspect.signature(global_options, eval_str=True).parameters.values()
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared)]
    return inspect.Signature(parameters)


def _flags_before(ctx: typer.Context) -> Flags:
    return ctx.obj if isinstance(ctx.obj, Flags) else Flags()


def _exit_code(output: Output, work: Callable[[], int | None]) -> int:
    try:
        with stop_signals():
            return work() or 0
    except StopRequested as stop:
        output.stopped(str(stop))
        return stop.exit_code
    except MediaImportError as error:
        output.error(error)
        return error.exit_code
    except (typer.Exit, typer.BadParameter, BrokenPipeError):
        raise  # these are typer's to end
    except Exception as error:  # noqa: BLE001 - the edge: a user gets a sentence, not a traceback
        known = _in_words(error)
        output.error(known or error)
        return UNEXPECTED if known is None else known.exit_code


def _in_words(error: Exception) -> MediaImportError | None:
    """A failure of the database as the operator should read it; None for anything else."""
    if "django.db" not in sys.modules:
        return None
    from django.db import Error

    if not isinstance(error, Error):
        return None
    # Only now: where Django's settings are what failed, to import a service fails once more.
    from endoreg_db.services import database

    return database.in_words(error)
