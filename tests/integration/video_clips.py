"""Draws small recordings whose every frame can be told from the others, and reads them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from endoreg_db.deid.client import run_video
from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Done, EncodeSettings, Message, VideoTask
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.jobs import segment_jobs
from endoreg_db.deid.video.mask import with_field_order
from endoreg_db.deid.video.recording import Recording
from endoreg_db.deid.video.source import look_into
from endoreg_db.deid.video.transcode import SegmentJob
from endoreg_db.samples import scaled, shipped_profile

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]

#: 320×180 pixels: quick to encode, too small for OCR.
SMALL = scaled(shipped_profile(), 1 / 6)
_BITS, _BLOCK = 12, 16  # of the frame number that is written into the image


def numbered(number: int, profile: DeviceProfile = SMALL) -> Planes:
    """A frame with its number as bright and dark blocks in a reddish image; a bright bar moves outside.

    Every part of the image moves, as in a real one: what stands still is not taken for the image.
    """
    height, width = profile.frame_height, profile.frame_width
    image = profile.image.shrunk_to_even()
    luma = np.full((height, width), 16, np.uint8)
    blue, red = (np.full((-(-height // 2), -(-width // 2)), 128, np.uint8) for _ in range(2))
    rows, columns = image.slices
    stripes = (np.arange(image.width) // _BLOCK + number) % 2
    luma[rows, columns] = 85 + 12 * stripes
    half = slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)
    blue[half], red[half] = 110, 160
    for bit in range(_BITS):
        x = image.x + (bit + 1) * _BLOCK
        luma[image.y + 20 : image.y + 20 + 2 * _BLOCK, x : x + _BLOCK] = 200 if number >> bit & 1 else 40
    top = number * 7 % (height - 20)
    luma[top : top + 20, 4 : image.x - 20] = 235
    return luma, blue, red


def number_in(frame: av.VideoFrame, profile: DeviceProfile = SMALL) -> int:
    """The number that :func:`numbered` wrote into a frame."""
    luma = frame.to_ndarray(format="gray")
    image = profile.image.shrunk_to_even()
    number = 0
    for bit in range(_BITS):
        x = image.x + (bit + 1) * _BLOCK
        number |= int(luma[image.y + 26 : image.y + 46, x + 4 : x + 12].mean() > 120) << bit
    return number


def as_frame(planes: Planes) -> av.VideoFrame:
    """Three planes as an 8-bit 4:2:0 frame of any size."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, planes, strict=True):
        target = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        target[:, : plane.width] = values
    return frame


def woven(number: int, profile: DeviceProfile, order: str = "tff") -> Planes:
    """Two fields in one frame: its number stands still, everything else moves between them."""
    first, second = (numbered(number, profile) for _ in range(2))
    luma, stripes = first[0].copy(), np.roll(first[0], _BLOCK, axis=1)
    late = 1 if order == "tff" else 0
    image = profile.image.shrunk_to_even()
    below = slice(image.y + 20 + 2 * _BLOCK, image.bottom)
    columns = slice(image.x + _BLOCK, image.right - _BLOCK)
    luma[below, columns][late::2] = stripes[below, columns][late::2]
    return luma, second[1], second[2]


def interlaced(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame, marked as two fields of which the upper one is first."""
    return with_field_order(frame, "tff")


def write_clip(
    path: Path,
    frames: Sequence[Planes] | Iterator[Planes],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: int = 25,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    before: Callable[[VideoStream], None] = lambda _: None,
    as_source: Callable[[av.VideoFrame], av.VideoFrame] = lambda frame: frame,
    container_format: str | None = None,
) -> None:
    """Encode frames; ``times`` are their presentation times in ticks of ``time_base``."""
    base = time_base or Fraction(1, rate)
    with av.open(str(path), "w", format=container_format) as container:
        stream: VideoStream | None = None
        for number, planes in enumerate(frames):
            frame = as_source(as_frame(planes)).reformat(format=pixel_format)
            if stream is None:
                added = container.add_stream(codec, rate=rate, options=options or {})
                assert isinstance(added, VideoStream)
                stream = added
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pixel_format
                stream.codec_context.time_base = base
                stream.codec_context.thread_count = 1
                if codec not in ("libx264", "libx265"):
                    stream.bit_rate = 3_000_000
                before(stream)
            frame.pts, frame.time_base = (times[number] if times else number), base
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))


def deidentify(
    source: Path,
    work_dir: Path,
    *,
    profile: DeviceProfile = SMALL,
    workers: int = 2,
    read_text: bool = False,
    preset: str = "ultrafast",
    encoder: str = "libx264",
    known: tuple[DeviceProfile, ...] = (),
    on_message: Callable[[Message], None] = lambda _: None,
) -> Done:
    """Run the whole pass in its child processes."""
    work_dir.mkdir(exist_ok=True)
    task = VideoTask(
        source=str(source),
        work_dir=str(work_dir),
        profile=profile,
        encode=EncodeSettings(preset=preset, crf=16, encoder=encoder),
        workers=workers,
        read_text=read_text,
        known=known,
    )
    return run_video(task, on_message)


def jobs_of(source: Path, folder: Path) -> list[SegmentJob]:
    """The pieces of a recording of :data:`SMALL`, as the pass would have them made; nobody keeps them."""
    task = VideoTask(str(source), str(folder), SMALL, EncodeSettings(preset="ultrafast", crf=16), 1)
    profile = replace(SMALL, boxes=dict(SMALL.boxes))
    jobs = segment_jobs(Recording(task, profile, None, look_into(str(source))))
    return [replace(job, maker="") for job in jobs]


def decoded(path: Path | str) -> list[av.VideoFrame]:
    """All frames as a player sees them."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def codes(done: Done) -> set[str]:
    """The kinds of everything that was found while reading, encoding and verifying."""
    return {finding.code for finding in (*done.findings, *done.verification.findings)}


def is_inside(inner: Box, outer: Box) -> bool:
    """Whether no pixel of the one lies outside the other."""
    across = outer.x <= inner.x and inner.right <= outer.right
    return across and outer.y <= inner.y and inner.bottom <= outer.bottom


def spread(picture: NDArray[Any]) -> int:
    """Grey levels between the darkest and the brightest sample."""
    return int(picture.max()) - int(picture.min())


def time_of(frame: av.VideoFrame) -> Fraction:
    """When the frame is shown, in seconds."""
    assert frame.pts is not None and frame.time_base is not None
    return frame.pts * frame.time_base
