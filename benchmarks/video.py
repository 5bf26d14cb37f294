"""A whole video import, from the start of the process to the published file, beside a bare ffmpeg.

    python -m benchmarks.video [--rows 1080|2160|576] [--seconds 60] [--rounds 3]

``ffmpeg -vf drawbox`` blanks the same area of the same drawn recording with the same preset and crf.
The import also hashes, encrypts and keeps the original, reads the identity, compares the layout of
every frame, and decodes and checks what it wrote. The two take turns. The largest process counts for
memory; PSNR is that of luma, well inside the image.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import NotMeasuredError, Usage, median, ratio_of_pairs, run, table
from endoreg_db.deid.profiles import DeviceProfile, to_toml
from endoreg_db.samples import draw_recording, scaled, shipped_profile

PRESET, CRF, SEED = "veryfast", 20, 1
WORKERS = 2
#: Rows → seconds of the recording.
SECONDS: Mapping[int, float] = {1080: 60.0, 2160: 10.0, 576: 60.0}
MISSING = (
    "An ffmpeg with libx264, the reference, is not on the PATH. Debian and Ubuntu: apt-get install ffmpeg; "
    "others: https://ffmpeg.org/download.html"
)
_MARGIN = 32  # pixels inside the image's edge that PSNR leaves out
_EVERY = 7  # frames, of which one is compared for PSNR


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run has used, and what came out."""

    usage: Usage
    size: int  # bytes of the output
    psnr: float  # dB


def main() -> str:
    """Draw the recording, run both in turn, and return the tables.

    Raises:
        NotMeasuredError: there is no ffmpeg.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1080, choices=SECONDS, help="of the picture")
    parser.add_argument("--seconds", type=float, help="length of the recording")
    parser.add_argument("--rounds", type=int, default=3, help="how often each of both runs on it")
    options, _ = parser.parse_known_args()
    if not _has_ffmpeg():
        raise NotMeasuredError(MISSING)
    rows, scaling = options.rows, ""
    seconds, profile = options.seconds or SECONDS[rows], _profile(rows)
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as folder:
        source = Path(folder) / f"recording-{rows}.mp4"
        draw_recording(source, seed=SEED, seconds=seconds, profile=profile)
        theirs, ours = _in_turn(source, profile, options.rounds)
        if rows == shipped_profile().frame_height:
            scaling = "\n" + _scaling(source, profile, ours)
    size = f"{profile.frame_width}×{profile.frame_height}"
    title = f"A whole import of {seconds:g} s of {size} at 25 fps, beside ffmpeg"
    header = [f"x264 {PRESET}, crf {CRF}", "wall", "CPU", "largest process", "PSNR", "file"]
    return table(title, header, _lines(theirs, ours)) + scaling


def _has_ffmpeg() -> bool:
    if shutil.which("ffmpeg") is None:
        return False
    known = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, check=False).stdout
    return b"libx264" in known


def _in_turn(source: Path, profile: DeviceProfile, rounds: int) -> tuple[list[Outcome], list[Outcome]]:
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(_ffmpeg(source, profile))
        ours.append(import_recording(source, profile, WORKERS))
    return theirs, ours


def import_recording(source: Path, profile: DeviceProfile, workers: int) -> Outcome:
    """Import into an intake of its own, which knows the device and nothing else."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        device, data = Path(folder) / "device.toml", Path(folder) / "data"
        device.write_text(to_toml(profile), encoding="utf-8")
        environ = {
            "ENDOREG_DATA_DIR": str(data),
            "ENDOREG_WORKERS": str(workers),
            "ENDOREG_VIDEO_PRESET": PRESET,
            "ENDOREG_VIDEO_CRF": str(CRF),
        }
        endoreg = [sys.executable, "-m", "endoreg_db"]
        run([*endoreg, "device", "add", str(device)], environ)
        command: list[str | Path] = [
            *endoreg,
            "import",
            source,
            "--center",
            "test_center",
            "--processor",
            profile.name,
        ]
        usage = run([*command, "--quiet"], environ)
        (output,) = (data / "published").glob("*.mp4")
        return Outcome(usage, output.stat().st_size, _psnr(source, output, profile))


