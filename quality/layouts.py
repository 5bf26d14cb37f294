"""Device layouts of the corpus: those that come with the package, and invented ones.

An invented layout is registered as a user registers one, as a TOML file, and counts as confirmed: it
stands for a hospital's own device.
"""

from __future__ import annotations

import json
import random
from types import MappingProxyType

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import OVERLAY_FIELDS, DateOrder, DeviceProfile, shipped_profiles

_FRAMES = ((1920, 1080), (1280, 1024), (1280, 720))
_DATE_ORDERS: tuple[DateOrder, ...] = ("day/month/year", "month/day/year", "year/month/day")
_COLUMN = (340, 420)  # pixels; width of the overlay column
_LINE = (30, 40)  # pixels; height of a box


def pick_profile(rng: random.Random) -> DeviceProfile:
    """A shipped layout or, as often, an invented one; confirmed layouts more often than others."""
    known = shipped_profiles()
    confirmed = [profile for profile in known if profile.confirmed]
    kind = rng.random()
    if kind < 0.55:
        return rng.choice(confirmed)
    return rng.choice(known) if kind < 0.65 else invent_profile(rng)


def invent_profile(rng: random.Random) -> DeviceProfile:
    """A layout of a device that does not exist: one column of overlay lines beside the image."""
    width, height = rng.choice(_FRAMES)
    column = rng.randint(*_COLUMN) // 2 * 2
    left = rng.random() < 0.5  # where the column is
    top = rng.randrange(0, 40, 2)
    image = Box(column if left else 0, top, width - column, height - 2 * top)
    fields = [field for field in OVERLAY_FIELDS if field != "case_number" or rng.random() < 0.5]
    rng.shuffle(fields)
    return DeviceProfile(
        name=f"invented_{rng.randrange(16**6):06x}",
        title="Invented device",
        confirmed=True,
        frame_width=width,
        frame_height=height,
        image=image,
        boxes=MappingProxyType(_boxes(rng, fields, height, 16 if left else width - column + 24, column - 40)),
        date_order=rng.choice(_DATE_ORDERS),
    )


def _boxes(rng: random.Random, fields: list[str], height: int, x: int, width: int) -> dict[str, Box]:
    """The fields one below the other, with a gap of any size between them."""
    line = rng.randint(*_LINE)
    step = rng.randint(line + 6, (height - 80) // len(fields))
    y = rng.randint(20, height - 40 - step * len(fields))
    return {field: Box(x, y + number * step, width, line) for number, field in enumerate(fields)}


def as_toml(profile: DeviceProfile) -> str:
    """The profile as the file that ``endoreg device add`` takes."""
    fields = profile.as_dict()
    boxes = fields.pop("boxes")
    # What these fields hold is written the same way in JSON and in TOML.
    lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    lines += ["", "[boxes]", *(f"{name} = {json.dumps(box)}" for name, box in boxes.items())]
    return "\n".join(lines) + "\n"
