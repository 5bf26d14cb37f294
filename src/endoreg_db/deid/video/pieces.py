"""One piece of the output, made and looked at in the same worker, one after the other.

The look believes nothing of what was made but reads the packets from the disk again. It may begin
before the other pieces are made, because :mod:`endoreg_db.deid.video.finished` compares the finished
file with the packets that were looked at, byte by byte.

A piece that an earlier attempt has finished is *taken over*: its packets were made from what they would
be made from now, by the same code, and are looked at like any others; nothing else of it is believed.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, fields
from fractions import Fraction
from importlib import resources
from pathlib import Path

import av
import av.error

from endoreg_db.deid.video.covers import Cover, in_output
from endoreg_db.deid.video.manifest import Manifest, fits, manifest_path, read_manifest, write_manifest
from endoreg_db.deid.video.mask import kept_in_output, output_size
from endoreg_db.deid.video.transcode import SegmentJob, SegmentResult, Tick, transcode_segment
from endoreg_db.deid.video.verify import MAX_RESIDUE, VerifyJob, VerifyResult, verify_segment

#: Of a job, what the bytes of the piece do not depend on. Whatever is new in a job counts.
_NOT_OF_THE_BYTES = frozenset({"source", "spool", "profile", "watch_overlay", "watch_scene", "read_output"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece, and what a look at it found."""

    made: SegmentResult
    seen: VerifyResult
    taken_over: bool = False  # an earlier attempt has encoded it


@dataclass(slots=True)
class Tally:
    """How many pieces were made, those that were made again included."""

    encoded: int = 0
    taken_over: int = 0

    def add(self, piece: Piece) -> None:
        """Count one more."""
        if piece.taken_over:
            self.taken_over += 1
        else:
            self.encoded += 1


def make_piece(job: SegmentJob, tick: Tick) -> Piece:
    """De-identify one segment, then decode and check what was written.

    Not encoded is what an earlier attempt has left at ``job.spool``, if it is what would be made.

    Raises:
        OSError, EOFError: no room, or a file cannot be read any more.
        av.error.FFmpegError: the encoder refused.
    """
    manifest = _manifest_of(job)
    if manifest is not None:
        earlier = _taken_over(job, manifest, tick)
        if earlier is not None:
            return earlier
        tick = _not_again  # these frames were counted
    spool = Path(job.spool)
    manifest_path(spool).unlink(missing_ok=True)  # first: from here on it tells of other bytes
    made = transcode_segment(job, tick)
    if job.maker:
        write_manifest(spool, recipe(job), made.source)
    return Piece(made, verify_segment(_look(job, made)))


def maker() -> str:
    """Which code makes the pieces: SHA-256 (hex) over this library's own and FFmpeg's versions."""
    digest = hashlib.sha256(repr((av.__version__, sorted(av.library_versions.items()))).encode())
    for package in ("endoreg_db.deid", "endoreg_db.deid.video"):
        for module in sorted(resources.files(package).iterdir(), key=lambda entry: entry.name):
            if module.name.endswith(".py"):
                digest.update(module.name.encode() + hashlib.sha256(module.read_bytes()).digest())
    return digest.hexdigest()


def recipe(job: SegmentJob) -> str:
    """SHA-256 (hex) of all that the bytes of a piece depend on, but for the source's own."""
    told = {field.name: getattr(job, field.name) for field in fields(job)}
    parts = {name: value for name, value in told.items() if name not in _NOT_OF_THE_BYTES}
    return hashlib.sha256(repr((job.profile.digest, sorted(parts.items()))).encode()).hexdigest()


def _manifest_of(job: SegmentJob) -> Manifest | None:
    """Of the piece that lies where this one is to be written, if it was made in the same way."""
    manifest = read_manifest(Path(job.spool)) if job.maker else None
    if manifest is None or manifest.recipe != recipe(job) or not fits(Path(job.spool), manifest):
        return None
    return manifest


def _taken_over(job: SegmentJob, manifest: Manifest, tick: Tick) -> Piece | None:
    """The piece with the packets that are there; None if they are not of this source, or not as they must be.

    Raises:
        OSError: the source cannot be read any more.
    """
    made = transcode_segment(job, tick, write=False)
    if made.source != manifest.source:
        return None
    # What was to harm the look fails here, and is then made anew like any that does not fit.
    with suppress(OSError, EOFError, ValueError, av.error.FFmpegError):
        seen = verify_segment(_look(job, made))
        all_there = not seen.damaged and list(seen.times) == list(made.times)
        if all_there and seen.largest_residue <= MAX_RESIDUE:
            return Piece(made, seen, taken_over=True)
        for look in seen.scenes:
            for path in look.paths:
                Path(path).unlink()
    return None


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


def _not_again() -> None:
    """In place of a tick."""
