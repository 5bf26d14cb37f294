"""The child processes that work on a recording, and who is told about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Message, Progress, VideoStage
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.image_text import SceneReading
from endoreg_db.deid.video.pieces import Piece, Tally
from endoreg_db.deid.video.reading import OverlayText, TextProcess, start_reading
from endoreg_db.deid.video.workers import Workers, start_workers

Say = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Crew:
    """Those who encode and look, the one who reads, and who is told."""

    workers: Workers
    text: TextProcess | None  # None: nothing is read
    say: Say
    tally: Tally = field(default_factory=Tally)

    def begin(self, profile: DeviceProfile) -> None:
        """Say whose overlay is read; comes before everything else."""
        if self.text is not None:
            self.text.begin(profile)

    def on_piece(self, piece: Piece) -> Piece:
        """Count the piece, and have OCR read what was seen; returns it without what it need not keep."""
        self.tally.add(piece)
        if self.text is not None:
            self.text.read_boxes(piece.made.overlay)
            self.text.read_scenes(piece.seen.scenes)
        return replace(piece, made=replace(piece.made, overlay=(), motion=None))

    def readings(self) -> tuple[SceneReading, ...]:
        """What OCR has found in the scenes that it was given since the last time; waits for it."""
        return () if self.text is None else self.text.scenes()

    def overlay(self) -> OverlayText:
        """What the overlay says, of all pieces that were made; waits for it."""
        return OverlayText(Identity(), ()) if self.text is None else self.text.overlay()

    def progress(self, stage: VideoStage, total: int | None) -> Callable[[int], None]:
        """Tells how many frames of so many are done."""

        def report(frames: int) -> None:
            self.say(Progress(stage, frames, total))

        return report


@contextmanager
def start_crew(workers: int, say: Say, *, read_text: bool) -> Iterator[Crew]:
    """Start so many workers and, if text is read, the process that reads; all are gone afterwards."""
    with start_workers(workers) as pool, start_reading() if read_text else nullcontext() as text:
        yield Crew(pool, text, say)
