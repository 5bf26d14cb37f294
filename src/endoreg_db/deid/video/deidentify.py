"""The video pass, told step by step: probe, cut, blank and encode, cover text, join, compare."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import get_args

from endoreg_db.deid.messages import (
    ENCODER_REPLACED,
    Done,
    Finding,
    Probed,
    Progress,
    Verification,
    VideoStage,
    VideoTask,
)
from endoreg_db.deid.video.appearance import unpacked
from endoreg_db.deid.video.crew import Crew, Say, start_crew
from endoreg_db.deid.video.devices import find_device
from endoreg_db.deid.video.encoders import made_in_turn
from endoreg_db.deid.video.findings import encode_findings, layout_findings
from endoreg_db.deid.video.finished import Outline, OutlineJob, compare_bytes, compare_times, outline_of
from endoreg_db.deid.video.image_text import text_covers, text_findings, whole_covers
from endoreg_db.deid.video.jobs import segment_jobs
from endoreg_db.deid.video.join import JoinJob, all_times, join_pieces
from endoreg_db.deid.video.making import make_again, make_pieces
from endoreg_db.deid.video.manifest import remove_pieces
from endoreg_db.deid.video.outside import outside_covers, outside_findings, outside_spans
from endoreg_db.deid.video.recording import Recording, Work, sight_of
from endoreg_db.deid.video.source import look_into_job
from endoreg_db.deid.video.tuning import choose, trial_jobs, try_analysis
from endoreg_db.deid.video.verify import residue_findings, restless_findings
from endoreg_db.deid.video.workers import Workers


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
    timings: dict[str, float] = dict.fromkeys(get_args(VideoStage), 0.0)
    with start_crew(task.workers, say, read_text=task.read_text) as crew:
        with _timed(timings, "probe"):
            recording = inspect(task, crew.workers)
        say(Probed(recording.facts))
        done = made_in_turn(recording, crew, partial(complete, timings=timings))
    for finding in (*done.findings, *done.verification.findings):
        if finding.code != ENCODER_REPLACED:  # that was said when it happened
            say(finding)
    return done


def complete(recording: Recording, crew: Crew, timings: dict[str, float]) -> Done:
    """The pass after the probe, with one encoder for all of the recording.

    Args:
        recording: what was found out about it.
        crew: does the work.
        timings: stage → seconds; what the stages take is added.

    Raises:
        CorruptMediaError, InsufficientStorageError, DeidentificationError: nothing usable was made.
    """
    crew.begin(recording.profile)
    with _timed(timings, "encode"):
        recording, work = make_pieces(tuned(recording, crew), crew)
        recording, work, outside = blank_outside(recording, work, crew)
    work, verification = finish(recording, work, crew, timings)
    overlay, results, source = crew.overlay(), work.results, recording.source
    damaged = source.lost + sum(result.damaged for result in results)
    known = recording.task.known
    findings = (
        *layout_findings(source, recording.profile, recording.found, known, results, work.motion),
        *encode_findings(results, damaged, sight_of(recording, work).zero, source.look.time_base),
        *outside,
        *overlay.findings,
    )
    return Done(
        candidate=str(recording.candidate),
        facts=recording.facts,
        frames_decoded=sum(len(result.times) for result in results),
        frames_damaged=damaged,
        identity=overlay.identity,
        findings=findings,
        verification=verification,
        timings=timings,
        found=recording.found,
        encoded=crew.tally.encoded,
        taken_over=crew.tally.taken_over,
        encoder=recording.task.encode.encoder,
    )


def inspect(task: VideoTask, workers: Workers) -> Recording:
    """Probe the recording, decide where it is cut, and find out what made it if nobody says so.

    Raises:
        UnknownDeviceError: nobody named a device, none fits, and no image can be found.
        UnsupportedMediaError, CorruptMediaError: see :func:`look_into`.
    """
    (source,) = workers.run(look_into_job, [task.source], lambda _: None)
    profile, found = task.profile, None
    if profile is None:
        found = find_device(source, task.known, Path(task.work_dir), read_text=task.read_text)
        profile = found.profile
    # A read-only mapping does not travel to another process; a dict does.
    profile = replace(profile, boxes=dict(profile.boxes))
    if profile.fields == "deinterlace":
        source = replace(source, look=replace(source.look, field_order=""))
    return Recording(task, profile, found, source)


def tuned(recording: Recording, crew: Crew) -> Recording:
    """The recording with the encoder set to what pays on it.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    frames = sum(segment.frames or 0 for segment in recording.segments)
    trials = trial_jobs(segment_jobs(recording), frames / float(recording.look.frame_rate))
    if not trials:
        return recording
    analysis = choose(crew.workers.run(try_analysis, trials, lambda _: None))
    return recording.encoded_with(replace(recording.task.encode, analysis=analysis))


