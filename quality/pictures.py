"""Compares the pictures of a recording with those of its output: what was kept, what was blanked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from quality.recordings import Truth

_EVERY = 8  # frames; PSNR is measured in one of so many
_BLACK = 24  # grey level up to which a picture counts as blanked
_LIMITED_BLACK = 16  # luma of black in video of limited range
_ROUNDED = 0.006  # seconds; places are named with two digits
_EDGE = 8  # pixels inside the image's edge, where the encoder rings

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the pictures."""

    frames: int  # of the output
    clean: int  # frames that show nobody where the image belongs
    blanked: tuple[int, ...]  # numbers of those of them that were blanked whole without need
    psnr: float | None  # decibel inside the image, over the clean frames that were kept
    room_seconds: float  # of the room, kept in the output


def compare(source: Path, output: Path, truth: Truth) -> Comparison:
    """Go through both recordings frame by frame.

    Pictures that only the source has, or that are not the device's, are not compared; the times of
    both are the same, so frames are counted.
    """
    x, y, width, height = truth.image
    inside = slice(y + _EDGE, y + height - _EDGE), slice(x + _EDGE, x + width - _EDGE)
    errors: list[float] = []
    blanked: list[int] = []
    frames = clean = rooms = 0
    comparable = not truth.pictures_hidden
    sources = _frames_of(source) if comparable else iter(())
    for number, frame in enumerate(_frames_of(output)):
        original = next(sources, None)
        frames += 1
        kept = not _is_black(frame)
        rooms += kept and _shows(truth, "room", number)
        if number >= truth.seconds * truth.fps or _is_exposing(truth, number):
            continue
        clean += 1
        if not kept:
            blanked.append(number)
        if kept and original is not None and number % _EVERY == 0 and _size(original) == _size(frame):
            difference = _grey(original)[inside].astype(np.float32) - _grey(frame)[inside]
            errors.append(float(np.square(difference).mean()))
    psnr = 10 * math.log10(255**2 / max(1e-9, float(np.mean(errors)))) if errors else None
    return Comparison(frames, clean, tuple(blanked), psnr, rooms / truth.fps)


def _frames_of(path: Path) -> Iterator[VideoFrame]:
    """Every frame that a player shows."""
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def _size(frame: VideoFrame) -> tuple[int, int]:
    return frame.width, frame.height


def _grey(frame: VideoFrame) -> Plane:
    """Grey levels of the frame, H×W, from 0 for black to 255 for white."""
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)


def _is_black(frame: VideoFrame) -> bool:
    """Whether nothing in the frame is lighter than what counts as blanked."""
    # Luma as it is coded is at most so much above its grey level; only what is near is worth converting.
    brightest = int(np.frombuffer(memoryview(frame.planes[0]), np.uint8).max())
    return brightest <= _BLACK + _LIMITED_BLACK and int(_grey(frame).max()) <= _BLACK


def save_picture(path: Path, seconds: float, target: Path) -> bool:
    """Write the first frame at or after ``seconds`` as a PNG; False if there is none."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if (frame.time or 0.0) + _ROUNDED >= seconds:
                Image.fromarray(frame.to_ndarray(format="rgb24")).save(target)
                return True
    return False


def _shows(truth: Truth, kind: str, number: int) -> bool:
    return any(k == kind and first <= number < first + count for k, first, count in truth.events)


def _is_exposing(truth: Truth, number: int) -> bool:
    return any(first <= number < first + count for first, count in truth.exposing)
