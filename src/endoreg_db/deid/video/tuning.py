"""Which of the preset's searches pay on this recording: a trial on a few of its own frames decides.

x264 spends half of its time on things that help most films: ordering frames anew (B frames) and
splitting blocks. A noisy endoscope's picture hardly gains by them, or even loses. A cheaper way is
taken only where the trial shows a picture that is not worse and a file that is not larger than with
the whole preset; everything else about the preset stays.

The trial depends on the recording alone, so the output's bytes do not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.messages import SOFTWARE_ENCODER, Analysis
from endoreg_db.deid.video.decode import SegmentDecoder
from endoreg_db.deid.video.encode import open_encoder
from endoreg_db.deid.video.layout import LayoutGuard
from endoreg_db.deid.video.mask import FrameMasker, Plane, kept_in_output, output_size, plane_views
from endoreg_db.deid.video.pictures import pictures
from endoreg_db.deid.video.transcode import SegmentJob, Tick

#: From the cheapest to the whole preset.
CANDIDATES: tuple[Analysis, ...] = ("whole_blocks", "no_reordering", "preset")

#: At each place. With 12 to 24 of them every clip that was tried was judged as by all of its frames,
#: with a wide margin: films lose 15 to 50 % without B frames, noisy recordings nothing.
TRIAL_FRAMES = 16
WORTH_SECONDS = 10.0  # of recording; what is shorter is done before a trial has paid
_SEGMENTS_PER_PLACE = 12  # a second place to look at from four minutes on
_MOST_PLACES = 4

#: Presets that make none of these searches anyway.
_LEAN_PRESETS = frozenset({"ultrafast"})
#: Of the whole preset's error: 0.06 dB. One per cent of the bytes is worth more than that.
_ERROR_SLACK = 1.015


@dataclass(frozen=True, slots=True)
class Trial:
    """What one way to encode made of the frames at one place."""

    analysis: Analysis
    frames: int
    size: int  # bytes
    error: int  # sum of squared differences of luma inside the image


def trial_jobs(jobs: Sequence[SegmentJob], seconds: float) -> list[SegmentJob]:
    """The trials to make before ``jobs`` are done; none where they would not pay.

    Args:
        jobs: all of the recording.
        seconds: length of the recording.
    """
    settings = jobs[0].encode
    leaves_a_choice = settings.encoder == SOFTWARE_ENCODER and settings.preset not in _LEAN_PRESETS
    if settings.analysis != "auto" or not leaves_a_choice or seconds < WORTH_SECONDS:
        return []
    return [
        replace(job, encode=replace(settings, analysis=analysis))
        for job in _places(jobs)
        for analysis in reversed(CANDIDATES)  # the longest first
    ]


def choose(trials: Sequence[Trial]) -> Analysis:
    """The cheapest way whose picture is not worse, and whose file is not larger, than the preset's."""
    preset = _together(trials, "preset")
    if preset.frames == 0:
        return "preset"
    fine = (candidate for candidate in CANDIDATES if _as_good(_together(trials, candidate), preset))
    return next(fine, "preset")


def try_analysis(job: SegmentJob, tick: Tick) -> Trial:
    """Encode the first frames of a segment, and compare what a player shows with what went in.

    Raises:
        av.error.FFmpegError: the encoder refused.
        OSError: the source cannot be read any more.
    """
    image = kept_in_output(job.profile).slices
    originals: list[Plane] = []
    packets, extradata = _encoded(job, lambda frame: originals.append(plane_views(frame)[0][image].copy()))
    if not originals:
        return Trial(job.encode.analysis, 0, 0, 0)
    shown = (plane_views(frame)[0][image] for frame in _decoded(packets, extradata))
    error = sum(squared_error(one, other) for one, other in zip(originals, shown, strict=True))
    return Trial(job.encode.analysis, len(originals), sum(packet.size for packet in packets), error)


def _encoded(
    job: SegmentJob, on_frame: Callable[[av.VideoFrame], None]
) -> tuple[list[Packet[Any]], bytes | None]:
    """Packets and parameter sets of the segment's first frames; nothing is left of the encoder but these."""
    encoder = open_encoder(job.encode, job.look, *output_size(job.profile, job.width, job.height))
    packets: list[Packet[Any]] = []
    for time, frame in islice(_masked(job), TRIAL_FRAMES):
        on_frame(frame)
        frame.pts, frame.time_base, frame.pict_type = time, job.look.time_base, 0
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return packets, encoder.extradata


def squared_error(one: Plane, other: Plane) -> int:
    """Sum of the squared differences of two planes; whole numbers, so that every machine agrees."""
    difference = one.astype(np.int32) - other
    return int(np.sum(difference * difference, dtype=np.int64))


def _places(jobs: Sequence[SegmentJob]) -> list[SegmentJob]:
    """Segments that stand for the recording: the middle one, of a long recording a few more."""
    count = min(_MOST_PLACES, 1 + len(jobs) // _SEGMENTS_PER_PLACE)
    return [jobs[len(jobs) * (2 * number + 1) // (2 * count)] for number in range(count)]


def _masked(job: SegmentJob) -> Iterator[tuple[int, av.VideoFrame]]:
    full_range = job.look.colour_range == 2
    masker = FrameMasker(job.profile, job.width, job.height, full_range=full_range)
    guard = LayoutGuard(job.profile, full_range=full_range)
    measured = job.profile.frame_width, job.profile.frame_height
    mixed = job.profile.fields == "deinterlace"
    decoder = SegmentDecoder(job.source, job.segment)
    for picture in pictures(decoder, measured, guard, full_range=full_range, deinterlace=mixed):
        if picture.planes is not None:
            yield picture.time, masker.masked(picture.planes)


def _decoded(packets: Sequence[Packet[Any]], extradata: bytes | None) -> Iterator[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count, decoder.extradata = 1, extradata
    for packet in (*packets, None):
        yield from decoder.decode(packet)


def _together(trials: Sequence[Trial], analysis: Analysis) -> Trial:
    """The trials of one way at all places, added up."""
    mine = [trial for trial in trials if trial.analysis == analysis]
    return Trial(analysis, sum(t.frames for t in mine), sum(t.size for t in mine), sum(t.error for t in mine))


def _as_good(trial: Trial, preset: Trial) -> bool:
    """Not larger, and not worse: a little more error counts as even where more bytes are saved by it."""
    return (
        trial.frames == preset.frames
        and trial.size <= preset.size
        and trial.error <= _ERROR_SLACK * preset.error
        and trial.error * trial.size <= preset.error * preset.size
    )
