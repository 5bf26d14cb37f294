"""Screens that fill a recording for a while: worklists, data-entry forms, the room. As 4:2:0 planes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from endoreg_db.samples.layout import font
from endoreg_db.samples.people import Patient

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]

_TITLES = {
    "de": ("Arbeitsliste Endoskopie", "Patientendaten", "Nachname", "Vorname", "Geburtsdatum", "Fallnummer"),
    "en": ("Endoscopy worklist", "Patient data", "Last name", "First name", "Date of birth", "Case number"),
    "fr": ("Liste de travail", "Données du patient", "Nom", "Prénom", "Date de naissance", "Numéro"),
    "pl": ("Lista robocza", "Dane pacjenta", "Nazwisko", "Imię", "Data urodzenia", "Numer przypadku"),
    "tr": ("Çalışma listesi", "Hasta bilgileri", "Soyadı", "Adı", "Doğum tarihi", "Dosya numarası"),
}  # fmt: skip
_LIGHT, _DARK = (205, 35), (35, 215)  # paper and ink


def worklist(size: tuple[int, int], people: Sequence[Patient], language: str, *, dark: bool) -> Planes:
    """Everybody who is examined today, one below the other."""
    width, height = size
    paper, ink = _DARK if dark else _LIGHT
    picture = Image.new("L", size, paper)
    draw = ImageDraw.Draw(picture)
    unit = height / 1080
    draw.rectangle((0, 0, width, 90 * unit), fill=120)
    draw.text((60 * unit, 25 * unit), _TITLES[language][0], font=font(34 * unit, bold=True), fill=235)
    step = 900 * unit / max(8, len(people))
    for row, person in enumerate(people):
        top = 130 * unit + row * step
        draw.line((0, top + 0.8 * step, width, top + 0.8 * step), fill=130)
        columns = (person.case_number, person.full_name, f"{person.birth_date:%d.%m.%Y}")
        for place, text in zip((0.04, 0.2, 0.6), columns, strict=True):
            draw.text((place * width, top), text, font=font(28 * unit), fill=ink)
    return grey(picture)


def data_entry(size: tuple[int, int], person: Patient, language: str, *, dark: bool) -> Planes:
    """The form in which a patient is entered, with what was typed until now."""
    width, height = size
    paper, ink = _DARK if dark else _LIGHT
    picture = Image.new("L", size, paper)
    draw = ImageDraw.Draw(picture)
    unit = height / 1080
    _, title, *labels = _TITLES[language]
    draw.text((0.1 * width, 60 * unit), title, font=font(40 * unit, bold=True), fill=ink)
    typed = (person.last_name, person.first_name, f"{person.birth_date:%d.%m.%Y}", person.case_number)
    for row, (label, text) in enumerate(zip(labels, typed, strict=True)):
        top = (220 + 150 * row) * unit
        draw.text((0.1 * width, top), label, font=font(26 * unit), fill=ink)
        frame = (0.38 * width, top - 14 * unit, 0.9 * width, top + 56 * unit)
        draw.rectangle(frame, outline=130, width=max(1, round(2 * unit)))
        draw.text((0.4 * width, top), text, font=font(30 * unit), fill=ink)
    return grey(picture)


def room(size: tuple[int, int], seed: int, number: int) -> Planes:
    """The room as an endoscope sees it before it goes in: a wall, a floor, lamps, somebody's face."""
    rng = random.Random(f"room {seed}")
    width, height = size
    picture = Image.new("RGB", size, (rng.randint(150, 200), rng.randint(160, 200), rng.randint(150, 190)))
    draw = ImageDraw.Draw(picture)
    sway = 0.02 * width * np.sin(number / 9)
    draw.rectangle((0, 0.7 * height, width, height), fill=(90, 100, 110))
    for _ in range(3):
        x, y = rng.uniform(0, 0.8) * width + sway, rng.uniform(0, 0.2) * height
        draw.ellipse((x, y, x + 0.2 * width, y + 0.12 * height), fill=(250, 250, 240))
    _person(draw, (0.3 + 0.4 * rng.random()) * width + sway, 0.35 * height, 0.13 * height, rng)
    monitor = (0.05 * width + sway, 0.4 * height, 0.25 * width + sway, 0.6 * height)
    draw.rectangle(monitor, fill=(20, 30, 60), outline=(10, 10, 10), width=4)
    noise = np.random.default_rng(number).integers(-6, 7, (height, width, 1))
    return _from_rgb(np.clip(np.asarray(picture).astype(np.int16) + noise, 0, 255).astype(np.uint8))


def grey(picture: Image.Image) -> Planes:
    """The grey picture with neutral chroma planes."""
    luma = np.asarray(picture).copy()
    half = luma.shape[0] // 2, luma.shape[1] // 2
    return luma, np.full(half, 128, np.uint8), np.full(half, 128, np.uint8)


def tokens_of(person: Patient) -> Mapping[str, str]:
    """What of a person must not come out: label → text."""
    return {
        "last_name": person.last_name,
        "first_name": person.first_name,
        "birth_date": person.birth_date.isoformat(),
        "case_number": person.case_number,
    }


def _person(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: random.Random) -> None:
    skin = rng.choice(((224, 172, 140), (198, 134, 96), (141, 85, 56)))
    draw.rectangle((x - 1.4 * size, y + 1.1 * size, x + 1.4 * size, y + 5 * size), fill=(60, 110, 140))
    draw.ellipse((x - 0.8 * size, y - size, x + 0.8 * size, y + size), fill=skin)
    draw.pieslice((x - 0.85 * size, y - 1.1 * size, x + 0.85 * size, y), 180, 360, fill=(50, 35, 25))
    for side in (-0.3, 0.3):
        draw.ellipse(
            (x + (side - 0.08) * size, y, x + (side + 0.08) * size, y + 0.16 * size), fill=(20, 20, 20)
        )


def _from_rgb(picture: Plane) -> Planes:
    """BT.709 in limited range; each chroma sample is one of its four pixels."""
    r, g, b = (picture[:, :, channel].astype(np.float32) for channel in range(3))
    luma = 16 + 0.183 * r + 0.614 * g + 0.062 * b
    blue = 128 - 0.101 * r - 0.339 * g + 0.439 * b
    red = 128 + 0.439 * r - 0.399 * g - 0.040 * b
    return luma.astype(np.uint8), blue[::2, ::2].astype(np.uint8), red[::2, ::2].astype(np.uint8)
