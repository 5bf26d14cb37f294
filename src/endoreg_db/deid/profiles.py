"""Device profiles: where an endoscopy processor puts its picture and its overlay.

A profile is data (TOML, see ``devices/``), never code. Everything outside the endoscopic image is
blanked, so a profile that misses an overlay box can make identity unread, but never published.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, cast

from endoreg_db.deid.geometry import Box
from endoreg_db.errors import ConfigurationError

DateOrder = Literal["day/month/year", "month/day/year", "year/month/day"]
Output = Literal["mask", "crop"]
Fields = Literal["keep", "deinterlace"]

#: What an overlay box may hold; the same words name the fields of an identity.
OVERLAY_FIELDS = (
    "examination_date",
    "examination_time",
    "last_name",
    "first_name",
    "birth_date",
    "case_number",
    "device",
    "device_serial",
)


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """One layout of one endoscopy processor."""

    name: str  # key, e.g. ``olympus_cv_1500``
    title: str  # what a person calls it
    confirmed: bool  # False: boxes were never checked on a real recording, so imports go to review
    frame_width: int  # pixels of the recording that the boxes were measured on
    frame_height: int
    image: Box  # the endoscopic image: the only part that is kept
    boxes: Mapping[str, Box]  # overlay field → where it is written
    date_order: DateOrder
    output: Output = "mask"  # "mask": frame size kept, rest blanked; "crop": only the image is written
    fields: Fields = "keep"  # interlaced video: "keep" both fields; "deinterlace": each frame one picture

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that decides what is blanked and read."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """The profile in the shape of its TOML file."""
        return {
            "name": self.name,
            "title": self.title,
            "confirmed": self.confirmed,
            "frame": [self.frame_width, self.frame_height],
            "image": _as_list(self.image),
            "date_order": self.date_order,
            "output": self.output,
            "fields": self.fields,
            "boxes": {field: _as_list(box) for field, box in self.boxes.items()},
        }


def profile_from_dict(data: Mapping[str, Any]) -> DeviceProfile:
    """Build a profile from TOML data.

    Raises:
        ConfigurationError: a key is missing or unknown, or a box does not fit into the frame.
    """
    name = str(data.get("name", "(no name)"))
    try:
        width, height = (int(n) for n in data["frame"])
        boxes = {str(field): Box(*map(int, box)) for field, box in data.get("boxes", {}).items()}
        profile = DeviceProfile(
            name=str(data["name"]),
            title=str(data.get("title", data["name"])),
            confirmed=data.get("confirmed", False) is True,
            frame_width=width,
            frame_height=height,
            image=Box(*map(int, data["image"])),
            boxes=MappingProxyType(boxes),
            date_order=cast(DateOrder, data.get("date_order", "day/month/year")),
            output=cast(Output, data.get("output", "mask")),
            fields=cast(Fields, data.get("fields", "keep")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"Device profile {name!r} cannot be read: {error!r}") from error
    _check(profile)
    return profile


def _check(profile: DeviceProfile) -> None:
    problems = [
        f"box {field!r} is not one of {', '.join(OVERLAY_FIELDS)}"
        for field in profile.boxes
        if field not in OVERLAY_FIELDS
    ]
    size = (profile.frame_width, profile.frame_height)
    problems += [
        f"box {field!r} does not fit into the {size[0]}×{size[1]} frame"
        for field, box in {"image": profile.image, **profile.boxes}.items()
        if not box.fits_in(*size)
    ]
    if profile.date_order not in ("day/month/year", "month/day/year", "year/month/day"):
        problems.append(f"date_order {profile.date_order!r} is not known")
    if profile.output not in ("mask", "crop"):
        problems.append(f"output {profile.output!r} is neither 'mask' nor 'crop'")
    if profile.fields not in ("keep", "deinterlace"):
        problems.append(f"fields {profile.fields!r} is neither 'keep' nor 'deinterlace'")
    if problems:
        raise ConfigurationError(f"Device profile {profile.name!r}: {'; '.join(problems)}")


def profile_from_toml(text: str) -> DeviceProfile:
    """Build a profile from the text of a TOML file.

    Raises:
        ConfigurationError: not TOML, or not a usable profile.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"Device profile is not valid TOML: {error}") from error
    return profile_from_dict(data)


def to_toml(profile: DeviceProfile, *, head: Sequence[str] = (), unclear: Sequence[Box] = ()) -> str:
    """The profile as the text of a TOML file.

    Args:
        profile: what to write.
        head: lines of comment to begin with.
        unclear: places with text that may be any field; listed in comments for a person to sort.
    """
    plain = profile.as_dict()
    boxes = plain.pop("boxes")
    # JSON writes strings, booleans and lists of numbers as TOML does.
    lines = [
        *(f"# {line}" for line in head),
        *(f"{key} = {json.dumps(value)}" for key, value in plain.items()),
    ]
    lines += ["", "[boxes]", *(f"{field} = {json.dumps(box)}" for field, box in boxes.items())]
    lines += [f"# There is text at {_as_list(box)}; which field it is was not clear." for box in unclear]
    return "\n".join(lines) + "\n"


def shipped_profiles() -> list[DeviceProfile]:
    """The profiles that come with the package, by name."""
    folder = resources.files("endoreg_db.deid").joinpath("devices")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return [profile_from_toml(f.read_text(encoding="utf-8")) for f in files]


def _as_list(box: Box) -> list[int]:
    return [box.x, box.y, box.width, box.height]
