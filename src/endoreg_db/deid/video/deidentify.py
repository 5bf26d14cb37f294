"""The video pass, told step by step: probe, cut, blank and encode, join, look again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import get_args

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import (
    ENCODER_REPLACED,
    SOFTWARE_ENCODER,
    Done,
    EncodeSettings,
    Finding,
    FoundDevice,
    Message,
    Probed,
    Progress,
    Verification,
    VideoFacts,
    VideoStage,
    VideoTask,
)
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.appearance import unpacked
from endoreg_db.deid.video.covers import Cover
from endoreg_db.deid.video.decode import count_frames
from endoreg_db.deid.video.devices import find_device
from endoreg_db.deid.video.findings import encode_findings, layout_findings
from endoreg_db.deid.video.finished import Outline, OutlineJob, compare_bytes, compare_times, outline_of
from endoreg_db.deid.video.hardware import MOST_SESSIONS, made_with
from endoreg_db.deid.video.image_text import (
    SceneReading,
    Sight,
    text_covers,
    text_findings,
    whole_covers,
)
from endoreg_db.deid.video.join import JoinJob, all_times, join_pieces
from endoreg_db.deid.video.manifest import PACKETS_SUFFIX, remove_pieces
from endoreg_db.deid.video.mask import kept_box, kept_in_output, output_size
from endoreg_db.deid.video.outside import outside_covers, outside_findings, outside_spans
from endoreg_db.deid.video.pieces import Piece, Tally, make_piece, maker
from endoreg_db.deid.video.probe import StreamLook
from endoreg_db.deid.video.reading import OverlayText, TextProcess, start_reading
from endoreg_db.deid.video.region import Activity, ActivitySum
from endoreg_db.deid.video.segments import Segment, whole_stream
from endoreg_db.deid.video.source import Source, look_into_job
from endoreg_db.deid.video.transcode import SegmentJob, SegmentResult
from endoreg_db.deid.video.tuning import choose, trial_jobs, try_analysis
from endoreg_db.deid.video.verify import looked_at, residue_findings, restless_findings
from endoreg_db.deid.video.workers import Workers, start_workers
from endoreg_db.errors import CorruptMediaError

Say = Callable[[Message], None]

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


@dataclass(frozen=True, slots=True)
class Crew:
    """The child processes that do the work, and who is told about it."""

    workers: Workers
    text: TextProcess | None  # None: nothing is read
    say: Say
    tally: Tally = field(default_factory=Tally)

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
    with start_workers(task.workers) as workers, _reading(task) as text:
        with _timed(timings, "probe"):
            recording = inspect(task, workers)
        say(Probed(recording.facts))

        def make(settings: EncodeSettings, tell: Say) -> Done:
            attempt = replace(recording, task=replace(task, encode=settings))
            if settings.encoder == SOFTWARE_ENCODER:
                return complete(attempt, Crew(workers, text, tell), timings)
            # A driver may take its workers with it.
            with start_workers(min(task.workers, MOST_SESSIONS)) as own, _reading(task) as reader:
                return complete(attempt, Crew(own, reader, tell), timings)

        look, size, work_dir = recording.look, recording.output_size, recording.work_dir
        done = made_with(task.encode, look, size, make, say, work_dir)
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
    task = recording.task
    if crew.text is not None:
        crew.text.begin(recording.profile)
    with _timed(timings, "encode"):
        recording, work = encode(tuned(recording, crew), crew)
        recording, work, outside = blank_outside(recording, work, crew)
    work, verification = finish(recording, work, crew, timings)
    overlay = OverlayText(Identity(), ()) if crew.text is None else crew.text.overlay()
    results, source = work.results, recording.source
    damaged = source.lost + sum(result.damaged for result in results)
    findings = (
        *layout_findings(source, recording.profile, recording.found, task.known, results, work.motion),
        *encode_findings(results, damaged, source.look.time_base),
        *outside,
        *overlay.findings,
    )
    return Done(
        candidate=str(recording.work_dir / CANDIDATE),
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
        encoder=task.encode.encoder,
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
    trials = trial_jobs(_segment_jobs(recording), frames / float(recording.look.frame_rate))
    if not trials:
        return recording
    analysis = choose(crew.workers.run(try_analysis, trials, lambda _: None))
    settings = replace(recording.task.encode, analysis=analysis)
    return replace(recording, task=replace(recording.task, encode=settings))


def encode(recording: Recording, crew: Crew) -> tuple[Recording, Work]:
    """De-identify all pieces, and look at each as soon as it is made.

    Where frames are missing, the stream is decoded once more without cuts. If that gives more of
    them, the loss is not the recording's but ours, and it is encoded in one piece.

    Returns:
        The recording, as it was cut in the end, and its pieces.

    Raises:
        CorruptMediaError: not one frame can be decoded.
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    promised = [segment.frames for segment in recording.segments if segment.frames is not None]
    total = sum(promised) if promised else recording.facts.frames
    on_frames = _progress(crew.say, "encode", total)
    moved = ActivitySum()

    def keep(piece: Piece) -> Piece:
        assert piece.made.motion is not None
        moved.add(piece.made.motion)
        return crew.on_piece(piece)

    pieces = crew.workers.run(make_piece, _segment_jobs(recording), on_frames, keep)
    assert moved.total is not None, "a recording has at least one piece"
    work = Work(tuple(pieces), moved.total)
    if len(work.pieces) > 1 and any(result.damaged for result in work.results):
        (there,) = crew.workers.run(count_frames, [recording.task.source], lambda _: None)
        if there > sum(len(result.times) for result in work.results):
            crew.readings()  # of pieces that are not wanted any more
            whole = replace(recording.source, segments=(whole_stream(total),))
            return encode(replace(recording, source=whole), crew)
    if not any(result.times for result in work.results):
        raise CorruptMediaError("Not one picture of the recording can be decoded")
    return recording, work


