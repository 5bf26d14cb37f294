"""What an endoscopy processor writes around its picture, as a luma plane (limited range)."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DateOrder, DeviceProfile
from endoreg_db.samples.layout import font, overlay_boxes, overlay_panel
from endoreg_db.samples.people import Patient, invent_patient

Plane = NDArray[np.uint8]

BLACK, GREY, WHITE = 16, 150, 235  # luma, limited range
_FORM_PAPER, _FORM_INK = 200, 30

_DATE_FORMATS: dict[DateOrder, str] = {
    "day/month/year": "%d/%m/%Y",
    "month/day/year": "%m/%d/%Y",
    "year/month/day": "%Y/%m/%d",
}


@dataclass(frozen=True, slots=True)
class OverlayText:
    """Everything identifying that one overlay shows."""

    patient: Patient
    moment: datetime
    device: str
    device_serial: str

    def lines(self, order: DateOrder) -> dict[str, str]:
        """Overlay field → what is written there."""
        return {
            "examination_date": written_date(self.moment.date(), order),
            "examination_time": self.moment.strftime("%H:%M:%S"),
            "last_name": self.patient.last_name,
            "first_name": self.patient.first_name,
            "birth_date": written_date(self.patient.birth_date, order),
            "case_number": self.patient.case_number,
            "device": self.device,
            "device_serial": self.device_serial,
        }


def written_date(day: date, order: DateOrder) -> str:
    """The day as a device with that setting shows it, e.g. ``24/12/1969``."""
    return day.strftime(_DATE_FORMATS[order])


def text_size(profile: DeviceProfile) -> float:
    """Pixels per em of the overlay: 24 at 1080 lines, about the most at which the clock fits its box."""
    return 24 * profile.frame_height / 1080


def draw_overlay(profile: DeviceProfile, text: OverlayText | None) -> Plane:
    """The whole frame with icons, settings and, unless ``text`` is None, the identifying lines."""
    picture = Image.new("L", (profile.frame_width, profile.frame_height), BLACK)
    draw = ImageDraw.Draw(picture)
    _draw_icons(draw, profile)
    if text is not None:
        boxes = overlay_boxes(profile)
        for field, line in text.lines(profile.date_order).items():
            if field in boxes:
                draw_line(draw, boxes[field], line, text_size(profile), first=field == "examination_date")
    return np.asarray(picture).copy()


def draw_clock(profile: DeviceProfile, overlay: Plane, moment: datetime) -> None:
    """Write the time of day into a drawn overlay, over the one that is there."""
    box = overlay_boxes(profile).get("examination_time")
    if box is None:
        return
    patch = Image.new("L", (box.width, box.height), BLACK)
    here = replace(box, x=0, y=0)
    draw_line(ImageDraw.Draw(patch), here, moment.strftime("%H:%M:%S"), text_size(profile))
    overlay[box.slices] = np.asarray(patch)


def draw_line(draw: ImageDraw.ImageDraw, box: Box, line: str, size: float, *, first: bool = False) -> None:
    """One line of white text, left in its box and in the middle of its height.

    ``first``: the line shares its box with the clock, so it starts further right, as high as the clock.
    """
    face = font(size)
    while face.getlength(line) > box.width and size > 8:
        size -= 1
        face = font(size)
    left = box.x + (round(3.2 * size) if first else round(size / 10))
    middle = box.y + (round(1.02 * size) if first else box.height / 2)
    # "m": middle of ascent and descent; the same for every line, whatever its letters.
    draw.text((left, middle), line, font=face, fill=WHITE, anchor="lm")


def _draw_icons(draw: ImageDraw.ImageDraw, profile: DeviceProfile) -> None:
    """Pictograms left of the lines, and settings of the processor, which identify nobody."""
    unit = profile.frame_height / 1080
    column = profile.image.x

    def at(*points: float) -> list[float]:
        return [point * unit for point in points]

    width = max(1, round(2 * unit))
    draw.ellipse(at(28, 84, 44, 100), outline=GREY, width=width)  # a person
    draw.arc(at(20, 102, 52, 140), 180, 360, fill=GREY, width=width)
    draw.rectangle(at(20, 190, 52, 220), outline=GREY, width=width)  # a calendar
    draw.line(at(20, 198, 52, 198), fill=GREY, width=width)
    draw.arc(at(20, 632, 52, 664), 60, 330, fill=WHITE, width=2 * width)  # an endoscope
    draw.line(at(42, 660, 56, 690), fill=WHITE, width=2 * width)
    draw.rounded_rectangle(at(20, 900, 200, 950), 8 * unit, outline=GREY, width=width)
    draw.rounded_rectangle(at(220, 900, 400, 950), 8 * unit, fill=90)
    small = font(20 * unit)
    for top, line in ((250, "Sex: –   Age: –"), (760, "WLI  A5  C1"), (800, "Zoom 1.0x   Iris AUTO")):
        draw.text((20 * unit, top * unit), line, font=small, fill=GREY)
    draw.text((46 * unit, 912 * unit), "NBI   TXI", font=small, fill=GREY)
    draw.text((250 * unit, 912 * unit), "REC  •", font=small, fill=WHITE)
    draw.line(at(column / unit - 12, 20, column / unit - 12, 1060), fill=40, width=width)


def draw_panel(luma: Plane, profile: DeviceProfile, seconds: float) -> None:
    """Something bright that moves in the overlay column: the display of a guidance system."""
    box = overlay_panel(profile)
    panel = luma[box.slices]
    panel[:] = 45
    x = np.arange(box.width)
    wave = (
        0.5
        + 0.3 * np.sin(x * (12.0 / box.width) - 4 * seconds)
        + 0.12 * np.sin(x * (31.0 / box.width) + 7 * seconds)
    )
    rows = np.arange(box.height)[:, None]
    panel[np.abs(rows - wave * box.height) < max(1.5, box.height / 40)] = WHITE
    bar = round((0.5 + 0.45 * np.sin(2.2 * seconds)) * (box.width - box.width // 8))
    panel[: box.height // 5, bar : bar + box.width // 8] = WHITE


def draw_form(profile: DeviceProfile, patient: Patient, seed: int) -> Plane:
    """A worklist that fills the screen: the patient and others, inside the image box as well."""
    rng = random.Random(seed + 1)
    unit = profile.frame_height / 1080
    picture = Image.new("L", (profile.frame_width, profile.frame_height), _FORM_PAPER)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, profile.frame_width, 90 * unit), fill=110)
    draw.text((60 * unit, 25 * unit), "Worklist  –  Endoscopy 2", font=font(34 * unit, bold=True), fill=WHITE)
    patients = [patient, *(invent_patient(rng) for _ in range(11))]
    for row, entry in enumerate(patients):
        top = (150 + 70 * row) * unit
        draw.rectangle((50 * unit, top - 12 * unit, 1870 * unit, top + 48 * unit), outline=130)
        columns = (entry.case_number, entry.full_name, entry.birth_date.strftime("%d.%m.%Y"), "Koloskopie")
        for left, line in zip((80, 330, 980, 1300), columns, strict=True):
            draw.text((left * unit, top), line, font=font(28 * unit), fill=_FORM_INK)
    return np.asarray(picture).copy()


def draw_note(luma: Plane, profile: DeviceProfile, line: str) -> None:
    """Text burned into the endoscopic image itself, where a device or a person may put it."""
    size = 36 * profile.frame_height / 1080
    box = profile.image
    picture = Image.fromarray(luma)
    place = (box.x + box.width * 0.3, box.y + box.height * 0.8)
    ImageDraw.Draw(picture).text(place, line, font=font(size), fill=WHITE)
    luma[:] = np.asarray(picture)
