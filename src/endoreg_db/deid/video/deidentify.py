"""The video pass, told step by step: probe, cut, blank and encode, join, look again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import (
    Done,
    Finding,
    FoundDevice,
    Message,
    Probed,
    Progress,
    Stage,
    Verification,
    VideoFacts,
    VideoTask,
)
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.condense import condensed
from endoreg_db.deid.video.decode import count_frames
from endoreg_db.deid.video.devices import Source, device_findings, find_device, wrong_device_finding
from endoreg_db.deid.video.join import join
from endoreg_db.deid.video.layout import REASONS
from endoreg_db.deid.video.mask import kept_in_output, output_size
from endoreg_db.deid.video.probe import StreamLook, open_video, probe
from endoreg_db.deid.video.reading import OverlayText, TextProcess, start_reading
from endoreg_db.deid.video.scenes import LOOK_SECONDS
from endoreg_db.deid.video.segments import Segment, plan, read_index, whole_stream
from endoreg_db.deid.video.transcode import SegmentJob, SegmentResult, transcode_segment
from endoreg_db.deid.video.verify import (
    Outline,
    VerifyJob,
    VerifyResult,
    compare_times,
    outline,
    residue_findings,
    verify_segment,
)
from endoreg_db.deid.video.workers import Workers, start_workers
from endoreg_db.errors import CorruptMediaError

Say = Callable[[Message], None]

CANDIDATE = "candidate.mp4"

_PROMISING = frozenset({"mov", "matroska", "avi", "asf"})  # these say in their header how long they are
#: A file that promises more than this many times what it holds was cut off while it was copied.
_PROMISE_BROKEN = 1.05
_MISMATCH_GAP = 0.5  # seconds; frames that do not fit and are closer than that are one incident
_PROMISE_SLACK = 1.0  # seconds; a container's rounding is no broken promise


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known before the work begins."""

    task: VideoTask
    profile: DeviceProfile  # the task's or what was found, in a form that travels to other processes
    found: FoundDevice | None  # None: the task named the device
    facts: VideoFacts
    look: StreamLook
    segments: tuple[Segment, ...]

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the output in pixels."""
        return output_size(self.profile, self.facts.width, self.facts.height)

    @property
    def work_dir(self) -> Path:
        """Where everything is written."""
        return Path(self.task.work_dir)


@dataclass(frozen=True, slots=True)
class Crew:
    """The child processes that do the work, and who is told about it."""

    workers: Workers
    text: TextProcess | None  # None: nothing is read
    say: Say


def deidentify(task: VideoTask, say: Say) -> Done:
    """De-identify one recording and look at the result.

    Args:
        task: what to do.
        say: is told how far the work is and what was found, but not the last message.

    Returns:
        What was made. It is for the caller to decide whether it may be published.

    Raises:
        UnsupportedMediaError, CorruptMediaError, InsufficientStorageError, DeidentificationError:
            nothing usable was made.
    """
    timings: dict[str, float] = {}
    with _timed(timings, "probe"):
        recording = inspect(task)
    say(Probed(recording.facts))
    with start_workers(task.workers) as workers, _reading(recording) as text:
        crew = Crew(workers, text, say)
        with _timed(timings, "encode"):
            results = encode(recording, crew)
        with _timed(timings, "join"):
            candidate = recording.work_dir / CANDIDATE
            join(results, candidate, task.encode, recording.look, recording.output_size)
            say(Progress("join", 1, 1))
        with _timed(timings, "verify"):
            verification = verify(recording, candidate, results, crew)
        overlay = OverlayText(Identity(), ()) if text is None else text.overlay()
    findings = (
        *_device_findings(recording, results),
        *_encode_findings(results, recording.look),
        *overlay.findings,
    )
    for finding in (*findings, *verification.findings):
        say(finding)
    return Done(
        candidate=str(candidate),
        facts=recording.facts,
        frames_decoded=sum(len(result.times) for result in results),
        frames_damaged=sum(result.damaged for result in results),
        identity=overlay.identity,
        findings=findings,
        verification=verification,
        timings=timings,
        found=recording.found,
    )


def inspect(task: VideoTask) -> Recording:
    """Probe the recording, decide where it is cut, and find out what made it if nobody says so.

    Raises:
        UnknownDeviceError: nobody named a device, none fits, and no image can be found.
        UnsupportedMediaError, CorruptMediaError: see :func:`look_into`.
    """
    source = look_into(task.source)
    profile, found = task.profile, None
    if profile is None:
        found = find_device(source, task.known, Path(task.work_dir), read_text=task.read_text)
        profile = found.profile
    # A read-only mapping does not travel to another process; a dict does.
    profile = replace(profile, boxes=dict(profile.boxes))
    return Recording(task, profile, found, source.facts, source.look, source.segments)


def look_into(path: str) -> Source:
    """Probe a recording and decide where it is cut.

    Raises:
        UnsupportedMediaError: not a video that can be worked on.
        CorruptMediaError: far less is there than the container promises.
    """
    facts, look = probe(path)
    with open_video(path) as (container, stream):
        promises = container.format.name in _PROMISING
        # AVI has no presentation times; what is given for them is wrong where frames are reordered.
        trusted = container.format.name != "avi" or not stream.codec_context.has_b_frames
        index = read_index(container.demux(stream))
    if len(index.pts) == 0:
        raise CorruptMediaError("The recording holds no pictures")
    there = index.span * float(facts.time_base)
    if promises and (facts.duration or 0.0) > there * _PROMISE_BROKEN + _PROMISE_SLACK:
        raise CorruptMediaError(
            f"The recording is cut off: {there:.0f} of {facts.duration:.0f} seconds are there"
        )
    segments = plan(index, facts.time_base) if trusted else [whole_stream()]
    return Source(path, facts, look, tuple(segments))


def encode(recording: Recording, crew: Crew) -> list[SegmentResult]:
    """De-identify all pieces.

    Where frames are missing, the stream is decoded once more without cuts. If that gives more of
    them, the loss is not the recording's but ours, and it is encoded in one piece.

    Raises:
        CorruptMediaError: not one frame can be decoded.
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    promised = [segment.frames for segment in recording.segments if segment.frames is not None]
    total = sum(promised) if promised else recording.facts.frames
    on_frames = _progress(crew.say, "encode", total)

    def on_result(result: SegmentResult) -> None:
        if crew.text is not None:
            crew.text.read_boxes(result.overlay)

    results = crew.workers.run(transcode_segment, _segment_jobs(recording), on_frames, on_result)
    if len(results) > 1 and any(result.damaged for result in results):
        (there,) = crew.workers.run(count_frames, [recording.task.source], lambda _: None)
        if there > sum(len(result.times) for result in results):
            for result in results:
                Path(result.spool).unlink()
            return encode(replace(recording, segments=(whole_stream(total),)), crew)
    if not any(result.times for result in results):
        raise CorruptMediaError("Not one picture of the recording can be decoded")
    return results


