"""A whole import, from the start of the process to the published file, beside a bare ffmpeg.

Both blank the same area of the same drawn recording with the same preset and crf. The import also
hashes, encrypts and keeps the original, reads the identity, and decodes and checks its output.

    python -m benchmarks.whole_import [--seconds 60] [--rounds 3]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Usage, median, run, table
from endoreg_db.samples import draw_recording, shipped_profile

PRESET, CRF = "veryfast", 20
MISSING = "ffmpeg is not on the PATH; it is the reference here. On Debian: apt-get install ffmpeg"


def main() -> str:
    """Draw the recording, run both in turn, and return the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    options, _ = parser.parse_known_args()
    if shutil.which("ffmpeg") is None:
        return MISSING
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as folder:
        source = Path(folder) / "recording.mp4"
        draw_recording(source, seed=1, seconds=options.seconds)
        ours, theirs = [], []
        for number in range(options.rounds + 1):
            pair = (_endoreg(source, Path(folder) / f"data-{number}"), _ffmpeg(source))
            if number:  # the first round only warms the caches
                ours.append(pair[0])
                theirs.append(pair[1])
    return _table(options.seconds, options.rounds, ours, theirs)


def _endoreg(source: Path, data: Path) -> Usage:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "endoreg_db",
        "import",
        source,
        "--center",
        "test_center",
    ]
    environ = {
        "ENDOREG_DATA_DIR": str(data),
        "ENDOREG_VIDEO_PRESET": PRESET,
        "ENDOREG_VIDEO_CRF": str(CRF),
    }
    used = run([*command, "--processor", "olympus_cv_1500", "--quiet"], environ)
    shutil.rmtree(data)
    return used


def _ffmpeg(source: Path) -> Usage:
    """Blank everything beside the endoscopic image, as ``drawbox`` does it."""
    profile = shipped_profile()
    image, width = profile.image, profile.frame_width
    boxes = f"drawbox=0:0:{image.x}:ih:black:fill,drawbox={image.right}:0:{width - image.right}:ih:black:fill"
    target = source.with_name("reference.mp4")
    encoder = ["-c:v", "libx264", "-preset", PRESET, "-crf", str(CRF), "-an"]
    used = run(["ffmpeg", "-y", "-loglevel", "error", "-i", source, "-vf", boxes, *encoder, target])
    target.unlink()
    return used


def _table(seconds: float, rounds: int, ours: list[Usage], theirs: list[Usage]) -> str:
    rows = [
        [name, f"{used.wall:.1f} s", f"{used.cpu:.1f} s", f"{used.peak_mb:.0f} MB"]
        for name, used in (("endoreg import", median(ours)), ("ffmpeg -vf drawbox", median(theirs)))
    ]
    ratios = [
        Usage(a.wall / b.wall, a.cpu / b.cpu, a.peak_mb / b.peak_mb)
        for a, b in zip(ours, theirs, strict=True)
    ]
    ratio = median(ratios)
    rows.append(["ratio (median of pairs)", f"{ratio.wall:.2f}", f"{ratio.cpu:.2f}", f"{ratio.peak_mb:.2f}"])
    title = f"A whole import of {seconds:g} s of 1080p25 (x264 {PRESET}, crf {CRF}; {rounds} rounds in turn)"
    return table(title, ["", "wall", "CPU", "largest process"], rows)


if __name__ == "__main__":
    sys.stdout.write(main())
