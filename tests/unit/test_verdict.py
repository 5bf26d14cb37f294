from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Done, Finding, Severity, Verification, VideoFacts
from endoreg_db.samples import shipped_profile
from endoreg_db.services.verdict import Decision, judge

CLEAN = Done(
    candidate="/attempt/candidate.mp4",
    facts=VideoFacts("mp4", "h264", 1920, 1080, "yuv420p", Fraction(1, 25), Fraction(25), 2.0, 50),
    frames_decoded=50,
    frames_damaged=0,
    identity=Identity(),
    findings=(),
    verification=Verification(frames=50, duration=2.0, largest_residue=0, scenes_read=2, findings=()),
    timings={},
)


def _with(severity: Severity, *, in_output: bool) -> Done:
    finding = Finding("something", severity, "something was seen")
    if in_output:
        return replace(CLEAN, verification=replace(CLEAN.verification, findings=(finding,)))
    return replace(CLEAN, findings=(finding,))


def test_a_clean_pass_is_safe() -> None:
    assert judge(CLEAN, shipped_profile()).decision is Decision.SAFE


@pytest.mark.parametrize("in_output", [False, True])
def test_any_doubt_goes_to_a_person(in_output: bool) -> None:
    verdict = judge(_with("review", in_output=in_output), shipped_profile())
    assert verdict.decision is Decision.REVIEW
    assert [reason.code for reason in verdict.reasons] == ["something"]


@pytest.mark.parametrize("in_output", [False, True])
def test_what_is_known_to_leak_is_destroyed(in_output: bool) -> None:
    assert judge(_with("fatal", in_output=in_output), shipped_profile()).decision is Decision.UNSAFE


def test_a_note_changes_nothing() -> None:
    assert judge(_with("note", in_output=True), shipped_profile()).decision is Decision.SAFE


def test_a_severity_that_is_not_known_is_not_safe() -> None:
    odd = Finding("odd", "harmless", "a cell made this up")  # type: ignore[arg-type]
    assert judge(replace(CLEAN, findings=(odd,)), shipped_profile()).decision is Decision.UNSAFE


def test_the_parent_does_not_take_the_cells_word_for_a_profile() -> None:
    unconfirmed = shipped_profile("fujifilm_4450hd")
    assert judge(CLEAN, unconfirmed).decision is Decision.REVIEW


@pytest.mark.parametrize("frames", [49, 51, 0])
def test_a_lost_or_added_frame_is_not_safe(frames: int) -> None:
    done = replace(CLEAN, verification=replace(CLEAN.verification, frames=frames))
    assert judge(done, shipped_profile()).decision is Decision.UNSAFE


def test_a_pass_without_a_frame_is_not_safe() -> None:
    empty = replace(CLEAN, frames_decoded=0, verification=replace(CLEAN.verification, frames=0))
    assert judge(empty, shipped_profile()).decision is Decision.UNSAFE


def test_damage_that_the_cell_only_counted_goes_to_a_person() -> None:
    assert judge(replace(CLEAN, frames_damaged=1), shipped_profile()).decision is Decision.REVIEW
