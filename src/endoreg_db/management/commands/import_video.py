"""``manage.py import_video``: imports one recording from within a host project."""

from __future__ import annotations

from django.core.management.base import CommandParser

from endoreg_db.management.import_command import ImportCommand
from endoreg_db.services.video_import import VideoImportService


class Command(ImportCommand):
    """Imports one recording."""

    help = "Import one endoscopy recording: de-identified, verified, recorded."
    service = VideoImportService
    what = "recording"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare path and options, and the endoscopy processor."""
        super().add_arguments(parser)
        parser.add_argument(
            "--processor", help="the endoscopy processor that made it; else recognised from the picture"
        )
