"""A moving picture that resembles the inside of a colon, drawn fast enough for long samples.

A texture on the wall of a tube is drawn once; each frame looks it up through a fixed polar map
(distance from the dark lumen → depth in the tube), so that moving along the tube costs one table
look-up per pixel. Highlights and sensor noise are added last, as in a camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

_GLINTS = 16  # specular highlights in one picture
_FOLDS = 4  # of the wall, before it repeats
_NOISE = 6  # peak of the sensor noise, grey levels; with it x264 needs what a recorder needs
_DARK = 16  # black of limited-range video


def fractal(rng: np.random.Generator, height: int, width: int, slope: float) -> NDArray[np.float32]:
    """Periodic noise whose amplitude falls with frequency to the power of ``slope``; mean 0, deviation 1."""
    down = np.fft.fftfreq(height)[:, None] * height
    across = np.fft.rfftfreq(width)[None, :] * width
    frequency = np.hypot(down, across)
    frequency[0, 0] = 1.0
    amplitude = frequency**-slope
    amplitude[0, 0] = 0.0
    phase = rng.uniform(0.0, 2 * math.pi, amplitude.shape)
    field = np.fft.irfft2(amplitude * np.exp(1j * phase), s=(height, width))
    return np.asarray(field / field.std(), np.float32)


@dataclass(frozen=True, slots=True)
class Wall:
    """The unrolled wall of the tube: rows run along it, columns around it; doubled in rows to wrap."""

    luma: Plane
    chroma: NDArray[np.uint8]  # rows × columns × (Cb, Cr)
    period: int  # rows after which it repeats


def build_wall(rng: np.random.Generator, period: int, around: int) -> Wall:
    """Draw a wall of ``period`` × ``around`` texels: mottled red, folds, and darker vessels."""
    mottling = fractal(rng, period, around, 1.3)
    veins = fractal(rng, period, around, 2.1)
    vessels = np.exp(-((veins / 0.04) ** 2)) * (np.roll(veins, period // 3, axis=0) > -0.2)
    bend = fractal(rng, period, around, 2.7)
    rows = np.arange(period, dtype=np.float32)[:, None]
    # Each fold brightens towards its rim and hides, with a sharp dark edge, what lies behind it.
    phase = (_FOLDS * rows / period + 0.30 * bend) % 1.0
    folds = phase**0.8 * (1 - np.clip((phase - 0.94) / 0.06, 0, 1) ** 2)
    luma = 88 + 6 * mottling + 92 * folds - 18 * vessels
    blue = 104 + 1.5 * mottling + 5 * folds - vessels
    red = 173 - 2.5 * mottling - 9 * folds + 5 * vessels
    return Wall(_doubled(luma), np.stack([_doubled(blue), _doubled(red)], axis=-1), period)


def _doubled(field: NDArray[np.float32]) -> Plane:
    # White of limited-range video is 235; this leaves room for black level and noise on top.
    texels = np.clip(field, 40, 205).astype(np.uint8)
    return np.concatenate([texels, texels])


@dataclass(frozen=True, slots=True)
class View:
    """For each pixel of a picture: which texel of the wall it shows, and how much light falls there."""

    texels: NDArray[np.intp]  # index into the flattened wall, at rest
    light: Plane  # 0 to 255


def build_view(height: int, width: int, wall: Wall, scale: float) -> View:
    """The view along the tube from its middle, ``height`` × ``width`` pixels, ``scale`` 1 for 1080 lines."""
    y = np.arange(height, dtype=np.float32)[:, None] - height * 0.47
    x = np.arange(width, dtype=np.float32)[None, :] - width * 0.53
    radius = np.hypot(x, y * 1.1) / scale + 1.0
    around = wall.luma.shape[1]
    angle = np.arctan2(y, x)
    radius *= 1 + 0.16 * np.cos(3 * angle + 1) + 0.10 * np.cos(2 * angle)  # a lumen with three corners
    column = ((angle / (2 * math.pi) + 0.5) * around).astype(np.intp) % around
    depth = (wall.period * 0.42 * np.log(1400.0 / radius)).astype(np.intp) % wall.period
    light = 1.15 * (1 - np.exp(-((radius / 190) ** 2))) / (1 + (radius / 850) ** 3) + 0.04
    return View(depth * around + column, (np.clip(light, 0, 1) * 255).astype(np.uint8))


def octagon(height: int, width: int) -> NDArray[np.bool_]:
    """Where the picture is: a rectangle whose corners are cut off, as endoscopes show it."""
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    from_edge_x = np.minimum(x, width - 1 - x)
    from_edge_y = np.minimum(y, height - 1 - y)
    inside = (from_edge_x + from_edge_y) >= 0.2 * height
    margin = 0.012 * width
    return inside & (from_edge_x >= margin) & (from_edge_y >= margin)


def to_planes(rgb: NDArray[np.float64]) -> tuple[Plane, Plane, Plane]:
    """Luma (H×W) and chroma (H/2×W/2) of an H×W×3 picture, 0 to 255; ITU-R BT.709, limited range."""
    luma = rgb @ np.array((0.2126, 0.7152, 0.0722))
    coarse, grey = rgb[::2, ::2], luma[::2, ::2]
    blue = (coarse[..., 2] - grey) / 1.8556 * (224 / 255) + 128
    red = (coarse[..., 0] - grey) / 1.5748 * (224 / 255) + 128
    levels = luma * (219 / 255) + _DARK
    return levels.astype(np.uint8), blue.round().astype(np.uint8), red.round().astype(np.uint8)


class Mucosa:
    """Draws the endoscopic image of frame after frame; the same seed draws the same pictures."""

    def __init__(self, seed: int, width: int, height: int) -> None:
        """Prepare pictures of ``width`` × ``height`` pixels, both even."""
        rng = np.random.default_rng(seed)
        self.width, self.height = width, height
        self._scale = height / 1080
        self._wander = max(2, round(60 * self._scale / 2) * 2)  # how far the lumen drifts, pixels
        self._wall = build_wall(rng, max(64, round(768 * self._scale)), max(128, round(2304 * self._scale)))
        tall, wide = height + 2 * self._wander, width + 2 * self._wander
        self._view = build_view(tall, wide, self._wall, self._scale)
        self._coarse_texels = self._view.texels[::2, ::2].copy()
        # Seven bits, so that colour times light stays within 16.
        self._coarse_light = (self._view.light[::2, ::2] >> 1).astype(np.int16)
        self._shape = octagon(height, width)
        self._coarse_shape = self._shape[::2, ::2]
        self._noise = rng.integers(0, 2 * _NOISE, (height + 64, width + 64), dtype=np.uint8)
        self._noise_places = rng.integers(0, 64, (251, 2))
        self._glints = rng.uniform(0, 1, (_GLINTS, 6))

    def draw(self, number: int, seconds: float) -> tuple[Plane, Plane, Plane]:
        """Luma (H×W) and both chroma planes (H/2×W/2) of frame ``number``, shown at ``seconds``."""
        top, left = self._drift(seconds)
        ahead = self._ahead(seconds)
        luma = self._look(top, left, ahead)
        self._add_glints(luma, seconds)
        noise_y, noise_x = self._noise_places[number % len(self._noise_places)]
        luma += self._noise[noise_y : noise_y + self.height, noise_x : noise_x + self.width]
        luma *= self._shape
        luma += _DARK
        blue, red = self._look_for_colour(top // 2, left // 2, ahead)
        return luma, blue, red

    def _drift(self, seconds: float) -> tuple[int, int]:
        """Upper left corner of the window that is shown of the view; even, for the chroma planes."""
        reach = self._wander
        top = reach * (1 + 0.6 * math.sin(0.9 * seconds) + 0.35 * math.sin(2.3 * seconds + 1))
        left = reach * (1 + 0.6 * math.sin(0.7 * seconds + 2) + 0.35 * math.sin(1.9 * seconds))
        return int(top) // 2 * 2, int(left) // 2 * 2

    def _ahead(self, seconds: float) -> int:
        """How far the endoscope is, as an offset into the flattened wall."""
        rows = self._wall.period * (0.09 * seconds + 0.03 * math.sin(1.7 * seconds))
        return int(rows) % self._wall.period * int(self._wall.luma.shape[1])

    def _look(self, top: int, left: int, ahead: int) -> Plane:
        """The wall's luma as the light shows it."""
        window = slice(top, top + self.height), slice(left, left + self.width)
        # "clip" only because it is faster than checking: every index lies within the doubled wall.
        seen = np.take(self._wall.luma.reshape(-1)[ahead:], self._view.texels[window], mode="clip")
        lit = np.multiply(seen, self._view.light[window], dtype=np.uint16)
        return (lit >> 8).astype(np.uint8)

    def _look_for_colour(self, top: int, left: int, ahead: int) -> tuple[Plane, Plane]:
        """Cb and Cr at half size: less light pulls the colour towards grey (128)."""
        window = slice(top, top + self.height // 2), slice(left, left + self.width // 2)
        pairs = self._wall.chroma.view(np.uint16).reshape(-1)[ahead:]
        seen = np.take(pairs, self._coarse_texels[window], mode="clip").view(np.uint8)
        colour = seen.reshape(self.height // 2, self.width // 2, 2).astype(np.int16)
        colour -= 128
        colour *= self._coarse_light[window][..., None]
        colour >>= 7
        colour *= self._coarse_shape[..., None]
        colour += 128
        return colour[..., 0].astype(np.uint8), colour[..., 1].astype(np.uint8)

    def _add_glints(self, luma: Plane, seconds: float) -> None:
        """Specular highlights: small, white, wandering and flickering."""
        for x, y, size, phase, speed, stretch in self._glints:
            flicker = math.sin(2 * math.pi * (phase + (0.4 + speed) * seconds))
            if flicker < -0.2:
                continue
            radius_y = self._scale * (3 + 11 * size)
            radius_x = radius_y * (0.7 + 1.8 * stretch)
            centre_x = self.width * (0.15 + 0.7 * x) + 40 * self._scale * math.sin(
                speed * 2 * seconds + 7 * phase
            )
            centre_y = self.height * (0.15 + 0.7 * y) + 40 * self._scale * math.cos(speed * 2 * seconds)
            _spot(luma, centre_y, centre_x, radius_y, radius_x, 0.75 + 0.25 * flicker)


def _spot(
    luma: Plane, centre_y: float, centre_x: float, radius_y: float, radius_x: float, strength: float
) -> None:
    """Lighten an ellipse of ``luma``, which it must lie in by more than its radius."""
    top, bottom = max(0, int(centre_y - radius_y)), int(centre_y + radius_y) + 1
    left, right = max(0, int(centre_x - radius_x)), int(centre_x + radius_x) + 1
    patch = luma[top:bottom, left:right]
    y = (np.arange(top, top + patch.shape[0])[:, None] - centre_y) / max(radius_y, 0.5)
    x = (np.arange(left, left + patch.shape[1])[None, :] - centre_x) / max(radius_x, 0.5)
    white = np.clip(1.6 * (1 - (x * x + y * y)), 0, 1) * 205 * strength
    np.maximum(patch, white.astype(np.uint8), out=patch)
