"""Sample inputs drawn by the project itself; no file of a real patient is ever needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from endoreg_db.samples.conditions import CONDITIONS
from endoreg_db.samples.layout import scaled, shipped_profile
from endoreg_db.samples.people import Patient, invent_patient
from endoreg_db.samples.recording import (
    ROOM,
    Encoding,
    Recording,
    RecordingTruth,
    Scene,
    Script,
    draw_recording,
    leaky_tags,
    write_video,
)
from endoreg_db.samples.report import ReportTruth, draw_report

__all__ = [
    "CONDITIONS",
    "ROOM",
    "Encoding",
    "Patient",
    "Recording",
    "RecordingTruth",
    "ReportTruth",
    "SampleSet",
    "Scene",
    "Script",
    "draw_recording",
    "draw_report",
    "draw_samples",
    "invent_patient",
    "leaky_tags",
    "scaled",
    "shipped_profile",
    "write_video",
]


@dataclass(frozen=True, slots=True)
class SampleSet:
    """A recording and a report about the same invented patient."""

    recording: Path
    recording_truth: RecordingTruth
    report: Path
    report_truth: ReportTruth


def draw_samples(folder: Path, seed: int = 1, *, seconds: float = 4.0) -> SampleSet:
    """Write ``sample-recording.mp4`` and ``sample-report.pdf`` into ``folder``, which is made if missing.

    The recording also names the patient in its container tags and has a sound track, as some
    recorders write them, so that a first import shows that neither survives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recording, report = folder / "sample-recording.mp4", folder / "sample-report.pdf"
    shown = Recording(seed)
    encoding = Encoding(audio=True, tags=leaky_tags(shown.patient, shown.examination))
    truth = draw_recording(recording, seed=seed, seconds=seconds, encoding=encoding)
    written = draw_report(report, seed=seed, patient=truth.patient, examination=truth.examination)
    return SampleSet(recording, truth, report, written)
