"""What an endoscope sees outside the patient: a room with people, drapes, a monitor and a table.

One wide picture of the room is drawn from a seed; the endoscope's view is a window that wanders
over it, now near, now far, rolled as the hand holds it, out of focus and in the room's light.
"""

from __future__ import annotations

import math
import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from endoreg_db.samples.mucosa import Plane, octagon, to_planes

Colour = tuple[int, int, int]  # red, green, blue

_WIDE = (640, 400)  # pixels of the picture of the room; the endoscope does not see more detail
_SKIN: tuple[Colour, ...] = ((236, 188, 160), (214, 160, 130), (172, 118, 88), (110, 72, 52), (245, 208, 188))
_WALLS: tuple[Colour, ...] = (
    (205, 208, 205),
    (190, 200, 190),
    (214, 205, 188),
    (176, 188, 200),
    (225, 225, 222),
)
_FLOORS: tuple[Colour, ...] = ((120, 124, 126), (92, 104, 112), (140, 132, 120), (84, 96, 88))
_DRAPES: tuple[Colour, ...] = ((60, 120, 175), (40, 90, 150), (70, 140, 120), (90, 160, 190), (50, 110, 100))
_STEEL: Colour = (168, 172, 178)


def draw_room(rng: random.Random) -> Image.Image:
    """The room as a whole: wall, floor, and in front of them what stands there, in any order."""
    width, height = _WIDE
    picture = Image.new("RGB", _WIDE, rng.choice(_WALLS))
    draw = ImageDraw.Draw(picture)
    horizon = round(height * rng.uniform(0.55, 0.75))
    draw.rectangle((0, horizon, width, height), fill=rng.choice(_FLOORS))
    for left in range(rng.randrange(80), width, rng.randrange(90, 170)):
        draw.line((left, 0, left, horizon), fill=_shade(_STEEL, 0.9), width=2)  # panels, door frames
    things = [_drape, _drape, _monitor, _table, _person, _person, _person, _lamp, _cabinet]
    rng.shuffle(things)
    for number, thing in enumerate(things):
        thing(draw, rng, round((number + rng.uniform(0.1, 0.9)) * width / len(things)), horizon)
    return picture


def _drape(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, horizon: int) -> None:
    """Cloth over a bed, with folds."""
    colour = rng.choice(_DRAPES)
    half, top = rng.randrange(50, 110), horizon - rng.randrange(10, 70)
    draw.polygon(
        [(x - half, top), (x + half, top + 12), (x + half + 20, 400), (x - half - 20, 400)], fill=colour
    )
    for _ in range(12):
        fold = x + rng.randrange(-half, half)
        shade = _shade(colour, rng.uniform(0.7, 1.2))
        draw.line((fold, top + 5, fold + rng.randrange(-25, 25), 400), fill=shade, width=rng.randrange(2, 8))


