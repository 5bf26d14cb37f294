"""What the Django commands ``import_video`` and ``import_report`` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from endoreg_db.errors import MediaImportError
from endoreg_db.intake.known_file import KnownFileError, known_from
from endoreg_db.services.context import ImportRequest
from endoreg_db.services.media_import import MediaImportService

#: As of ``endoreg import``, for one file: nothing went wrong, but a person has to look; wrong options.
NEEDS_REVIEW = 5
USAGE = 2


class ImportCommand(BaseCommand):
    """Imports one file; exit codes are those of ``endoreg import``."""

    service: ClassVar[type[MediaImportService]]
    what: ClassVar[str]  # the file, in a person's words

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare path and options."""
        parser.add_argument("path", type=Path, help=f"the {self.what}")
        parser.add_argument("--center", required=True, help="where it was made")
        parser.add_argument("--no-keep-original", action="store_true", help="keep no encrypted original")
        parser.add_argument(
            "--delete-source",
            action="store_true",
            help="remove the source once its stored copy was read back",
        )

    def handle(self, **options: Any) -> None:
        """Import the file and say where the safe file is.

        Raises:
            CommandError: with the exit code and the advice that belong to what went wrong.
        """
        if options["delete_source"] and options["no_keep_original"]:
            raise CommandError("--delete-source needs the original to be kept", returncode=USAGE)
        try:
            known = known_from(options.get("known"))
        except KnownFileError as error:
            raise CommandError(str(error), returncode=USAGE) from None
        request = ImportRequest(
            file_path=options["path"],
            center_name=options["center"],
            processor_name=options.get("processor"),
            save_original=not options["no_keep_original"],
            delete_source=options["delete_source"],
            known=known,
        )
        try:
            self.check_beforehand()
            outcome = self.service().import_file(request)
        except MediaImportError as error:
            raise CommandError(f"{error.message}\n{error.advice}", returncode=error.exit_code) from error
        if outcome.status == "needs_review":
            raise CommandError(
                f"{outcome.record.uuid} needs review\n`endoreg show {outcome.record.uuid}` says why.",
                returncode=NEEDS_REVIEW,
            )
        self.stdout.write(f"{outcome.status} {outcome.record.uuid} {outcome.output or ''}".rstrip())

    def check_beforehand(self) -> None:
        """Find what would let any file of this kind fail, before this one is touched; here nothing.

        Raises:
            MediaImportError: there is such a thing.
        """
