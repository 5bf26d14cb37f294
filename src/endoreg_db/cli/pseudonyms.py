"""``endoreg pseudonyms``: the key that pseudonyms are made with, and what follows from a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endoreg_db.cli.output import Output

if TYPE_CHECKING:
    from endoreg_db.services.pseudonyms import Renewal


def rotate(
    output: Output,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Take over another centre's `pseudonym.key`, to share pseudonyms; else the key is random.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Replace the key of the pseudonyms, and give every record the one of the new key.

    Do it when the old key may be known to somebody who should not have it, or to share another centre's.
    Lists of old pseudonyms no longer fit the records. The old key stays beside the new one, under its id.
    """
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.services import pseudonyms

    material = None if key_file is None else key_file.read_bytes()
    _tell(output, pseudonyms.rotate(store, material))


def renew(output: Output) -> None:
    """Make the pseudonyms that are missing, or were made with another key than the present one."""
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.services import pseudonyms

    _tell(output, pseudonyms.renew(store))


def _tell(output: Output, done: Renewal) -> None:
    data = {"key_id": done.key_id, "renewed": done.renewed, "without": done.without}
    without = f"; {done.without} records have none" if done.without else ""
    output.result(data, f"{done.renewed} pseudonyms made with the key {done.key_id}{without}")
