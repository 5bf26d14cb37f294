"""Which lines of a rebuilt scan OCR has to read again, and which it has read already.

Reading the same pixels once more by the same engine says the same once more. So where the new page
shows what the old one showed, and every word of the line stays and was read without doubt, the line is
known: its words are the text layer's, which is searched as a whole. Everything else is read again: every
line of which something was filled, was hardly legible, or looks in any way other than before.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.pdf.document import POINTS_PER_INCH, Picture
from endoreg_db.deid.pdf.pixels import to_pixels
from endoreg_db.deid.pdf.rebuild import Plan

#: Confidence below which a word is read a second time.
_SURE = 0.95
#: Grey levels, in the mean of a few pixels, that JPEG may change: 3 at most were measured on a noisy scan.
_SAME = 12
_BLUR = 5  # pixels; a stroke of the smallest print is 2 wide and 10 high
#: Part of a box's height by which the detector makes it wider than the text, on each side.
_BESIDE = 0.6


def changed_pixels(new: Picture, old: Picture) -> NDArray[np.bool_]:
    """Where two pictures of one size show something else, but for what JPEG does to them."""
    grey = [cv2.blur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (_BLUR, _BLUR)) for picture in (new, old)]
    return np.asarray(cv2.absdiff(grey[0], grey[1]) > _SAME)


def is_known(plan: Plan, box: Box, changed: NDArray[np.bool_]) -> bool:
    """Whether what stands in a box of the new page was read on the old one, and stays.

    Args:
        plan: what was done to the page.
        box: one line of text, in pixels.
        changed: of the whole page, by :func:`changed_pixels`.
    """
    if bool(changed[box.slices].any()):
        return False
    scale = plan.sheet.view.dpi / POINTS_PER_INCH
    kept = {index for line in plan.kept for index in line}
    left, right = box.right, box.x
    for index, word in enumerate(plan.sheet.page.words):
        place = to_pixels(word.box, scale, changed.shape)
        if place is None or word.source == "hidden" or not _meet(place, box):
            continue
        if index not in kept or word.confidence < _SURE:
            return False
        left, right = min(left, place.x), max(right, place.right)
    beside = _BESIDE * box.height
    return left <= box.x + beside and right >= box.right - beside


def _meet(a: Box, b: Box) -> bool:
    """Whether two boxes share more than an edge: a quarter of the lower one's height."""
    shared = min(a.bottom, b.bottom) - max(a.y, b.y)
    return shared > 0.25 * min(a.height, b.height) and min(a.right, b.right) > max(a.x, b.x)
