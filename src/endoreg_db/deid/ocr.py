"""Reading text in pictures: RapidOCR with the models that its wheel brings; never a download.

Two ways to read. A *line* is a picture of one known box and is only recognised (about 25 ms). *Finding*
text looks for it in a whole picture first (about half a second).
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from endoreg_db.deid.geometry import Box
from endoreg_db.errors import ConfigurationError

Picture = NDArray[np.uint8]  # H×W grey levels or H×W×3 RGB

_DOWNLOADS, _NETWORK = "default_models.yaml", "requests"
_DETECTOR, _RECOGNISER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"

#: Grey levels from the background below which a box is empty: codec noise stays under it, the dimmest
#: overlay text measured (grey on black) is far above.
_FLAT = 36

#: Longest line that is recognised, in heights: about 80 letters. The model scales every line to 48
#: rows, so that a hairline across a frame would become 65,000 columns, and gigabytes.
_LONGEST = 60

#: Pixels per em at which the detector has to see a line. Measured with names drawn over mucosa: 24 of
#: 24 lines found for text of 20, 24 and 32 pixels, 23 for 16, 21 for 12; at 8 pixels per em 15 of 24.
_DETECTABLE = 11
#: Pixels per em of the smallest text that is looked for at all: the picture is not made smaller for it.
FINEST = _DETECTABLE


#: Pixels per em of the smallest text that an endoscopy processor writes, as a share of the frame's height.
_OVERLAY_TEXT = 24 / 1080
_SMALLEST = 8  # pixels per em; nobody reads anything smaller, engine or eye


@dataclass(frozen=True, slots=True)
class Line:
    """What one box says; ``text`` is empty where nothing is written."""

    text: str
    confidence: float  # 0 to 1, mean over the letters


EMPTY = Line("", 1.0)


@dataclass(frozen=True, slots=True)
class FoundText:
    """A line of text somewhere in a picture."""

    box: Box
    text: str
    confidence: float  # 0 to 1


@dataclass(frozen=True, slots=True)
class SpacedLine:
    """A recognised line, with the place of each letter."""

    text: str
    confidence: float  # 0 to 1, mean over the letters
    places: tuple[
        float, ...
    ]  # of each letter that is no space: 0 at the left edge of the line, 1 at the right


def import_engine() -> None:
    """Import RapidOCR without what it needs to download its models: in a third of the time.

    It reads its list of models on the network, of 85 kB, twice when it is imported, which takes a second
    of CPU, and loads a library to fetch them with, which takes a tenth. Both are for what is never
    done here. Only for a process that is the reader's own: whoever else uses RapidOCR in it could not
    do without.
    """
    reader = import_module("omegaconf").OmegaConf
    load = reader.load

    def without_downloads(path: str | Path) -> Any:
        return reader.create() if Path(path).name == _DOWNLOADS else load(path)

    reader.load = staticmethod(without_downloads)
    without_network = _NETWORK not in sys.modules
    if without_network:
        sys.modules[_NETWORK] = _NoNetwork(_NETWORK)
    try:
        import_module("rapidocr.main")
    finally:
        reader.load = staticmethod(load)
        if without_network:
            del sys.modules[_NETWORK]


class _NoNetwork(ModuleType):
    """In the place of :mod:`requests` while the engine is imported."""

    Response = object
    RequestException = OSError

    @staticmethod
    def get(url: str, **_options: object) -> NoReturn:
        """Refuse.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(f"The OCR engine wants to download {url}, which it must not")


