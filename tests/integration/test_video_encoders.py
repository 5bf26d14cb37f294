"""Hardware encoders: what works is used, what does not is replaced by software, and both are told."""

from __future__ import annotations

import ctypes
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from endoreg_db.certificate import certificate_path
from endoreg_db.conf import VIDEO_ENCODERS
from endoreg_db.deid import client
from endoreg_db.deid.messages import Done, EncodeSettings, Message, VideoTask
from endoreg_db.deid.video.encode import HARDWARE, is_there
from endoreg_db.deid.video.hardware import trial, why_not
from endoreg_db.deid.video.probe import StreamLook
from endoreg_db.errors import DeidentificationError
from endoreg_db.models import State
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from tests.conftest import SMALL_DEVICE, DrawnOnce, small_profile
from tests.faults import hardware
from tests.faults.hardware import NAME
from tests.faults.in_the_cell import write_hook
from tests.faults.stand_in import stand_in_pass
from tests.integration.video_clips import (
    SMALL,
    codes,
    decoded,
    deidentify,
    number_in,
    numbered,
    write_clip,
)

FRAMES = 150  # in pieces of three seconds
QUICK = {"preset": "ultrafast", "g": "10"}

Plug = Callable[[str], None]


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plug:
    """Plugs in a stand-in for hardware, by its name in :data:`tests.faults.hardware.DEVICES`."""

    def plugged(name: str) -> None:
        write_hook(tmp_path / "hook", name, module=hardware.__name__)
        monkeypatch.syspath_prepend(str(tmp_path / "hook"))

    return plugged


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, [numbered(n) for n in range(FRAMES)], options=QUICK)
    return path