def _monitor(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, horizon: int) -> None:
    """A screen that shows numbers and curves, or an endoscopic image."""
    wide, high, top = rng.randrange(90, 150), rng.randrange(60, 95), rng.randrange(20, 110)
    left = x - wide // 2
    draw.rectangle((left - 5, top - 5, left + wide + 5, top + high + 5), fill=(28, 28, 32))
    draw.rectangle((left, top, left + wide, top + high), fill=(14, 20, 34))
    if rng.random() < 0.5:
        draw.ellipse((left + wide * 0.35, top + 4, left + wide - 4, top + high - 4), fill=(196, 96, 80))
        draw.ellipse((left + wide * 0.6, top + 24, left + wide - 26, top + high - 30), fill=(60, 24, 20))
    for row in range(top + 6, top + high - 6, 11):
        end = left + rng.randrange(10, wide // 2)
        draw.line(
            (left + 4, row, end, row),
            fill=rng.choice(((90, 230, 120), (240, 240, 240), (240, 200, 60))),
            width=2,
        )
    draw.line((x, top + high + 5, x, horizon), fill=_STEEL, width=6)


def _table(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, horizon: int) -> None:
    """A steel table with instruments."""
    top, half = horizon - rng.randrange(0, 40), rng.randrange(50, 90)
    draw.rectangle((x - half, top, x + half, top + 8), fill=_STEEL)
    draw.rectangle((x - half + 6, top + 8, x + half - 6, top + 60), fill=_shade(_STEEL, 0.6))
    for _ in range(9):
        left = x + rng.randrange(-half, half - 20)
        colour = rng.choice((_STEEL, (245, 245, 245), (30, 30, 30), (40, 110, 190), (230, 220, 90)))
        draw.line(
            (left, top - rng.randrange(1, 22), left + rng.randrange(8, 45), top - 1),
            fill=colour,
            width=rng.randrange(2, 6),
        )


def _person(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, horizon: int) -> None:
    """Somebody in working clothes: gown, face, hair or cap, now and then a mask."""
    skin, size = rng.choice(_SKIN), rng.randrange(26, 62)
    middle = horizon - rng.randrange(60, 150)
    gown = rng.choice((*_DRAPES, (240, 242, 244), (60, 70, 100)))
    draw.polygon(
        [(x - size * 1.3, 400), (x - size, middle + size), (x + size, middle + size), (x + size * 1.3, 400)],
        fill=gown,
    )
    draw.ellipse((x - size * 0.78, middle - size, x + size * 0.78, middle + size), fill=skin)
    hair = rng.choice((*_DRAPES, (50, 36, 28), (130, 100, 60), (190, 190, 190)))
    draw.pieslice(
        (x - size * 0.82, middle - size * 1.1, x + size * 0.82, middle + size * 0.5), 180, 360, fill=hair
    )
    for side in (-0.32, 0.32):
        eye = x + side * size
        draw.ellipse((eye - size * 0.13, middle - 4, eye + size * 0.13, middle + 5), fill=(250, 250, 250))
        draw.ellipse((eye - 3, middle - 3, eye + 3, middle + 4), fill=(40, 30, 30))
    if rng.random() < 0.5:
        draw.rectangle(
            (x - size * 0.6, middle + size * 0.2, x + size * 0.6, middle + size * 0.85), fill=(150, 200, 225)
        )
    else:
        draw.ellipse(
            (x - size * 0.25, middle + size * 0.5, x + size * 0.25, middle + size * 0.62), fill=(170, 80, 80)
        )


def _lamp(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, horizon: int) -> None:
    """A bright lamp on the ceiling."""
    size = rng.randrange(18, 48)
    draw.ellipse((x - size * 1.3, 8, x + size * 1.3, 8 + size * 1.4), fill=_shade(_STEEL, 1.15))
    draw.ellipse((x - size, 14, x + size, 14 + size), fill=(255, 255, 250))


def _cabinet(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, horizon: int) -> None:
    """A tower of devices with small lights."""
    half, top = rng.randrange(30, 55), rng.randrange(80, 170)
    colour = rng.choice(((225, 226, 224), (70, 74, 80), (190, 200, 205)))
    draw.rectangle((x - half, top, x + half, horizon + 40), fill=colour)
    for row in range(top + 8, horizon + 30, 22):
        draw.rectangle((x - half + 5, row, x + half - 5, row + 15), outline=_shade(colour, 0.7), width=2)
        light = rng.choice(((40, 220, 90), (230, 160, 30), (60, 140, 240)))
        draw.ellipse((x + half - 16, row + 4, x + half - 10, row + 10), fill=light)


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue


class Room:
    """Draws the view of an endoscope that is outside; the same seed draws the same pictures."""

    def __init__(self, seed: int, width: int, height: int) -> None:
        """Prepare views of ``width`` × ``height`` pixels, both even."""
        rng = random.Random(seed)
        self.width, self.height = width, height
        self._room = draw_room(rng).filter(ImageFilter.GaussianBlur(rng.choice((0.5, 1.0, 2.5, 5.0))))
        self._light = rng.choice((1.0, 1.0, 0.8, 0.55, 0.35))  # rooms are darkened for the examination
        self._tint = [rng.uniform(0.94, 1.06) for _ in range(3)]  # of the lamps
        self._near = rng.uniform(0.2, 1.0)  # height of the window, as a share of the room's
        self._start, self._speed, self._roll = (
            rng.uniform(0, 90),
            rng.uniform(0.1, 0.5),
            rng.uniform(-180, 180),
        )
        self._noise = np.random.default_rng(seed).integers(-5, 6, (height, width, 1), dtype=np.int16)
        self._shape = octagon(height, width)

    def draw(self, seconds: float) -> tuple[Plane, Plane, Plane]:
        """Luma (H×W) and both chroma planes (H/2×W/2) of the view at ``seconds``."""
        moment = self._start + self._speed * seconds
        high = _WIDE[1] * min(1.0, self._near * (1 + 0.25 * math.sin(1.3 * moment)))
        wide = high * self.width / self.height
        x = _WIDE[0] * (0.5 + 0.34 * math.sin(moment))
        y = _WIDE[1] * (0.5 + 0.20 * math.sin(1.7 * moment + 1))
        angle = math.radians(self._roll + 20 * math.sin(0.9 * moment))
        view = self._room.transform(
            (self.width, self.height), Image.Transform.AFFINE, self._window(x, y, wide, high, angle),
            Image.Resampling.BILINEAR, fillcolor=(150, 152, 150),
        )  # fmt: skip
        return self._seen(np.asarray(view))

    def _window(self, x: float, y: float, wide: float, high: float, angle: float) -> tuple[float, ...]:
        """Coefficients that take a pixel of the view to one of the room: scale, roll, and move."""
        across, down = wide / self.width, high / self.height
        a, b = across * math.cos(angle), -down * math.sin(angle)
        d, e = across * math.sin(angle), down * math.cos(angle)
        left, top = self.width / 2, self.height / 2
        return a, b, x - a * left - b * top, d, e, y - d * left - e * top

    def _seen(self, view: NDArray[np.uint8]) -> tuple[Plane, Plane, Plane]:
        lit = view * (np.array(self._tint) * self._light) + self._noise
        return to_planes(np.clip(lit, 0, 255) * self._shape[..., None])
