"""A process that is killed at any durable operation leaves what recovery turns into before or after.

The runs are those of ``make crash``, with a stand-in for the media pass so that all of them take
seconds: each state of the disk once with each way to recover.
"""

from __future__ import annotations

import re

import pytest

from tests.crash.standing import Harness

#: Scenario → which of its points are tried here: all, or every second or fourth; ``make crash`` tries
#: them all.
SCENARIOS = {
    "publish": ("1/2", "2/2"),
    "delete source": ("1/2",),
    "needs review": ("2/2",),
    "retry": ("1/2",),
    "resume": ("1/4",),
    "stop and resume": ("2/4",),
    "duplicate": ("1/1",),
    "approve": ("2/2",),
    "reject": ("1/1",),
    "take back": ("1/1",),
    "repair": ("1/2",),
}
OF_REPORTS = {
    "publish report": ("2/4",),
    "report needs review": ("3/6",),
    "approve report": ("2/4",),
    "take back report": ("1/1",),
}
SLICES = [(name, part) for name, parts in {**SCENARIOS, **OF_REPORTS}.items() for part in parts]


def points_of(output: str) -> tuple[int, int]:
    """How many points were tried, and how many ended clean."""
    found = re.search(r"^[a-z ]+: (\d+) points, (\d+) clean, \d+ problems$", output, re.MULTILINE)
    assert found, output
    return int(found[1]), int(found[2])


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "part"), SLICES)
def test_a_process_killed_at_any_operation_leaves_nothing_wrong(
    crash: Harness, scenario: str, part: str
) -> None:
    code, output = crash("--stand-in", "--short", "--scenario", scenario, "--slice", part)
    points, clean = points_of(output)
    assert (code, clean) == (0, points), output
    assert points >= 6


@pytest.mark.slow
def test_a_process_killed_while_the_real_cell_works_leaves_nothing_wrong(crash: Harness) -> None:
    code, output = crash("--scenario", "publish", "--sample", "2", "--seed", "5")
    assert (code, points_of(output)) == (0, (2, 2)), output


def test_a_source_that_is_removed_before_its_record_is_settled_is_found(crash: Harness) -> None:
    code, output = crash(
        "--stand-in",
        "--short",
        "--scenario",
        "delete source",
        "--slice",
        "4/5",
        "--fault",
        "source-removed-first",
    )
    assert code == 1
    assert "the source is gone, and no settled record has a whole copy of it" in output
