"""``endoreg certify``: whether a published file is the one that its certificate is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endoreg_db.cli.output import Output, printable

if TYPE_CHECKING:
    from endoreg_db.conf import Config


def verify(
    output: Output,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", readable=False, help="A published file.", show_default=False)
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            readable=False,
            metavar="FILE.pub",
            help="The hospital's public key; without it, the one in this machine's data folder.",
        ),
    ] = None,
) -> None:
    """Check a published file against the certificate beside it, offline.

    Needs the two files and the public key (`keys/certificate.pub` of the data folder that published
    the file), no database and no network.
    """
    from endoreg_db import certificate

    public_key = certificate.public_key_of(_key_file(key))
    checked = certificate.check(file, public_key)
    released = checked.document["released"]
    told = {
        "path": str(file),
        "valid": True,
        "uuid": checked.document["uuid"],
        "sha256": checked.document["output"]["sha256"],
        "released_by": released["by"],
        "released_how": released["how"],
        "key": checked.key_id,
    }
    output.result(
        told,
        f"valid: {printable(str(file))}\n"
        f"    is the file that was {released['how']}, and nobody has changed it since\n"
        f"    signed with the key {checked.key_id}",
    )


def _key_file(given: Path | None) -> bytes:
    """The public key's file: the given one, or that of the data folder, which is not opened otherwise.

    Raises:
        ConfigurationError: it cannot be read.
    """
    from endoreg_db.errors import ConfigurationError
    from endoreg_db.storage.layout import DataFolder
    from endoreg_db.storage.signing import PUBLIC_FILE

    path = given or DataFolder(_config().data_dir).keys / PUBLIC_FILE
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The public key {path} cannot be read ({error.strerror})",
            advice="Give the key of the hospital that published the file with --key FILE.pub.",
        ) from error


def _config() -> Config:
    """The settings, a host project's where the environment names one; no database is looked at.

    Raises:
        ConfigurationError: one of them cannot be used.
    """
    from endoreg_db.bootstrap import current_config, names_a_host
    from endoreg_db.conf import plain_config

    return current_config() if names_a_host() else plain_config()
