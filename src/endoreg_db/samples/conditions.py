"""What happens to the endoscopic image during an examination: other light, water, blood, instruments.

Each condition changes the drawn mucosa in place: luma H×W and both chroma planes H/2×W/2, all as
float32 with grey at 0 in chroma and black at 0 in luma. Its strength is drawn from a seed, and it
moves with time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from endoreg_db.samples.mucosa import Plane, octagon

Field = NDArray[np.float32]
Condition = Callable[["Picture", random.Random, float], None]

_DARK, _GREY = 16, 128  # black of limited-range luma; no colour


class Picture:
    """An endoscopic image to change."""

    def __init__(self, planes: tuple[Plane, Plane, Plane]) -> None:
        """Begin with the image's three planes."""
        self.luma = planes[0].astype(np.float32) - _DARK
        self.blue, self.red = (plane.astype(np.float32) - _GREY for plane in planes[1:])
        self.shape = octagon(*self.luma.shape)

    def planes(self) -> tuple[Plane, Plane, Plane]:
        """The image as video has it; black where the endoscope shows nothing."""
        luma = np.clip(self.luma, 0, 219) * self.shape + _DARK
        half = self.shape[::2, ::2]
        blue, red = (np.clip(part * half + _GREY, 16, 240) for part in (self.blue, self.red))
        return luma.astype(np.uint8), blue.astype(np.uint8), red.astype(np.uint8)

    def paint(self, share: Field, luma: float, blue: float, red: float) -> None:
        """Mix a colour into the image; ``share`` (H×W, 0 to 1) says how much of it."""
        self.luma += share * (luma - self.luma)
        half = share[::2, ::2]
        self.blue += half * (blue - self.blue)
        self.red += half * (red - self.red)

    def grid(self) -> tuple[Field, Field]:
        """Row and column of every pixel, 0 to 1."""
        height, width = self.luma.shape
        y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        return y, np.linspace(0, 1, width, dtype=np.float32)[None, :]


def _narrow_band(picture: Picture, rng: random.Random, seconds: float) -> None:
    """Blue and green light only: tissue is teal to greenish grey-brown, vessels stand out darker."""
    cool = rng.uniform(0, 1)  # from the greenish brown of the colon to the teal of the stomach
    blue, red = -12 + 26 * cool, -2 - 24 * cool
    light = picture.luma[::2, ::2] / 130
    vessels = np.clip((picture.red - picture.red.mean()) / 30, -1, 1)
    picture.blue = 0.15 * picture.blue + blue * light - 4 * vessels
    picture.red = 0.10 * picture.red + red * light + 6 * vessels
    picture.luma *= rng.uniform(0.6, 0.9)


def _pale(picture: Picture, rng: random.Random, seconds: float) -> None:
    """Tissue with little blood in it, or a camera with weak colours."""
    level = rng.uniform(0.4, 0.7)
    picture.blue *= level
    picture.red *= level


def _dark(picture: Picture, rng: random.Random, seconds: float) -> None:
    """Far from any wall, with too little light."""
    level = rng.uniform(0.12, 0.4)
    for part in (picture.luma, picture.blue, picture.red):
        part *= level


def _white_out(picture: Picture, rng: random.Random, seconds: float) -> None:
    """Too near to the wall: the light blinds the camera."""
    y, x = picture.grid()
    reach = rng.uniform(0.4, 1.0) * (0.75 + 0.25 * math.sin(3 * seconds))
    place = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)
    far = np.hypot(y - place[0], x - place[1]) / reach
    picture.paint(np.clip(1.5 - 1.4 * far, 0, 1), 218, 0, 3)


def _red_out(picture: Picture, rng: random.Random, seconds: float) -> None:
    """The lens lies on the wall: nothing but red."""
    y, x = picture.grid()
    level = rng.uniform(60, 150) * (1 + 0.1 * math.sin(2 * seconds))
    picture.paint(np.full_like(picture.luma, 0.9), level, -30, rng.uniform(45, 75))
    picture.luma *= 1 - 0.5 * np.abs(x - 0.5) * np.abs(y - 0.4)


def _water(picture: Picture, rng: random.Random, seconds: float) -> None:
    """A jet of water or a flooded lens: whitish, streaky, flickering."""
    y, x = picture.grid()
    origin = rng.uniform(0.2, 0.8), rng.uniform(0.8, 1.0)
    angle = np.arctan2(x - origin[0], origin[1] - y)
    width = rng.uniform(0.15, 0.5) * (1 + 0.3 * math.sin(9 * seconds))
    streaks = 0.6 + 0.4 * np.sin(60 * angle + 25 * seconds)
    share = rng.uniform(0.5, 0.85) * np.exp(-((angle / width) ** 2)) * streaks
    picture.paint(share.astype(np.float32), 190, -2, 4)


