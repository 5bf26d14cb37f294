"""A recogniser adds to the built-in rules; one that is missing or fails is recorded, and they go on alone."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

from endoreg_db.conf import REPORT_RECOGNISERS
from endoreg_db.deid.reports.find import find_identity, finder
from endoreg_db.deid.reports.recognisers import RECOGNISERS, Span, load_recogniser
from endoreg_db.deid.reports.words import KnownIdentity
from tests.report_text import in_body, page_of

TEXT = "Patient: Quast, Ilse\n" + in_body("Laut Xyrgblom kam der Polyp.")


@dataclass
class Stub:
    """Finds one word in each text, or fails with it in the message."""

    word: str
    fails: bool = False
    name: str = "stub"
    seen: list[str] = field(default_factory=list)

    def recognise(self, text: str) -> Sequence[Span]:
        self.seen.append(text)
        if self.fails:
            raise RuntimeError(f"cannot read {text}")
        start = text.index(self.word)
        return [Span(start, start + len(self.word), "name", 0.8)]


def test_the_setting_allows_just_the_recognisers_that_there_are() -> None:
    assert RECOGNISERS == REPORT_RECOGNISERS
    with pytest.raises(ValueError, match="guess"):
        load_recogniser("guess")
    assert load_recogniser("builtin") == (None, ())


def test_what_it_finds_goes_as_well() -> None:
    pages = [page_of(TEXT)]
    found = find_identity(pages, KnownIdentity(), recogniser=Stub("Xyrgblom"))
    words = {pages[0].words[n].text: hit.reason for hit in found.hits for n in hit.words}
    assert words["Xyrgblom"] == "recogniser:stub"
    assert {"Quast,", "Ilse"} <= set(words)
    assert found.doubts == ()


def test_ordinary_words_stay_whatever_it_says() -> None:
    pages = [page_of(TEXT)]
    found = find_identity(pages, KnownIdentity(), recogniser=Stub("Polyp"))
    assert "Polyp." not in {pages[0].words[n].text for hit in found.hits for n in hit.words}


def test_one_that_fails_is_logged_and_recorded_without_what_it_read(caplog: pytest.LogCaptureFixture) -> None:
    pages = [page_of(TEXT)]
    with caplog.at_level(logging.WARNING, logger="endoreg_db"):
        found = find_identity(pages, KnownIdentity(), recogniser=Stub("Quast", fails=True))
    assert found.hits == find_identity(pages, KnownIdentity()).hits
    doubt = next(doubt for doubt in found.doubts if doubt.code == "recogniser_fallback")
    for text in (doubt.detail, caplog.text):
        assert "RuntimeError" in text
        assert "Quast" not in text


@pytest.mark.parametrize("name", ["presidio", "lx_anonymizer"])
def test_one_that_is_not_installed_is_recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("presidio_analyzer", "lx_anonymizer"):
        monkeypatch.setitem(sys.modules, module, None)
    recogniser, findings = load_recogniser(name)
    assert recogniser is None
    assert [(one.code, one.severity) for one in findings] == [("recogniser_fallback", "review")]


def test_a_finder_without_its_recogniser_finds_as_much_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    pages = [page_of(TEXT)]
    alone, built_in = finder("presidio")(pages, KnownIdentity()), finder("builtin")(pages, KnownIdentity())
    assert alone.hits == built_in.hits == find_identity(pages, KnownIdentity()).hits
    assert [doubt.code for doubt in alone.doubts] == [
        "recogniser_fallback",
        *(d.code for d in built_in.doubts),
    ]


def _module(name: str, **content: object) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(content)
    return module


def test_the_adapter_of_presidio_asks_in_german_and_translates_its_entities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, object] = {}

    class Engine:
        def __init__(self, **options: object) -> None:
            asked.update(options)

        def analyze(self, **options: object) -> list[SimpleNamespace]:
            asked.update(options)
            return [SimpleNamespace(start=0, end=5, entity_type="PERSON", score=0.85)]

    class Provider:
        def __init__(self, nlp_configuration: object) -> None:
            asked["nlp"] = nlp_configuration

        def create_engine(self) -> str:
            return "engine"

    monkeypatch.setitem(sys.modules, "presidio_analyzer", _module("presidio_analyzer", AnalyzerEngine=Engine))
    nlp = _module("presidio_analyzer.nlp_engine", NlpEngineProvider=Provider)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.nlp_engine", nlp)
    monkeypatch.setitem(sys.modules, "spacy", _module("spacy"))
    monkeypatch.setitem(sys.modules, "spacy.util", _module("spacy.util", is_package=lambda model: True))
    recogniser, findings = load_recogniser("presidio")
    assert recogniser is not None
    assert findings == ()
    assert recogniser.recognise("Quast") == [Span(0, 5, "name", 0.85)]
    assert (asked["language"], asked["nlp_engine"]) == ("de", "engine")


def test_presidio_without_its_model_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would go to the network for it."""
    content = {"AnalyzerEngine": None, "NlpEngineProvider": None, "is_package": lambda model: False}
    for module in ("presidio_analyzer", "presidio_analyzer.nlp_engine", "spacy", "spacy.util"):
        monkeypatch.setitem(sys.modules, module, _module(module, **content))
    recogniser, findings = load_recogniser("presidio")
    assert recogniser is None
    assert "RecogniserUnavailableError" in findings[0].detail


def test_the_adapter_of_lx_anonymizer_takes_persons_and_places_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def pipeline(text: str) -> SimpleNamespace:
        labels = ("PER", "MISC", "LOC")
        return SimpleNamespace(
            ents=[
                SimpleNamespace(start_char=n, end_char=n + 1, label_=label) for n, label in enumerate(labels)
            ]
        )

    manager = SimpleNamespace(get_model=lambda: pipeline)
    for name in ("lx_anonymizer", "lx_anonymizer.ner"):
        monkeypatch.setitem(sys.modules, name, _module(name))
    extractor = _module("lx_anonymizer.ner.spacy_extractor", SpacyModelManager=manager)
    monkeypatch.setitem(sys.modules, "lx_anonymizer.ner.spacy_extractor", extractor)
    recogniser, _ = load_recogniser("lx_anonymizer")
    assert recogniser is not None
    assert [span.kind for span in recogniser.recognise("abc")] == ["name", "address"]
