"""Which registered device made a recording, judged by the picture alone, and only when it is sure.

A recording that is taken for another device's is blanked in the wrong places. So every rule must
hold, and exactly one profile may fit; otherwise nobody is recognised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.region import SAFETY_MARGIN, Mask, hull, moving_region, widened
from endoreg_db.deid.video.survey import Survey

_FITTING = 0.8  # share of the pictures that must look like the device's
#: Pixels that the moving picture may reach out of the profile's image: a proposed image is smaller by
#: the safety margin, and measuring is wrong by one or two. The shipped layouts differ by 20.
_OUTSIDE = SAFETY_MARGIN + 2
#: How much smaller than the profile's image it may be on any side: most devices leave a dark border.
_SMALLER = 0.022  # of the frame's height
_WRITTEN = 0.5  # share of the overlay boxes in which something must have been written
_INK = (0.005, 0.60)  # share of a box's pixels that are lit where something is written
_SELDOM = 0.1  # share of the pictures; another screen that comes up now and then is not the overlay
#: Share of the image box that may be lit for most of the time where nothing moves: text would be more.
_STILL_LIT = 0.0003


def recognise(seen: Survey, profiles: Sequence[DeviceProfile]) -> DeviceProfile | None:
    """The one profile whose layout the recording has; None if there is none, or more than one."""
    active = seen.activity.active
    region = moving_region(active)
    if region is None:
        return None
    fitting = [profile for profile in profiles if _fits(seen, active, region, profile)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(seen: Survey, active: Mask, region: Box, profile: DeviceProfile) -> bool:
    return (
        (profile.frame_width, profile.frame_height) == (seen.width, seen.height)
        and seen.fitting.get(profile.name, 0) >= _FITTING * seen.pictures
        and _is_its_image(region, profile)
        and _is_written(seen, profile)
        and _lit_but_still(seen, active, profile.image) <= _STILL_LIT
    )


def _is_its_image(region: Box, profile: DeviceProfile) -> bool:
    """Whether the moving picture fills the profile's image, and does not reach out of it."""
    image = profile.image
    smaller = max(3.0, _SMALLER * profile.frame_height)
    inward = (
        region.x - image.x,
        region.y - image.y,
        image.right - region.right,
        image.bottom - region.bottom,
    )
    return all(-_OUTSIDE <= distance <= smaller for distance in inward)


def _is_written(seen: Survey, profile: DeviceProfile) -> bool:
    """Whether there is text in the overlay columns that the profile knows."""
    ink = seen.activity.lit > seen.pictures * _SELDOM
    shares = [float(ink[box.slices].mean()) for box in profile.boxes.values()]
    written = sum(_INK[0] <= share <= _INK[1] for share in shares)
    return written >= _WRITTEN * len(shares)


def _lit_but_still(seen: Survey, active: Mask, image: Box) -> float:
    """Share of the image box that is lit for most of the time, beside the moving picture."""
    beside = ~widened(hull(active[image.slices]), max(4, seen.height // 180))
    lit = seen.activity.lit[image.slices] > seen.pictures // 2
    return float(np.mean(beside & lit))
