"""Blank everything but the endoscopic image: an allow-list of pixels, whatever else is written where.

The kept rectangle is copied into a blank frame of our own. Nothing is ever written into a decoded
frame: the decoder still refers to it when it builds later frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile

Plane = NDArray[np.uint8]

#: 8-bit 4:2:0 in three planes; ``yuvj420p`` is FFmpeg's old name for the full-range kind.
_NATIVE = frozenset({"yuv420p", "yuvj420p"})


def plane_views(frame: av.VideoFrame) -> list[Plane]:
    """The three planes of an 8-bit 4:2:0 frame as arrays over the frame's own memory.

    Luma is H×W, the colour planes ⌈H/2⌉×⌈W/2⌉. Read only, unless the frame is our own.
    """
    views = []
    for plane in frame.planes:
        whole = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, abs(plane.line_size))
        views.append(whole[:, : plane.width])
    return views


def to_8bit_420(frame: av.VideoFrame, *, full_range: bool) -> av.VideoFrame:
    """The frame as 8-bit 4:2:0, with its colour range as it is; the same object if it is so already."""
    if frame.format.name in _NATIVE:
        return frame
    levels = ColorRange.JPEG if full_range else ColorRange.MPEG
    is_rgb = frame.format.is_rgb
    return frame.reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG if is_rgb else levels,
        dst_color_range=levels,
    )


def black(*, full_range: bool) -> tuple[int, int, int]:
    """Y, Cb and Cr of black (ITU-T H.273: luma 16 in limited range, 0 in full range)."""
    return (0 if full_range else 16), 128, 128


def kept_box(profile: DeviceProfile) -> Box:
    """The part of the source frame that is kept, in whole 2×2 colour samples."""
    return profile.image.shrunk_to_even()


def output_size(profile: DeviceProfile, width: int, height: int) -> tuple[int, int]:
    """Width and height of the output for a source of this size.

    Cropping keeps the image only. Otherwise the size stays, except that H.264 in 4:2:0 has no odd
    sizes: an odd one is filled up with one blank row or column.
    """
    if profile.output == "crop":
        box = kept_box(profile)
        return box.width, box.height
    return width + width % 2, height + height % 2


def kept_in_output(profile: DeviceProfile) -> Box:
    """Where the kept part lies in the output frame."""
    box = kept_box(profile)
    return Box(0, 0, box.width, box.height) if profile.output == "crop" else box


class FrameMasker:
    """Makes output frames from source frames of one recording.

    The frame that comes back is the same object every time: encode it before asking for the next.
    """

    def __init__(
        self, profile: DeviceProfile, width: int, height: int, *, full_range: bool, field_order: str = ""
    ) -> None:
        """Prepare for frames of ``width``×``height`` pixels.

        Args:
            profile: says what is kept.
            width: of the source, in pixels.
            height: of the source, in pixels.
            full_range: whether luma black is 0 (else 16).
            field_order: "tff" or "bff" marks the frames as interlaced.
        """
        self._full_range = full_range
        self._source = _halved(kept_box(profile))
        self._target = _halved(kept_in_output(profile))
        self._shift = self._target[0].x - self._source[0].x, self._target[0].y - self._source[0].y
        size = output_size(profile, width, height)
        self._page = _blank_frame(*size, full_range=full_range, field_order=field_order)
        self._empty = _blank_frame(*size, full_range=full_range, field_order=field_order)
        self._page_planes = plane_views(self._page)

    def masked(self, planes: Sequence[Plane], covered: Sequence[Box] = ()) -> av.VideoFrame:
        """The output frame with the endoscopic image of a frame that fits, given by its three planes.

        ``covered`` is left blank in it: even boxes inside the kept image, in pixels of the source.
        """
        for mine, theirs, to, of in zip(self._page_planes, planes, self._target, self._source, strict=True):
            mine[to.slices] = theirs[of.slices]
        for box in covered:
            self._blank(box)
        return self._page

    def _blank(self, box: Box) -> None:
        moved = Box(box.x + self._shift[0], box.y + self._shift[1], box.width, box.height)
        values = black(full_range=self._full_range)
        for mine, part, value in zip(self._page_planes, _halved(moved), values, strict=True):
            mine[part.slices] = value

    def blanked(self) -> av.VideoFrame:
        """An output frame without any picture."""
        return self._empty


def _halved(box: Box) -> tuple[Box, Box, Box]:
    """The even box in luma, Cb and Cr samples."""
    chroma = Box(box.x // 2, box.y // 2, box.width // 2, box.height // 2)
    return box, chroma, chroma


def _blank_frame(width: int, height: int, *, full_range: bool, field_order: str) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    if field_order:
        frame = with_field_order(frame, field_order)
    for view, value in zip(plane_views(frame), black(full_range=full_range), strict=True):
        view[:] = value
    return frame


def with_field_order(frame: av.VideoFrame, field_order: str) -> av.VideoFrame:
    """A frame like this one, flagged as two fields ("tff", "bff": which is first) or one picture ("prog").

    PyAV lets only a filter set the flag.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
    )
    mark, sink = graph.add("setfield", field_order), graph.add("buffersink")
    source.link_to(mark)
    mark.link_to(sink)
    graph.configure()
    frame.pts = 0
    graph.push(frame)
    marked = graph.pull()
    assert isinstance(marked, av.VideoFrame)
    return marked
