"""Paints the frames of a plan: the device's overlay, the image, and whatever the plan has happen."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import reportlab
from PIL import Image, ImageDraw, ImageFont

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.samples.layout import overlay_boxes, overlay_panel
from endoreg_db.samples.mucosa import Mucosa
from endoreg_db.samples.overlay import written_date
from endoreg_db.samples.people import Patient
from quality import screens
from quality.plan import Event, Plan, Style
from quality.plants import banner
from quality.screens import Plane, Planes

_EDGE_TEXT = 28  # pixels per em
_BAR_ROWS = 12  # pixels
_GREY = 128  # chroma without colour
_SMALLEST = 9.0  # pixels per em that a device writes
_FACES = {
    (False, False): "Vera.ttf",
    (True, False): "VeraBd.ttf",
    (False, True): "VeraIt.ttf",
    (True, True): "VeraBI.ttf",
}


class Painter:
    """Paints one recording; the same plan gives the same frames."""

    def __init__(self, plan: Plan) -> None:
        """Prepare; textures are drawn when the first image is."""
        self.plan = plan
        self._boxes = overlay_boxes(plan.profile)
        self._bar = moving_bar(plan.profile)
        self._overlays: dict[tuple[str, bool], Plane] = {}
        self._rng = random.Random(f"places {plan.seed}")
        self._place = (self._rng.uniform(0.08, 0.4), self._rng.uniform(0.15, 0.8))
        self._note_size, self._note_ink = self._rng.uniform(22, 54), self._rng.choice((235, 235, 190, 20))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self.plan.profile.frame_width, self.plan.profile.frame_height

    def frame(self, number: int) -> Planes:
        """Luma and chroma of frame ``number``, 8-bit 4:2:0 in limited range."""
        plan = self.plan
        if plan.event(number, "worklist"):
            return _copied(self._worklist)
        if plan.event(number, "data_entry"):
            return _copied(self._form)
        luma = self._overlay(number)
        width, height = self.size
        blue, red = (np.full((height // 2, width // 2), _GREY, np.uint8) for _ in range(2))
        planes = (luma, blue, red)
        self._draw_image(planes, number)
        if plan.event(number, "flash"):
            self._write_in_image(planes, plan.patient_in(number))
        return planes

    def banner(self, text: str) -> Planes:
        """A whole frame that shows nothing but the text."""
        return screens.grey(banner(text, *self.size))

    @cached_property
    def _worklist(self) -> Planes:
        people = (self.plan.patient, *self.plan.others)
        return screens.worklist(self.size, people, self.plan.language, dark=self.plan.dark_screens)

    @cached_property
    def _form(self) -> Planes:
        return screens.data_entry(
            self.size, self.plan.patient, self.plan.language, dark=self.plan.dark_screens
        )

    @cached_property
    def _inset(self) -> Planes:
        size = _inset_size(self.plan.profile.image.shrunk_to_even())
        return screens.grey(Image.fromarray(self._form[0]).resize(size, Image.Resampling.LANCZOS))

    @cached_property
    def _mucosa(self) -> Mucosa:
        box = self.plan.profile.image.shrunk_to_even()
        return Mucosa(self.plan.seed, box.width, box.height)

    def _overlay(self, number: int) -> Plane:
        """A fresh luma plane with all that the device writes; only the clock is written each time."""
        plan = self.plan
        hidden = plan.event(number, "overlay_off") is not None
        patient = plan.patient_in(number)
        key = (patient.case_number, hidden)
        if key not in self._overlays:
            self._overlays[key] = self._draw_overlay(None if hidden else patient)
        luma = self._overlays[key].copy()
        if not hidden and "examination_time" in self._boxes:
            moment = plan.examination + timedelta(seconds=number // plan.fps)
            write(luma, self._boxes["examination_time"], f"{moment:%H:%M:%S}", plan.style)
        if self._bar is not None:
            _draw_bar(luma, self._bar, number / plan.fps)
        return luma

    def _draw_overlay(self, patient: Patient | None) -> Plane:
        plan = self.plan
        luma = np.full((plan.profile.frame_height, plan.profile.frame_width), plan.style.paper, np.uint8)
        luma[plan.profile.image.slices] = 16
        for field, text in {} if patient is None else self._lines(patient).items():
            if field in self._boxes:
                write(luma, _free_part(self._boxes, field), text, plan.style)
        edge = plan.plants("text at the edge")
        if edge is not None and patient is not None:
            _write_at_edge(luma, plan.profile, edge.canary)
        return luma

    def _lines(self, patient: Patient) -> dict[str, str]:
        plan = self.plan
        order = plan.profile.date_order
        return {
            "examination_date": written_date(plan.examination.date(), order),
            "last_name": patient.last_name,
            "first_name": patient.first_name,
            "birth_date": written_date(patient.birth_date, order),
            "case_number": patient.case_number,
            "device": plan.device,
            "device_serial": plan.device_serial,
        }

    def _draw_image(self, planes: Planes, number: int) -> None:
        """The endoscopic image, or what the plan shows in its place."""
        box = self.plan.profile.image.shrunk_to_even()
        if self.plan.event(number, "room"):
            picture = screens.room((box.width, box.height), self.plan.seed, number)
        else:
            shown = _frozen(self.plan.event(number, "freeze"), number)
            picture = self._mucosa.draw(shown, shown / self.plan.fps)
        _paste(planes, box, picture)
        if self.plan.event(number, "inset"):
            inner = Box(box.x + box.width // 20 * 2, box.y + box.height // 20 * 2, *_inset_size(box))
            _paste(planes, inner, self._inset)

    def _write_in_image(self, planes: Planes, patient: Patient) -> None:
        """The patient's name and birth date over the mucosa, as a device or a person may put them there."""
        box = self.plan.profile.image
        across, down = self._place
        size = self._note_size * self.plan.profile.frame_height / 1080
        picture = Image.fromarray(planes[0])
        draw = ImageDraw.Draw(picture)
        at = (box.x + across * box.width, box.y + down * box.height)
        text = f"{patient.full_name}\n{patient.birth_date:%d.%m.%Y}"
        draw.multiline_text(at, text, font=_face(self.plan.style, max(16.0, size)), fill=self._note_ink)
        planes[0][:] = np.asarray(picture)


