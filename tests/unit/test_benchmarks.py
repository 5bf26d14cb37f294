"""The benchmarks' page keeps what was not measured anew; a long recording is a short one repeated."""

from __future__ import annotations

import shutil
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import memory, upstream, video
from benchmarks.measure import CommandFailedError, NotMeasuredError, Usage, ratio_of_pairs, run
from tests.integration.video_clips import decoded, number_in, numbered, time_of, write_clip

KEPT = {name: f"| {name} |\n" for name in command.BENCHMARKS}


def test_the_page_is_read_as_it_is_written() -> None:
    assert command.parts_of(command.page(KEPT)) == KEPT


def test_a_group_of_benchmarks_has_one_name() -> None:
    assert command.chosen([]) == list(command.BENCHMARKS)
    assert command.chosen(["video"]) == ["video_1080", "video_2160", "video_576"]
    assert command.chosen(["video_576", "locks"]) == ["locks", "video_576"]
    with pytest.raises(SystemExit, match="There is no benchmark 'speed'"):
        command.chosen(["locks", "speed"])


def test_what_cannot_be_measured_is_said_and_stays_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(command.page(KEPT), encoding="utf-8")
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "video_576"])

    command.main()

    assert "apt-get install ffmpeg" in capsys.readouterr().out
    assert command.parts_of(page.read_text(encoding="utf-8")) == KEPT
    with pytest.raises(NotMeasuredError):
        video.main()


@pytest.mark.parametrize("python", ["", sys.executable, "/nowhere/python"])
def test_without_the_other_engine_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    monkeypatch.setenv(upstream.PYTHON, python)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    with pytest.raises(NotMeasuredError, match="pip install"):
        upstream.main()


def test_ratios_are_those_of_runs_that_took_turns() -> None:
    ours = [Usage(2.0, 3.0, 100.0), Usage(8.0, 3.0, 100.0), Usage(5.0, 3.0, 100.0)]
    theirs = [Usage(4.0, 6.0, 200.0), Usage(10.0, 6.0, 50.0), Usage(5.0, 6.0, 400.0)]
    assert ratio_of_pairs(ours, theirs) == Usage(0.8, 0.5, 0.5)


def test_a_repeated_recording_plays_on_without_a_gap(tmp_path: Path) -> None:
    source, target = tmp_path / "short.mp4", tmp_path / "long.mp4"
    write_clip(
        source, [numbered(n) for n in range(20)], options={"preset": "ultrafast", "g": "10", "bf": "2"}
    )

    memory.repeat(source, target, 3)

    frames = decoded(target)
    assert [number_in(frame) for frame in frames] == 3 * list(range(20))
    assert [time_of(frame) for frame in frames] == [Fraction(n, 25) for n in range(60)]


def test_a_process_and_what_it_starts_are_watched() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(1)'])"

    peaks = memory._run([sys.executable, "-c", code], {}, (0,))

    assert peaks["parent"] > 1 and peaks["cell"] == peaks["worker"] == peaks["OCR"] == 0


def test_what_a_command_held_is_not_what_the_process_that_measures_it_holds() -> None:
    held = bytearray(300_000_000)
    held[::4096] = b"x" * len(held[::4096])

    used = run([sys.executable, "-c", "print('small')"])

    assert used.peak_mb < 100 < len(held) / 1e6


def test_a_command_that_fails_says_how_and_what_it_wrote() -> None:
    with pytest.raises(CommandFailedError, match=r"ended with code 3: hello"):
        run(["sh", "-c", "echo hello; exit 3"])
    assert run(["sh", "-c", "exit 3"], may_end_with=(3,)).wall > 0