def _pool(colours: tuple[tuple[float, float, float], ...]) -> Condition:
    """Fluid that collects at one side, with a bright rim."""

    def pool(picture: Picture, rng: random.Random, seconds: float) -> None:
        luma, blue, red = rng.choice(colours)
        y, x = picture.grid()
        angle, depth = rng.uniform(0, 2 * math.pi), rng.uniform(-0.25, 0.25)
        across = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)
        along = (y - 0.5) * math.cos(angle) - (x - 0.5) * math.sin(angle)
        edge = across - depth - 0.04 * np.sin(9 * along + 2 * seconds)
        picture.paint((0.85 * np.clip(edge * 25, 0, 1)).astype(np.float32), luma, blue, red)
        picture.luma += 60 * np.exp(-((edge / 0.012) ** 2))

    return pool


def _bubbles(picture: Picture, rng: random.Random, seconds: float) -> None:
    """Foam: many rings, each bright on one side."""
    height, width = picture.luma.shape
    for _ in range(rng.randrange(40, 160)):
        radius = rng.uniform(0.01, 0.055) * height
        y = (rng.uniform(0.1, 0.95) * height + 4 * math.sin(seconds + radius)) % height
        x = (rng.uniform(0.1, 0.9) * width + 6 * math.sin(0.7 * seconds + y)) % width
        top, left = max(0, int(y - radius)), max(0, int(x - radius))
        rows, columns = slice(top, int(y + radius) + 1), slice(left, int(x + radius) + 1)
        patch = picture.luma[rows, columns]
        down = (np.arange(top, top + patch.shape[0])[:, None] - y) / radius
        across = (np.arange(left, left + patch.shape[1])[None, :] - x) / radius
        far = np.hypot(down, across)
        rim = np.exp(-(((far - 0.88) / 0.1) ** 2)) * (0.6 - 0.4 * down)
        patch += (rim * (205 - patch)).astype(np.float32)
        half = (
            slice(top // 2, top // 2 + -(-patch.shape[0] // 2)),
            slice(left // 2, left // 2 + -(-patch.shape[1] // 2)),
        )
        for colour in (picture.blue, picture.red):
            part = colour[half]
            part *= 1 - 0.6 * rim[::2, ::2][: part.shape[0], : part.shape[1]]


def _dye(picture: Picture, rng: random.Random, seconds: float) -> None:
    """Indigo carmine on the mucosa: blue in the grooves, a veil over the rest."""
    low = np.clip(1.15 - picture.luma / rng.uniform(110, 150), 0.0, 1.0)
    share = np.clip(rng.uniform(0.1, 0.3) + 0.6 * low, 0, 0.85) * (picture.luma > 25)
    picture.paint(share.astype(np.float32), 75, 28, -14)


def _instrument(picture: Picture, rng: random.Random, seconds: float) -> None:
    """A catheter that comes in from below, with a metal tip."""
    y, x = picture.grid()
    foot, lean = rng.uniform(0.55, 0.8), rng.uniform(-0.35, 0.1)
    tip = rng.uniform(0.35, 0.6) + 0.05 * math.sin(2 * seconds)
    middle = foot + lean * (1 - y)
    width = rng.uniform(0.03, 0.09)
    across = (x - middle) / width
    inside = ((np.abs(across) < 1) & (y > tip)).astype(np.float32)
    luma, blue, red = rng.choice(((150, 22, -16), (185, 0, 0), (60, 0, 0), (140, -30, 8)))
    picture.paint(0.95 * inside, luma, blue, red)
    picture.luma -= inside * 45 * np.abs(np.clip(across, -1, 1))
    picture.paint(((np.abs(across) < 0.5) & (np.abs(y - tip) < 0.08)).astype(np.float32), 175, 0, 0)


CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {
        "narrow_band": _narrow_band,
        "pale": _pale,
        "dark": _dark,
        "white_out": _white_out,
        "red_out": _red_out,
        "water": _water,
        "blood": _pool(((45, -18, 46), (70, -24, 60))),
        "stool": _pool(((110, -45, 6), (75, -30, 12), (130, -50, -4))),
        "bubbles": _bubbles,
        "dye": _dye,
        "instrument": _instrument,
    }
)


def change(
    planes: tuple[Plane, Plane, Plane], condition: str, seed: int, seconds: float
) -> tuple[Plane, Plane, Plane]:
    """The image under one of :data:`CONDITIONS`, drawn from ``seed``, at ``seconds``.

    Raises:
        KeyError: there is no such condition.
    """
    picture = Picture(planes)
    CONDITIONS[condition](picture, random.Random(f"{condition} {seed}"), seconds)
    return picture.planes()
