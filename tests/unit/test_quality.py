"""The bench itself: its corpus is what its seed says, and its figures are those of the textbooks."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
import pytest

from endoreg_db.deid.profiles import profile_from_toml
from endoreg_db.samples import scaled, shipped_profile
from quality import jobs, results
from quality.bench import Judgement
from quality.hunter import Hunter
from quality.hunter.media import Sampling, media_pieces
from quality.intake import Leak
from quality.jobs import Job, code_digest, judgement_of, keep, take_over
from quality.layouts import as_toml, invent_profile
from quality.page import Figures, write_page
from quality.painter import edge_text_place, moving_bar
from quality.plan import FORMATS, Event, Plan, Planted, draw_canary, draw_plan
from quality.plants import PLANTS, Plant, fitting
from quality.recordings import Truth, truth_of, write_recording
from quality.statistics import Share, at_most, bounds

#: Quick to draw; its text is too small to be read.
SMALL = scaled(shipped_profile(), 1 / 4)
#: Reads the first and the last picture; these tests hide nothing in between.
HUNTER = Hunter(sampling=Sampling(every=100, most=0), scales=(1.0,))
NAMES = [plant.name for plant in PLANTS if plant.holds != "nothing" and not plant.in_pictures]


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # Clopper and Pearson's exact limits, as printed in textbooks.
    [(0, 300, 0.0, 0.01222), (1, 10, 0.00253, 0.44502), (5, 10, 0.18709, 0.81291), (300, 300, 0.98778, 1.0)],
)
def test_bounds_are_exact(count: int, total: int, low: float, high: float) -> None:
    assert bounds(count, total) == pytest.approx((low, high), abs=1e-5)


def test_the_bounds_leave_out_what_they_should() -> None:
    low, high = Share(7, 40).bounds

    assert at_most(7, 40, high) == pytest.approx(0.025, abs=1e-6)
    assert 1 - at_most(6, 40, low) == pytest.approx(0.025, abs=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_invented_devices_are_devices(seed: int) -> None:
    profile = invent_profile(random.Random(seed))

    assert profile_from_toml(as_toml(profile)).digest == profile.digest
    boxes = list(profile.boxes.values())
    assert not any(box.overlaps(profile.image) for box in boxes)
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_the_same_seed_gives_the_same_plan_and_others_give_others() -> None:
    assert draw_plan(5) == draw_plan(5)
    assert draw_plan(5).patient != draw_plan(6).patient


def test_the_corpus_has_everything_in_it() -> None:
    plans = [draw_plan(seed) for seed in range(400)]

    assert {event.kind for plan in plans for event in plan.events} == {
        "worklist", "data_entry", "flash", "inset", "room", "freeze", "overlay_off",
    }  # fmt: skip
    assert any(plan.change_at for plan in plans)
    assert {plan.format for plan in plans} == set(FORMATS)
    assert {planted.plant.name for plan in plans for planted in plan.planted} == {p.name for p in PLANTS}
    assert min(event.frames for plan in plans for event in plan.events) == 1


@pytest.mark.parametrize("seed", range(40))
def test_what_moves_in_the_overlay_column_hides_no_text(seed: int) -> None:
    profile = invent_profile(random.Random(seed))

    place = moving_bar(profile)

    texts = (profile.image, *profile.boxes.values())
    assert place is None or not any(place.overlaps(box) for box in texts)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_written_at_the_edge_of_the_image_touches_it_and_hides_no_text(seed: int) -> None:
    profile = invent_profile(random.Random(seed))

    place, image = edge_text_place(profile, 260), profile.image

    assert place.overlaps(image) and (place.x < image.x or place.right > image.right)
    assert not any(place.overlaps(box) for box in (*profile.boxes.values(), moving_bar(profile)) if box)


def test_something_moves_in_the_overlay_column_of_every_device_that_has_one_on_the_left() -> None:
    invented = [invent_profile(random.Random(seed)) for seed in range(40)]

    assert moving_bar(shipped_profile()) is not None
    assert all(moving_bar(profile) for profile in invented if profile.image.x)


def test_the_clock_that_counts_is_the_first_that_is_shown() -> None:
    drawn = replace(draw_plan(3, seconds=4.0), fps=25, frames=100, change_at=None)
    begun = drawn.examination.time().replace(microsecond=0).isoformat()
    hidden = replace(drawn, events=(Event("overlay_off", 0, 60),))

    late = replace(drawn, examination=drawn.examination + timedelta(seconds=2))

    assert truth_of(replace(drawn, events=()), "a").identity["examination_time"] == begun
    assert (
        truth_of(replace(drawn, events=(Event("worklist", 60, 10),)), "a").identity["examination_time"]
        == begun
    )
    assert truth_of(hidden, "a").identity == truth_of(replace(late, events=()), "a").identity


def plan_with(plant: Plant) -> Plan:
    """A short recording of the small device with one thing hidden in it."""
    form = next(form for form in FORMATS if plant in fitting(form.suffix, form.codec))
    planted = (Planted(plant, draw_canary(random.Random(plant.name), plant)),)
    plan = draw_plan(3, seconds=0.5, profile=SMALL)
    return replace(plan, format=form, events=(), change_at=None, planted=planted)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_planted_in_a_file_is_found_there(tmp_path: Path, name: str) -> None:
    plant = next(plant for plant in PLANTS if plant.name == name)

    path, truth = write_recording(plan_with(plant), tmp_path)
    found = HUNTER.hunt(path, truth.planted, pictures=name == "cover")

    assert found.tokens == set(truth.planted)


@pytest.mark.parametrize("name", ["edit list", "cropped pictures"])
def test_what_players_do_not_show_is_read_all_the_same(tmp_path: Path, name: str) -> None:
    plant = next(plant for plant in PLANTS if plant.name == name)
    path, truth = write_recording(plan_with(plant), tmp_path)

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    hits = HUNTER.hunt(path, truth.planted).hits

    assert (len(frames), frames[0].height) == (truth.frames, SMALL.frame_height)
    assert hits and all("hidden" in hit.where for hit in hits)


@pytest.mark.parametrize(("name", "looks"), [("edit list", 2), ("title", 1)])
def test_pictures_are_decoded_twice_only_where_an_edit_list_hides_some(
    tmp_path: Path, name: str, looks: int
) -> None:
    plant = next(plant for plant in PLANTS if plant.name == name)
    path, _ = write_recording(plan_with(plant), tmp_path)

    pieces = media_pieces(str(path), Sampling(every=0.2, most=0))
    views = {view for piece in pieces if (view := re.search(r"picture.*\((.*)\)", piece.where))}

    assert len({view[1] for view in views}) == looks


def test_the_truth_comes_back_as_it_was_written(tmp_path: Path) -> None:
    plan = draw_plan(3, seconds=0.5, profile=SMALL)

    _, truth = write_recording(replace(plan, events=(Event("flash", 2, 1),)), tmp_path)

    assert Truth.read(tmp_path / "00003.truth.json") == truth
    assert truth.moments == (2 / plan.fps,)


def judgement(**changes: object) -> Judgement:
    values = {
        "seed": 1, "seconds": 2.0, "file": "1.mp4", "processor": "olympus_cv_1500", "confirmed": True,
        "codec": "mp4/h264", "happens": (), "planted": ("1 title",), "control_missed": (),
        "status": "imported", "error": None, "findings": (), "leaks": (), "leaks_if_approved": (),
        "fields": {"last_name": True}, "clean_frames": 50, "blanked_frames": 0, "psnr": 40.0,
        "blanked_runs": (), "misread": {}, "room_seconds": 0.0, "import_seconds": 4.0, "hunt_seconds": 1.0,
        **changes,
    }  # fmt: skip
    return Judgement(**values)  # type: ignore[arg-type]


def test_figures_are_sums_over_the_judgements(tmp_path: Path) -> None:
    leak = Leak("last_name", "published/1.mp4: picture <at> 1 s", "ocr", "Kaya", "1.png")
    unread = {"fields": {"last_name": False}, "misread": {"last_name": None}}
    all_of_them = [
        judgement(),
        judgement(status="needs_review", happens=("room",), room_seconds=1.5, **unread),
        judgement(status="needs_review", leaks=(leak, leak), control_missed=("1 title",), blanked_frames=5),
    ]

    summary = results.summarise(all_of_them)
    figures = Figures("recordings", tuple(summary.lines()))
    write_page(tmp_path / "index.html", [figures], results.failures(all_of_them, "pictures"))

    assert (summary.leak_free, summary.control) == (Share(2, 3), Share(2, 3))
    assert (summary.leaks, summary.room_seconds, summary.import_seconds) == ({"last_name": 1}, 1.5, 2.0)
    assert (summary.review, summary.needless_review) == (Share(2, 3), Share(1, 2))
    assert (summary.fields_right, summary.blanked) == (Share(2, 3), Share(5, 150))
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<img src="pictures/1.png"' in page and "&lt;at&gt;" in page and page.count("<h3>") == 2
    assert "last_name was not read" in page


def test_a_judgement_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = judgement(leaks=(Leak("a", "b", "c", "d", None),), blanked_runs=((3, 2), (9, 1)))
    written.write(tmp_path / "1.json")

    assert Judgement.read(tmp_path / "1.json") == written


def test_a_run_goes_on_on_another_machine_with_what_the_same_code_judged(tmp_path: Path) -> None:
    there, here = (tmp_path / name for name in ("there", "here"))
    for folder in (there, here):
        folder.mkdir()
    kept, code = tmp_path / "kept.jsonl", code_digest(report=False)
    same = judgement(seed=7, seconds=1.998, code=code)
    same.write(there / "00007.json")
    judgement(seed=8, seconds=2.0, code="0123456789abcdef").write(there / "00008.json")
    keep([Job(seed, 2.0, there) for seed in (7, 8, 9)], kept)

    taken = take_over([Job(seed, 2.0, here) for seed in (6, 7, 8)], kept)

    assert taken == 1 and [path.name for path in here.iterdir()] == ["00007.json"]
    assert judgement_of(Job(7, 2.0, here)) == same


def test_what_reports_go_through_is_no_part_of_the_version_of_recordings() -> None:
    assert code_digest(report=False) != code_digest(report=True)
    left_out = {*jobs._OF_REPORTS, *jobs._OF_RECORDINGS, *jobs._SUMS_UP}
    root = Path(__file__).parents[2]
    for name in left_out:
        base = root / "src" if name.startswith("endoreg_db") else root
        assert list((base / name).parent.glob(f"{Path(name).name}*")), f"{name} is nowhere: the list is old"


def test_a_run_goes_on_where_an_earlier_one_stopped(tmp_path: Path) -> None:
    """As a person starts it: its workers have to find what they are to do."""
    judged = tmp_path / "seed-7-2s"
    judged.mkdir()
    judgement(seed=7).write(judged / "00007.json")
    judgement(seed=8, code="0123456789abcdef").write(judged / "00008.json")
    command = [sys.executable, "-m", "quality", "--recordings", "2", "--reports", "0", "--seconds", "2"]

    ended = subprocess.run(
        [*command, "--seed", "7", "--out", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "00007  mp4/h264" in ended.stdout and "2 versions of the code" in ended.stdout
    assert (tmp_path / "index.html").exists()
