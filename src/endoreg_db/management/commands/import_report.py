"""``manage.py import_report``: imports one report from within a host project."""

from __future__ import annotations

from endoreg_db.management.import_command import ImportCommand
from endoreg_db.services.pdf_import import PdfImportService


class Command(ImportCommand):
    """Imports one report."""

    help = "Import one endoscopy report (PDF): de-identified, verified, recorded."
    service = PdfImportService
    what = "report"
