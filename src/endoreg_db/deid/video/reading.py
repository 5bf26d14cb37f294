"""OCR in a process of its own, beside the encoding: it loads for a second, and needs 200 MB.

It reads overlay boxes that changed in the source, and scenes of the output. Requests are queued;
nobody waits for it before the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np

from endoreg_db.deid.confine import give_up_rights
from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.ocr import FINEST, FoundText, TextReader, import_engine, smallest_overlay_text
from endoreg_db.deid.ocr_proof import require_reading
from endoreg_db.deid.overlay import OverlayReader
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.image_text import Picture, SceneReading, has_traces, texts_in
from endoreg_db.deid.video.looks import BoxLook, SceneLook
from endoreg_db.deid.video.workers import children
from endoreg_db.errors import DeidentificationError

_REMEMBERED = 4096  # pictures whose text is kept, so that what did not change is not read again

#: Seconds to wait for an answer. What is queued when the wait begins is read in seconds; this is for
#: an engine that hangs.
_PATIENCE = 900.0


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

    def begin(self, profile: DeviceProfile) -> None:
        """Say whose overlay it is; comes before everything else."""
        self._requests.put(profile)

    def read_boxes(self, looks: Sequence[BoxLook]) -> None:
        """Queue boxes of the source's overlay."""
        self._requests.put(tuple(looks))

    def read_scenes(self, looks: Sequence[SceneLook]) -> None:
        """Queue pictures of the output; their files are removed once they are read."""
        self._requests.put(tuple(looks))

    def overlay(self) -> OverlayText:
        """Wait until all boxes are read; what they say together.

        Raises:
            DeidentificationError: the process died, cannot read, or does not answer.
        """
        answer = self._ask("overlay")
        assert isinstance(answer, OverlayText)
        return answer

    def scenes(self) -> tuple[SceneReading, ...]:
        """Wait until all scenes are read; what was found in those that were queued since the last call.

        Raises:
            DeidentificationError: the process died, cannot read, or does not answer.
        """
        answer = self._ask("scenes")
        assert isinstance(answer, tuple)
        return answer

    def _ask(self, what: str) -> Any:
        self._requests.put(what)
        try:
            if not self._answers.poll(_PATIENCE):
                raise DeidentificationError("The process that reads text does not answer any more")
            return self._answers.recv()
        except EOFError as error:
            raise DeidentificationError("The text in the recording could not be read") from error


@contextmanager
def start_reading() -> Iterator[TextProcess]:
    """Start the process that reads, which takes its time; it is gone afterwards."""
    context = children()
    requests: Queue[Any] = context.Queue()
    answers, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(os.getpid(), requests, theirs), daemon=True)
    process.start()
    # With our copy open, the pipe would never end when the process dies.
    theirs.close()
    try:
        yield TextProcess(requests, answers)
    finally:
        process.kill()
        process.join()
        requests.cancel_join_thread()


def _serve(parent: int, requests: Queue[Any], answers: Connection) -> None:
    give_up_rights(parent)
    import_engine()
    reader = TextReader(threads=1)
    require_reading(reader)
    profile: DeviceProfile = requests.get()
    overlay = OverlayReader(profile, reader)
    scenes = SceneReader(reader, smallest_overlay_text(profile.frame_height))
    seen: list[SeenScene] = []
    while True:
        match requests.get():
            case "overlay":
                answers.send(OverlayText(overlay.identity(), overlay.findings()))
            case "scenes":
                # Only now is known all that was read about the patient.
                tokens = overlay.tokens()
                answers.send(tuple(one.meaning(tokens) for one in seen))
                seen = []
            case looks:
                for look in looks:
                    if isinstance(look, SceneLook):
                        seen += scenes.read(look, overlay.tokens())
                    else:
                        overlay.take(look.field, look.crop, look.at)


@dataclass(frozen=True, slots=True)
class SeenScene:
    """What OCR found in one picture of the output."""

    piece: int
    at: float  # seconds from the start of the recording
    found: list[FoundText]  # whatever its confidence
    aside: bool = False  # see :class:`SceneReading`

    def meaning(self, tokens: frozenset[str]) -> SceneReading:
        """What of it is text, now that all is known that was read about the patient."""
        return SceneReading(self.piece, self.at, texts_in(self.found, tokens), self.aside)


class SceneReader:
    """Finds text in saved pictures; one that was seen before, to the last bit, is not read again."""

    def __init__(self, reader: TextReader, smallest: int) -> None:
        self._reader = reader
        self._smallest = smallest  # pixels per em
        self._known: dict[tuple[int, bytes], list[FoundText]] = {}

    def read(self, look: SceneLook, tokens: frozenset[str]) -> list[SeenScene]:
        """The lines in the picture, whose files are removed.

        Where there is text, smaller text may be beside it, as in the small picture of a form: such a picture
        is read once more, in full size. Text also makes the picture right before worth a look: if nothing is
        there, not even a trace, all that is earlier need not be blanked because of it.

        Args:
            look: where it lies.
            tokens: what was read about the patient until now.
        """
        picture = _taken(look)
        found = self._found(picture, self._smallest)
        if texts_in(found, tokens) and self._smallest > FINEST:
            found = [*found, *self._found(picture, FINEST)]
        seen = [SeenScene(look.piece, look.at, found)]
        if look.before is not None:
            before = _taken(look.before)
            if texts_in(found, tokens) and not has_traces(before, picture, found):
                seen.append(
                    SeenScene(look.piece, look.before.at, self._found(before, self._smallest), aside=True)
                )
        return seen

    def _found(self, picture: Picture, smallest: int) -> list[FoundText]:
        key = smallest, blake2b(picture.tobytes()).digest()
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._reader.find_text(picture, smallest=smallest)
        return self._known[key]


def _taken(look: SceneLook) -> Picture:
    """The saved picture; its file is removed."""
    picture: Picture = np.load(look.path, allow_pickle=False)
    Path(look.path).unlink()
    return picture
