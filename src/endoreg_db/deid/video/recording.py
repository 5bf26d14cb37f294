"""What the pass knows of a recording and decided about it, and what was made of it; nothing is done here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from endoreg_db.deid.messages import EncodeSettings, FoundDevice, VideoFacts, VideoTask
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.covers import Cover
from endoreg_db.deid.video.image_text import SceneReading, Sight
from endoreg_db.deid.video.join import all_times
from endoreg_db.deid.video.mask import kept_box, kept_in_output, output_size
from endoreg_db.deid.video.pieces import Piece
from endoreg_db.deid.video.probe import StreamLook
from endoreg_db.deid.video.region import Activity
from endoreg_db.deid.video.segments import Segment
from endoreg_db.deid.video.source import Source
from endoreg_db.deid.video.transcode import SegmentResult
from endoreg_db.deid.video.verify import looked_at

CANDIDATE = "candidate.mp4"


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known about it, and what was decided."""

    task: VideoTask
    profile: DeviceProfile  # the task's or what was found, in a form that travels to other processes
    found: FoundDevice | None  # None: the task named the device
    source: Source  # what it is, and where it is cut
    covers: tuple[Cover, ...] = ()  # what is blanked beside everything outside the image

    @property
    def facts(self) -> VideoFacts:
        """What the probe says of it."""
        return self.source.facts

    @property
    def look(self) -> StreamLook:
        """How its pictures are coded."""
        return self.source.look

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Its pieces, in the order of time."""
        return self.source.segments

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the output in pixels."""
        return output_size(self.profile, self.facts.width, self.facts.height)

    @property
    def work_dir(self) -> Path:
        """Where everything is written."""
        return Path(self.task.work_dir)

    @property
    def candidate(self) -> Path:
        """Where the finished output is written."""
        return self.work_dir / CANDIDATE

    def encoded_with(self, settings: EncodeSettings) -> Recording:
        """The same recording, to be encoded in another way."""
        return replace(self, task=replace(self.task, encode=settings))


@dataclass(frozen=True, slots=True)
class Work:
    """The pieces of the output, each looked at."""

    pieces: tuple[Piece, ...]  # in the order of time
    motion: Activity  # of the image, in all of the recording
    readings: tuple[SceneReading, ...] = ()  # of their scenes, as far as they were asked for

    @property
    def results(self) -> list[SegmentResult]:
        """How the pieces were made."""
        return [piece.made for piece in self.pieces]


def sight_of(recording: Recording, work: Work) -> Sight:
    """How the pictures of the output that OCR looks at lie in the source, in place and time."""
    kept, written = kept_box(recording.profile), kept_in_output(recording.profile)
    seen = looked_at(written, recording.output_size)
    times, begins = all_times(work.results), recording.segments[0].start
    return Sight(
        left=seen.x + kept.x - written.x,
        top=seen.y + kept.y - written.y,
        kept=kept,
        zero=times[0] if begins is None else begins,
        first=times[0],
        last=times[-1],
        time_base=recording.look.time_base,
    )
