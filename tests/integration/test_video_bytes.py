"""The finished file is made of the very bytes that were decoded and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import EncodeSettings
from endoreg_db.deid.video.finished import compare_bytes, outline
from endoreg_db.deid.video.join import join
from endoreg_db.deid.video.pieces import Piece, make_piece
from endoreg_db.deid.video.spool import read_packets, write_packet
from endoreg_db.deid.video.transcode import SegmentJob
from endoreg_db.deid.video.verify import VerifyJob, verify_segment
from tests.integration.video_clips import SMALL, jobs_of, numbered, write_clip

SETTINGS = EncodeSettings(preset="ultrafast", crf=16)
SIZE = (SMALL.frame_width, SMALL.frame_height)


def jobs(folder: Path) -> list[SegmentJob]:
    """Two segments of a recording of four seconds."""
    source = folder / "recording.mp4"
    write_clip(source, [numbered(n) for n in range(100)], options={"preset": "ultrafast", "g": "10"})
    return jobs_of(source, folder)


def finish(made: Sequence[SegmentJob], folder: Path) -> tuple[list[Piece], Path]:
    pieces = [make_piece(job, lambda: None) for job in made]
    return pieces, folder / "candidate.mp4"


def codes_of(pieces: Sequence[Piece], candidate: Path) -> set[str]:
    """What a look at the finished file finds."""
    looks = [piece.seen for piece in pieces]
    seen = outline(candidate, SIZE, [look.packets for look in looks], pieces[0].made.extradata)
    return {finding.code for finding in (*seen.findings, *compare_bytes(looks, seen))}


def test_a_file_of_the_bytes_that_were_looked_at_is_fine(tmp_path: Path) -> None:
    made = jobs(tmp_path)
    pieces, candidate = finish(made, tmp_path)
    join([piece.made for piece in pieces], candidate, SETTINGS, made[0].look, SIZE)

    assert len(pieces) == 2 and sum(piece.seen.packets for piece in pieces) == 100
    assert codes_of(pieces, candidate) == set()


@pytest.mark.parametrize("what", ["changed", "dropped", "swapped"])
def test_other_bytes_than_were_looked_at_are_found(tmp_path: Path, what: str) -> None:
    made = jobs(tmp_path)
    pieces, candidate = finish(made, tmp_path)
    spool = Path(pieces[1].made.spool)
    packets = list(read_packets(spool))
    if what == "changed":
        packets[7] = replace(packets[7], data=packets[7].data[:-1] + bytes([packets[7].data[-1] ^ 64]))
    elif what == "dropped":
        del packets[-1]
    else:
        one, other = packets[3], packets[4]
        packets[3], packets[4] = replace(one, data=other.data), replace(other, data=one.data)
    with spool.open("wb") as file:
        for packet in packets:
            write_packet(file, packet)
    join([piece.made for piece in pieces], candidate, SETTINGS, made[0].look, SIZE)

    assert codes_of(pieces, candidate) == {"bytes_differ"}


def test_a_frame_that_is_not_blank_beside_the_image_is_found(tmp_path: Path) -> None:
    """A look decodes what lies on the disk, whatever the encoder was meant to write there."""
    made = jobs(tmp_path)[0]
    leaky = replace(made, profile=replace(made.profile, image=Box(0, 0, *SIZE)))
    piece = make_piece(leaky, lambda: None)

    seen = verify_segment(
        VerifyJob(
            number=0,
            spool=piece.made.spool,
            extradata=piece.made.extradata,
            size=SIZE,
            kept=made.profile.image.shrunk_to_even(),
            full_range=False,
            time_base=made.look.time_base,
            zero=0,
            covers=(),
            scenes=None,
            is_last=False,
        )
    )

    assert seen.largest_residue > 100 and seen.residue_at == 0.0
