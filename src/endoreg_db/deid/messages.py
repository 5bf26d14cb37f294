"""What crosses the border between an import and its cell, the child that holds the untrusted bytes.

The parent sends one :class:`VideoTask`, :class:`ProposeTask` or :class:`ReportTask`; the cell answers
with any number of :class:`Probed`, :class:`Progress` and :class:`Finding` messages and ends with one
:class:`Done`, :class:`Proposed`, :class:`ReportDone` or :class:`Failed`. Where dates are to be moved it
asks once in between, with :class:`Identified`, and is told with one :class:`Shift`.
All are frozen dataclasses of plain values and travel as one bounded JSON line each, never as
pickles: the cell is not trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.identity import Identity
from endoreg_db.deid.profiles import DeviceProfile

VideoStage = Literal["probe", "encode", "join", "verify"]
ReportStage = Literal["probe", "read", "find", "rebuild", "verify"]
Stage = Literal[VideoStage, ReportStage]

#: How much a finding weighs. ``review``: a person must look before anything is published.
#: ``fatal``: the output is known to be unsafe and is destroyed. ``note``: recorded, nothing more.
Severity = Literal["note", "review", "fatal"]

#: What the operator does next decides the kind; see :mod:`endoreg_db.errors`.
FailureKind = Literal["unsupported", "unknown_device", "corrupt", "storage", "deidentification", "unexpected"]


#: Which of the preset's searches the encoder makes: all of them, all but for another order of the
#: frames (no B frames), or neither that nor for parts of blocks. ``auto``: what pays on the recording.
Analysis = Literal["auto", "preset", "no_reordering", "whole_blocks"]


#: The encoder that is always there.
SOFTWARE_ENCODER = "libx264"
#: Code of the finding that says why it was used instead of the one that was asked for.
ENCODER_REPLACED = "encoder_replaced"


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How the output is written."""

    preset: str = "veryfast"  # x264 preset
    crf: int = 20  # x264 constant rate factor, 0 (lossless) to 51
    analysis: Analysis = "auto"
    encoder: str = SOFTWARE_ENCODER  # or one of :data:`endoreg_db.deid.video.encode.HARDWARE`


@dataclass(frozen=True, slots=True)
class VideoTask:
    """One recording to de-identify. The parent owns ``work_dir`` and removes it afterwards."""

    source: str  # path of the untrusted recording; only ever read
    work_dir: str  # private, existing folder; everything the cell writes lies below it
    profile: DeviceProfile | None  # None: find out from the picture
    encode: EncodeSettings
    workers: int  # how many one-threaded encoders run at once
    read_text: bool = True  # False only where a test or a benchmark needs the pass without OCR
    known: tuple[DeviceProfile, ...] = ()  # registered layouts, to recognise the recording's among


@dataclass(frozen=True, slots=True)
class ProposeTask:
    """One recording to propose a device profile for; nothing of it is kept."""

    source: str  # path of the untrusted recording; only ever read
    work_dir: str  # private, existing folder
    known: tuple[DeviceProfile, ...]  # registered layouts, to say which one fits already
    picture: bool  # whether to draw the boxes into a picture of the recording, which shows identity


@dataclass(frozen=True, slots=True)
class HouseTerm:
    """What the house that sends reports calls its own: a ward, somebody of its staff, a number."""

    kind: str  # of the placeholder, as ``ward``
    text: str  # as reports have it


@dataclass(frozen=True, slots=True)
class ReportTask:
    """One report to de-identify. The parent owns ``work_dir`` and removes it afterwards."""

    source: str  # path of the untrusted PDF; only ever read
    work_dir: str  # private, existing folder; everything the cell writes lies below it
    file_name: str = ""  # the source's own, without its folder: it may name the patient
    password: str | None = None  # opens the PDF if it is protected
    names: tuple[str, ...] = ()  # known before: of persons
    dates: tuple[str, ...] = ()  # known before: ISO 8601
    numbers: tuple[str, ...] = ()  # known before: of cases, insurances
    house: tuple[HouseTerm, ...] = ()  # known before: of the house that the report comes from
    recogniser: str = "builtin"  # one of :data:`endoreg_db.deid.reports.recognisers.RECOGNISERS`
    shift_dates: bool = False  # True: ask by :class:`Identified` how far they are moved; else remove them


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What the probe found out about the source's video stream."""

    container: str  # FFmpeg's name of the demuxer, e.g. ``mov,mp4,m4a,3gp,3g2,mj2``
    codec: str  # e.g. ``h264``
    width: int  # pixels, as decoded
    height: int
    pixel_format: str
    time_base: Fraction  # seconds per tick of the stream
    frame_rate: Fraction | None  # frames per second; None where the stream does not say
    duration: float | None  # seconds; None where the stream does not say
    frames: int | None  # as the container promises; None where it does not say


