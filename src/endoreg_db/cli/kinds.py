"""The import services, one for each kind of media, made when the first file of its kind comes."""

from __future__ import annotations

from collections.abc import Callable

from endoreg_db.deid.messages import Message
from endoreg_db.intake.inspect import MediaKind
from endoreg_db.services.media_import import MediaImportService
from endoreg_db.services.pdf_import import PdfImportService
from endoreg_db.services.video_import import VideoImportService


class Services:
    """One service of each kind for all files of a command: a file given twice is found out by it."""

    def __init__(self, on_message: Callable[[Message], None]) -> None:
        """Nothing is opened yet; ``on_message`` is told what the cells report."""
        self._video = VideoImportService(on_message=on_message)
        self._report = PdfImportService(on_message=on_message)

    def of(self, kind: MediaKind | str) -> MediaImportService:
        """The service that imports this kind; for anything but a report that of recordings."""
        return self._report if kind == MediaKind.REPORT else self._video
