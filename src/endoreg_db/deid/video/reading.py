"""OCR in a process of its own, beside the encoding: it loads for a second, and needs 200 MB.

It reads overlay boxes that changed in the source, and scenes of the output. Requests are queued;
nobody waits for it before the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np

from endoreg_db.deid.confine import give_up_rights
from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.ocr import FoundText, TextReader
from endoreg_db.deid.overlay import OverlayReader
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.text_rules import looks_like_identity, matches_known
from endoreg_db.deid.video.looks import BoxLook, SceneLook
from endoreg_db.errors import DeidentificationError

#: Text counts from this confidence on; what has the shape of a name or a date already from a lower.
_SURE = 0.80
_SUSPICIOUS = 0.60
_LETTERS = 4  # letters and digits; OCR makes shorter "words" of folds and highlights


@dataclass(frozen=True, slots=True)
class OverlayText:
    """What the overlay said."""

    identity: Identity
    findings: tuple[Finding, ...]


class TextProcess:
    """The cell's end of the process that reads."""

    def __init__(self, requests: Queue[Any], answers: Connection) -> None:
        self._requests = requests
        self._answers = answers

    def read_boxes(self, looks: Sequence[BoxLook]) -> None:
        """Queue boxes of the source's overlay."""
        self._requests.put(tuple(looks))

    def read_scenes(self, looks: Sequence[SceneLook]) -> None:
        """Queue pictures of the output; their files are removed once they are read."""
        self._requests.put(tuple(looks))

    def overlay(self) -> OverlayText:
        """Wait until all boxes are read; what they say together.

        Raises:
            DeidentificationError: the process died.
        """
        answer = self._ask("overlay")
        assert isinstance(answer, OverlayText)
        return answer

    def scene_findings(self) -> tuple[Finding, ...]:
        """Wait until all scenes are read; what was found in them.

        Raises:
            DeidentificationError: the process died.
        """
        answer = self._ask("scenes")
        assert isinstance(answer, tuple)
        return answer

    def _ask(self, what: str) -> Any:
        self._requests.put(what)
        try:
            return self._answers.recv()
        except EOFError as error:
            raise DeidentificationError("The text in the recording could not be read") from error


@contextmanager
def start_reading(profile: DeviceProfile) -> Iterator[TextProcess]:
    """Start the process that reads; it is gone afterwards."""
    context = get_context("spawn")
    requests: Queue[Any] = context.Queue()
    answers, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(os.getpid(), profile, requests, theirs), daemon=True)
    process.start()
    # With our copy open, the pipe would never end when the process dies.
    theirs.close()
    try:
        yield TextProcess(requests, answers)
    finally:
        process.kill()
        process.join()
        requests.cancel_join_thread()


def scene_findings(found: Sequence[FoundText], tokens: frozenset[str], at: float) -> list[Finding]:
    """What text in a picture of the output means, in words that do not repeat it.

    Args:
        found: the lines of text in the picture.
        tokens: what was read about the patient.
        at: seconds from the start of the output.
    """
    if any(line.confidence >= _SUSPICIOUS and matches_known(line.text, tokens) for line in found):
        detail = "Text that was read in the overlay is also inside the image"
        return [Finding("identity_in_output", "review", detail, start=at)]
    kinds = [_kind(line) for line in found]
    kind = next((kind for kind in kinds if kind is not None), None)
    if kind is None:
        return []
    return [Finding("text_in_image", "review", f"There is text inside the image ({kind})", start=at)]


def _kind(line: FoundText) -> str | None:
    """What kind of text this is; None if it is none, or too little to be sure."""
    kind = looks_like_identity(line.text)
    if kind is not None and line.confidence >= _SUSPICIOUS:
        return kind
    enough = sum(c.isalnum() for c in line.text) >= _LETTERS
    return "words" if enough and line.confidence >= _SURE else None


def _serve(parent: int, profile: DeviceProfile, requests: Queue[Any], answers: Connection) -> None:
    give_up_rights(parent)
    reader = TextReader(threads=1)
    overlay = OverlayReader(profile, reader)
    findings: list[Finding] = []
    while True:
        match requests.get():
            case "overlay":
                answers.send(OverlayText(overlay.identity(), overlay.findings()))
            case "scenes":
                answers.send(tuple(findings))
            case looks:
                for look in looks:
                    if isinstance(look, SceneLook):
                        findings += scene_findings(_read_scene(reader, look), overlay.tokens(), look.at)
                    else:
                        overlay.take(look.field, look.crop, look.at)


def _read_scene(reader: TextReader, look: SceneLook) -> list[FoundText]:
    picture = np.load(look.path, allow_pickle=False)
    Path(look.path).unlink()
    return reader.find_text(picture)