@dataclass(frozen=True, slots=True)
class Probed:
    """The probe went through."""

    facts: VideoFacts


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is."""

    stage: Stage
    done: int  # frames, or pages of a report
    total: int | None  # likewise; None where unknown


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know about, in words free of identity."""

    code: str  # stable, e.g. ``layout_mismatch``, ``text_in_image``, ``unconfirmed_profile``
    severity: Severity
    detail: str
    start: float | None = None  # seconds from the start of the recording
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What the look at the finished output covered, and what it found."""

    frames: int  # decoded from the output
    duration: float  # seconds
    largest_residue: int  # grey levels; range of any plane in the blanked area, beyond the ringing margin
    scenes_read: int  # distinct pictures that OCR looked at
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """What the cell found out about a device that nobody named."""

    profile: DeviceProfile  # one of the task's ``known``, or a new one that nobody has confirmed
    proposed: bool  # True: none of the known fits, and the profile is new
    unclear: tuple[Box, ...] = ()  # text outside the image that may be any field


@dataclass(frozen=True, slots=True)
class Done:
    """The candidate is written and was looked at; whether it is published is the parent's decision."""

    candidate: str  # path below ``work_dir``; fsynced
    facts: VideoFacts
    frames_decoded: int  # from the source
    frames_damaged: int  # packets or frames that could not be decoded
    identity: Identity
    findings: tuple[Finding, ...]  # of reading and encoding
    verification: Verification
    timings: dict[str, float]  # stage → seconds
    found: FoundDevice | None = None  # None: the task named the device
    encoded: int = 0  # pieces, those that were encoded again because more was to be blanked included
    taken_over: int = 0  # pieces that need not be encoded, because an earlier attempt had
    encoder: str = SOFTWARE_ENCODER  # that made the candidate: the task's, or software in its place


@dataclass(frozen=True, slots=True)
class Proposed:
    """The answer to a :class:`ProposeTask`."""

    facts: VideoFacts
    found: FoundDevice
    fits: str | None  # name of the known profile that fits already
    picture: str | None  # path of a PNG below ``work_dir``; None: not asked for


@dataclass(frozen=True, slots=True)
class Identified:
    """Whom a report is about; asks the parent, who has the keys, by how many days its dates are moved."""

    identity: Identity
    doubts: tuple[Finding, ...]  # of finding it


@dataclass(frozen=True, slots=True)
class Shift:
    """The parent's answer to :class:`Identified`."""

    days_back: int | None  # None: it is not sure who the patient is, so dates are removed


@dataclass(frozen=True, slots=True)
class ReportVerification:
    """What the look at the finished PDF covered, and what it found."""

    pages: int  # of the output that were looked at
    words: int  # in its text layer
    lines_read: int  # by OCR, in its pictures
    largest_residue: int  # grey levels; range inside any filled area, beyond the ringing margin
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ReportDone:
    """PDF and text are written and were looked at; whether they are published the parent decides."""

    candidate: str  # path of the PDF below ``work_dir``; fsynced
    text: str  # path of the cleaned text below ``work_dir``; fsynced
    pages: int  # of the source, as they were counted before any was read
    pages_scanned: int  # of those, read by OCR alone
    words_removed: int
    identity: Identity
    findings: tuple[Finding, ...]  # of reading and finding
    verification: ReportVerification
    timings: dict[str, float]  # stage → seconds


@dataclass(frozen=True, slots=True)
class Failed:
    """The cell could not do its work."""

    kind: FailureKind
    message: str  # one sentence, free of paths and identity
    advice: str = ""  # what to do next, where that is not what the kind says anyway


Task = VideoTask | ProposeTask | ReportTask
Message = Probed | Progress | Finding | Identified | Done | Proposed | ReportDone | Failed
