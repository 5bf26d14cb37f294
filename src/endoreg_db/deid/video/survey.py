"""Looks at pictures from a whole recording: what moves, what is lit, which layouts fit.

Decodes, so it runs in the cell. One pass over a few dozen pictures; none of them is kept but one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import av
import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.decode import SegmentDecoder
from endoreg_db.deid.video.layout import LIT, LayoutGuard
from endoreg_db.deid.video.mask import black, plane_views, to_8bit_420
from endoreg_db.deid.video.region import Activity, ActivityMeter
from endoreg_db.deid.video.segments import Segment

PICTURES = 48  # about so many are looked at
_SPOTS = 24  # places in a long recording at which two pictures are taken
_FEWEST_SPOTS = 8  # a recording with fewer places to start at is decoded from end to end
_PACKETS = 13  # to decode at each place: half a second, in which an endoscope moves


@dataclass(frozen=True, slots=True)
class Survey:
    """What the pictures have in common."""

    width: int  # pixels
    height: int
    activity: Activity
    fitting: Mapping[str, int]  # profile's name → in how many pictures its layout fits
    picture: NDArray[np.uint8]  # one of them, H×W×3 RGB

    @property
    def pictures(self) -> int:
        """How many there were."""
        return self.activity.pictures


def survey(
    path: str,
    segments: Sequence[Segment],
    size: tuple[int, int],
    profiles: Sequence[DeviceProfile],
    *,
    full_range: bool,
) -> Survey | None:
    """Look at pictures spread over a recording; constant memory.

    Args:
        path: the recording.
        segments: where it can be decoded from.
        size: width and height of its pictures; any other picture is passed over.
        profiles: layouts to compare with; those for another size are passed over.
        full_range: whether black is 0 (else 16).

    Returns:
        None if too few pictures can be decoded to say anything (half a second holds enough).

    Raises:
        OSError, UnsupportedMediaError, CorruptMediaError: the recording cannot be read.
    """
    surveyor = Surveyor(size, profiles, full_range=full_range)
    for frame in _sampled(path, segments):
        if (frame.width, frame.height) == size:
            surveyor.add(to_8bit_420(frame, full_range=full_range))
    return surveyor.result()


def _sampled(path: str, segments: Sequence[Segment]) -> Iterator[av.VideoFrame]:
    """Frames from the beginning to the end of the recording."""
    if len(segments) >= _FEWEST_SPOTS:
        chosen = {len(segments) * spot // _SPOTS for spot in range(_SPOTS)}
        for number in sorted(chosen):
            beginning = replace(segments[number], packets=_PACKETS, frames=None)
            frames = [frame for _, frame in SegmentDecoder(path, beginning)]
            yield from frames[:1]
            yield from frames[1:][-1:]
        return
    total = sum(segment.frames or 0 for segment in segments)
    step = max(1, total // PICTURES)
    number = 0
    for segment in segments:
        for _, frame in SegmentDecoder(path, segment):
            if number % step == 0:
                yield frame
            number += 1


class Surveyor:
    """Adds up what each picture shows."""

    def __init__(self, size: tuple[int, int], profiles: Sequence[DeviceProfile], *, full_range: bool) -> None:
        """Begin with nothing seen; for the arguments see :func:`survey`."""
        self._size = size
        self._meter = ActivityMeter(*size, lit_from=black(full_range=full_range)[0] + LIT)
        self._guards = {
            profile.name: LayoutGuard(profile, full_range=full_range)
            for profile in profiles
            if (profile.frame_width, profile.frame_height) == size
        }
        self._fitting = dict.fromkeys(self._guards, 0)
        self._picture: NDArray[np.uint8] | None = None

    def add(self, frame: av.VideoFrame) -> None:
        """Look at the next picture, 8-bit 4:2:0 and of the right size."""
        planes = plane_views(frame)
        if self._meter.pictures in (0, PICTURES // 2):
            self._picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        self._meter.add(planes[0])
        for name, guard in self._guards.items():
            self._fitting[name] += guard.fits(planes)

    def result(self) -> Survey | None:
        """What all of them show; None if they were too few."""
        activity = self._meter.activity()
        if not activity.is_enough or self._picture is None:
            return None
        return Survey(*self._size, activity, MappingProxyType(self._fitting), self._picture)
