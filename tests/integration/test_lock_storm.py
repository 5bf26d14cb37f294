"""Short storms on the real file system; the long ones are `make storm`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.storm import STORMS, Witness, name_of_process

ROOT = Path(__file__).resolve().parents[2]
DYING = "killed holders, many paths"


def storm(name: str, tries: int, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """In a process of its own, because it forks, which a test runner with threads must not."""
    command = [sys.executable, "-m", "tools.storm", "--only", name, "--tries", str(tries), "--json"]
    done = subprocess.run(
        [*command, "--folder", str(folder), *more], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def kept_promises(name: str, folder: Path) -> dict[str, Any]:
    """What the storm counted, in which no promise was broken."""
    code, found = storm(name, 8_000, folder)
    assert code == 0
    assert (found["doubles"], found["lost"], found["failures"], found["stuck"]) == (0, 0, 0, 0)
    assert found["grants"] > 0
    assert found["tries"] >= 8_000
    # A killed worker may have counted a try and no more.
    assert 0 <= found["tries"] - found["grants"] - found["refusals"] <= found["killed"]
    return found


@pytest.mark.parametrize("name", [storm.name for storm in STORMS if storm.name != DYING])
def test_no_two_holders_and_nothing_stuck(name: str, tmp_path: Path) -> None:
    kept_promises(name, tmp_path)


def test_no_two_holders_and_dead_ones_are_succeeded_at_once(tmp_path: Path) -> None:
    found = kept_promises(DYING, tmp_path)
    assert found["killed"] > 0
    assert found["reclaims"] > 0


def test_witness_sees_the_seed_algorithm_let_two_in(tmp_path: Path) -> None:
    """Otherwise the zeros above would say nothing."""
    code, found = storm("one path", 10_000, tmp_path, "--algorithm", "seed")
    assert code == 1
    assert found["doubles"] > 0


def test_witness_knows_the_living_from_the_dead(tmp_path: Path) -> None:
    link, me = tmp_path / "x.witness", name_of_process(os.getpid())
    assert me is not None
    witness = Witness(link, me)
    assert witness.enter()
    assert not Witness(link, me).enter()
    witness.leave()
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    for maker in (f"{ended.pid}@1", f"{os.getpid()}@1"):  # gone, and another of the same number
        link.symlink_to(maker)
        assert witness.enter()
        witness.leave()
