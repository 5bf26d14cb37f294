"""``endoreg center`` and ``endoreg device``: what recordings come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endoreg_db.cli.output import Output, printable, table


def add_center(
    output: Output,
    name: Annotated[
        str, typer.Argument(help="The centre's name, as imports will give it.", show_default=False)
    ],
) -> None:
    """Register a centre; one that exists already is fine."""
    from endoreg_db.cli.session import open_session

    open_session()
    from endoreg_db.services import registry

    added = registry.add_center(name)
    name = name.strip()
    if output.flags.as_json:
        output.result({"name": name, "added": added})
    else:
        output.say(f"{'Added' if added else 'Already there'}: {printable(name)}")


def list_centers(output: Output) -> None:
    """List the registered centres."""
    from endoreg_db.cli.session import open_session

    open_session()
    from endoreg_db.services import registry

    for name in registry.center_names():
        output.result({"name": name}, printable(name))


def add_device(
    output: Output,
    profile_file: Annotated[
        Path,
        typer.Argument(metavar="FILE.toml", readable=False, help="A device profile.", show_default=False),
    ],
) -> None:
    """Register a device profile, or a new version of it: where the device writes, and where its image is."""
    from endoreg_db.cli.session import open_session

    open_session()
    from endoreg_db.services import registry

    profile, changed = registry.add_processor(profile_file)
    if output.flags.as_json:
        data = {"name": profile.name, "title": profile.title, "confirmed": profile.confirmed}
        output.result({**data, "changed": changed})
        return
    output.say(f"{'Registered' if changed else 'Already there'}: {printable(profile.name)}")
    if not profile.confirmed:
        output.say("    Its layout is not confirmed, so its recordings wait for review: endoreg review")


def list_devices(output: Output) -> None:
    """List the registered endoscopy processors. Recordings of unconfirmed ones wait for review."""
    from endoreg_db.cli.session import open_session

    open_session()
    from endoreg_db.services import registry

    known = registry.processors()
    if output.flags.as_json:
        for p in known:
            data = {"name": p.name, "title": p.title, "confirmed": p.confirmed, "shipped": p.shipped}
            output.result(data)
        return
    rows = [(p.name, p.title, "confirmed" if p.confirmed else "unconfirmed") for p in known]
    output.result({}, table(("NAME", "DEVICE", "LAYOUT"), rows))
