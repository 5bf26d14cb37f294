"""The named-entity model of ``lx_anonymizer`` as a recogniser; the extra ``lx-anonymizer`` installs it.

Only its spaCy pipeline is used. Its own function for German entities prints every word to standard
output and logs the names that it finds, so that one is never called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from endoreg_db.deid.reports.recognisers import RecogniserUnavailableError, Span

_SCORE: Final = 0.6  # spaCy says nothing about how sure it is

#: Labels of spaCy's German models → kinds of hits; ``MISC`` is mostly clinical words.
KINDS: Final[Mapping[str, str]] = {"PER": "name", "PERSON": "name", "LOC": "address", "ORG": "institution"}


class LxAnonymizerRecogniser:
    """The spaCy pipeline that lx_anonymizer bundles or finds."""

    name: Final = "lx_anonymizer"

    def __init__(self) -> None:
        """Load the pipeline; takes seconds.

        Raises:
            RecogniserUnavailableError: lx_anonymizer is not installed, or has no model.
        """
        try:
            from lx_anonymizer.ner.spacy_extractor import SpacyModelManager
        except ImportError as error:
            raise RecogniserUnavailableError("install the extra: endoreg-intake[lx-anonymizer]") from error
        self._pipeline: Any = SpacyModelManager.get_model()
        if self._pipeline is None:
            raise RecogniserUnavailableError("lx_anonymizer has no spaCy model")

    def recognise(self, text: str) -> Sequence[Span]:
        """Persons, places and organisations in a text."""
        entities = self._pipeline(text).ents
        return [
            Span(one.start_char, one.end_char, KINDS[one.label_], _SCORE)
            for one in entities
            if one.label_ in KINDS
        ]
