"""One piece of the output, made and looked at in the same worker, one after the other.

The look believes nothing of what was made but reads the packets from the disk again. It may begin
before the other pieces are made, because :mod:`endoreg_db.deid.video.verify` compares the finished
file with the packets that were looked at, byte by byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from endoreg_db.deid.video.covers import Cover, in_output
from endoreg_db.deid.video.mask import kept_in_output, output_size
from endoreg_db.deid.video.transcode import SegmentJob, SegmentResult, Tick, transcode_segment
from endoreg_db.deid.video.verify import VerifyJob, VerifyResult, verify_segment


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece, and what a look at it found."""

    made: SegmentResult
    seen: VerifyResult


def make_piece(job: SegmentJob, tick: Tick) -> Piece:
    """De-identify one segment, then decode and check what was written.

    Raises:
        OSError, EOFError: no room, or a file cannot be read any more.
        av.error.FFmpegError: the encoder refused.
    """
    made = transcode_segment(job, tick)
    return Piece(made, verify_segment(_look(job, made)))


def _look(job: SegmentJob, made: SegmentResult) -> VerifyJob:
    misfits = [Cover(None, run.first, run.last) for run in made.blanked]
    return VerifyJob(
        number=made.number,
        spool=made.spool,
        extradata=made.extradata,
        size=output_size(job.profile, job.width, job.height),
        kept=kept_in_output(job.profile),
        full_range=job.look.colour_range == 2,
        time_base=job.look.time_base,
        zero=job.zero if job.zero is not None else made.times[0] if made.times else 0,
        covers=in_output((*misfits, *job.covers), job.profile, 0, Fraction(1)),
        scenes=str(Path(job.spool).with_suffix("")) if job.read_output else None,
        is_last=job.segment.end is None,
    )
