"""``endoreg import``: recordings and reports go in, safe records come out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endoreg_db.cli.output import Output
from endoreg_db.errors import AlreadyProcessedError
from endoreg_db.intake.known_file import HELP as KNOWN_HELP
from endoreg_db.intake.known_file import KnownFileError, known_from

if TYPE_CHECKING:
    from endoreg_db.cli.kinds import Services
    from endoreg_db.cli.results import FileResult
    from endoreg_db.cli.selection import Candidate, Selection
    from endoreg_db.intake.sightings import Known
    from endoreg_db.services.context import ImportOutcome, ImportRequest


Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH",
        readable=False,
        help="Recordings, reports (PDF), or folders with them.",
        show_default=False,
    ),
]
CenterName = Annotated[
    str, typer.Option("--center", "-c", help="Where they were made; see `endoreg center list`.")
]
ProcessorName = Annotated[
    str | None,
    typer.Option(
        "--processor",
        "-p",
        help="The endoscopy processor that made the recordings; see `endoreg device list`. "
        "Without it, it is recognised from the picture, or the recording waits for review.",
    ),
]
KeepOriginal = Annotated[
    bool,
    typer.Option(
        "--keep-original/--no-keep-original", help="Keep the original, encrypted, in the data folder."
    ),
]
DeleteSource = Annotated[
    bool,
    typer.Option(
        "--delete-source", help="Remove the source once all is stored and the stored copy was read back."
    ),
]
KnownFile = Annotated[
    Path | None,
    typer.Option(
        "--known",
        metavar="FILE.json",
        exists=True,
        dir_okay=False,
        help=KNOWN_HELP,
        show_default=False,
    ),
]


def import_files(
    output: Output,
    paths: Paths,
    center: CenterName,
    processor: ProcessorName = None,
    keep_original: KeepOriginal = True,
    delete_source: DeleteSource = False,
    known: KnownFile = None,
) -> int:
    """Import recordings and reports: de-identified, and the output verified.

    Of a recording everything but the endoscopic image is blanked. A report is rebuilt from its
    pixels without what identifies anybody, and stays searchable.

    Takes files and whole folders; the content decides what a file is, not its name. A file whose
    content is known already ends with the existing record. Files of a folder that are finished and
    have not changed are not opened again, only counted. The source is left as it is.
    """
    if delete_source and not keep_original:
        raise typer.BadParameter("--delete-source needs --keep-original: the source is the only original")
    from endoreg_db.cli.session import open_session

    try:
        told = known_from(known)
    except KnownFileError as error:
        raise typer.BadParameter(str(error)) from None
    store = open_session()
    from endoreg_db.cli.selection import select
    from endoreg_db.services.context import ImportRequest

    # A source that is to be removed has its stored copy read back first, and only the import does that.
    key = None if delete_source else store.sightings_key
    selection = select(paths, never=store.folder.root, sightings_key=key)
    _check_beforehand(center, processor)

    def request(path: Path) -> ImportRequest:
        return ImportRequest(path, center, processor, keep_original, delete_source, told)

    return _import_all(output, selection, request, store.folder.published)


def _check_beforehand(center: str, processor: str | None) -> None:
    """Find what would let every file fail, a mistyped name say, before the first one is touched.

    Raises:
        UnknownCenterError, UnknownProcessorError: with the nearest names.
        ConfigurationError: the list of what the house calls its own cannot be used.
    """
    from endoreg_db.bootstrap import current_config
    from endoreg_db.intake.house_file import house_terms
    from endoreg_db.services import registry

    house_terms(current_config().report_house_file)
    registry.find_center(center)
    if processor is not None:
        registry.find_processor(processor, registry.processors())


def _import_all(
    output: Output, selection: Selection, request: Callable[[Path], ImportRequest], published: Path
) -> int:
    from endoreg_db.cli import results
    from endoreg_db.cli.kinds import Services
    from endoreg_db.cli.progress import progress_for
    from endoreg_db.cli.selection import look

    progress = progress_for(output)
    services = Services(progress.on_message)
    known = _records_to_tell_of(output, selection)
    done: dict[Path, FileResult] = {}
    ended: list[FileResult] = []
    unchanged = 0
    for candidate in selection.candidates:
        if candidate.known is not None:
            if known is None:
                unchanged += 1
                continue
            if candidate.known in known:
                ended.append(results.known_already(candidate.path, known[candidate.known], published))
                results.report(output, ended[-1])
                continue
            candidate = look(candidate.path)  # its record was settled a moment ago, and is not any more
        with progress.file(candidate.path):
            result = results.run_one(candidate.path, partial(_import_one, services, candidate, request))
        if isinstance(result.error, AlreadyProcessedError):
            result = results.given_twice(result, done[candidate.path])
        elif result.error is None:
            done[candidate.path] = result
        ended.append(result)
        results.report(output, result)
        if isinstance(result.error, KeyboardInterrupt):
            raise result.error
    output.say(results.totals(ended, unchanged=unchanged, skipped=selection.skipped))
    return results.exit_code(ended)


def _records_to_tell_of(output: Output, selection: Selection) -> dict[bytes, Known] | None:
    """The records of finished files; None for a person who did not ask for more: they are in the totals."""
    from endoreg_db.intake import sightings

    if not (output.flags.as_json or output.flags.verbose):
        return None
    return sightings.recall_many([one.known for one in selection.candidates if one.known is not None])


def _import_one(
    services: Services, candidate: Candidate, request: Callable[[Path], ImportRequest]
) -> ImportOutcome:
    from endoreg_db.intake.inspect import MediaKind

    if candidate.error is not None:
        raise candidate.error
    # What is neither is refused by either service, in the words that fit what its name promises.
    is_report = candidate.kind is MediaKind.REPORT or candidate.path.suffix.lower() == ".pdf"
    return services.of(MediaKind.REPORT if is_report else MediaKind.VIDEO).import_file(
        request(candidate.path)
    )
