"""All pieces of a recording: made and looked at, and made again where more is blanked."""

from __future__ import annotations

from dataclasses import replace

from endoreg_db.deid.video.covers import Cover
from endoreg_db.deid.video.crew import Crew
from endoreg_db.deid.video.decode import count_frames
from endoreg_db.deid.video.jobs import segment_jobs
from endoreg_db.deid.video.pieces import Piece, make_piece
from endoreg_db.deid.video.recording import Recording, Work
from endoreg_db.deid.video.region import ActivitySum
from endoreg_db.deid.video.segments import whole_stream
from endoreg_db.errors import CorruptMediaError


def make_pieces(recording: Recording, crew: Crew) -> tuple[Recording, Work]:
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
    moved = ActivitySum()

    def keep(piece: Piece) -> Piece:
        assert piece.made.motion is not None
        moved.add(piece.made.motion)
        return crew.on_piece(piece)

    jobs = segment_jobs(recording)
    pieces = crew.workers.run(make_piece, jobs, crew.progress("encode", total), keep)
    assert moved.total is not None, "a recording has at least one piece"
    work = Work(tuple(pieces), moved.total)
    if len(work.pieces) > 1 and any(result.damaged for result in work.results):
        (there,) = crew.workers.run(count_frames, [recording.task.source], lambda _: None)
        if there > sum(len(result.times) for result in work.results):
            crew.readings()  # of pieces that are not wanted any more
            whole = replace(recording.source, segments=(whole_stream(total),))
            return make_pieces(replace(recording, source=whole), crew)
    if not any(result.times for result in work.results):
        raise CorruptMediaError("Not one picture of the recording can be decoded")
    return recording, work


def make_again(
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
        for job in segment_jobs(recording)
        if job.segment.number in affected
    ]
    frames = sum(len(result.times) for result in work.results if result.number in affected)
    made = crew.workers.run(make_piece, jobs, crew.progress("encode", frames), crew.on_piece)
    anew = {piece.made.number: piece for piece in made}
    pieces = (_made_again(old, anew.get(old.made.number)) for old in work.pieces)
    return recording, Work(tuple(pieces), work.motion, still)


def _made_again(old: Piece, anew: Piece | None) -> Piece:
    """The piece as it is now, with what was seen in the source at first."""
    if anew is None:
        return old
    first = old.made
    return replace(anew, made=replace(anew.made, restless=first.restless, appearances=first.appearances))
