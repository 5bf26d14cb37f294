"""Parts of the kept image that are blanked for a while: a scene outside the body, text in the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.mask import kept_box


@dataclass(frozen=True, slots=True)
class Cover:
    """What is blanked, and from when to when."""

    box: Box | None  # in pixels of the source, even, inside the kept image; None: the whole image
    first: int  # presentation times in ticks of the source, both included
    last: int

    def touches(self, first: int, last: int) -> bool:
        """Whether it falls, at least for a moment, between two times."""
        return self.first <= last and first <= self.last


@dataclass(frozen=True, slots=True)
class Covered:
    """What is blanked in one frame."""

    whole: bool
    boxes: tuple[Box, ...]  # in pixels of the source

    def hides_more_than(self, before: Covered) -> bool:
        """Whether something is blanked that was not in the frame before."""
        if self.whole or before.whole:
            return self.whole and not before.whole
        return not set(self.boxes) <= set(before.boxes)


def covered_at(covers: Iterable[Cover], time: int) -> Covered:
    """What the covers blank in the frame that is shown at ``time``."""
    there = [cover.box for cover in covers if cover.first <= time <= cover.last]
    return Covered(None in there, tuple(box for box in there if box is not None))


def in_output(
    covers: Iterable[Cover], profile: DeviceProfile, zero: int, ratio: Fraction
) -> tuple[Cover, ...]:
    """The covers in pixels and ticks of the output.

    Args:
        covers: in pixels and ticks of the source.
        profile: says where the kept image is written.
        zero: time of the first frame in the source.
        ratio: the source's tick divided by the output's.
    """
    kept = kept_box(profile)
    left, up = (kept.x, kept.y) if profile.output == "crop" else (0, 0)
    return tuple(
        Cover(
            None if c.box is None else Box(c.box.x - left, c.box.y - up, c.box.width, c.box.height),
            ceil((c.first - zero) * ratio),
            floor((c.last - zero) * ratio),
        )
        for c in covers
    )


def fitted(box: Box, margin: int, kept: Box) -> Box | None:
    """The box with a margin around it, on whole colour samples and inside the even ``kept`` box.

    None if the two share no pixel.
    """
    left, top = max(kept.x, box.x - margin) // 2 * 2, max(kept.y, box.y - margin) // 2 * 2
    right = min(kept.right, -(-(box.right + margin) // 2) * 2)
    bottom = min(kept.bottom, -(-(box.bottom + margin) // 2) * 2)
    return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    return Box(left, top, max(b.right for b in boxes) - left, max(b.bottom for b in boxes) - top)