class TextReader:
    """An OCR engine in this process, ready after about a second.

    The process then holds about 170 MB; finding text of 24 pixels in a 1350×1080 picture takes it to
    about 250 MB.
    """

    def __init__(self, *, threads: int = 1) -> None:
        """Load the engine.

        Args:
            threads: how many threads one reading may use.

        Raises:
            ConfigurationError: the installed RapidOCR lacks its models.
        """
        self._models = _model_folder()
        # ONNX Runtime's wheel reports its use to its maker unless this stands in the environment
        # before it is first imported; asking it to stop afterwards is too late. Nothing phones home.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        # Imported here, so that whoever only needs the data classes does not wait for the engine.
        engine = import_module("rapidocr").RapidOCR
        self._engine = engine(params=_parameters(self._models, threads))

    @cached_property
    def version(self) -> str:
        """Engine and models with their SHA-256, for the record of what has read a recording."""
        parts = [f"{name} {metadata.version(name)}" for name in ("rapidocr", "onnxruntime")]
        parts += [f"{name} sha256:{_sha256(self._models / name)}" for name in (_DETECTOR, _RECOGNISER)]
        return "; ".join(parts)

    def read_line(self, picture: Picture) -> Line:
        """Read a box that holds one line of text, or none.

        The picture is cut down to its text first: on drawn overlays that reads the names right
        that came out wrong from whole boxes (ß as B, ł as t), in two thirds of the time. Enlarging
        it makes no further difference, since the model scales every line to 48 pixels itself.
        """
        text_only = trimmed(_as_rgb(picture))
        return EMPTY if text_only is None else self._recognise(text_only)

    def read_lines(self, pictures: Sequence[Picture]) -> list[Line]:
        """Read several boxes.

        One after the other: in a batch every line is padded to the longest, which takes longer in
        total and makes a reading depend on its neighbours.
        """
        return [self.read_line(picture) for picture in pictures]

    def find_text(self, picture: Picture, *, smallest: int = 24) -> list[FoundText]:
        """Find upright text anywhere in a picture and read it at full resolution.

        Args:
            picture: H×W×3 RGB or H×W grey.
            smallest: pixels per em of the smallest text that has to be found (in a typeface whose
                capitals are 0.73 em high). Time and memory grow with its inverse square.

        Returns:
            The lines from top to bottom, whatever their confidence.
        """
        rgb = _as_rgb(picture)
        factor = min(1.0, _DETECTABLE / smallest)
        boxes = self._detect(_shrunk(rgb, factor), factor, (rgb.shape[1], rgb.shape[0]))
        # Not trimmed: the detector's boxes are close, and on mucosa text cannot be told by its level.
        lines = ((box, self._recognise(rgb[box.slices])) for box in boxes)
        return [FoundText(box, line.text, line.confidence) for box, line in lines if line.text]

    def find_lines(self, picture: Picture, *, smallest: int = 24) -> list[tuple[Box, SpacedLine]]:
        """Like :meth:`find_text`, but says where in each line its letters are."""
        rgb = _as_rgb(picture)
        factor = min(1.0, _DETECTABLE / smallest)
        boxes = self._detect(_shrunk(rgb, factor), factor, (rgb.shape[1], rgb.shape[0]))
        lines = ((box, self.read_spaced(rgb[box.slices])) for box in boxes)
        return [(box, line) for box, line in lines if line.text]

    def detect(self, picture: Picture, *, smallest: int = 24) -> list[Box]:
        """Where upright text may be, without reading it: a fifth of the time."""
        rgb = _as_rgb(picture)
        factor = min(1.0, _DETECTABLE / smallest)
        return self._detect(_shrunk(rgb, factor), factor, (rgb.shape[1], rgb.shape[0]))

    def read_spaced(self, picture: Picture) -> SpacedLine:
        """Read one line and say where its letters are."""
        result = self._engine.recognize_txt([_as_bgr(bounded(_as_rgb(picture)))])
        text, info = str(result.txts[0]), result.word_results[0]
        columns = [column for word in info.word_cols or () for column in word]
        if not text.strip() or len(columns) != len("".join(text.split())):
            return SpacedLine("", 0.0, ())
        places = tuple(min(1.0, (column + 0.5) / max(info.line_txt_len, 1)) for column in columns)
        return SpacedLine(text.strip(), float(result.scores[0]), places)

    def _recognise(self, line: Picture) -> Line:
        result = self._engine.recognize_txt([_as_bgr(bounded(line))])
        text = str(result.txts[0]).strip()
        return Line(text, float(result.scores[0]) if text else 0.0)

    def _detect(self, small: Picture, factor: float, size: tuple[int, int]) -> list[Box]:
        """Where text is, in pixels of the picture of ``size`` that ``small`` was shrunk from."""
        result = self._engine(_as_bgr(small), use_det=True, use_cls=False, use_rec=False)
        if result.boxes is None:
            return []
        return [_around(quad, size) for quad in np.asarray(result.boxes, np.float64) / factor]