def blank_outside(
    recording: Recording, work: Work, crew: Crew
) -> tuple[Recording, Work, tuple[Finding, ...]]:
    """Blank the scenes outside the body, now that all of the recording was looked at.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    looks = (look for result in work.results for look in unpacked(result.appearances))
    sight = _sight(recording, work.results)
    when = (sight.first, sight.last, float(sight.time_base))
    spans = outside_spans(looks, *when)
    again = encode_again(recording, work, outside_covers(spans), crew)
    return *again, outside_findings(spans, *when)


def encode_again(
    recording: Recording, work: Work, covers: tuple[Cover, ...], crew: Crew
) -> tuple[Recording, Work]:
    """Encode anew, and look anew at, the pieces in which more is blanked.

    The others stay as they are, to the byte, and so does what was found in them.

    Raises:
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    recording = replace(recording, covers=(*recording.covers, *covers))
    affected = {
        result.number
        for result in work.results
        if result.times and any(cover.touches(result.times[0], result.times[-1]) for cover in covers)
    }
    if not affected:
        return recording, work
    still = tuple(r for r in (*work.readings, *crew.readings()) if r.piece not in affected)
    # What the source shows is known.
    jobs = [
        replace(job, watch_overlay=False, watch_scene=False)
        for job in _segment_jobs(recording)
        if job.segment.number in affected
    ]
    frames = sum(len(result.times) for result in work.results if result.number in affected)
    made = crew.workers.run(make_piece, jobs, _progress(crew.say, "encode", frames), crew.on_piece)
    anew = {piece.made.number: piece for piece in made}
    pieces = (_made_again(old, anew.get(old.made.number)) for old in work.pieces)
    return recording, Work(tuple(pieces), work.motion, still)


def _made_again(old: Piece, anew: Piece | None) -> Piece:
    """The piece as it is now, with what was seen in the source at first."""
    if anew is None:
        return old
    first = old.made
    return replace(anew, made=replace(anew.made, restless=first.restless, appearances=first.appearances))


