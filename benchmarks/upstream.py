"""A whole import beside the engine that this intake was first meant to call, on the same recording.

    ENDOREG_BENCH_UPSTREAM=/path/to/bin/python python -m benchmarks.upstream [--seconds 20 60] [--rounds 3]

The engine, `lx-anonymizer`, needs a Python of 3.12 or newer and several gigabytes, so it is measured
where somebody has installed it: in a virtual environment of its own, with ``tesseract`` and ``ffmpeg`` on
the PATH. It runs on the processor, as it comes, without language models; it is told where the image is.
It blanks and reads; it neither keeps the original nor looks at what it wrote. The two take turns.

Its OCR downloads models for Latin letters (PP-OCRv3). Where they are not to be had, ``--packaged-models`` has
it use the mobile ones of PP-OCRv4 that lie in RapidOCR's wheel up to version 3.5 (``pip install --no-deps
rapidocr==3.5.0``): a little newer and somewhat larger, so the figure is near what theirs would be, not it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import NotMeasuredError, Usage, median, ratio_of_pairs, run, table
from benchmarks.video import WORKERS, import_recording
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.samples import draw_recording, shipped_profile

PYTHON = "ENDOREG_BENCH_UPSTREAM"
PACKAGED_MODELS = "ENDOREG_BENCH_UPSTREAM_PACKAGED"
SEED = 1
MISSING = (
    f"{PYTHON} names no Python that has lx-anonymizer. In a virtual environment of Python 3.12 or newer: "
    "pip install 'lx-anonymizer[cpu]'; it also needs tesseract and ffmpeg on the PATH (Debian and Ubuntu: "
    "apt-get install tesseract-ocr tesseract-ocr-deu ffmpeg)"
)
PACKAGED = "reading with the PP-OCRv4 models of RapidOCR's wheel"
#: What their Python runs: source, output, the image's box as JSON.
_CLEAN = """
import json, sys
from fractions import Fraction
from pathlib import Path
from lx_anonymizer.frame_cleaner import FrameCleaner
source, output, image = sys.argv[1:]
_, told = FrameCleaner().clean_video(Path(source), json.loads(image), {}, Fraction(25), Path(output))
Path(output + ".json").write_text(json.dumps(told["model_execution"]["failed_models"]))
"""
#: What each of their processes runs first, if it is to read with the wheel's models.
_PACKAGED_FIRST = """
import importlib.util, sys

class Packaged:
    def find_spec(self, name, path=None, target=None):
        if name != "lx_anonymizer.ocr.ocr_frame":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            from rapidocr import LangDet, LangRec, ModelType
            wanted = module.FrameOCR._rapidocr_init_params()
            wanted |= {"Det.lang_type": LangDet.CH, "Rec.lang_type": LangRec.CH}
            wanted |= {"Rec.model_type": ModelType.MOBILE}
            module.FrameOCR._rapidocr_init_params = classmethod(lambda cls: dict(wanted))
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Packaged())
"""


def main(arguments: Sequence[str] = ()) -> str:
    """Draw the recordings, run both in turn on each, and return the tables.

    Raises:
        NotMeasuredError: the engine is not to be had.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=(20.0, 60.0), help="of the recordings (default: 20 60)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of each (default: %(default)s)")
    parser.add_argument(
        "--packaged-models",
        action="store_true",
        default=bool(os.environ.get(PACKAGED_MODELS)),
        help=f"have it read with the wheel's models; so does {PACKAGED_MODELS}=1",
    )
    options = parser.parse_args(arguments)
    return "\n".join(_beside(seconds, options.rounds, options.packaged_models) for seconds in options.seconds)


def _beside(seconds: float, rounds: int, packaged: bool) -> str:
    """The table of one recording."""
    python = os.environ.get(PYTHON, "")
    version = _version(python)
    profile = replace(shipped_profile(), name="bench_upstream")
    ours: list[Usage] = []
    theirs: list[Usage] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as name:
        source = Path(name) / "recording.mp4"
        draw_recording(source, seed=SEED, seconds=seconds, profile=profile)
        for _ in range(rounds):
            usage, failed = _clean(python, source, profile, packaged=packaged)
            theirs.append(usage)
            ours.append(import_recording(source, profile, WORKERS).usage)
    size = f"{profile.frame_width}×{profile.frame_height}"
    title = f"A whole import of {seconds:g} s of {size} beside lx-anonymizer {version}, on the processor"
    ratio = ratio_of_pairs(ours, theirs)
    without = f", without {', '.join(failed)} (not to be had here)" if failed else ""
    without += f", {PACKAGED}" if packaged else ""
    rows = [
        [f"lx-anonymizer {version}{without}", *_figures(median(theirs))],
        [f"endoreg import, {WORKERS} workers", *_figures(median(ours))],
        ["**ratio**", f"**{ratio.wall:.2f}**", f"{ratio.cpu:.2f}", f"{ratio.peak_mb:.2f}"],
        ["times as fast", f"**{1 / ratio.wall:.1f}**", f"{1 / ratio.cpu:.1f}", ""],
    ]
    return table(title, ["command", "wall", "CPU", "largest process"], rows)


def _version(python: str) -> str:
    """Of the engine that this Python has.

    Raises:
        NotMeasuredError: it has none, or what it calls is missing.
    """
    if not python or not all(map(shutil.which, ("tesseract", "ffmpeg"))):
        raise NotMeasuredError(MISSING)
    asked = "from importlib.metadata import version; print(version('lx-anonymizer'))"
    try:
        told = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotMeasuredError(MISSING) from error
    return told.stdout.strip()


def _clean(python: str, source: Path, profile: DeviceProfile, *, packaged: bool) -> tuple[Usage, list[str]]:
    """What one run used, and which of its models it could not load and did without."""
    image = profile.image
    box = {"x": image.x, "y": image.y, "width": image.width, "height": image.height}
    output = source.with_name("cleaned.mp4")
    first = source.with_name("first")
    first.mkdir(exist_ok=True)
    (first / "sitecustomize.py").write_text(_PACKAGED_FIRST if packaged else "", encoding="utf-8")
    environ = {"PYTHONPATH": str(first)}
    usage = run([python, "-c", _CLEAN, source, output, json.dumps(box)], environ)
    output.unlink()  # a run that made none has not done the work
    failed: list[str] = json.loads(output.with_name(f"{output.name}.json").read_text(encoding="utf-8"))
    return usage, failed


def _figures(used: Usage) -> list[str]:
    return [f"{used.wall:.1f} s", f"{used.cpu:.1f} s", f"{used.peak_mb:.0f} MB"]


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
