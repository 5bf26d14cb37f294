"""The look at the finished output finds every fault that is planted in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.video.covers import Cover
from endoreg_db.deid.video.finished import Outline, compare_times, outline
from endoreg_db.deid.video.probe import open_video
from endoreg_db.deid.video.spool import EncodedPacket, write_packet
from endoreg_db.deid.video.units import length_prefixed, parameter_sets
from endoreg_db.deid.video.verify import VerifyJob, VerifyResult, residue_findings, verify_segment
from tests.integration.video_clips import SMALL, Planes, deidentify, numbered, write_clip

KEPT = SMALL.image.shrunk_to_even()
SIZE = (320, 180)
NO_SEI = {"preset": "veryfast", "g": "10", "crf": "16"}
LETTERS = Box(KEPT.x + 60, 60, 90, 50)  # a cover; what is deeper than a macroblock in it must be blank


def masked(number: int) -> Planes:
    """A frame of an output as it should be: black but for the image."""
    planes = numbered(number)
    blank = (np.full((180, 320), 16, np.uint8), *(np.full((90, 160), 128, np.uint8) for _ in range(2)))
    for mine, theirs, step in zip(blank, planes, (1, 2, 2), strict=True):
        part = Box(KEPT.x // step, KEPT.y // step, KEPT.width // step, KEPT.height // step).slices
        mine[part] = theirs[part]
    return blank[0], blank[1], blank[2]


def start_coded(units: Iterable[bytes]) -> bytes:
    """The units as the encoder writes them."""
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def look_at(path: Path, covers: tuple[Cover, ...] = ()) -> tuple[VerifyResult, bytes]:
    """Spool the packets of an output, and look at them; also the parameter sets."""
    spool = path.with_suffix(".packets")
    with open_video(str(path)) as (container, stream), spool.open("wb") as file:
        extradata = start_coded(parameter_sets(stream.codec_context.extradata or b""))
        for packet in container.demux(stream):
            if packet.pts is not None and packet.dts is not None:
                data = start_coded(length_prefixed(bytes(packet)))
                write_packet(file, EncodedPacket(packet.pts, packet.dts, 0, packet.is_keyframe, data))
    job = VerifyJob(
        number=0,
        spool=str(spool),
        extradata=extradata,
        size=SIZE,
        kept=KEPT,
        full_range=False,
        time_base=Fraction(1, 12800),
        zero=0,
        covers=covers,
        scenes=None,
        is_last=True,
    )
    return verify_segment(job), extradata


def outline_of(path: Path, *, like: Path, size: tuple[int, int] = SIZE) -> Outline:
    """The outline of an output that should hold the packets of another."""
    seen, extradata = look_at(like)
    return outline(path, size, [seen.packets], extradata)


def looked_at(
    path: Path, spoil: Callable[[int, Planes], None], covers: tuple[Cover, ...] = ()
) -> list[VerifyResult]:
    """Write an output that is spoiled frame by frame, and look at it."""
    frames = [masked(number) for number in range(12)]
    for number, planes in enumerate(frames):
        spoil(number, planes)
    write_clip(path, frames, options=NO_SEI)
    return [look_at(path, covers)[0]]


def fill(number: int, box: Box, level: int = 235) -> Callable[[int, Planes], None]:
    """Fills a box of one frame."""

    def spoil(frame: int, planes: Planes) -> None:
        if frame == number:
            planes[0][box.slices] = level

    return spoil


def test_an_output_without_a_fault_has_no_findings(tmp_path: Path) -> None:
    results = looked_at(tmp_path / "good.mp4", lambda number, planes: None)

    assert residue_findings(results) == []
    assert results[0].largest_residue <= 4


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(Box(0, 0, 8, 8), id="in a corner"),
        pytest.param(Box(20, 100, 40, 10), id="where the overlay was"),
        pytest.param(Box(KEPT.x - 12, 60, 6, 12), id="at the left edge of the mask"),
        pytest.param(Box(KEPT.right, 60, 3, 40), id="one column beyond the right edge"),
    ],
)
def test_something_left_outside_the_image_in_one_frame_is_fatal(tmp_path: Path, box: Box) -> None:
    results = looked_at(tmp_path / "spoiled.mp4", fill(7, box))

    (finding,) = residue_findings(results)
    assert (finding.code, finding.severity) == ("blanked_area_not_constant", "fatal")
    assert finding.start == pytest.approx(7 / 25, abs=0.05)


def test_colour_alone_outside_the_image_is_fatal(tmp_path: Path) -> None:
    def tint(number: int, planes: Planes) -> None:
        planes[2][40:60, 10:30] = 160

    assert residue_findings(looked_at(tmp_path / "spoiled.mp4", tint))


def test_text_that_shines_through_a_cover_is_fatal(tmp_path: Path) -> None:
    def cover(number: int, planes: Planes, seen: bool) -> None:
        planes[0][LETTERS.slices] = 16
        for plane in planes[1:]:
            plane[LETTERS.y // 2 : LETTERS.bottom // 2, LETTERS.x // 2 : LETTERS.right // 2] = 128
        if seen and number == 5:
            planes[0][LETTERS.y + 22 : LETTERS.y + 30, LETTERS.x + 40 : LETTERS.x + 44] = 200

    covers = (Cover(LETTERS, 0, 11 * 512),)
    good = looked_at(tmp_path / "good.mp4", lambda n, p: cover(n, p, False), covers)
    bad = looked_at(tmp_path / "bad.mp4", lambda n, p: cover(n, p, True), covers)

    assert residue_findings(good) == []
    assert [f.severity for f in residue_findings(bad)] == ["fatal"]


def test_one_frame_of_a_room_that_was_not_blanked_is_fatal(tmp_path: Path) -> None:
    def blank(number: int, planes: Planes) -> None:
        if 3 <= number <= 8 and number != 6:
            for plane, value in zip(planes, (16, 128, 128), strict=True):
                plane[:] = value

    covers = (Cover(None, 3 * 512, 8 * 512),)

    (finding,) = residue_findings(looked_at(tmp_path / "room.mp4", blank, covers))

    assert finding.severity == "fatal" and finding.start == pytest.approx(6 / 25)


def test_a_lost_frame_and_one_at_another_time_are_fatal(tmp_path: Path) -> None:
    for name, times, code in (
        ("lost", [0, 1, 2, 4, 5], "frames_differ"),
        ("late", [0, 1, 2, 3, 4, 6], "times_differ"),
        ("longer", [0, 1, 2, 3, 4, 5, 6], "frames_differ"),
    ):
        path = tmp_path / f"{name}.mp4"
        write_clip(path, [masked(n) for n in times], times=times, options=NO_SEI)
        seen, extradata = look_at(path)

        finished = outline(path, SIZE, [seen.packets], extradata)
        findings = compare_times([seen], finished, range(0, 6 * 512, 512), Fraction(1))

        assert [(f.code, f.severity) for f in findings] == [(code, "fatal")]


def add_sound(output: av.container.OutputContainer) -> None:
    stream = output.add_stream("aac", rate=48_000)
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
    frame.sample_rate = 48_000
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("tamper", "what"),
    [
        (add_sound, "2 streams"),
        (lambda output: output.metadata.update(title="Mustermann"), "udta"),
        (lambda output: output.metadata.update(creation_time="2024-01-02T03:04:05Z"), "date"),
        (lambda output: output.streams.video[0].metadata.update(handler_name="Mustermann"), "handler"),
        (lambda output: output.streams.video[0].metadata.update(language="ger"), "language"),
    ],
    ids=["sound", "title", "date", "handler", "language"],
)
def test_anything_but_the_video_in_the_container_is_fatal(
    tmp_path: Path, tamper: Callable[[av.container.OutputContainer], None], what: str
) -> None:
    candidate = good_candidate(tmp_path)
    assert outline_of(candidate, like=candidate).findings == ()
    spoiled = tmp_path / "spoiled.mp4"
    with (
        av.open(str(candidate)) as source,
        av.open(str(spoiled), "w", options={"fflags": "+bitexact"}) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        tamper(output)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)

    findings = outline_of(spoiled, like=candidate).findings

    assert any(what in finding.detail for finding in findings)
    assert {(f.code, f.severity) for f in findings} == {("unexpected_content", "fatal")}
    assert not any("Mustermann" in finding.detail for finding in findings)


def test_words_in_the_stream_itself_are_fatal(tmp_path: Path) -> None:
    """x264 writes its options into a unit of supplemental information unless it is taken out."""
    path = tmp_path / "talkative.mp4"
    write_clip(path, [masked(n) for n in range(5)], options=NO_SEI)
    assert b"x264" in path.read_bytes()

    assert any("unit of type 6" in finding.detail for finding in outline_of(path, like=path).findings)


def test_pictures_of_another_size_are_fatal(tmp_path: Path) -> None:
    candidate = good_candidate(tmp_path)

    findings = outline_of(candidate, like=candidate, size=(322, 180)).findings

    assert [(f.code, f.severity) for f in findings] == [("unexpected_content", "fatal")]


def good_candidate(folder: Path) -> Path:
    source = folder / "source.mp4"
    write_clip(source, [numbered(n) for n in range(12)], options=NO_SEI)
    return Path(deidentify(source, folder / "work").candidate)


def test_a_keyframe_that_does_not_begin_a_closed_gop_counts_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "open.mp4"
    options = {"preset": "veryfast", "bf": "2", "x264-params": "open-gop=1:keyint=10:min-keyint=10"}
    write_clip(path, [masked(number) for number in range(30)], options=options)

    assert look_at(path)[0].damaged == 2
