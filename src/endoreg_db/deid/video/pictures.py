"""A segment's frames as they are worked on: decoded, compared with the layout, deinterlaced if asked for.

A deinterlacer mixes neighbouring frames. So each frame is judged before it, and one that does not
look like the device's ends the run of frames that are mixed: nothing of it gets into the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import av
import av.error
from av.filter import Graph

from endoreg_db.deid.video.layout import LayoutGuard, Mismatch
from endoreg_db.deid.video.mask import Plane, plane_views, to_8bit_420

#: One frame out for each frame in; the order of the fields is each frame's own, and frames that are not
#: interlaced stay as they are.
_DEINTERLACER, _OPTIONS = "bwdif", "mode=send_frame:parity=auto:deint=interlaced"


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame of the source."""

    time: int  # presentation time in ticks
    planes: Sequence[Plane] | None  # 8-bit 4:2:0; None: it has another size than the profile's
    mismatch: Mismatch | None  # why it is blanked whole; None: it looks like the device's


def pictures(
    frames: Iterable[tuple[int, av.VideoFrame]],
    size: tuple[int, int],
    guard: LayoutGuard,
    *,
    full_range: bool,
    deinterlace: bool,
) -> Iterator[Picture]:
    """The frames in the same order and number.

    Args:
        frames: presentation time in ticks, and frame.
        size: width and height that the profile was measured on; any other frame is blanked whole.
        guard: knows what the device's frames look like.
        full_range: whether black is 0 (else 16).
        deinterlace: whether the two fields of an interlaced frame are made into one picture.
    """

    def judged(time: int, frame: av.VideoFrame) -> Picture:
        if (frame.width, frame.height) != size:
            return Picture(time, None, "other_size")
        planes = plane_views(to_8bit_420(frame, full_range=full_range))
        return Picture(time, planes, guard.mismatch(planes))

    seen = ((judged(time, frame), frame) for time, frame in frames)
    if not deinterlace:
        yield from (picture for picture, _ in seen)
        return
    # Frames of another format need a filter of their own.
    for (mismatch, _), run in groupby(seen, lambda one: (one[0].mismatch, one[1].format.name)):
        if mismatch is None:
            yield from _deinterlaced(run, full_range=full_range)
        else:
            yield from (picture for picture, _ in run)


def _deinterlaced(run: Iterable[tuple[Picture, av.VideoFrame]], *, full_range: bool) -> Iterator[Picture]:
    """At least one frame; all of them follow each other, fit, and are of one format."""
    graph: Graph | None = None
    waiting: deque[int] = deque()
    for picture, frame in run:
        graph = graph or _deinterlacer(frame)
        waiting.append(picture.time)
        graph.push(frame)
        yield from _ready(graph, waiting, full_range=full_range)
    assert graph is not None
    graph.push(None)
    yield from _ready(graph, waiting, full_range=full_range)
    if waiting:
        raise ValueError("the deinterlacer lost a frame")


def _ready(graph: Graph, waiting: deque[int], *, full_range: bool) -> Iterator[Picture]:
    """What has come out of the filter, with the times at which it went in."""
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        yield Picture(waiting.popleft(), plane_views(to_8bit_420(frame, full_range=full_range)), None)


def _deinterlacer(frame: av.VideoFrame) -> Graph:
    """A filter for frames like this one."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
    )
    mix, sink = graph.add(_DEINTERLACER, _OPTIONS), graph.add("buffersink")
    source.link_to(mix)
    mix.link_to(sink)
    graph.configure()
    return graph
