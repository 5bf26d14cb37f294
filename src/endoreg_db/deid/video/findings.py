"""What a person should know about how a recording was blanked and encoded."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from endoreg_db.deid.messages import Finding, FoundDevice
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.deid.video.condense import condensed
from endoreg_db.deid.video.devices import device_findings, wrong_device_finding
from endoreg_db.deid.video.layout import REASONS
from endoreg_db.deid.video.region import Activity
from endoreg_db.deid.video.source import Source
from endoreg_db.deid.video.transcode import SegmentResult

_MISMATCH_GAP = 0.5  # seconds; frames that do not fit and are closer than that are one incident


def layout_findings(
    source: Source,
    profile: DeviceProfile,
    found: FoundDevice | None,
    known: Sequence[DeviceProfile],
    results: Sequence[SegmentResult],
    motion: Activity,
) -> list[Finding]:
    """Whether the recording is that of the device whose layout was applied, and the way up that it was read.

    Args:
        source: the recording.
        profile: the layout.
        found: how it was found; None if a person named it.
        known: all registered layouts.
        results: what became of the segments.
        motion: what moves in the image, in all of the recording.
    """
    findings = device_findings(found)
    if source.look.rotation % 360:
        detail = (
            f"Players turn the picture by {source.look.rotation % 360} degrees. Text was looked for in it as"
            " it is stored, so what is upright for the viewer may not have been found"
        )
        findings.append(Finding("picture_turned", "review", detail))
    if not profile.confirmed:
        detail = f"The layout of {profile.title} was never checked on a real recording"
        findings.append(Finding("unconfirmed_profile", "review", detail))
    if found is None:
        wrong = wrong_device_finding(source, profile, known, results, motion)
        findings += [] if wrong is None else [wrong]
    return findings


def encode_findings(
    results: Sequence[SegmentResult], damaged: int, zero: int, time_base: Fraction
) -> list[Finding]:
    """Frames that were blanked whole, lost or given other times, and an overlay that is none.

    Args:
        results: what became of the segments.
        damaged: how many frames or packets are damaged or missing.
        zero: time at which the recording begins, in ticks of the source.
        time_base: seconds per tick of the source.
    """
    mismatches = [
        Finding(
            "layout_mismatch",
            "review",
            f"Does not look like this device's picture, blanked whole: {REASONS[run.reason]}",
            start=float((run.first - zero) * time_base),
            end=float((run.last - zero) * time_base),
        )
        for result in results
        for run in result.blanked
    ]
    findings = list(condensed(mismatches, gap=_MISMATCH_GAP))
    frames = sum(len(result.times) for result in results)
    if mended := sum(result.mended for result in results):
        first = min(result.mended_from for result in results if result.mended_from is not None)
        detail = (
            f"The recording's clock goes back or stands still; {mended} of {frames} frames got new times. "
            "It may have been put together from several recordings"
        )
        findings.append(Finding("times_mended", "review", detail, start=float((first - zero) * time_base)))
    if damaged:
        detail = f"{damaged} frames or packets are damaged or missing; {frames} frames were decoded"
        findings.append(Finding("damaged_frames", "review", detail))
    if any(result.restless for result in results):
        detail = "Something moves where the overlay should be; it was not read to the end"
        findings.append(Finding("overlay_restless", "review", detail))
    return findings