def write(luma: Plane, box: Box, text: str, style: Style) -> None:
    """One line in its box, left and in the middle of its height, made smaller where it is too long."""
    size = max(_SMALLEST, style.size * box.height)
    face = _face(style, size)
    while face.getlength(text) > box.width - 4 and size > _SMALLEST:
        size -= 1
        face = _face(style, size)
    patch = Image.new("L", (box.width, box.height), style.paper)
    ImageDraw.Draw(patch).text((2, box.height / 2), text, font=face, fill=style.ink, anchor="lm")
    luma[box.slices] = np.asarray(patch)


def _free_part(boxes: dict[str, Box], field: str) -> Box:
    """The box, without what another one takes of it on its right: the date shares its box with the clock."""
    box = boxes[field]
    clock = boxes.get("examination_time")
    if field != "examination_date" or clock is None or not box.overlaps(clock):
        return box
    # As high as the clock, and at a distance from the left edge, as the CV-1500 writes it.
    left = max(box.x, clock.x - 165)
    return Box(left, clock.y, clock.x - 8 - left, clock.height)


def _write_at_edge(luma: Plane, profile: DeviceProfile, text: str) -> None:
    """Letters that touch the image's edge, and go on a little beyond it."""
    face = ImageFont.truetype(_font_file(False, False), _EDGE_TEXT)
    place = edge_text_place(profile, round(face.getlength(text)))
    picture = Image.fromarray(luma)
    draw = ImageDraw.Draw(picture)
    draw.text((place.x, place.y + place.height // 2), text, font=face, fill=235, anchor="lm")
    luma[:] = np.asarray(picture)


def edge_text_place(profile: DeviceProfile, width: int) -> Box:
    """Where such letters are written, ``width`` pixels long: beside the overlay's lines, not over them.

    As near to the middle of the edge as there is room.
    """
    image, height = profile.image, _EDGE_TEXT * 3 // 2
    left = image.x + 6 - width if image.x > 100 else image.right - 6
    middle = round(image.y + image.height * 0.55) - height // 2
    lines = [box for box in (*overlay_boxes(profile).values(), moving_bar(profile)) if box]
    places = [Box(max(0, left), y, width, height) for y in range(image.y, image.bottom - height, 4)]
    free = [place for place in places if not any(place.overlaps(line) for line in lines)]
    return min(free or places, key=lambda place: abs(place.y - middle))


def moving_bar(profile: DeviceProfile) -> Box | None:
    """Where a bar moves in the overlay column, so that the blanked part changes in every frame.

    It hides no text, as on no device: it has the sample's place, or that of the first gap below the top.
    None where the column is too narrow or there is no gap.
    """
    panel = overlay_panel(profile)
    taken = (profile.image, *overlay_boxes(profile).values())
    for y in (panel.y, *range(0, profile.frame_height - _BAR_ROWS, _BAR_ROWS // 2)):
        bar = Box(panel.x, y, panel.width, _BAR_ROWS)
        if not any(bar.overlaps(box) for box in taken):
            return bar
    return None


def _draw_bar(luma: Plane, bar: Box, seconds: float) -> None:
    strip = luma[bar.slices]
    strip[:] = 50
    reach = round((0.5 + 0.45 * np.sin(2.2 * seconds)) * (bar.width * 7 // 8))
    strip[:, reach : reach + bar.width // 8] = 235


def _paste(planes: Planes, box: Box, picture: Planes) -> None:
    rows, columns = box.slices
    half = slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)
    for plane, where, part in zip(planes, ((rows, columns), half, half), picture, strict=True):
        plane[where] = part


def _inset_size(box: Box) -> tuple[int, int]:
    return box.width * 9 // 20 // 2 * 2, box.height * 9 // 20 // 2 * 2


def _frozen(event: Event | None, number: int) -> int:
    return number if event is None else event.first


def _copied(planes: Planes) -> Planes:
    first, second, third = (plane.copy() for plane in planes)
    return first, second, third


@cache
def _face(style: Style, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_font_file(style.bold, style.italic), size)


def _font_file(bold: bool, italic: bool) -> str:
    return str(Path(reportlab.__file__).parent / "fonts" / _FACES[bold, italic])