def _ffmpeg(source: Path, profile: DeviceProfile) -> Outcome:
    """The usual way to blank an overlay: black boxes over everything but the image."""
    image, width, height = profile.image, profile.frame_width, profile.frame_height
    boxes = [(0, 0, image.x, height), (image.right, 0, width - image.right, height)]
    boxes += [(0, 0, width, image.y), (0, image.bottom, width, height - image.bottom)]
    drawn = ",".join(f"drawbox={x}:{y}:{w}:{h}:black:fill" for x, y, w, h in boxes if w > 0 and h > 0)
    target = source.with_name("reference.mp4")
    encoder = ["-an", "-c:v", "libx264", "-preset", PRESET, "-crf", str(CRF), "-movflags", "+faststart"]
    usage = run(["ffmpeg", "-y", "-loglevel", "error", "-i", source, "-vf", drawn, *encoder, target])
    outcome = Outcome(usage, target.stat().st_size, _psnr(source, target, profile))
    target.unlink()
    return outcome


def _lines(theirs: Sequence[Outcome], ours: Sequence[Outcome]) -> list[list[str]]:
    """One line for each of the two, and their ratio: the median of the pairs that ran in turn."""
    ratio = ratio_of_pairs([run.usage for run in ours], [run.usage for run in theirs])
    compared = [f"{ours[-1].psnr - theirs[-1].psnr:+.2f} dB", f"{ours[-1].size / theirs[-1].size:.3f}"]
    return [
        ["ffmpeg -vf drawbox", *_figures(theirs)],
        [f"endoreg import, {WORKERS} workers", *_figures(ours)],
        ["**ratio**", f"**{ratio.wall:.2f}**", f"{ratio.cpu:.2f}", f"{ratio.peak_mb:.2f}", *compared],
    ]


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    used, last = median([outcome.usage for outcome in outcomes]), outcomes[-1]
    costs = [f"{used.wall:.1f} s", f"{used.cpu:.1f} s", f"{used.peak_mb:.0f} MB"]
    return [*costs, f"{last.psnr:.2f} dB", f"{last.size / 1e6:.1f} MB"]


def _scaling(source: Path, profile: DeviceProfile, ours: Sequence[Outcome]) -> str:
    """What a second worker brings, and the share of the time that it does not touch (Amdahl)."""
    one = import_recording(source, profile, 1).usage.wall
    two = median([outcome.usage for outcome in ours]).wall
    share = max(0.0, (2 * two - one) / one)
    cells = [f"{one:.1f} s", f"{two:.1f} s", f"{one / two:.2f}", f"{share:.0%}"]
    return table("A second worker", ["1 worker", "2 workers", "faster by", "does not scale"], [cells])


def _psnr(source: Path, output: Path, profile: DeviceProfile) -> float:
    """Of some frames, in dB."""
    where = profile.image.grown(-_MARGIN, profile.frame_width, profile.frame_height).slices
    squares = []
    with av.open(str(source)) as one, av.open(str(output)) as other:
        pairs = zip(one.decode(video=0), other.decode(video=0), strict=True)
        for number, (a, b) in enumerate(pairs):
            if number % _EVERY == 0:
                difference = _luma(a)[where].astype(np.float32) - _luma(b)[where]
                squares.append(float(np.mean(difference**2)))
    return float(10 * np.log10(255**2 / max(1e-9, statistics.fmean(squares))))


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _profile(rows: int) -> DeviceProfile:
    """The CV-1500's layout in this size; text smaller than OCR can read is not asked for."""
    full = shipped_profile()
    profile = replace(scaled(full, rows / full.frame_height), name=f"bench_{rows}p")
    return profile if rows >= full.frame_height else replace(profile, boxes={})


if __name__ == "__main__":
    sys.stdout.write(main())
