"""Telling a device by its picture: only when everything fits, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import av
import numpy as np
import pytest

from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.recognise import recognise
from endoreg_db.deid.video.survey import Survey, Surveyor
from endoreg_db.samples import Recording, Script, scaled, shipped_profile
from endoreg_db.samples.overlay import Plane

#: A third of its size, to be quick. The shipped layouts are told apart in their true size, on real
#: files, in ``tests/integration/test_unknown_devices.py``: a third of their differences is too little.
OLYMPUS = scaled(shipped_profile(), 1 / 3)
KNOWN = [OLYMPUS]
LOOKS = 15


def surveyed(
    profile: DeviceProfile,
    known: Sequence[DeviceProfile] = KNOWN,
    *,
    script: Script | None = None,
    draw: Callable[[Plane, int], None] = lambda luma, number: None,
) -> Survey:
    """What is seen in a recording of the device, half a second from look to look."""
    recording = Recording(8, profile=profile, script=script)
    size = (profile.frame_width, profile.frame_height)
    surveyor = Surveyor(size, known, full_range=False)
    for number in range(LOOKS):
        luma, blue, red = recording.planes(12 * number)
        draw(luma, number)
        flat = np.concatenate([plane.reshape(-1) for plane in (luma, blue, red)])
        surveyor.add(av.VideoFrame.from_ndarray(flat.reshape(-1, luma.shape[1]), format="yuv420p"))
    seen = surveyor.result()
    assert seen is not None
    return seen


def test_a_device_is_recognised_by_its_layout() -> None:
    assert recognise(surveyed(OLYMPUS), KNOWN) == OLYMPUS


def test_two_profiles_that_fit_are_none_that_fits() -> None:
    twin = replace(OLYMPUS, name="twin")
    known = [*KNOWN, twin]

    assert recognise(surveyed(OLYMPUS, known), known) is None


def test_a_layout_of_another_size_does_not_fit() -> None:
    known = [replace(OLYMPUS, frame_width=OLYMPUS.frame_width + 2)]

    assert recognise(surveyed(OLYMPUS, known), known) is None


def test_without_anything_written_where_the_device_writes_it_is_not_recognised() -> None:
    hidden = Script(overlay_hidden=(0.0, 100.0))

    assert recognise(surveyed(OLYMPUS, script=hidden), KNOWN) is None


def test_where_most_frames_do_not_fit_nobody_is_recognised() -> None:
    worklist = Script(form=(2.0, 100.0))

    assert recognise(surveyed(OLYMPUS, script=worklist), KNOWN) is None


def test_a_worklist_now_and_then_hides_no_device() -> None:
    worklist = Script(form=(2.0, 2.6))

    assert recognise(surveyed(OLYMPUS, script=worklist), KNOWN) == OLYMPUS


def test_text_in_a_corner_of_the_image_box_makes_it_another_layout() -> None:
    image = OLYMPUS.image

    def write(luma: Plane, number: int) -> None:
        luma[image.y + 4 : image.y + 12, image.x + 4 : image.x + 40 : 2] = 235

    assert recognise(surveyed(OLYMPUS, draw=write), KNOWN) is None


@pytest.mark.parametrize("shift", [-16, 16])
def test_an_image_a_little_beside_the_profiles_is_not_its(shift: int) -> None:
    moved = replace(
        OLYMPUS,
        image=replace(OLYMPUS.image, x=OLYMPUS.image.x + shift, width=OLYMPUS.image.width - abs(shift)),
    )

    assert recognise(surveyed(OLYMPUS, [moved]), [moved]) is None


def test_a_still_recording_is_nobodys() -> None:
    recording = Recording(8, profile=OLYMPUS)
    surveyor = Surveyor((OLYMPUS.frame_width, OLYMPUS.frame_height), KNOWN, full_range=False)
    for _ in range(LOOKS):
        surveyor.add(recording.frame(0))
    seen = surveyor.result()
    assert seen is not None

    assert recognise(seen, KNOWN) is None
