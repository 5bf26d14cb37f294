"""A disk that is really full, one that turns read-only, and a process that may open no more files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import play

_ALONE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


@pytest.fixture
def own_mounts() -> list[str]:
    """What a command line begins with, to mount things that nobody else sees."""
    probe = [*_ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        able = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        pytest.skip(
            "needs the right to mount in a namespace of its own: run it as root, or allow user namespaces"
        )
    return _ALONE


def _is_clean(state: dict[str, Any], published: int) -> bool:
    return state == {"left": [], "odd outputs": [], "published": published, "complaints": [], "source": True}


def test_a_disk_that_the_pass_fills(
    data_dir: Path, small_recording: Path, own_mounts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOREG_VIDEO_PRESET", "ultrafast")
    monkeypatch.setenv("ENDOREG_VIDEO_CRF", "0")  # without loss: an output far larger than the source
    told = play("full_disk", data_dir, small_recording, before=own_mounts)
    assert told["failed"]["status"] == "InsufficientStorageError", told
    assert told["failed"]["step"] == "_process_frames_and_metadata"
    assert "Free space" in told["failed"]["advice"]
    assert _is_clean(told["after"], published=0), told
    assert told["again"]["status"] in ("imported", "needs_review")
    assert _is_clean(told["end"], published=int(told["again"]["status"] == "imported")), told


def test_the_lock_of_a_read_only_source_lies_in_the_data_folder(
    data_dir: Path, small_recording: Path, own_mounts: list[str]
) -> None:
    told = play("read_only_source", data_dir, small_recording, before=own_mounts)
    assert told["imported"]["status"] == "imported"
    assert len(told["locks"]) == 1
    assert _is_clean(told["end"], published=1), told


def test_a_data_folder_that_turns_read_only(
    data_dir: Path, small_recording: Path, own_mounts: list[str]
) -> None:
    told = play("read_only_data", data_dir, small_recording, before=own_mounts)
    assert told["failed"]["status"] == "StorageFailedError", told
    assert "Read-only" in told["failed"]["message"] and "mounted" in told["failed"]["advice"]
    assert told["after"]["published"] == 0 and told["after"]["source"]
    assert told["again"]["status"] == "imported"
    assert _is_clean(told["end"], published=1), told


def test_too_few_open_files(data_dir: Path, small_recording: Path) -> None:
    told = play("few_files", data_dir, small_recording)
    *refused, enough, before_the_cell, in_the_cell = told["runs"]
    assert len(refused) > 5, "the limit was hardly felt"
    for run in (*refused, before_the_cell, in_the_cell):
        assert run["outcome"]["advice"] and run["outcome"]["message"], run
        assert run["left"] == [], run
        assert run["again"]["status"] == "imported", run
    assert any("ulimit -n" in run["outcome"]["advice"] for run in refused)
    assert (enough["outcome"]["status"], enough["again"]["status"]) == ("imported", "duplicate")
    assert set(told["mended"]) <= {"temporary files"}
    assert _is_clean(told["end"], published=len(told["runs"])), told["end"]
