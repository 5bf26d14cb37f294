"""A very small run of the quality bench: as large as a test suite has room for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from endoreg_db.samples import scaled, shipped_profile
from quality import bench
from quality.hunter import Hunter
from quality.hunter.media import Sampling
from quality.plan import FORMATS, Event, Plan, Planted, draw_plan
from quality.plants import PLANTS

TITLE, SEI, EDGE = (
    next(p for p in PLANTS if p.name == n) for n in ("title", "unregistered SEI", "text at the edge")
)
#: Half the CV-1500's size under a name of its own, so that it is registered like a hospital's device.
DEVICE = replace(scaled(shipped_profile(), 1 / 2), name="half_cv_1500", title="Half a CV-1500")
IN_THE_FILE = (Planted(TITLE, "MXDPVLKTAWRB"), Planted(SEI, "PLHVTKRDMXAE"))
IN_THE_PICTURE = Planted(EDGE, "VKTRBMDLXPHA")


def plan(*planted: Planted, events: tuple[Event, ...] = ()) -> Plan:
    drawn = draw_plan(2, seconds=0.4, profile=DEVICE)
    return replace(drawn, format=FORMATS[0], events=events, change_at=None, planted=planted)


@pytest.fixture(scope="module")
def hunter() -> Hunter:
    return Hunter(sampling=Sampling(every=5, most=1, hidden=False), scales=(1.0,))


@pytest.mark.parametrize(
    "planted",
    [IN_THE_FILE, pytest.param((*IN_THE_FILE, IN_THE_PICTURE), marks=pytest.mark.exhaustive)],
    ids=["in the file", "in the picture too"],
)
def test_nothing_that_was_planted_comes_out(
    tmp_path: Path, hunter: Hunter, planted: tuple[Planted, ...]
) -> None:
    drawn = plan(*planted)

    judgement = bench.examine(drawn, tmp_path / "work", tmp_path / "pictures", hunter)

    assert judgement.control_missed == ()
    assert (judgement.leaks, judgement.leaks_if_approved) == ((), ())
    assert judgement.status in ("imported", "needs_review"), judgement.error
    assert judgement.clean_frames == drawn.frames and judgement.blanked_frames == 0
    assert judgement.psnr is not None and judgement.psnr > 30


@pytest.mark.exhaustive
def test_a_worklist_of_one_frame_goes_to_review_and_shows_nobody(tmp_path: Path, hunter: Hunter) -> None:
    shown = plan(*IN_THE_FILE, events=(Event("worklist", 4, 1),))

    judgement = bench.examine(shown, tmp_path / "work", tmp_path / "pictures", hunter)

    assert (judgement.status, judgement.leaks, judgement.leaks_if_approved) == ("needs_review", (), ())
    assert judgement.blanked_frames == 0 and judgement.clean_frames == shown.frames - 1
