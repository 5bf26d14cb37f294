"""Where a part of the image is blanked from some frame on, nothing is predicted from the frames before."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Analysis, EncodeSettings
from endoreg_db.deid.video.covers import Covered
from endoreg_db.deid.video.encode import open_encoder
from endoreg_db.deid.video.mask import black, plane_views
from endoreg_db.deid.video.probe import StreamLook
from endoreg_db.deid.video.spool import read_packets
from endoreg_db.deid.video.transcode import PacketSink
from endoreg_db.deid.video.verify import MAX_RESIDUE, blank_residue, inner_part

LOOK = StreamLook(Fraction(1, 25), Fraction(25), None, 1, 2, 2, 2, "", 0)
WIDTH, HEIGHT = 640, 360
COVER = Box(64, 64, 512, 192)
FIRST = 12  # frame from which on the box is blanked
BLACK = black(full_range=False)


def tissue(rng: np.random.Generator, covered: bool) -> av.VideoFrame:
    """A frame of moving noise, as of a grainy source; blank in the box if it is covered."""
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for number, (view, value) in enumerate(zip(plane_views(frame), BLACK, strict=True)):
        coarse = rng.normal(110, 25, (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1)
        grain = rng.normal(0, 9, (HEIGHT, WIDTH)) + coarse
        step = 1 if number == 0 else 2
        view[:] = grain[::step, ::step].clip(16, 235).astype(np.uint8)
        if covered:
            rows, columns = COVER.slices
            view[rows.start // step : rows.stop // step, columns.start // step : columns.stop // step] = value
    return frame


@pytest.mark.parametrize("analysis", ["preset", "whole_blocks"])
def test_the_first_covered_frame_is_black_to_the_last_grey_levels(tmp_path: Path, analysis: Analysis) -> None:
    rng = np.random.default_rng(1)
    encoder = open_encoder(EncodeSettings(crf=26, analysis=analysis), LOOK, WIDTH, HEIGHT)
    with (tmp_path / "spool").open("wb") as file:
        sink = PacketSink(encoder, "libx264", file)
        for number in range(2 * FIRST):
            sink.write(tissue(rng, number >= FIRST), number, afresh=number == FIRST)
        sink.finish()

    frames = decoded(tmp_path / "spool", encoder.extradata or b"")

    inner = inner_part(COVER)
    assert inner is not None
    assert len(frames) == 2 * FIRST
    assert frames[FIRST].pict_type == PictureType.I
    residues = [blank_residue(plane_views(frame), [inner], BLACK) for frame in frames]
    assert min(residues[:FIRST]) > 100, "the box is not covered yet"
    assert max(residues[FIRST:]) <= MAX_RESIDUE


def decoded(spool: Path, extradata: bytes) -> list[av.VideoFrame]:
    codec = av.CodecContext.create("h264", "r")
    assert isinstance(codec, VideoCodecContext)
    codec.extradata = extradata
    frames = []
    for packet in [*read_packets(spool), None]:
        timed = None if packet is None else Packet(packet.data)
        if timed is not None and packet is not None:
            timed.pts, timed.dts = packet.pts, packet.dts
        frames += codec.decode(timed)
    return frames


@pytest.mark.parametrize(
    ("before", "now", "more"),
    [
        (Covered(False, ()), Covered(False, ()), False),
        (Covered(False, ()), Covered(False, (COVER,)), True),
        (Covered(False, (COVER,)), Covered(False, (COVER,)), False),
        (Covered(False, (COVER,)), Covered(False, (COVER, Box(0, 0, 2, 2))), True),
        (Covered(False, (COVER,)), Covered(True, ()), True),
        (Covered(True, ()), Covered(True, ()), False),
        (Covered(True, ()), Covered(False, (COVER,)), False),
    ],
)
def test_what_hides_more_than_the_frame_before(before: Covered, now: Covered, more: bool) -> None:
    assert now.hides_more_than(before) is more