def blank_outside(
    recording: Recording, work: Work, crew: Crew
) -> tuple[Recording, Work, tuple[Finding, ...]]:
    """Blank the scenes outside the body, now that all of the recording was looked at.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    looks = (look for result in work.results for look in unpacked(result.appearances))
    sight = sight_of(recording, work)
    when = (sight.first, sight.last, float(sight.time_base))
    spans = outside_spans(looks, *when)
    again = make_again(recording, work, outside_covers(spans), crew)
    return *again, outside_findings(spans, sight.zero, *when)


def finish(
    recording: Recording, work: Work, crew: Crew, timings: dict[str, float]
) -> tuple[Work, Verification]:
    """Cover text inside the image, join the pieces, and compare the file with them.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    recording, work, blanked = cover_text(recording, work, crew, timings)
    with _timed(timings, "join"):
        join(recording, work, crew)
    with _timed(timings, "verify"):
        verification = compare(recording, work, crew)
    remove_pieces(recording.work_dir)
    return work, replace(verification, findings=(*verification.findings, *blanked))


def cover_text(
    recording: Recording, work: Work, crew: Crew, timings: dict[str, float]
) -> tuple[Recording, Work, list[Finding]]:
    """Blank text inside the image until none is found.

    Text is blanked by itself first. Where some is still found, the whole image is. An output in
    which even then text is found is not safe.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    blanked: list[Finding] = []
    for covering, words in ((text_covers, "it was blanked"), (whole_covers, "all was blanked"), (None, "")):
        with _timed(timings, "verify"):
            work = replace(work, readings=(*work.readings, *crew.readings()))
        if not any(reading.texts for reading in work.readings):
            break
        if covering is None:
            blanked += text_findings(work.readings, "it cannot be blanked", "fatal")
            break
        blanked += text_findings(work.readings, words, "review")
        with _timed(timings, "encode"):
            covers = covering(work.readings, sight_of(recording, work))
            recording, work = make_again(recording, work, covers, crew)
    return recording, work, blanked


def join(recording: Recording, work: Work, crew: Crew) -> None:
    """Write all pieces into one file.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    results, target = tuple(work.results), str(recording.candidate)
    job = JoinJob(results, target, recording.task.encode, recording.look, recording.output_size)
    crew.workers.run(join_pieces, [job], lambda _: None)
    crew.say(Progress("join", 1, 1))


def compare(recording: Recording, work: Work, crew: Crew) -> Verification:
    """Compare the finished output with the pieces that were looked at.

    Raises:
        UnsupportedMediaError, CorruptMediaError: it is no video.
    """
    looks = [piece.seen for piece in work.pieces]
    times = all_times(work.results)
    counts, extradata = tuple(look.packets for look in looks), work.pieces[0].made.extradata
    job = OutlineJob(str(recording.candidate), recording.output_size, counts, extradata)
    (seen,) = crew.workers.run(outline_of, [job], lambda _: None)
    verification = Verification(
        frames=sum(len(look.times) for look in looks),
        duration=_seconds_shown(seen, recording.look.frame_rate),
        largest_residue=max(look.largest_residue for look in looks),
        scenes_read=sum(len(look.scenes) for look in looks),
        findings=(
            *seen.findings,
            *compare_bytes(looks, seen),
            *compare_times(looks, seen, times, recording.look.time_base / seen.time_base),
            *residue_findings(looks),
            *restless_findings(looks),
        ),
    )
    crew.say(Progress("verify", verification.frames, verification.frames))
    return verification


def _seconds_shown(seen: Outline, rate: Fraction) -> float:
    """Seconds from the first frame to the end of the last one."""
    return float((seen.times[-1] - seen.times[0]) * seen.time_base + 1 / rate) if seen.times else 0.0


@contextmanager
def _timed(timings: dict[str, float], stage: VideoStage) -> Iterator[None]:
    begun = time.monotonic()
    yield
    timings[stage] += time.monotonic() - begun
