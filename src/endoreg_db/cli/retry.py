"""``endoreg retry``: imports that failed run again, under the same UUID."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endoreg_db.cli.output import Output

if TYPE_CHECKING:
    from endoreg_db.models import MediaFile


def retry(
    output: Output,
    uuid: Annotated[
        str | None, typer.Argument(metavar="UUID", help="The record.", show_default=False)
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Every failed or interrupted import. Quarantined ones only by UUID."),
    ] = False,
    processor: Annotated[
        str | None,
        typer.Option(
            "--processor",
            "-p",
            help="The endoscopy processor that made it, where another one was named or recognised.",
        ),
    ] = None,
) -> int:
    """Run imports again that failed or were interrupted, or a quarantined one by name."""
    if (uuid is None) is not every:
        raise typer.BadParameter("give either a UUID or --all")
    if every and processor is not None:
        raise typer.BadParameter("--processor goes with one UUID, not with --all")
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.bootstrap import current_config
    from endoreg_db.cli import results
    from endoreg_db.cli.kinds import Services
    from endoreg_db.cli.progress import progress_for
    from endoreg_db.intake.house_file import house_terms
    from endoreg_db.services import catalog
    from endoreg_db.services.retries import retriable

    house_terms(current_config().report_house_file)  # else every report would fail for it
    if uuid is not None and processor is not None:
        _check_processor(catalog.find_record(uuid), processor)
    progress = progress_for(output)
    services = Services(progress.on_message)
    ended = []
    for record in map(catalog.find_record, list(retriable(store)) if uuid is None else [uuid]):
        path = catalog.summary(store, record).source or Path(str(record.uuid))
        with progress.file(path):
            work = partial(services.of(record.kind).retry, record, processor_name=processor)
            result = results.run_one(path, work, uuid=str(record.uuid))
        ended.append(result)
        results.report(output, result)
        if isinstance(result.error, KeyboardInterrupt):
            raise result.error
    output.say(results.totals(ended) if ended else "Nothing to retry.")
    return results.exit_code(ended)


def _check_processor(record: MediaFile, name: str) -> None:
    """Find a processor that this record cannot have been made with before anything is touched.

    Raises:
        BadParameter: the record is a report.
        UnknownProcessorError: no processor of that name is registered; with the nearest names.
    """
    from endoreg_db.intake.inspect import MediaKind
    from endoreg_db.services import registry

    if record.kind == MediaKind.REPORT:
        raise typer.BadParameter(f"--processor is for recordings, and {record.uuid} is a report")
    registry.find_processor(name, registry.processors())