def finish(
    recording: Recording, work: Work, crew: Crew, timings: dict[str, float]
) -> tuple[Work, Verification]:
    """Blank text inside the image until none is found, join the pieces, and compare the file with them.

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
            covers = covering(work.readings, _sight(recording, work.results))
            recording, work = encode_again(recording, work, covers, crew)
    candidate = recording.work_dir / CANDIDATE
    with _timed(timings, "join"):
        results = tuple(work.results)
        settings, look, size = recording.task.encode, recording.look, recording.output_size
        job = JoinJob(results, str(candidate), settings, look, size)
        crew.workers.run(join_pieces, [job], lambda _: None)
        crew.say(Progress("join", 1, 1))
    with _timed(timings, "verify"):
        verification = verify(recording, candidate, work.pieces, crew.workers)
        crew.say(Progress("verify", verification.frames, verification.frames))
    remove_pieces(recording.work_dir)
    return work, replace(verification, findings=(*verification.findings, *blanked))


def verify(recording: Recording, candidate: Path, pieces: Sequence[Piece], workers: Workers) -> Verification:
    """Compare the finished output with the pieces that were looked at.

    Raises:
        UnsupportedMediaError, CorruptMediaError: it is no video.
    """
    looks = [piece.seen for piece in pieces]
    times = all_times([piece.made for piece in pieces])
    counts = tuple(look.packets for look in looks)
    job = OutlineJob(str(candidate), recording.output_size, counts, pieces[0].made.extradata)
    (seen,) = workers.run(outline_of, [job], lambda _: None)
    return Verification(
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


def _segment_jobs(recording: Recording) -> list[SegmentJob]:
    made_by = maker()
    jobs = [
        SegmentJob(
            source=recording.task.source,
            segment=segment,
            profile=recording.profile,
            encode=recording.task.encode,
            look=recording.look,
            width=recording.facts.width,
            height=recording.facts.height,
            spool="",
            zero=recording.segments[0].start,
            watch_overlay=recording.task.read_text,
            read_output=recording.task.read_text,
            covers=tuple(c for c in recording.covers if _touches(segment, (c.first, c.last))),
            maker=made_by,
        )
        for segment in recording.segments
    ]
    return [replace(job, spool=str(recording.work_dir / f"{_name(job)}{PACKETS_SUFFIX}")) for job in jobs]


def _name(job: SegmentJob) -> str:
    """What its files are called: as none of another encoder, which somebody may still read or write.

    The first version of a piece stays when it is made again, or when the whole is tried: OCR may still
    read its pictures, and an attempt after a crash goes the same way and needs it again.
    """
    segment, encoder = job.segment, job.encode.encoder
    name = "whole" if segment == whole_stream(segment.frames) else f"segment-{segment.number:05}"
    name = name if encoder == SOFTWARE_ENCODER else f"{encoder}-{name}"
    return f"{name}-{len(job.covers)}" if job.covers else name


def _touches(segment: Segment, span: tuple[int, int]) -> bool:
    """Whether a span of time, both ends included, reaches into the piece."""
    first, last = span
    return (segment.end is None or first < segment.end) and (segment.start is None or last >= segment.start)


def _sight(recording: Recording, results: Sequence[SegmentResult]) -> Sight:
    kept, written = kept_box(recording.profile), kept_in_output(recording.profile)
    seen = looked_at(written, recording.output_size)
    times = all_times(results)
    return Sight(
        left=seen.x + kept.x - written.x,
        top=seen.y + kept.y - written.y,
        kept=kept,
        first=times[0],
        last=times[-1],
        time_base=recording.look.time_base,
    )


def _reading(task: VideoTask) -> AbstractContextManager[TextProcess | None]:
    return start_reading() if task.read_text else nullcontext()


def _seconds_shown(seen: Outline, rate: Fraction) -> float:
    """Seconds from the first frame to the end of the last one."""
    return float((seen.times[-1] - seen.times[0]) * seen.time_base + 1 / rate) if seen.times else 0.0


def _progress(say: Say, stage: VideoStage, total: int | None) -> Callable[[int], None]:
    def report(frames: int) -> None:
        say(Progress(stage, frames, total))

    return report


@contextmanager
def _timed(timings: dict[str, float], stage: VideoStage) -> Iterator[None]:
    begun = time.monotonic()
    yield
    timings[stage] += time.monotonic() - begun
