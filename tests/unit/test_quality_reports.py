"""The reports of the bench: what is hidden in them is found there, and their truth is true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

from quality.hunter import Hunter
from quality.intake import Leak
from quality.reports import results
from quality.reports.bench import ReportJudgement
from quality.reports.corpus import FILE_NAME, STYLES, ReportPlan, draw_report_plan, write_report
from quality.reports.plants import IN_PICTURES, IN_THE_DRAWING, PLANTS
from quality.statistics import Share

#: Found by bytes, objects and text layers alone.
WITHOUT_READING = [name for name in (*PLANTS, FILE_NAME) if name not in IN_PICTURES]
DIGITAL = ReportPlan(5, "tuning", "digital", "Vera", FILE_NAME, "VKTRBMDLXPHA")


@pytest.fixture(scope="module")
def hunter() -> Hunter:
    return Hunter(scales=(1.0,))


@pytest.mark.parametrize("name", WITHOUT_READING)
def test_what_is_planted_in_a_report_is_found_there(tmp_path: Path, hunter: Hunter, name: str) -> None:
    path, truth = write_report(replace(DIGITAL, planted=name), tmp_path)

    assert hunter.hunt(path, truth.planted, pictures=False).tokens == set(truth.planted)


@pytest.mark.parametrize("name", sorted(IN_PICTURES - {"14 alternate pictures"}))
def test_what_is_planted_in_pictures_is_read_there(tmp_path: Path, hunter: Hunter, name: str) -> None:
    path, truth = write_report(replace(DIGITAL, planted=name), tmp_path)

    assert hunter.hunt(path, truth.planted).tokens == set(truth.planted)


@pytest.mark.parametrize("name", ["02 metadata of the document", "08 before and after", "21 attachment"])
def test_a_scan_has_room_for_what_is_not_drawn(tmp_path: Path, hunter: Hunter, name: str) -> None:
    path, truth = write_report(replace(DIGITAL, form="scan 150", planted=name), tmp_path)

    assert hunter.hunt(path, truth.planted, pictures=False).tokens == set(truth.planted)
    assert "Befund" not in PdfReader(path).pages[0].extract_text(), "a scan has no text layer"


def test_everything_that_identifies_is_in_the_text_of_the_letter(tmp_path: Path) -> None:
    compared = 0
    for seed in range(4):
        path, truth = write_report(replace(DIGITAL, seed=seed), tmp_path)
        shown = "".join("".join(page.extract_text().split()) for page in PdfReader(path).pages)
        names = [token.text for token in truth.tokens if token.label == "name" and token.text.isascii()]
        assert all("".join(name.split()) in shown for name in names), names
        assert len(truth.clinical) > 20
        compared += len(names)
    assert compared > 4


def test_a_word_that_also_stands_where_it_names_nobody_is_no_token(tmp_path: Path) -> None:
    for seed in range(20):
        _, truth = write_report(replace(DIGITAL, seed=seed), tmp_path)
        clinical = {word.strip(".,;:()").casefold() for word in truth.clinical}
        assert not {token.text.casefold() for token in truth.tokens} & clinical


def test_a_name_that_the_hunter_would_see_in_other_words_is_no_token(tmp_path: Path) -> None:
    """*Janssen* in *können, ASS …*: letters that run on, one of them otherwise."""
    plan = replace(draw_report_plan(12), form="digital")
    _, truth = write_report(plan, tmp_path)
    letter = STYLES[plan.style](plan.seed)
    assert any(word.text.strip(".,;") == "Janssen" for page in letter.pages for word in page.words)
    assert not any(token.text == "Janssen" for token in truth.tokens)
    assert truth.tokens


def test_reports_are_decided_by_their_seed_and_of_every_kind() -> None:
    plans = [draw_report_plan(seed) for seed in range(600)]

    assert draw_report_plan(7) == plans[7]
    assert {(plan.style, plan.form) for plan in plans} == {
        (style, form) for style in ("tuning", "held-out") for form in ("digital", "scan 150", "scan 200")
    }
    assert {plan.planted for plan in plans} == {*PLANTS, FILE_NAME}
    assert not any(plan.form != "digital" and plan.planted in IN_THE_DRAWING for plan in plans)


def judgement(**changes: object) -> ReportJudgement:
    values = {
        "seed": 1, "style": "tuning", "form": "digital", "planted": ("01 information",),
        "control_missed": (), "status": "imported", "error": None, "findings": (), "leaks": (),
        "leaks_if_approved": (), "fields": {"last_name": True}, "clinical": 50, "lost": 1,
        "import_seconds": 4.0, "hunt_seconds": 1.0, **changes,
    }  # fmt: skip
    return ReportJudgement(**values)  # type: ignore[arg-type]


def test_figures_of_reports_are_sums_over_the_judgements(tmp_path: Path) -> None:
    leak = Leak("name", "data/published/1.txt: bytes", "utf-8", "Kaya", None)
    all_of_them = [
        judgement(),
        judgement(seed=2, form="scan 150", status="needs_review", leaks_if_approved=(leak,)),
        judgement(seed=3, leaks=(leak,), fields={"last_name": False}, control_missed=("01 information",)),
    ]

    summary = results.summarise_reports(all_of_them)

    assert (summary.leak_free, summary.control, summary.review) == (Share(2, 3), Share(2, 3), Share(1, 3))
    assert (summary.leaks, summary.leak_free_candidates) == ({"name": 1}, Share(0, 1))
    assert (summary.fields_right, summary.clinical_lost) == (Share(2, 3), Share(3, 150))
    assert list(results.by_kind(all_of_them)) == ["tuning, digital", "tuning, scan 150"]
    assert [failure.title.split(":")[0] for failure in results.failures(all_of_them)] == [
        "Report 2", "Report 3",
    ]  # fmt: skip
    all_of_them[2].write(tmp_path / "3.json")
    assert ReportJudgement.read(tmp_path / "3.json") == all_of_them[2]
