"""Microsoft Presidio as a recogniser; the extra ``presidio`` installs it.

Presidio finds names with a spaCy model, which is not on package indexes: see the how-to of spaCy for
``de_core_news_md``. Without the model loading fails, and the built-in rules go on alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from endoreg_db.deid.reports.recognisers import RecogniserUnavailableError, Span

_LANGUAGE: Final = "de"
_MODEL: Final = "de_core_news_md"
_LEAST_SCORE: Final = 0.4  # below it Presidio itself calls a find unsure

#: Presidio's entities → kinds of hits; other entities are not asked for.
KINDS: Final[Mapping[str, str]] = {
    "PERSON": "name",
    "LOCATION": "address",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "url",
    "URL": "url",
}


class PresidioRecogniser:
    """Presidio's analyser with a German spaCy model."""

    name: Final = "presidio"

    def __init__(self) -> None:
        """Load the model; takes seconds.

        Raises:
            RecogniserUnavailableError: Presidio or the model is not installed. Presidio itself would
                try to download a missing model, and a de-identifier must not go to the network.
        """
        try:
            from presidio_analyzer import AnalyzerEngine
            from presidio_analyzer.nlp_engine import NlpEngineProvider
            from spacy.util import is_package
        except ImportError as error:
            raise RecogniserUnavailableError("install the extra: endoreg-intake[presidio]") from error
        if not is_package(_MODEL):
            raise RecogniserUnavailableError(f"the spaCy model {_MODEL} is not installed")
        provider = NlpEngineProvider(
            nlp_configuration={
                "nlp_engine_name": "spacy",
                "models": [{"lang_code": _LANGUAGE, "model_name": _MODEL}],
            }
        )
        self._engine: Any = AnalyzerEngine(
            nlp_engine=provider.create_engine(), supported_languages=[_LANGUAGE]
        )

    def recognise(self, text: str) -> Sequence[Span]:
        """The entities of :data:`KINDS` in a text."""
        found = self._engine.analyze(
            text=text, language=_LANGUAGE, entities=list(KINDS), score_threshold=_LEAST_SCORE
        )
        return [Span(one.start, one.end, KINDS[one.entity_type], float(one.score)) for one in found]
