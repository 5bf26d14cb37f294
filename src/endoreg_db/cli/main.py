"""The ``endoreg`` command: which commands there are.

Nothing heavy is imported here or at the top of a command's module: each command imports the
services that it calls when it runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from endoreg_db.cli.command import AsJson, Quiet, Verbose, global_options
from endoreg_db.cli.lazy import MARKUP, QuickGroup, with_commands

#: Name → where it is; a pair is a group with its own help text.
COMMANDS: dict[str, str | tuple[str, dict[str, str]]] = {
    "import": "import_:import_files",
    "status": "status:status",
    "show": "show:show",
    "retry": "retry:retry",
    "review": "status:review",
    "approve": "decide:approve",
    "reject": "decide:reject",
    "doctor": "doctor:doctor",
    "center": (
        "Where recordings are made.",
        {"add": "registers:add_center", "list": "registers:list_centers"},
    ),
    "device": (
        "What makes recordings: endoscopy processors, and where each writes into the picture.",
        {
            "add": "registers:add_device",
            "list": "registers:list_devices",
            "propose": "propose:propose_device",
        },
    ),
    "pseudonyms": (
        "The name that all records of a patient share, made of the patient's own with a key.",
        {"rotate": "pseudonyms:rotate", "renew": "pseudonyms:renew"},
    ),
    "certify": ("Certificates of published files.", {"verify": "certify:verify"}),
    "sample": "sample:sample",
}


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"endoreg {version('endoreg-intake')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
]


def _root(
    ctx: typer.Context,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    version: Version = False,
) -> None:
    """Takes in endoscopy recordings: locked, de-identified, verified, recorded."""
    global_options(ctx, as_json, quiet, verbose)


def main() -> None:
    """Run the command named by the process's arguments, then exit."""
    app = typer.Typer(
        name="endoreg",
        cls=QuickGroup,
        callback=_root,
        no_args_is_help=True,
        rich_markup_mode=MARKUP,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # Called as typer has built it, without typer's own way of printing tracebacks: those are for
    # --verbose, and then as Python prints them.
    with_commands(app, COMMANDS)(prog_name="endoreg")
