"""A recording as it came: what it is, where it can be cut, and whether all of it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from endoreg_db.deid.messages import VideoFacts
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.probe import StreamLook, open_video, probe
from endoreg_db.deid.video.segments import Segment, plan, read_index, whole_stream
from endoreg_db.deid.video.survey import Survey, survey
from endoreg_db.errors import CorruptMediaError

_PROMISING = frozenset({"mov", "matroska", "avi", "asf"})  # these say in their header how long they are
#: A file that promises more than this many times what it holds was cut off while it was copied.
_PROMISE_BROKEN = 1.05
_PROMISE_SLACK = 1.0  # seconds; a container's rounding is no broken promise
_SILENT = frozenset({"mpegts", "mpeg"})  # lost packets leave no trace in these but a gap in the times


@dataclass(frozen=True, slots=True)
class Source:
    """A recording as the probe describes it."""

    path: str
    facts: VideoFacts
    look: StreamLook
    segments: tuple[Segment, ...]
    lost: int = 0  # frames that the container has left out without a word

    def survey(self, profiles: Sequence[DeviceProfile]) -> Survey | None:
        """Look at pictures from all of it; see :func:`endoreg_db.deid.video.survey.survey`."""
        size = (self.facts.width, self.facts.height)
        full_range = self.look.colour_range == 2
        return survey(self.path, self.segments, size, profiles, full_range=full_range)


def look_into_job(path: str, tick: Callable[[], None]) -> Source:
    """:func:`look_into`, in a worker: a demuxer needs memory for every packet. Counts no frames."""
    del tick
    return look_into(path)


def look_into(path: str) -> Source:
    """Probe a recording and decide where it is cut.

    Raises:
        UnsupportedMediaError: not a video that can be worked on.
        CorruptMediaError: far less is there than the container promises.
    """
    facts, look = probe(path)
    with open_video(path) as (container, stream):
        name = container.format.name
        # AVI has no presentation times; what is given for them is wrong where frames are reordered.
        trusted = name != "avi" or not stream.codec_context.has_b_frames
        index = read_index(container.demux(stream))
    if len(index.pts) == 0:
        raise CorruptMediaError("The recording holds no pictures")
    there = index.span * float(facts.time_base)
    if name in _PROMISING and (facts.duration or 0.0) > there * _PROMISE_BROKEN + _PROMISE_SLACK:
        raise CorruptMediaError(
            f"The recording is cut off: {there:.0f} of {facts.duration:.0f} seconds are there"
        )
    segments = plan(index, facts.time_base) if trusted else [whole_stream()]
    lost = index.gaps if name in _SILENT else 0
    return Source(path, facts, look, tuple(segments), lost)
