"""``endoreg sample``: something to try the intake with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endoreg_db.cli.output import Output, details, shell_word


def sample(
    output: Output,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.", show_default=False)],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another invented patient.")] = 1,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.2, max=3600, help="Length of the recording.")
    ] = 4.0,
) -> None:
    """Write a short recording with a patient's name in the picture, and a report; all of it invented."""
    from endoreg_db.errors import ConfigurationError
    from endoreg_db.samples import draw_samples

    try:
        written = draw_samples(folder, seed, seconds=seconds)
    except OSError as error:
        raise ConfigurationError(
            f"The samples cannot be written to {folder}: {error.strerror or error}",
            advice="Give a folder that this user may write to, with some space left.",
        ) from error
    paths = {"recording": str(written.recording), "report": str(written.report)}
    if output.flags.as_json:
        output.result(paths)
    else:
        output.say(f"Written:\n{details(paths.items())}")
        output.say(
            f"Next: endoreg import {shell_word(written.recording)} "
            "--center test_center --processor olympus_cv_1500"
        )
