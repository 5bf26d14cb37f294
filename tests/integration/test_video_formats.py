"""Whatever a hospital's recorder wrote: every frame comes out once, in order, at its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.video.probe import MAX_PIXELS, MAX_SIDE
from endoreg_db.errors import CorruptMediaError, UnsupportedMediaError
from endoreg_db.samples import scaled, shipped_profile
from tests.integration.video_clips import (
    SMALL,
    Planes,
    as_frame,
    codes,
    decoded,
    deidentify,
    interlaced,
    number_in,
    numbered,
    spread,
    time_of,
    woven,
    write_clip,
)

OPEN_GOP = {"preset": "ultrafast", "bf": "3", "x264-params": "open-gop=1:keyint=12:min-keyint=12:b-adapt=0"}
MPEG = {"g": "12", "bf": "2"}

FORMATS: dict[str, dict[str, Any]] = {
    "closed.mp4": {"options": {"preset": "ultrafast", "g": "10"}},
    "open_gop.mp4": {"options": OPEN_GOP},
    "open_gop.mkv": {"options": OPEN_GOP},
    "open_gop.ts": {"options": OPEN_GOP},
    "open_gop.mov": {
        "codec": "libx265",
        "options": {"preset": "ultrafast", "x265-params": "log-level=none:open-gop=1:keyint=12:bframes=3"},
    },
    "reordered.avi": {"options": {"preset": "ultrafast", "bf": "2", "g": "12"}},
    "broadcast.ts": {"codec": "mpeg2video", "options": MPEG},
    "dvd.mpg": {"codec": "mpeg2video", "options": MPEG},
    "sequence.m2v": {"codec": "mpeg2video", "options": MPEG, "container_format": "mpeg2video"},
    "divx.avi": {"codec": "mpeg4", "options": MPEG},
    "windows.wmv": {"codec": "wmv2", "options": {"g": "12"}},
    "motion_jpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj422p"},
    "one_keyframe.mp4": {"options": {"preset": "ultrafast", "g": "1000"}},
    "ten_bit.mp4": {
        "codec": "libx265",
        "pixel_format": "yuv422p10le",
        "options": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12"},
    },
    "full_chroma.mkv": {"pixel_format": "yuv444p", "options": {"preset": "ultrafast", "g": "12"}},
    "ten_bit_h264.mov": {"pixel_format": "yuv420p10le", "options": {"preset": "ultrafast", "g": "12"}},
    "ten_bit_full_chroma.mkv": {
        "codec": "libx265",
        "pixel_format": "yuv444p10le",
        "options": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12"},
    },
    "mpeg4.mp4": {"codec": "mpeg4", "options": MPEG},
    "early_windows.avi": {"codec": "msmpeg4", "options": {"g": "12"}},
    "first_windows.wmv": {"codec": "wmv1", "options": {"g": "12"}},
    "no_b_frames.mpg": {"codec": "mpeg2video", "options": {"g": "12"}},
    "no_b_frames.ts": {"codec": "mpeg2video", "options": {"g": "12"}},
    "no_b_frames.m2v": {"codec": "mpeg2video", "options": {"g": "12"}, "container_format": "mpeg2video"},
    "video_cd.mpg": {"codec": "mpeg1video", "options": MPEG},
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_comes_out_once_and_in_order(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    write_clip(source, [numbered(n) for n in range(80)], **FORMATS[name])

    done = deidentify(source, tmp_path / "work")

    output = decoded(done.candidate)
    assert [number_in(frame) for frame in output] == list(range(80))
    assert (done.frames_decoded, done.frames_damaged, done.verification.frames) == (80, 0, 80)
    assert codes(done) == set()
    if not name.endswith(".avi"):  # which says when frames are decoded, not when they are shown
        assert shown_at(output) == shown_at(decoded(source))
    with av.open(done.candidate) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt in ("yuv420p", "yuvj420p")
        # The first frame of an AVI may last longer.
        assert float((stream.duration or 0) * (stream.time_base or 0)) == pytest.approx(80 / 25, abs=0.1)


def test_variable_frame_times_are_kept_to_the_tick(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    times = [int(t) for t in np.cumsum(rng.integers(200, 9000, size=90))]
    source = tmp_path / "vfr.mkv"
    options = {"preset": "ultrafast", "g": "10", "bf": "2"}
    write_clip(
        source, [numbered(n) for n in range(90)], times=times, time_base=Fraction(1, 90000), options=options
    )
    wanted = [time_of(frame) for frame in decoded(source)]

    done = deidentify(source, tmp_path / "work")

    output = decoded(done.candidate)
    assert [number_in(frame) for frame in output] == list(range(90))
    assert [time_of(frame) for frame in output] == [time - wanted[0] for time in wanted]
    assert codes(done) == set()


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("fields.ts", "libx264", {"preset": "ultrafast", "g": "10", "x264-params": "tff=1"}),
        ("fields.mpg", "mpeg2video", {"g": "12", "flags": "+ildct+ilme"}),
    ],
)
def test_interlaced_video_is_deinterlaced_where_the_profile_says_so(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    source = tmp_path / name
    profile = replace(SMALL, frame_height=192, fields="deinterlace")
    clip = [woven(n, profile) for n in range(80)]
    write_clip(source, clip, codec=codec, options=options, as_source=interlaced)
    before = decoded(source)
    assert before[0].interlaced_frame and combing(before[30], profile) > 8

    done = deidentify(source, tmp_path / "work", profile=profile)

    output = decoded(done.candidate)
    assert [number_in(frame, profile) for frame in output] == list(range(80))
    assert not any(frame.interlaced_frame for frame in output)
    assert max(combing(frame, profile) for frame in output) < 4
    assert shown_at(output) == shown_at(before)
    assert codes(done) == set()


def test_interlaced_video_stays_interlaced_with_its_field_order(tmp_path: Path) -> None:
    source = tmp_path / "fields.mp4"
    profile = replace(SMALL, frame_height=184)
    options = {"preset": "ultrafast", "g": "10", "x264-params": "tff=1"}
    clip = [numbered(n, profile) for n in range(30)]
    write_clip(source, clip, options=options, as_source=interlaced)
    assert decoded(source)[0].interlaced_frame

    done = deidentify(source, tmp_path / "work", profile=profile)

    assert all(frame.interlaced_frame for frame in decoded(done.candidate))
    with av.open(done.candidate) as container:
        next(container.decode(video=0))
        assert container.streams.video[0].codec_context.field_order in (2, 5)
    assert codes(done) == set()


@pytest.mark.parametrize("name", ["camcorder.dv", "camcorder.avi"])
def test_dv_in_its_only_size_is_taken(tmp_path: Path, name: str) -> None:
    profile = replace(SMALL, frame_width=720, frame_height=576, image=Box(220, 0, 480, 576), boxes={})
    source = tmp_path / name
    write_clip(source, [numbered(n, profile) for n in range(12)], codec="dvvideo")

    done = deidentify(source, tmp_path / "work", profile=profile)

    output = decoded(done.candidate)
    assert [number_in(frame, profile) for frame in output] == list(range(12))
    assert all(frame.interlaced_frame for frame in output)
    assert done.facts.codec == "dvvideo"


def test_colours_of_rgb_video_survive_the_conversion(tmp_path: Path) -> None:
    source = tmp_path / "rgb.mp4"
    options = {"preset": "ultrafast", "crf": "4"}
    clip = [numbered(n) for n in range(12)]
    write_clip(source, clip, codec="libx264rgb", pixel_format="rgb24", options=options)

    done = deidentify(source, tmp_path / "work")

    where = SMALL.image.grown(-4, 320, 180).slices
    before, after = (decoded(path)[5].to_ndarray(format="rgb24")[where] for path in (source, done.candidate))
    assert float(np.abs(before.astype(np.int16) - after).mean()) < 4


def test_odd_sizes_are_filled_up_to_even_ones(tmp_path: Path) -> None:
    profile = replace(SMALL, frame_width=321, frame_height=181)
    source = tmp_path / "odd.avi"
    write_clip(source, [numbered(n, profile) for n in range(30)], codec="mjpeg", pixel_format="yuvj420p")

    done = deidentify(source, tmp_path / "work", profile=profile)

    output = decoded(done.candidate)
    assert (output[0].width, output[0].height) == (322, 182)
    assert [number_in(frame, profile) for frame in output] == list(range(30))
    assert codes(done) == set()


def test_4k_is_taken(tmp_path: Path) -> None:
    profile = scaled(shipped_profile(), 2)
    source = tmp_path / "4k.mp4"
    write_clip(source, [numbered(n, profile) for n in range(6)], options={"preset": "ultrafast"})

    done = deidentify(source, tmp_path / "work", profile=profile, workers=1)

    output = decoded(done.candidate)
    assert (output[0].width, output[0].height) == (3840, 2160)
    assert [number_in(frame, profile) for frame in output] == list(range(6))
    assert codes(done) == set()


def test_colours_aspect_and_rotation_are_passed_on(tmp_path: Path) -> None:
    def describe(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(16, 15)
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 2, 5, 5, 6
        stream.set_display_rotation(90)

    source = tmp_path / "described.mp4"
    write_clip(source, [numbered(n) for n in range(20)], options={"preset": "ultrafast"}, before=describe)

    done = deidentify(source, tmp_path / "work")

    with av.open(done.candidate) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert stream.sample_aspect_ratio == Fraction(16, 15)
        assert (context.color_range, context.colorspace) == (2, 5)
        assert (context.color_primaries, context.color_trc) == (5, 6)
        assert next(container.decode(stream)).rotation == 90
    assert [(f.code, f.severity) for f in done.findings] == [("picture_turned", "review")]
    # Black in full range is 0; 16 would be a dark grey.
    assert decoded(done.candidate)[3].to_ndarray(format="gray")[:, :40].max() <= 4


def test_a_change_of_size_in_the_middle_blanks_the_strange_frames(tmp_path: Path) -> None:
    small = replace(SMALL, frame_width=160, frame_height=96, image=Box(46, 0, 112, 96))
    parts = []
    for name, clip in {"a": SMALL, "b": small}.items():
        parts.append(tmp_path / f"{name}.ts")
        frames = [as_planes(clip, n) for n in range(20)]
        write_clip(parts[-1], frames, options={"preset": "ultrafast", "g": "10"})
    source = tmp_path / "both.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))

    done = deidentify(source, tmp_path / "work")

    output = decoded(done.candidate)
    assert len(output) == 40
    assert [number_in(frame) for frame in output[:20]] == list(range(20))
    assert all(spread(frame.to_ndarray(format="gray")) <= 4 for frame in output[20:])
    assert "layout_mismatch" in codes(done)


def test_a_frame_far_larger_than_the_header_says_is_not_decoded(tmp_path: Path) -> None:
    source = tmp_path / "swelling.avi"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        for number in range(30):
            if number == 20:
                picture = Packet(_jpeg(MAX_SIDE, MAX_SIDE))
                picture.pts = picture.dts = number
                picture.time_base, picture.stream = Fraction(1, 25), stream
                container.mux(picture)
                continue
            frame = as_frame(numbered(number)).reformat(format="yuvj420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
    assert MAX_SIDE**2 > MAX_PIXELS

    done = deidentify(source, tmp_path / "work")

    output = decoded(done.candidate)
    assert [number_in(frame) for frame in output] == [n for n in range(30) if n != 20]
    assert done.frames_damaged == 1 and codes(done) == {"damaged_frames"}


def _jpeg(width: int, height: int) -> bytes:
    """A grey picture as a packet of motion JPEG."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    planes = [np.full((height // step, width // step), 128, np.uint8) for step in (1, 2, 2)]
    frame = as_frame((planes[0], planes[1], planes[2])).reformat(format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def test_damaged_packets_are_counted_and_the_rest_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "scratched.ts"
    write_clip(source, [numbered(n) for n in range(80)], options={"preset": "ultrafast", "g": "10"})
    data = bytearray(source.read_bytes())
    middle = len(data) // 2 // 188 * 188
    data[middle : middle + 188 * 20] = bytes(188 * 20)
    source.write_bytes(data)

    done = deidentify(source, tmp_path / "work")

    numbers = [number_in(frame) for frame in decoded(done.candidate)]
    assert set(range(30)) <= set(numbers) and set(range(60, 80)) <= set(numbers)
    assert done.frames_decoded == len(numbers) == done.verification.frames
    assert done.frames_damaged > 0
    assert "damaged_frames" in codes(done)


def test_damage_in_the_middle_of_an_mp4_costs_the_frames_that_it_hits(tmp_path: Path) -> None:
    source = tmp_path / "scratched.mp4"
    write_clip(source, [numbered(n) for n in range(80)], options={"preset": "ultrafast", "g": "10"})
    with av.open(str(source)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(source.read_bytes())
    for at, size in packets[43:46]:
        assert at is not None
        data[at : at + size] = bytes(size)
    source.write_bytes(data)

    done = deidentify(source, tmp_path / "work")

    output = decoded(done.candidate)
    numbers = [number_in(frame) for frame in output]
    assert set(numbers) >= {*range(43), *range(50, 80)}
    assert [round(25 * at) for at in shown_at(output)][-30:] == list(range(50, 80))
    assert done.frames_damaged >= 3 and "damaged_frames" in codes(done)


def test_a_picture_that_an_edit_list_shows_late_comes_first(tmp_path: Path) -> None:
    source = tmp_path / "late.mov"
    times = [100 + n for n in range(40)]
    write_clip(
        source, [numbered(n) for n in range(40)], times=times, options={"preset": "ultrafast", "g": "10"}
    )
    assert b"elst" in source.read_bytes() and time_of(decoded(source)[0]) == 4

    done = deidentify(source, tmp_path / "work")

    output = decoded(done.candidate)
    assert [number_in(frame) for frame in output] == list(range(40))
    assert [25 * time_of(frame) for frame in output] == list(range(40))
    assert codes(done) == set()


def test_a_stream_that_starts_without_a_keyframe_is_decoded_from_the_first_one_on(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ts"
    write_clip(whole, [numbered(n) for n in range(60)], options={"preset": "ultrafast", "g": "10"})
    with av.open(str(whole)) as container:
        cut = next(p.pos for n, p in enumerate(container.demux(video=0)) if n == 15)
    source = tmp_path / "late.ts"
    source.write_bytes(whole.read_bytes()[cut:])

    done = deidentify(source, tmp_path / "work")

    assert [number_in(frame) for frame in decoded(done.candidate)][-40:] == list(range(20, 60))


@pytest.mark.parametrize(
    ("name", "share"),
    [("cut.mp4", 0.6), ("cut_faststart.mp4", 0.6), ("cut.mkv", 0.5), ("head_only.mp4", 0.01)],
)
def test_a_recording_that_was_cut_off_is_called_corrupt(tmp_path: Path, name: str, share: float) -> None:
    whole = tmp_path / f"whole_{name}"
    write_clip(whole, [numbered(n) for n in range(100)], options={"preset": "ultrafast", "g": "10"})
    if "faststart" in name:
        whole = _with_index_first(whole)
    data = whole.read_bytes()
    source = tmp_path / name
    source.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(CorruptMediaError, match=name):
        deidentify(source, tmp_path / "work")


@pytest.mark.parametrize(
    "content",
    [b"", b"Patient: Mustermann\n" * 200, b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\n"],
)
def test_what_is_no_video_is_refused_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "recording.mp4"
    source.write_bytes(content)

    with pytest.raises(UnsupportedMediaError):
        deidentify(source, tmp_path / "work")


def test_sound_without_a_picture_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "dictation.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        for number in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, number * 1024, Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    with pytest.raises(UnsupportedMediaError, match="no video"):
        deidentify(source, tmp_path / "work")


def shown_at(frames: Sequence[av.VideoFrame]) -> list[Fraction]:
    """When each is shown, in seconds after the first."""
    return [time_of(frame) - time_of(frames[0]) for frame in frames]


def combing(frame: av.VideoFrame, profile: Any) -> float:
    """Grey levels by which neighbouring rows of the image differ, that is those of its two fields."""
    rows = frame.to_ndarray(format="gray")[profile.image.slices][60:140].astype(np.int16)
    return float(np.abs(np.diff(rows, axis=0)).mean())


def as_planes(profile: Any, number: int) -> Planes:
    """A numbered frame if the image is wide enough for the number, else one without."""
    if profile is SMALL:
        return numbered(number)
    luma = np.full((profile.frame_height, profile.frame_width), 120, np.uint8)
    half = np.full((profile.frame_height // 2, profile.frame_width // 2), 128, np.uint8)
    return luma, half, half


def _with_index_first(path: Path) -> Path:
    target = path.with_name(f"fast_{path.name}")
    with av.open(str(path)) as old, av.open(str(target), "w", options={"movflags": "+faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


def test_the_helper_writes_numbers_that_can_be_read() -> None:
    assert [number_in(as_frame(numbered(n))) for n in (0, 1, 1000, 4095)] == [0, 1, 1000, 4095]
