"""A recording whose device nobody named: recognised among the known ones, or a profile proposed for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding, FoundDevice
from endoreg_db.deid.ocr import FoundText, TextReader, import_engine, smallest_overlay_text
from endoreg_db.deid.overlay_boxes import guess_overlay
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.recognise import recognise
from endoreg_db.deid.video.region import Activity, kept_image, moving_region
from endoreg_db.deid.video.source import Source
from endoreg_db.deid.video.survey import Survey
from endoreg_db.deid.video.transcode import SegmentResult, Tick, motion_step
from endoreg_db.deid.video.workers import start_workers
from endoreg_db.errors import UnknownDeviceError

#: How much smaller than the device's image the moving picture may be on any side, as a share of the
#: frame's height. The drawn devices leave 0.015, and 0.04 to 0.06 under the name of the next larger one.
_MOST_ROOM = 0.035
_SMALLEST_IMAGE = 64  # pixels; anything smaller is nothing to look at
_MOST_UNCLEAR = 100  # places with text; more are a screen full of it, and nobody would sort them


@dataclass(frozen=True, slots=True)
class TextJob:
    """A picture to read, for a worker."""

    picture: str  # path of an array (.npy), H×W×3
    smallest: int  # pixels per em


def find_device(
    source: Source, known: Sequence[DeviceProfile], work_dir: Path, *, read_text: bool
) -> FoundDevice:
    """Recognise the device, or propose a profile for it.

    Raises:
        UnknownDeviceError: none fits, and there is no one moving picture to keep.
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    seen = source.survey(known)
    recognised = None if seen is None else recognise(seen, known)
    if recognised is not None:
        return FoundDevice(recognised, proposed=False)
    return proposal(seen, work_dir, read_text=read_text)


def proposal(seen: Survey | None, work_dir: Path, *, read_text: bool) -> FoundDevice:
    """A new profile for what was seen: its image box and, with ``read_text``, its overlay boxes.

    Raises:
        UnknownDeviceError: there is no one moving picture.
        InsufficientStorageError, DeidentificationError: see :meth:`Workers.run`.
    """
    region = None if seen is None else moving_region(seen.activity.active)
    if seen is None or region is None or min(region.width, region.height) < _SMALLEST_IMAGE:
        raise UnknownDeviceError(
            "No registered device has the layout of this recording, and no one moving picture was found in it"
        )
    image = kept_image(region)
    found = _text_around(seen, image, work_dir) if read_text else []
    guess = guess_overlay(found, image, (seen.width, seen.height))
    size = f"{seen.width}x{seen.height}"
    profile = DeviceProfile(
        name=f"unnamed_{size}_at_{image.x}_{image.y}",
        title=f"Unknown device, {size}",
        confirmed=False,
        frame_width=seen.width,
        frame_height=seen.height,
        image=image,
        boxes=dict(guess.boxes),
        date_order=guess.date_order,
    )
    return FoundDevice(profile, proposed=True, unclear=guess.unclear[:_MOST_UNCLEAR])


def find_text(job: TextJob, tick: Tick) -> list[FoundText]:
    """Read all the text in a picture; run in a worker, whose memory goes with it."""
    import_engine()
    picture = np.load(job.picture, allow_pickle=False)
    found = TextReader(threads=1).find_text(picture, smallest=job.smallest)
    tick()
    return found


def device_findings(found: FoundDevice | None) -> list[Finding]:
    """What a person should know about a device that nobody named."""
    if found is None:
        return []
    if not found.proposed:
        detail = f"The device was recognised from the picture: {found.profile.title}"
        return [Finding("device_recognised", "note", detail)]
    detail = (
        "No device was named and no registered one fits: everything but the moving picture was "
        "blanked, and a device profile is proposed"
    )
    return [Finding("device_unknown", "review", detail)]


def wrong_device_finding(
    source: Source,
    named: DeviceProfile,
    known: Sequence[DeviceProfile],
    results: Sequence[SegmentResult],
    motion: Activity,
) -> Finding | None:
    """A sentence about a recording that is not the named device's; None if it may be.

    Args:
        source: the recording; looked at again only if it does not fit.
        named: the device that it was imported for.
        known: all registered layouts.
        results: what became of the segments.
        motion: what moves in the image, in all of the recording.
    """
    misfit = _misfit(source, named, results, motion)
    if misfit is None:
        return None
    others = [profile for profile in known if profile.name != named.name]
    seen = source.survey(others)
    other = None if seen is None else recognise(seen, others)
    looks = "" if other is None else f"; this looks like {other.title} ({other.name})"
    return Finding("wrong_device", "review", f"{misfit}{looks}")


def _misfit(
    source: Source, named: DeviceProfile, results: Sequence[SegmentResult], motion: Activity
) -> str | None:
    """In which way the recording is not the named device's."""
    width, height = source.facts.width, source.facts.height
    if (width, height) != (named.frame_width, named.frame_height):
        return (
            f"The recording has {width}×{height} pixels, and the layout of {named.title} is for "
            f"{named.frame_width}×{named.frame_height}"
        )
    blanked = sum(run.frames for result in results for run in result.blanked)
    frames = sum(len(result.times) for result in results)
    if 2 * blanked > frames:
        return f"{blanked} of {frames} frames do not look like those of {named.title}"
    if _leaves_room(motion, named):
        return f"The moving picture is smaller than the image of {named.title}"
    return None


def _leaves_room(motion: Activity, named: DeviceProfile) -> bool:
    """Whether the picture leaves more room in the device's image than a dark border: text may be there."""
    region = moving_region(motion.active, cell=1) if motion.is_enough else None
    if region is None:
        return False
    height, width = motion.active.shape
    room = max(region.x, region.y, width - region.right, height - region.bottom) * motion_step(named)
    return bool(room > _MOST_ROOM * named.frame_height)


def _text_around(seen: Survey, image: Box, work_dir: Path) -> list[FoundText]:
    """The text outside the image, read in a process of its own: the engine needs 200 MB."""
    picture = seen.picture.copy()
    picture[image.slices] = 0
    path = work_dir / "overlay.npy"
    np.save(path, picture)
    try:
        with start_workers(1) as workers:
            job = TextJob(str(path), smallest_overlay_text(seen.height))
            (found,) = workers.run(find_text, [job], lambda _: None)
    finally:
        path.unlink()
    return found
