"""The video pass, told step by step: probe, cut, blank and encode, join, look again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import (
    Done,
    Finding,
    Message,
    Probed,
    Progress,
    Stage,
    Verification,
    VideoFacts,
    VideoTask,
)
from endoreg_db.deid.video.decode import count_frames
from endoreg_db.deid.video.join import join
from endoreg_db.deid.video.mask import kept_in_output, output_size
from endoreg_db.deid.video.probe import StreamLook, open_video, probe
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

#: A file that promises more than this many times what it holds was cut off while it was copied.
_PROMISE_BROKEN = 1.05
_PROMISING = frozenset({"mov", "matroska", "avi", "asf"})  # these say in their header how long they are
_PROMISE_SLACK = 1.0  # seconds; a container's rounding is no broken promise


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
    findings: list[Finding] = []

    def found(new: Sequence[Finding]) -> None:
        findings.extend(new)
        for finding in new:
            say(finding)

    with start_workers(task.workers) as workers:
        with _timed(timings, "probe"):
            facts, look = probe(task.source)
            segments = _cut(task.source, facts)
            say(Probed(facts))
            found(_profile_findings(task))
        with _timed(timings, "encode"):
            results = _encode(task, facts, look, segments, workers, say)
            found(_encode_findings(results, look.time_base))
        with _timed(timings, "join"):
            candidate = Path(task.work_dir) / CANDIDATE
            join(results, candidate, task.encode, look, output_size(task.profile, facts.width, facts.height))
            say(Progress("join", 1, 1))
        with _timed(timings, "verify"):
            verification = _verify(task, facts, look, candidate, results, workers, say)
    return Done(
        candidate=str(candidate),
        facts=facts,
        frames_decoded=sum(len(result.times) for result in results),
        frames_damaged=sum(result.damaged for result in results),
        identity=Identity(),
        findings=tuple(findings),
        verification=verification,
        timings=timings,
    )


def _cut(source: str, facts: VideoFacts) -> list[Segment]:
    """The pieces of the recording.

    Raises:
        CorruptMediaError: far less is there than the container promises.
    """
    with open_video(source) as (container, stream):
        index = read_index(container.demux(stream))
        promises = container.format.name in _PROMISING
        # AVI has no presentation times; what is given for them is wrong where frames are reordered.
        trusted = container.format.name != "avi" or not stream.codec_context.has_b_frames
    if len(index.pts) == 0:
        raise CorruptMediaError("The recording holds no pictures")
    if facts.duration is not None and promises:
        there = index.span * float(facts.time_base)
        if facts.duration > there * _PROMISE_BROKEN + _PROMISE_SLACK:
            raise CorruptMediaError(
                f"The recording is cut off: {there:.0f} of {facts.duration:.0f} seconds are there"
            )
    return plan(index, facts.time_base) if trusted else [whole_stream()]


def _encode(
    task: VideoTask,
    facts: VideoFacts,
    look: StreamLook,
    segments: Sequence[Segment],
    workers: Workers,
    say: Say,
) -> list[SegmentResult]:
    """De-identify all pieces.

    Where frames are missing, the stream is decoded once more without cuts. If that gives more of
    them, the loss is not the recording's but ours, and it is encoded in one piece.
    """
    # A read-only mapping does not travel to another process; a dict does.
    sendable = replace(task.profile, boxes=dict(task.profile.boxes))
    jobs = [
        SegmentJob(
            source=task.source,
            segment=segment,
            profile=sendable,
            encode=task.encode,
            look=look,
            width=facts.width,
            height=facts.height,
            spool=str(Path(task.work_dir) / f"segment-{segment.number:05}.packets"),
        )
        for segment in segments
    ]
    promised = [segment.frames for segment in segments if segment.frames is not None]
    total = sum(promised) if len(promised) == len(segments) else facts.frames
    results = workers.run(transcode_segment, jobs, _progress(say, "encode", total))
    if len(segments) > 1 and any(result.damaged for result in results):
        (there,) = workers.run(count_frames, [task.source], _progress(say, "encode", total))
        if there > sum(len(result.times) for result in results):
            return _encode(task, facts, look, [whole_stream(total)], workers, say)
    if not any(result.times for result in results):
        raise CorruptMediaError("Not one picture of the recording can be decoded")
    return results


def _verify(
    task: VideoTask,
    facts: VideoFacts,
    look: StreamLook,
    candidate: Path,
    results: Sequence[SegmentResult],
    workers: Workers,
    say: Say,
) -> Verification:
    seen = outline(candidate)
    times = [time for result in results for time in result.times]
    ratio = look.time_base / seen.time_base
    spans = [(a - times[0], b - times[0]) for result in results for a, b in result.blanked]
    jobs = _verify_jobs(task, facts, look, candidate, seen, [(a * ratio, b * ratio) for a, b in spans])
    pieces = workers.run(verify_segment, jobs, _progress(say, "verify", len(times)))
    findings = [
        *seen.findings,
        *compare_times(pieces, [time - times[0] for time in times], ratio),
        *residue_findings(pieces),
    ]
    return Verification(
        frames=sum(len(piece.times) for piece in pieces),
        duration=_seconds_shown(pieces, look.frame_rate, seen.time_base),
        largest_residue=max(piece.largest_residue for piece in pieces),
        scenes_read=0,
        findings=tuple(findings),
    )


def _verify_jobs(
    task: VideoTask,
    facts: VideoFacts,
    look: StreamLook,
    candidate: Path,
    seen: Outline,
    blanked: Sequence[tuple[Fraction, Fraction]],
) -> list[VerifyJob]:
    return [
        VerifyJob(
            path=str(candidate),
            segment=segment,
            size=output_size(task.profile, facts.width, facts.height),
            kept=kept_in_output(task.profile),
            full_range=look.colour_range == 2,
            blanked=tuple((int(a), int(b)) for a, b in blanked),
        )
        for segment in seen.segments
    ]


def _seconds_shown(pieces: Sequence[VerifyResult], rate: Fraction, time_base: Fraction) -> float:
    """Seconds from the first frame to the end of the last one."""
    times = [time for piece in pieces for time in piece.times]
    return float((max(times) - min(times)) * time_base + 1 / rate) if times else 0.0


def _profile_findings(task: VideoTask) -> list[Finding]:
    if task.profile.confirmed:
        return []
    detail = f"The layout of {task.profile.title} was never checked on a real recording"
    return [Finding("unconfirmed_profile", "review", detail)]


def _encode_findings(results: Sequence[SegmentResult], time_base: Fraction) -> list[Finding]:
    zero = min(result.times[0] for result in results if result.times)
    findings = [
        Finding(
            "layout_mismatch",
            "review",
            "The picture does not look like this device's; it was blanked whole",
            start=float((first - zero) * time_base),
            end=float((last - zero) * time_base),
        )
        for result in results
        for first, last in result.blanked
    ]
    if damaged := sum(result.damaged for result in results):
        frames = sum(len(result.times) for result in results)
        detail = f"{damaged} frames could not be decoded, {frames} could"
        findings.append(Finding("damaged_frames", "review", detail))
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
