"""Recordings whose clock goes back: several that were put together, as cells of a DVD are."""

from __future__ import annotations

from pathlib import Path

from endoreg_db.deid.messages import Done, Finding
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.samples import ROOM, Encoding, Scene, Script, draw_recording, scaled, shipped_profile
from endoreg_db.services.verdict import Decision, judge
from tests.integration.video_clips import codes, decoded, deidentify, spread, time_of

FIFTH = scaled(shipped_profile(), 1 / 5)
CELL = Encoding(codec="mpeg2video", preset=None, crf=None, bit_rate=6_000_000, gop=12)


def test_a_room_after_the_clock_went_back_is_blanked(tmp_path: Path) -> None:
    source = _put_together(
        _cell(tmp_path / "a.mpg", 51, 5, FIFTH, Script(panel=False)),
        _cell(tmp_path / "b.mpg", 56, 5, FIFTH, Script(scenes=(Scene(ROOM, (0.5, 2.7)),), panel=False)),
    )

    done = deidentify(source, tmp_path / "work", profile=FIFTH)

    output = decoded(done.candidate)
    assert len(output) == 250
    blank = [n for n, f in enumerate(output) if spread(f.to_ndarray(format="gray")[FIFTH.image.slices]) <= 4]
    assert set(blank) >= set(range(138, 192)) and len(blank) < 75
    assert abs(time_of(output[-1]) - 249 / 25) < 0.2
    mended = _only(done, "times_mended")
    assert mended.severity == "review" and "125 of 250 frames" in mended.detail
    assert mended.start is not None and abs(mended.start - 5) < 0.1
    assert "outside_body" in codes(done)
    assert judge(done, FIFTH).decision == Decision.REVIEW


def test_another_patient_after_the_clock_went_back_is_noticed(tmp_path: Path) -> None:
    profile = shipped_profile()
    source = _put_together(
        _cell(tmp_path / "a.mpg", 53, 1.2, profile, Script()),
        _cell(tmp_path / "b.mpg", 54, 1.2, profile, Script()),
    )

    done = deidentify(source, tmp_path / "work", profile=profile, read_text=True)

    change = _only(done, "patient_changed")
    assert change.start is not None and 1.1 < change.start < 1.5
    assert {"times_mended"} <= codes(done)
    assert judge(done, profile).decision == Decision.REVIEW


def test_a_recording_of_one_piece_has_no_times_to_mend(tmp_path: Path) -> None:
    source = _cell(tmp_path / "a.mpg", 55, 2, FIFTH, Script(panel=False))

    done = deidentify(source, tmp_path / "work", profile=FIFTH)

    assert "times_mended" not in codes(done)


def _cell(path: Path, seed: int, seconds: float, profile: DeviceProfile, script: Script) -> Path:
    draw_recording(path, seed=seed, seconds=seconds, profile=profile, script=script, encoding=CELL)
    return path


def _put_together(*cells: Path) -> Path:
    """One program stream after the other; each begins with a clock of its own."""
    source = cells[0].with_name("together.mpg")
    source.write_bytes(b"".join(cell.read_bytes() for cell in cells))
    return source


def _only(done: Done, code: str) -> Finding:
    (finding,) = [finding for finding in done.findings if finding.code == code]
    return finding