def verify(
    recording: Recording, candidate: Path, results: Sequence[SegmentResult], crew: Crew
) -> Verification:
    """Look at the finished output, anew and on its own.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    seen = outline(candidate, recording.output_size)
    times = [time for result in results for time in result.times]
    ratio = recording.look.time_base / seen.time_base
    blanked = tuple(
        (int((run.first - times[0]) * ratio), int((run.last - times[0]) * ratio))
        for result in results
        for run in result.blanked
    )

    def on_result(piece: VerifyResult) -> None:
        if crew.text is not None:
            crew.text.read_scenes(piece.scenes)

    pieces = crew.workers.run(
        verify_segment,
        _verify_jobs(recording, candidate, seen, blanked),
        _progress(crew.say, "verify", len(times)),
        on_result,
    )
    return Verification(
        frames=sum(len(piece.times) for piece in pieces),
        duration=_seconds_shown(pieces, recording.look.frame_rate, seen.time_base),
        largest_residue=max(piece.largest_residue for piece in pieces),
        scenes_read=sum(len(piece.scenes) for piece in pieces),
        findings=(
            *seen.findings,
            *compare_times(pieces, [time - times[0] for time in times], ratio),
            *residue_findings(pieces),
            *(() if crew.text is None else condensed(crew.text.scene_findings(), gap=1.5 * LOOK_SECONDS)),
        ),
    )


def _segment_jobs(recording: Recording) -> list[SegmentJob]:
    return [
        SegmentJob(
            source=recording.task.source,
            segment=segment,
            profile=recording.profile,
            encode=recording.task.encode,
            look=recording.look,
            width=recording.facts.width,
            height=recording.facts.height,
            spool=str(recording.work_dir / f"segment-{segment.number:05}.packets"),
            zero=recording.segments[0].start,
            watch_overlay=recording.task.read_text,
        )
        for segment in recording.segments
    ]


def _verify_jobs(
    recording: Recording, candidate: Path, seen: Outline, blanked: tuple[tuple[int, int], ...]
) -> list[VerifyJob]:
    return [
        VerifyJob(
            path=str(candidate),
            segment=segment,
            size=recording.output_size,
            kept=kept_in_output(recording.profile),
            full_range=recording.look.colour_range == 2,
            blanked=tuple(span for span in blanked if _touches(segment, span)),
            scenes=recording.task.work_dir if recording.task.read_text else None,
            is_last=segment is seen.segments[-1],
        )
        for segment in seen.segments
    ]


def _touches(segment: Segment, span: tuple[int, int]) -> bool:
    """Whether a span of time, both ends included, reaches into the piece."""
    first, last = span
    return (segment.end is None or first < segment.end) and (segment.start is None or last >= segment.start)


def _reading(recording: Recording) -> AbstractContextManager[TextProcess | None]:
    return start_reading(recording.profile) if recording.task.read_text else nullcontext()


def _seconds_shown(pieces: Sequence[VerifyResult], rate: Fraction, time_base: Fraction) -> float:
    """Seconds from the first frame to the end of the last one."""
    times = [time for piece in pieces for time in piece.times]
    return float((max(times) - min(times)) * time_base + 1 / rate) if times else 0.0


def _device_findings(recording: Recording, results: Sequence[SegmentResult]) -> list[Finding]:
    findings = device_findings(recording.found)
    profile, task = recording.profile, recording.task
    if not profile.confirmed:
        detail = f"The layout of {profile.title} was never checked on a real recording"
        findings.append(Finding("unconfirmed_profile", "review", detail))
    if recording.found is None:
        source = Source(task.source, recording.facts, recording.look, recording.segments)
        wrong = wrong_device_finding(source, profile, task.known, results)
        findings += [] if wrong is None else [wrong]
    return findings


def _encode_findings(results: Sequence[SegmentResult], look: StreamLook) -> list[Finding]:
    zero = min(result.times[0] for result in results if result.times)
    mismatches = [
        Finding(
            "layout_mismatch",
            "review",
            f"Does not look like this device's picture, blanked whole: {REASONS[run.reason]}",
            start=float((run.first - zero) * look.time_base),
            end=float((run.last - zero) * look.time_base),
        )
        for result in results
        for run in result.blanked
    ]
    findings = list(condensed(mismatches, gap=_MISMATCH_GAP))
    if damaged := sum(result.damaged for result in results):
        frames = sum(len(result.times) for result in results)
        detail = f"{damaged} frames or packets are damaged or missing; {frames} frames were decoded"
        findings.append(Finding("damaged_frames", "review", detail))
    if any(result.restless for result in results):
        detail = "Something moves where the overlay should be; it was not read to the end"
        findings.append(Finding("overlay_restless", "review", detail))
    return findings


def _progress(say: Say, stage: Stage, total: int | None) -> Callable[[int], None]:
    def report(frames: int) -> None:
        say(Progress(stage, frames, total))

    return report


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    timings[stage] = time.monotonic() - begun
