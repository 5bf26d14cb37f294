"""The whole video pass against bare ``ffmpeg -vf drawbox`` at the same preset and quality.

    python benchmarks/video.py [--seconds 60] [--rounds 2] [--workers N] [--folder DIR]

Both run in turns on the same recording, which is drawn first. Ours includes what ffmpeg does not do:
identity read by OCR, the layout of every frame compared, the output decoded and looked at again.
Figures are medians over the rounds; memory is that of the largest single process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from endoreg_db.deid.client import run_video
from endoreg_db.deid.messages import EncodeSettings, Finding, VideoTask
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.samples import draw_recording, scaled, shipped_profile

SEED = 60
SETTINGS = EncodeSettings()


@dataclass(frozen=True, slots=True)
class Run:
    """What one run cost."""

    wall: float  # seconds
    cpu: float  # seconds, of all processes together
    peak: float  # MB, of the largest process
    size: int  # bytes of the output


def main() -> None:
    """Draw, measure, print."""
    arguments = _arguments()
    if arguments.once is not None:
        _run_once(*map(Path, arguments.once), workers=arguments.workers, profile=_profile(arguments.height))
        return
    if shutil.which("ffmpeg") is None:
        sys.exit("ffmpeg is not installed, so there is nothing to compare with: apt install ffmpeg")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        _compare(folder, arguments.seconds, arguments.rounds, arguments.workers, arguments.height)


def _compare(folder: Path, seconds: float, rounds: int, workers: int, height: int) -> None:
    profile = _profile(height)
    source = folder / f"recording-{height}p-{seconds:g}s.mp4"
    if not source.exists():
        print(f"drawing {seconds:g} s of {profile.frame_width}×{height} …", flush=True)
        draw_recording(source, seed=SEED, seconds=seconds, profile=profile)
    theirs_path, ours_path = folder / "ffmpeg.mp4", folder / "work" / "candidate.mp4"
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(rounds):
        theirs.append(_measured(_ffmpeg(source, theirs_path, profile), theirs_path))
        ours.append(_measured(_ourselves(source, ours_path.parent, workers, height), ours_path))
    _print_table(theirs, ours, workers)
    own, other = (_psnr(source, path, profile) for path in (ours_path, theirs_path))
    print(f"PSNR of luma inside the image: {own:.2f} dB, ffmpeg {other:.2f} dB")


def _print_table(theirs: list[Run], ours: list[Run], workers: int) -> None:
    print(f"{'':22}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'size MB':>9}")
    rows = {"ffmpeg drawbox": theirs, f"video pass, {workers} workers": ours}
    medians = {name: _median(runs) for name, runs in rows.items()}
    for name, run in medians.items():
        print(f"{name:22}{run.wall:9.1f}{run.cpu:9.1f}{run.peak:9.0f}{run.size / 1e6:9.1f}")
    first, second = medians.values()
    ratios = (
        second.wall / first.wall,
        second.cpu / first.cpu,
        second.peak / first.peak,
        second.size / first.size,
    )
    print(f"{'ratio':22}" + "".join(f"{ratio:9.2f}" for ratio in ratios))
    print(
        "wall, each round: " + ", ".join(f"{b.wall / a.wall:.2f}" for a, b in zip(theirs, ours, strict=True))
    )


def _median(runs: list[Run]) -> Run:
    return Run(
        statistics.median(run.wall for run in runs),
        statistics.median(run.cpu for run in runs),
        max(run.peak for run in runs),
        runs[-1].size,
    )


def _measured(command: list[str], output: Path) -> Run:
    """Run a command; CPU and memory count its descendants as well."""
    begun = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    if status != 0:
        sys.exit(f"{command[0]} failed with status {status}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.stat().st_size)


def _ffmpeg(source: Path, target: Path, profile: DeviceProfile) -> list[str]:
    """The usual way to blank an overlay: black boxes over everything but the image."""
    image, width, height = profile.image, profile.frame_width, profile.frame_height
    boxes = [(0, 0, image.x, height), (image.right, 0, width - image.right, height)]
    boxes += [(0, 0, width, image.y), (0, image.bottom, width, height - image.bottom)]
    drawn = [f"drawbox={x}:{y}:{w}:{h}:black:fill" for x, y, w, h in boxes if w > 0 and h > 0]
    filters = ["-vf", ",".join(drawn), "-an", "-c:v", "libx264"]
    quality = ["-preset", SETTINGS.preset, "-crf", str(SETTINGS.crf), "-movflags", "+faststart"]
    return ["ffmpeg", "-v", "error", "-y", "-i", str(source), *filters, *quality, str(target)]


def _ourselves(source: Path, work_dir: Path, workers: int, height: int) -> list[str]:
    options = ["--workers", str(workers), "--height", str(height)]
    return [sys.executable, __file__, "--once", str(source), str(work_dir), *options]


def _run_once(source: Path, work_dir: Path, *, workers: int, profile: DeviceProfile) -> None:
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir()
    task = VideoTask(str(source), str(work_dir), profile, SETTINGS, workers)
    done = run_video(task, lambda message: print(message) if isinstance(message, Finding) else None)
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in done.timings.items())
    read = f"{len(list(done.identity.readings()))} fields and {done.verification.scenes_read} scenes read"
    print(f"  {done.frames_decoded} frames; {stages} s; {read}", flush=True)


def _psnr(source: Path, output: Path, profile: DeviceProfile, step: int = 7) -> float:
    """Of every ``step``-th frame, 32 pixels inside the image's edge, in dB."""
    where = profile.image.grown(-32, profile.frame_width, profile.frame_height).slices
    squares = []
    with av.open(str(source)) as one, av.open(str(output)) as other:
        pairs = zip(one.decode(video=0), other.decode(video=0), strict=True)
        for number, (a, b) in enumerate(pairs):
            if number % step == 0:
                difference = _luma(a)[where].astype(np.float32) - _luma(b)[where]
                squares.append(float(np.mean(difference**2)))
    return float(10 * np.log10(255**2 / max(1e-9, statistics.fmean(squares))))


def _luma(frame: av.VideoFrame) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _profile(height: int) -> DeviceProfile:
    full = shipped_profile()
    return full if height == full.frame_height else scaled(full, height / full.frame_height)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the recording")
    parser.add_argument("--rounds", type=int, default=2, help="how often each of both runs")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--height", type=int, default=1080, help="rows of the recording: 2160, 1080, 576 …")
    parser.add_argument("--folder", help="keep recording and outputs here")
    parser.add_argument("--once", nargs=2, metavar=("SOURCE", "WORK_DIR"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
