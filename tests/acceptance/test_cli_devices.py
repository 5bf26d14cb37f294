"""A device that nobody has described yet, through the installed command."""

from __future__ import annotations

import io
import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.profiles import DeviceProfile, profile_from_toml
from endoreg_db.services.store import Store
from tests.acceptance.command_line import Endoreg
from tests.conftest import SMALL_DEVICE, DrawnOnce

CENTER = ("--center", "test_center")
#: Large enough to be read; the image on the left, the overlay on the right.
INVENTED = DeviceProfile(
    name="invented",
    title="Invented device",
    confirmed=True,
    frame_width=1280,
    frame_height=720,
    image=Box(20, 30, 820, 660),
    boxes={
        "examination_date": Box(880, 40, 180, 30),
        "last_name": Box(880, 120, 380, 30),
        "first_name": Box(880, 160, 380, 30),
        "birth_date": Box(880, 220, 200, 30),
        "device": Box(880, 500, 250, 30),
        "device_serial": Box(880, 540, 250, 30),
    },
    date_order="day/month/year",
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDOREG_VIDEO_PRESET", "ultrafast")


@pytest.fixture
def recording(drawn_once: DrawnOnce) -> Path:
    return drawn_once(seed=5, seconds=0.8, profile=INVENTED)[0]


def overlaps_most(one: Box, other: Box) -> bool:
    """Whether the first box holds the middle of the second."""
    x, y = other.x + other.width // 4, other.y + other.height // 2
    return one.x <= x < one.right and one.y <= y < one.bottom


def test_a_profile_is_proposed_with_the_boxes_that_can_be_told_and_a_picture(
    endoreg: Endoreg, store: Store, recording: Path, tmp_path: Path
) -> None:
    toml, picture = tmp_path / "a new one.toml", tmp_path / "boxes.png"

    told = endoreg("device", "propose", recording, "--output", toml, "--picture", picture)

    assert told.code == 0, told.err
    assert told.out == f"Proposed: {toml}\n    Check it, then: endoreg device add '{toml}'\n"
    assert "shows the patient's identity" in told.err
    proposed = profile_from_toml(toml.read_text())
    assert not proposed.confirmed
    assert INVENTED.image.x < proposed.image.x and proposed.image.right < INVENTED.image.right
    fields = {"examination_date", "birth_date", "device", "device_serial"}
    assert set(proposed.boxes) == fields, "names without a label are left to a person"
    assert all(overlaps_most(proposed.boxes[f], INVENTED.boxes[f]) for f in ("birth_date", "device_serial"))
    assert toml.read_text().count("not clear") >= 2, "both names"
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    with Image.open(io.BytesIO(picture.read_bytes())) as drawn:
        pixels = np.asarray(drawn)
    assert pixels.shape == (720, 1280, 3)
    edge = pixels[proposed.image.y + 100, proposed.image.x - 1]
    assert tuple(edge) == (0, 230, 90), "the image box is drawn around what is kept"
    assert not list(store.folder.tmp.iterdir()), "nothing of the recording stays behind"

    again = endoreg("device", "propose", recording, "--output", toml)
    assert again.code == 2 and "exists already" in again.err


def test_without_a_file_the_proposal_is_printed_and_no_picture_is_made(
    endoreg: Endoreg, store: Store, small_recording: Path
) -> None:
    told = endoreg("device", "propose", small_recording)

    assert profile_from_toml(told.out).frame_width == 640
    assert told.err == f"The registered profile {SMALL_DEVICE} fits this recording already.\n"
    assert [path.name for path in small_recording.parent.iterdir()] == [small_recording.name]


@pytest.mark.parametrize("content", [None, b"no video", b""])
def test_what_is_no_recording_gets_a_sentence(
    endoreg: Endoreg, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "thing.mp4"
    if content is not None:
        path.write_bytes(content)

    told = endoreg("device", "propose", path)

    assert told.code == 3 and told.out == ""
    assert str(path) in told.err and "Traceback" not in told.err


def test_an_import_without_a_processor_recognises_a_registered_device(
    endoreg: Endoreg, small_recording: Path
) -> None:
    told = endoreg("import", small_recording, *CENTER, "--json")
    (line,) = told.lines
    shown = endoreg("show", line["uuid"])

    assert (told.code, line["status"]) == (0, "imported")
    assert f"{SMALL_DEVICE} (recognised from the picture)" in shown.out


def test_an_unknown_device_waits_until_its_profile_is_registered(
    endoreg: Endoreg, store: Store, drawn_once: DrawnOnce, tmp_path: Path
) -> None:
    strange = replace(INVENTED, frame_width=600, frame_height=400, image=Box(40, 20, 520, 360), boxes={})
    drawn, _ = drawn_once(seed=6, seconds=0.8, profile=strange)
    recording = shutil.copy(drawn, tmp_path / "strange.mp4")

    told = endoreg("import", recording, *CENTER)
    uuid = next(path.stem for path in store.folder.proposals.iterdir())
    shown = endoreg("show", uuid)
    (record,) = endoreg("show", uuid, "--json").lines

    assert told.code == 5 and "no registered one fits" in told.out
    proposal = store.folder.proposals / f"{uuid}.toml"
    assert "not recognised, a profile is proposed" in shown.out
    assert f"endoreg device add {proposal}" in shown.out
    assert (record["processor"], record["device_source"]) == (None, "proposed")
    assert record["proposal"] == str(proposal)
    assert not list(store.folder.published.iterdir())

    checked = tmp_path / "checked.toml"
    checked.write_text(proposal.read_text().replace("confirmed = false", "confirmed = true"))
    assert endoreg("device", "add", checked).code == 0
    retried = endoreg("retry", uuid, "--processor", profile_from_toml(checked.read_text()).name, "--json")

    assert (retried.code, retried.lines[0]["status"]) == (0, "imported"), json.dumps(retried.lines)
    (record,) = endoreg("show", uuid, "--json").lines
    assert (record["device_source"], record["proposal"]) == ("named", None)


def test_a_processor_is_named_for_one_retry_only(endoreg: Endoreg) -> None:
    told = endoreg("retry", "--all", "--processor", SMALL_DEVICE)

    assert told.code == 2 and "not with --all" in told.err
