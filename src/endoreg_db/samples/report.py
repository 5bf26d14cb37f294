"""Draws a one-page endoscopy report in German, as a PDF with a text layer."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.samples.layout import font_path
from endoreg_db.samples.people import Patient, invent_examination, invent_patient

_PLAIN, _BOLD = "Vera", "Vera-Bold"
_LEFT, _COLUMN = 22 * mm, 110 * mm
_LINE = 5.4 * mm

_FINDINGS = (
    "Digital-rektal unauffällig. Einführen des Gerätes bis in das terminale Ileum; Zökum eingestellt.",
    "Vorbereitung gut (Boston Bowel Preparation Scale 3-3-2). Rückzugszeit neun Minuten.",
    "Im Colon ascendens flach erhabener Polyp (Paris 0-IIa), 8 mm, Abtragung mit kalter Schlinge, geborgen.",
    "Im Sigma mehrere reizlose Divertikel. Übrige Schleimhaut mit regelrechter Gefäßzeichnung.",
    "In Inversion im Rektum Hämorrhoiden Grad I.",
)
_ASSESSMENT = (
    "Kolonpolyp, Abtragung in toto. Sigmadivertikulose ohne Entzündungszeichen.",
    "Kontrollkoloskopie in Abhängigkeit von der Histologie, voraussichtlich in drei Jahren.",
)


@dataclass(frozen=True, slots=True)
class ReportTruth:
    """What was written, to compare with what is read and published."""

    patient: Patient
    examination: datetime
    physician: Patient  # who signs; only the name is used
    findings: tuple[str, ...]  # sentences that name nobody and ought to survive

    @property
    def identity(self) -> dict[str, str]:
        """Identity field → normalised value, as far as the header shows it."""
        return {
            **self.patient.identity,
            "examination_date": self.examination.date().isoformat(),
            "case_number": self.patient.case_number,
        }


def draw_report(
    path: Path, *, seed: int, patient: Patient | None = None, examination: datetime | None = None
) -> ReportTruth:
    """Write a report into a new PDF file; the same seed gives the same bytes.

    Args:
        path: where to write it; an existing file is replaced.
        seed: decides everything that is invented.
        patient: whom it is about; invented unless given.
        examination: when the examination was; invented unless given.
    """
    # Not the numbers that a recording of the same seed is drawn with: else the patient would sign.
    rng = random.Random(f"report {seed}")
    truth = ReportTruth(
        patient=patient or invent_patient(rng),
        examination=examination or invent_examination(rng),
        physician=invent_patient(rng),
        findings=_FINDINGS + _ASSESSMENT,
    )
    for name, bold in ((_PLAIN, False), (_BOLD, True)):
        pdfmetrics.registerFont(TTFont(name, str(font_path(bold=bold))))
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    canvas.setTitle(f"Koloskopie {truth.patient.full_name}")
    y = _draw_header(canvas, truth)
    y = _draw_section(canvas, y, "Befund", _FINDINGS)
    y = _draw_section(canvas, y, "Beurteilung", _ASSESSMENT)
    _draw_signature(canvas, y, truth)
    canvas.save()
    return truth


def _draw_header(canvas: Canvas, truth: ReportTruth) -> float:
    """Letterhead, title and patient data; returns the height below them."""
    patient, moment = truth.patient, truth.examination
    canvas.setFont(_BOLD, 12)
    canvas.drawString(_LEFT, 275 * mm, "Klinikum am Musterpark – Medizinische Klinik II")
    canvas.setFont(_PLAIN, 9)
    canvas.drawString(_LEFT, 269 * mm, "Interdisziplinäre Endoskopie")
    canvas.line(_LEFT, 265 * mm, 188 * mm, 265 * mm)
    canvas.setFont(_BOLD, 15)
    canvas.drawString(_LEFT, 252 * mm, "Koloskopie")
    rows = (
        ("Patient:", patient.full_name, "Untersuchung am:", f"{moment:%d.%m.%Y}"),
        ("Geburtsdatum:", f"{patient.birth_date:%d.%m.%Y}", "Uhrzeit:", f"{moment:%H:%M}"),
        ("Fallnummer:", patient.case_number, "Gerät:", "CV-1500"),
    )
    y = 241 * mm
    for left, left_value, right, right_value in rows:
        for x, label, value in ((_LEFT, left, left_value), (_COLUMN, right, right_value)):
            canvas.setFont(_BOLD, 9.5)
            canvas.drawString(x, y, label)
            canvas.setFont(_PLAIN, 9.5)
            canvas.drawString(x + 36 * mm, y, value)
        y -= 6.5 * mm
    canvas.line(_LEFT, y, 188 * mm, y)
    return float(y - 10 * mm)


def _draw_section(canvas: Canvas, y: float, title: str, sentences: tuple[str, ...]) -> float:
    """A heading and paragraphs; returns the height below them."""
    canvas.setFont(_BOLD, 11)
    canvas.drawString(_LEFT, y, title)
    y -= 7 * mm
    canvas.setFont(_PLAIN, 9.5)
    for sentence in sentences:
        for line in _wrapped(sentence, 166 * mm):
            canvas.drawString(_LEFT, y, line)
            y -= _LINE
        y -= 1.5 * mm
    return float(y - 5 * mm)


def _draw_signature(canvas: Canvas, y: float, truth: ReportTruth) -> None:
    physician, patient = truth.physician, truth.patient
    canvas.drawString(_LEFT, y, f"Der Befund wurde mit {patient.first_name} {patient.last_name} besprochen.")
    y -= 20 * mm
    canvas.line(_LEFT, y, 95 * mm, y)
    canvas.drawString(_LEFT, y - 5 * mm, f"Dr. med. {physician.first_name} {physician.last_name}")
    canvas.setFont(_PLAIN, 7)
    printed = truth.examination + timedelta(minutes=25)
    canvas.drawString(
        _LEFT, 15 * mm, f"Gedruckt am {printed:%d.%m.%Y %H:%M}  |  {patient.full_name}  |  Seite 1 von 1"
    )


def _wrapped(text: str, width: float) -> list[str]:
    """The text in lines of at most ``width`` points."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if pdfmetrics.stringWidth(longer, _PLAIN, 9.5) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
