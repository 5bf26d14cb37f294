"""Pictures on a page: which of them is an endoscopic still, and what bar codes say."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import zxingcpp

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.pdf.document import Picture
from endoreg_db.deid.pdf.pixels import brightest

#: Inches of the smallest still that is printed in a report.
_LEAST_WIDTH, _LEAST_HEIGHT = 0.8, 0.6
_DARK = 45  # brightest channel of what is black in print, after JPEG
#: Part of the lit area that must have the colours of mucosa, and of the picture that must be lit.
_MUCOSA, _LIT = 0.75, 0.3
#: Side of the corners that an endoscope's round or octagonal image leaves black, of the picture's.
_CORNER = 0.06


@dataclass(frozen=True, slots=True)
class Code:
    """A bar code or a matrix code."""

    box: Box
    text: str  # what it says; may be anything


def is_endoscopic(picture: Picture, dpi: float) -> bool:
    """Whether a picture is certainly an endoscopic still, and so may stay.

    It must be large enough, lit in its middle and black in its corners, as every endoscope shows
    its image, and of the reds of mucosa. Portraits, logos, scanned signatures and stamps fail, and so
    do stills under narrow band or dye light: blanking too much is an error that harms nobody.
    """
    height, width = picture.shape[:2]
    if width < _LEAST_WIDTH * dpi or height < _LEAST_HEIGHT * dpi:
        return False
    lit = brightest(picture) > _DARK
    if lit.mean() < _LIT or not _has_dark_corners(lit):
        return False
    return bool(_mucosa(picture)[lit].mean() >= _MUCOSA)


def _has_dark_corners(lit: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> bool:
    height, width = lit.shape
    rows, columns = max(2, round(_CORNER * height)), max(2, round(_CORNER * width))
    skip = 3  # the still's own edge is mixed with the paper
    corners = (
        lit[skip : skip + rows, skip : skip + columns],
        lit[skip : skip + rows, -skip - columns : -skip],
        lit[-skip - rows : -skip, skip : skip + columns],
        lit[-skip - rows : -skip, -skip - columns : -skip],
    )
    return all(bool(corner.mean() < 0.2) for corner in corners)


def _mucosa(picture: Picture) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Pixels from dark red over pink to orange, and the white of a light's reflection."""
    red, green, blue = (picture[:, :, n].astype(np.int16) for n in range(3))
    reddish = (red - np.maximum(green, blue) > 18) & (red >= blue) & (5 * (red - blue) >= red)
    glare = np.minimum(green, blue) > 225
    return np.asarray(reddish | glare)


def find_codes(picture: Picture) -> list[Code]:
    """Every bar code and matrix code that can be read, upright or not."""
    height, width = picture.shape[:2]
    codes = []
    grey = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    for found in zxingcpp.read_barcodes(grey):
        place = found.position
        corners = (place.top_left, place.top_right, place.bottom_left, place.bottom_right)
        xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
        left, top = max(0, min(xs)), max(0, min(ys))
        box = Box(left, top, max(1, max(xs) - left), max(1, max(ys) - top))
        codes.append(Code(box.grown(round(width / 100), width, height), found.text))
    return codes
