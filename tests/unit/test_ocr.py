from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from endoreg_db.deid import ocr
from endoreg_db.deid.ocr import FoundText, TextReader, bounded, trimmed
from endoreg_db.deid.text_rules import matches_known
from endoreg_db.errors import ConfigurationError
from endoreg_db.samples import Recording, Script
from endoreg_db.samples.layout import font


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def words(found: list[FoundText]) -> list[FoundText]:
    """Without the single characters that OCR sees in folds."""
    return [line for line in found if len(line.text) >= 3]


def written(text: str, *, size: int = 24, ink: int = 235, paper: int = 16, width: int = 440) -> np.ndarray:
    picture = Image.new("L", (width, round(size * 1.4)), paper)
    ImageDraw.Draw(picture).text((3, picture.height / 2), text, font=font(size), fill=ink, anchor="lm")
    return np.asarray(picture)


@pytest.mark.parametrize(
    "text", ["Groß", "Łukaszewicz", "Jørgensen", "von der Heide", "24/12/1969", "GIF-1100"]
)
@pytest.mark.parametrize(("ink", "paper"), [(235, 16), (95, 16), (30, 200)])
def test_a_line_is_read_in_bright_dim_and_dark_letters(
    reader: TextReader, text: str, ink: int, paper: int
) -> None:
    line = reader.read_line(written(text, ink=ink, paper=paper))
    assert line.text == text
    assert line.confidence > 0.85


def test_small_letters_are_read_as_well(reader: TextReader) -> None:
    names = ["Groß", "Michał", "Gül", "Weißenfels"]
    assert [line.text for line in reader.read_lines([written(name, size=18) for name in names])] == names


def test_a_colour_picture_of_a_line_reads_as_its_grey_one(reader: TextReader) -> None:
    grey = written("Müller")
    assert reader.read_line(np.stack([grey] * 3, axis=2)) == reader.read_line(grey)


def test_an_empty_box_is_empty_without_asking_the_engine(reader: TextReader) -> None:
    noise = np.random.default_rng(1).integers(16, 40, (30, 300)).astype(np.uint8)
    assert trimmed(np.stack([noise] * 3, axis=2)) is None
    assert reader.read_line(noise) == ocr.EMPTY


def test_a_box_is_cut_down_to_its_text_and_an_even_margin() -> None:
    box = np.full((60, 400, 3), 16, np.uint8)
    box[20:40, 100:180] = 235
    text = trimmed(box)
    assert text is not None
    rows, columns = np.nonzero(text[:, :, 0] == 235)
    assert (rows.min(), text.shape[0] - rows.max() - 1) == (6, 6)
    assert (columns.min(), text.shape[1] - columns.max() - 1) == (10, 10)
    assert set(np.unique(text)) == {16, 235}


@pytest.mark.parametrize(("height", "width"), [(1, 1920), (2, 1349), (31, 1920)])
def test_a_hairline_is_made_higher_before_it_is_recognised(height: int, width: int) -> None:
    line = bounded(np.full((height, width, 3), 200, np.uint8))
    assert width / 60 <= line.shape[0] < width / 60 + 1
    assert line.shape[1] == width


def test_lines_of_usual_length_are_recognised_as_they_are() -> None:
    line = np.zeros((32, 1920, 3), np.uint8)
    assert bounded(line) is line


def test_text_inside_the_endoscopic_image_is_found_where_it_stands(reader: TextReader) -> None:
    recording = Recording(11, script=Script(note=(0.0, 1.0)))
    image = recording.profile.image
    found = words(reader.find_text(recording.rgb(0)[image.slices]))
    assert [matches_known(f.text, {recording.patient.last_name}) for f in found] == [True]
    assert 0.25 * image.width < found[0].box.x < 0.35 * image.width
    assert 0.75 * image.height < found[0].box.y < 0.85 * image.height


@pytest.mark.parametrize("seed", [8, 10])
def test_mucosa_holds_no_text(reader: TextReader, seed: int) -> None:
    recording = Recording(seed)
    found = reader.find_text(recording.rgb(0)[recording.profile.image.slices])
    assert words(found) == []


def test_nothing_is_found_in_a_black_picture(reader: TextReader) -> None:
    assert reader.find_text(np.zeros((270, 480, 3), np.uint8)) == []


def test_the_version_names_the_models_by_their_content(reader: TextReader) -> None:
    models = Path(ocr._model_folder())
    for name in ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"):
        digest = hashlib.sha256((models / name).read_bytes()).hexdigest()
        assert f"{name} sha256:{digest}" in reader.version
    assert reader.version.startswith("rapidocr 3.")


def test_loading_and_reading_never_open_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the OCR engine tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    reader = TextReader()
    assert reader.read_line(written("Müller")).text == "Müller"
    assert [found.text for found in reader.find_text(written("Müller"))] == ["Müller"]


def test_a_process_that_is_the_readers_own_has_nothing_to_reach_the_network_with() -> None:
    code = """
import sys
from endoreg_db.deid import ocr
ocr.import_engine()
import numpy as np
picture = np.zeros((40, 200), np.uint8); picture[10:30, 20:24] = 255
ocr.TextReader().read_line(picture)
assert "onnxruntime" in sys.modules and not {"requests", "urllib3"} & set(sys.modules)
import requests
assert requests.__file__, "whoever else needs it gets it"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_engine_that_wants_to_download_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must not"):
        ocr._NoNetwork("requests").get("https://models.example/det.onnx", stream=True)


def test_the_engine_says_nothing_and_is_only_loaded_when_it_is_needed() -> None:
    code = """
import sys
from endoreg_db.deid import overlay, ocr
assert "rapidocr" not in sys.modules and "onnxruntime" not in sys.modules
import numpy as np
picture = np.zeros((40, 200), np.uint8); picture[10:30, 20:24] = 255
reader = ocr.TextReader()
reader.read_line(picture); reader.find_text(picture)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_missing_models_are_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_RECOGNISER", "not-there.onnx")
    with pytest.raises(ConfigurationError, match=r"not-there\.onnx is missing"):
        TextReader()