def smallest_overlay_text(frame_height: int) -> int:
    """Pixels per em of the smallest text that can be read in frames of that height (pixels)."""
    return max(_SMALLEST, round(_OVERLAY_TEXT * frame_height))


def trimmed(picture: Picture) -> Picture | None:
    """The text of an H×W×3 picture with an even margin around it, or None if nothing is written.

    Text is what stands out from the background, be it lighter or darker.
    """
    grey = picture.max(axis=2).astype(np.int16)
    background = int(np.median(grey))
    contrast = np.abs(grey - background)
    strongest = int(contrast.max())
    if strongest < _FLAT:
        return None
    rows, columns = np.nonzero(contrast > 0.35 * strongest)
    text = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    # Of 0, 0.15, 0.3 and 0.45 of the height, 0.3 read most names right.
    above, beside = round(0.3 * text.shape[0]), round(0.5 * text.shape[0])
    margins = ((above, above), (beside, beside), (0, 0))
    return np.pad(text, margins, constant_values=background)


def bounded(line: Picture) -> Picture:
    """The H×W×3 picture, made higher by its own edge rows where it is too long for its height."""
    height, width = line.shape[:2]
    missing = -(-width // _LONGEST) - height
    if missing <= 0:
        return line
    return np.pad(line, ((missing // 2, missing - missing // 2), (0, 0), (0, 0)), mode="edge")


def _as_rgb(picture: Picture) -> Picture:
    return np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture


def _as_bgr(picture: Picture) -> Picture:
    """As the models expect it."""
    return np.ascontiguousarray(picture[:, :, ::-1])


def _shrunk(picture: Picture, factor: float) -> Picture:
    if factor == 1.0:
        return picture
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def _around(quad: NDArray[np.float64], size: tuple[int, int]) -> Box:
    """The upright box around four corners, inside a picture of ``size`` (width, height).

    It is a little wider than the corners: the detector cuts first letters on a changing background.
    """
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    beside = 0.3 * (bottom - top)
    x, y = (int(min(max(0.0, n), limit - 1)) for n, limit in zip((left - beside, top - 3), size, strict=True))
    return Box(x, y, max(1, min(int(right + beside), size[0]) - x), max(1, min(int(bottom + 4), size[1]) - y))


def _parameters(models: Path, threads: int) -> dict[str, Any]:
    # RapidOCR takes a number above the machine's as "all", hence the minimum.
    threads = max(1, min(threads, os.cpu_count() or 1))
    return {
        "Global.log_level": "critical",  # it logs to standard error by itself, with file names
        "Global.return_word_box": True,  # costs nothing; see read_spaced
        "Global.use_cls": False,  # overlays are never upside down
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        # With a path it never looks for the model anywhere else, least of all on the network.
        "Det.model_path": str(models / _DETECTOR),
        "Rec.model_path": str(models / _RECOGNISER),
        # The picture is shrunk here, to a known text height; the engine must not scale it again.
        "Det.limit_type": "max",
        "Det.limit_side_len": 100_000,
        "Global.max_side_len": 100_000,
    }


def _model_folder() -> Path:
    """Where the installed RapidOCR keeps its models.

    Raises:
        ConfigurationError: a model is missing.
    """
    package = metadata.distribution("rapidocr").locate_file("rapidocr")
    folder = Path(str(package)) / "models"
    missing = [name for name in (_DETECTOR, _RECOGNISER) if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"The OCR model {missing[0]} is missing from the installed package rapidocr.",
            advice="Install the dependencies again as pinned: `make setup`.",
        )
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
