"""The pieces of a recording as jobs for workers, and what the files of each are called."""

from __future__ import annotations

from dataclasses import replace

from endoreg_db.deid.messages import SOFTWARE_ENCODER
from endoreg_db.deid.video.covers import Cover
from endoreg_db.deid.video.manifest import PACKETS_SUFFIX
from endoreg_db.deid.video.pieces import maker
from endoreg_db.deid.video.recording import Recording
from endoreg_db.deid.video.segments import Segment, whole_stream
from endoreg_db.deid.video.transcode import SegmentJob


def segment_jobs(recording: Recording) -> list[SegmentJob]:
    """What is to be done to make each piece, in the order of time."""
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
            covers=tuple(cover for cover in recording.covers if _reaches_into(segment, cover)),
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


def _reaches_into(segment: Segment, cover: Cover) -> bool:
    """Whether something is blanked while the piece is shown; both ends of its time are included."""
    begun = segment.end is None or cover.first < segment.end
    return begun and (segment.start is None or cover.last >= segment.start)
