"""``manage.py import_report``: imports one report from within a host project."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import CommandParser

from endoreg_db.bootstrap import current_config
from endoreg_db.intake import known_file
from endoreg_db.intake.house_file import house_terms
from endoreg_db.management.import_command import ImportCommand
from endoreg_db.services.pdf_import import PdfImportService


class Command(ImportCommand):
    """Imports one report."""

    help = "Import one endoscopy report (PDF): de-identified, verified, recorded."
    service = PdfImportService
    what = "report"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare path and options, and what is known of the people in it."""
        super().add_arguments(parser)
        parser.add_argument("--known", type=Path, metavar="FILE.json", help=known_file.HELP)

    def check_beforehand(self) -> None:
        """Look at the list of what the house calls its own.

        Raises:
            ConfigurationError: it cannot be used.
        """
        house_terms(current_config().report_house_file)
