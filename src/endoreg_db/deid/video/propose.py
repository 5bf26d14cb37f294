"""A profile proposed on request, and a picture of the recording with its boxes for a person to check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import FoundDevice, Message, Probed, Proposed, ProposeTask
from endoreg_db.deid.video.devices import proposal
from endoreg_db.deid.video.recognise import recognise
from endoreg_db.deid.video.source import look_into

PICTURE = "proposal.png"

_IMAGE_COLOUR, _FIELD_COLOUR, _UNCLEAR_COLOUR = (0, 230, 90), (255, 220, 0), (255, 90, 90)


def propose(task: ProposeTask, say: Callable[[Message], None]) -> Proposed:
    """Propose a profile for a recording, whether or not a known one fits.

    Raises:
        UnknownDeviceError: there is no one moving picture in it.
        UnsupportedMediaError, CorruptMediaError, InsufficientStorageError, DeidentificationError:
            it cannot be read.
    """
    source = look_into(task.source)
    say(Probed(source.facts))
    seen = source.survey(task.known)
    found = proposal(seen, Path(task.work_dir), read_text=True)
    fits = None if seen is None else recognise(seen, task.known)
    picture = None
    if task.picture and seen is not None:
        picture = str(Path(task.work_dir) / PICTURE)
        draw_boxes(seen.picture, found).save(picture)
    return Proposed(source.facts, found, None if fits is None else fits.name, picture)


def draw_boxes(picture: NDArray[np.uint8], found: FoundDevice) -> Image.Image:
    """The picture (H×W×3 RGB) with the image box in green, fields in yellow and unclear text in red."""
    drawn = Image.fromarray(picture)
    draw = ImageDraw.Draw(drawn)
    size = max(10, picture.shape[0] // 72)
    font = ImageFont.load_default(size)
    width = max(1, picture.shape[0] // 360)

    def outline(box: Box, colour: tuple[int, int, int], label: str) -> None:
        # The frame lies outside the box, so that everything in it can be seen.
        around = (box.x - width, box.y - width, box.right + width - 1, box.bottom + width - 1)
        draw.rectangle(around, outline=colour, width=width)
        anchor, y = ("rb", box.y - 2 * width) if box.y > 2 * size else ("rt", box.bottom + 2 * width)
        draw.text((box.right, y), label, colour, font=font, anchor=anchor)

    for box in found.unclear:
        outline(box, _UNCLEAR_COLOUR, "")
    for field, box in found.profile.boxes.items():
        outline(box, _FIELD_COLOUR, field)
    image = found.profile.image
    outline(image, _IMAGE_COLOUR, "")
    # Inside, in a corner: there may be no room around it.
    draw.text((image.x + 4 * width, image.y + 4 * width), "image", _IMAGE_COLOUR, font=font)
    return drawn