@pytest.fixture(scope="module")
def by_software(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What software makes of the clip."""
    return Path(deidentify(clip, tmp_path_factory.mktemp("software")).candidate).read_bytes()


def test_an_encoder_that_works_makes_the_output(clip: Path, tmp_path: Path, plug: Plug) -> None:
    plug("sound")

    done = deidentify(clip, tmp_path / "work", encoder=NAME)

    assert done.encoder == NAME
    assert [number_in(frame) for frame in decoded(done.candidate)] == list(range(FRAMES))
    assert codes(done) == set()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("silent", "no packets"),
        ("crashing at once", "crashed"),
        pytest.param("refusing", "Input/output error", marks=pytest.mark.exhaustive),
        pytest.param("hanging at once", "did not answer", marks=pytest.mark.exhaustive),
        pytest.param("grey", "not what went in", marks=pytest.mark.exhaustive),
    ],
)
def test_an_encoder_that_fails_its_trial_is_not_used(
    clip: Path, by_software: bytes, tmp_path: Path, plug: Plug, name: str, why: str
) -> None:
    plug(name)
    _made_by_software(deidentify(clip, tmp_path / "work", encoder=NAME), by_software, why)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crashing", "worker died"),
        ("losing", "failed a check"),
        ("changing", "not encoded alike"),
        pytest.param("failing", "Input/output error", marks=pytest.mark.exhaustive),
        pytest.param("hanging", "hangs", marks=pytest.mark.exhaustive),
    ],
)
def test_an_encoder_that_fails_in_the_middle_leaves_nothing_of_its_own(
    clip: Path, by_software: bytes, tmp_path: Path, plug: Plug, name: str, why: str
) -> None:
    plug(name)
    said: list[Message] = []

    done = deidentify(clip, tmp_path / "work", encoder=NAME, on_message=said.append)

    _made_by_software(done, by_software, why)
    assert not list((tmp_path / "work").glob(f"{NAME}*"))
    assert said.count(done.findings[0]) == 1


def test_hardware_that_is_not_there_is_replaced_and_the_record_says_so(
    store: Store,
    small_recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("ENDOREG_VIDEO_ENCODER", "h264_vaapi")

    video = VideoImportService().import_and_anonymize(small_recording, "test_center", SMALL_DEVICE)

    (warning,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert warning.getMessage() == (
        f"h264_vaapi did not make the output, libx264 did: this FFmpeg does not have it: {small_recording}"
    )
    assert (video.state, video.encoder) == (State.PUBLISHED, "libx264")
    assert ["encoder_replaced", "note"] in [[f["code"], f["severity"]] for f in video.findings]
    assert _certified_encoder(store) == "libx264"


def test_the_certificate_names_the_hardware_that_was_used(
    store: Store, drawn_once: DrawnOnce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plug: Plug
) -> None:
    plug("sound")
    monkeypatch.setenv("ENDOREG_VIDEO_ENCODER", NAME)
    drawn, _ = drawn_once(profile=small_profile())

    video = VideoImportService().import_and_anonymize(
        shutil.copy(drawn, tmp_path / "recording.mp4"), "test_center", SMALL_DEVICE
    )

    assert (video.state, video.encoder) == (State.PUBLISHED, NAME)
    assert _certified_encoder(store) == NAME


def test_an_interlaced_recording_is_left_to_software(tmp_path: Path, plug: Plug) -> None:
    plug("sound")
    look = StreamLook(Fraction(1, 25), Fraction(25), None, 1, 1, 1, 1, "tff", 0)

    assert "interlaced" in str(why_not(EncodeSettings(encoder=NAME), look, (320, 184)))


def test_software_passes_the_trial_of_hardware_but_for_what_it_adds_to_the_stream() -> None:
    look = StreamLook(Fraction(1, 90_000), Fraction(25), Fraction(16, 15), 2, 9, 16, 9, "", 0)
    assert trial(EncodeSettings(), look, (322, 182)) is None


@pytest.mark.parametrize("name", sorted(name for name in HARDWARE if is_there(name)))
def test_ffmpeg_knows_every_option_that_is_set(name: str) -> None:
    """It says nothing about one that it does not know, nor does PyAV."""
    ffmpeg = ctypes.CDLL(av._core.__file__)  # PyAV's own; the OCR engine brings another one along
    ffmpeg.avcodec_find_encoder_by_name.restype = ffmpeg.avcodec_alloc_context3.restype = ctypes.c_void_p
    ffmpeg.avcodec_alloc_context3.argtypes = [ctypes.c_void_p]
    ffmpeg.av_opt_set.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    context = ffmpeg.avcodec_alloc_context3(ffmpeg.avcodec_find_encoder_by_name(name.encode()))
    options = {**HARDWARE[name].options, **dict.fromkeys(HARDWARE[name].quality, "20")}

    refused = {k for k, v in options.items() if ffmpeg.av_opt_set(context, k.encode(), v.encode(), 1) != 0}

    assert refused == set()


def test_the_encoders_that_can_be_chosen_are_those_that_can_be_set_up() -> None:
    assert set(VIDEO_ENCODERS) == {"libx264", *HARDWARE}
    assert {"h264_nvenc", "h264_qsv", "h264_amf"} <= {name for name in HARDWARE if is_there(name)}


def test_a_cell_that_names_another_encoder_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = VideoTask("/in.mp4", str(tmp_path), SMALL, EncodeSettings(encoder=NAME), 1)
    monkeypatch.setattr(
        client, "run_cell", lambda *_: replace(stand_in_pass(task, lambda _: None), encoder="h264_qsv")
    )

    with pytest.raises(DeidentificationError, match="another question"):
        client.run_video(task, lambda _: None)


def _made_by_software(done: Done, by_software: bytes, why: str) -> None:
    """Whether the output is what software makes, to the byte, and a note says why."""
    assert done.encoder == "libx264"
    assert Path(done.candidate).read_bytes() == by_software
    (note,) = done.findings
    assert (note.code, note.severity) == ("encoder_replaced", "note")
    assert NAME in note.detail and why in note.detail
    assert done.verification.findings == ()


def _certified_encoder(store: Store) -> str:
    (file,) = store.publisher.published_files()
    document = json.loads(certificate_path(file).read_bytes())
    return str(document["output"]["encoder"])
