"""Where samples write: the font, device profiles by name and in smaller sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import reportlab
from PIL import ImageFont

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile, shipped_profiles


def font_path(*, bold: bool = False) -> Path:
    """Bitstream Vera, which comes with reportlab (free licence, Latin-1 and some more letters)."""
    return Path(reportlab.__file__).parent / "fonts" / ("VeraBd.ttf" if bold else "Vera.ttf")


def font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font at ``size`` pixels per em (capitals are 0.73 of that high)."""
    return ImageFont.truetype(str(font_path(bold=bold)), max(4.0, size))


def shipped_profile(name: str = "olympus_cv_1500") -> DeviceProfile:
    """The profile of that name that comes with the package.

    Raises:
        LookupError: there is none of that name.
    """
    for profile in shipped_profiles():
        if profile.name == name:
            return profile
    raise LookupError(f"no device profile {name!r} comes with the package")


def scaled(profile: DeviceProfile, factor: float) -> DeviceProfile:
    """The same layout in another size, e.g. a third for quick tests (its text is too small for OCR).

    Frame size and image box are rounded to even pixels, as 4:2:0 video needs them.
    """
    width, height = (_even(n * factor) for n in (profile.frame_width, profile.frame_height))
    image = profile.image
    return replace(
        profile,
        frame_width=width,
        frame_height=height,
        image=_box(image, factor, width, height, even=True),
        boxes=MappingProxyType(
            {field: _box(box, factor, width, height) for field, box in profile.boxes.items()}
        ),
    )


def overlay_boxes(profile: DeviceProfile) -> dict[str, Box]:
    """Where the overlay is written: the profile's boxes.

    A profile without boxes gets those of the CV-1500 in its own size: every device writes its
    patient somewhere, whether or not we know where.
    """
    if profile.boxes:
        return dict(profile.boxes)
    known = shipped_profile()
    return dict(scaled(known, profile.frame_height / known.frame_height).boxes)


def overlay_panel(profile: DeviceProfile) -> Box:
    """A place in the overlay column, away from every text box, where something bright moves."""
    column = max(16, profile.image.x)
    height = profile.frame_height
    return Box(column // 8, height * 29 // 100, column * 3 // 4, height * 23 // 100)


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)


def _box(box: Box, factor: float, width: int, height: int, *, even: bool = False) -> Box:
    """The box in the new size, clipped to a frame of ``width`` × ``height`` pixels."""
    left, top, right, bottom = (
        _even(n * factor) if even and n else round(n * factor) for n in (box.x, box.y, box.right, box.bottom)
    )
    right, bottom = min(right, width), min(bottom, height)
    return Box(left, top, max(1, right - left), max(1, bottom - top))
