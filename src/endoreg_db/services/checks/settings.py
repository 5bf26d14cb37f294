"""Settings that are not read before an import needs them."""

from __future__ import annotations

from collections.abc import Iterator

from endoreg_db.errors import ConfigurationError
from endoreg_db.intake.house_file import house_terms
from endoreg_db.services.checks.examination import Examination, Problem


def house_list(examination: Examination) -> Iterator[Problem | None]:
    """The list of what a house calls its own: no report is imported while it cannot be used."""
    if examination.house_file is None:
        return
    yield None
    try:
        house_terms(examination.house_file)
    except ConfigurationError as error:
        yield Problem("house list", error.message, repaired=False, advice=error.advice)
