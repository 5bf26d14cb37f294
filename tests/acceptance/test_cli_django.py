"""``manage.py import_video`` in a host project: the same service, the same exit codes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from endoreg_db.models import VideoFile
from endoreg_db.services.store import Store
from tests.acceptance.command_line import OPTIONS, Ended, Untouched, lock_of, run_module


def _manage(*arguments: object) -> Ended:
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "endoreg_db.settings"}
    return run_module("django", "import_video", *arguments, env=environ)


def test_a_recording_is_imported_once(store: Store, small_recording: Path) -> None:
    first, second = (_manage(small_recording, *OPTIONS) for _ in range(2))
    (published,) = store.publisher.published_files()
    uuid = VideoFile.objects.get().uuid
    assert (first.code, first.out) == (0, f"imported {uuid} {published}\n"), first.err
    assert (second.code, second.out) == (0, f"duplicate {uuid} {published}\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("{folder}", *OPTIONS), 3, "{folder} is a folder, not a file"),
        (("{folder}/missing.mp4", *OPTIONS), 3, "Video file not found: {folder}/missing.mp4"),
        (("{file}", *OPTIONS[:3], "olympus"), 2, "Unknown processor: 'olympus'"),
        (
            ("{file}", *OPTIONS, "--delete-source", "--no-keep-original"),
            2,
            "--delete-source needs the original to be kept",
        ),
    ],
)
def test_what_cannot_be_imported_is_told(
    store: Store, small_recording: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    before = Untouched.now(small_recording)
    names = {"folder": small_recording.parent, "file": small_recording}
    ended = _manage(*(argument.format(**names) for argument in arguments))
    assert ended.code == code
    assert f"CommandError: {said.format(**names)}" in ended.err
    assert "Traceback" not in ended.err
    assert Untouched.now(small_recording) == before and not lock_of(small_recording).exists()
    assert not list(store.publisher.published_files())
