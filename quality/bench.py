"""Imports recordings of the corpus as a user would, and looks at everything that came of it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quality.hunter import Hit, Hunter, Report, Token
from quality.intake import CENTER, Intake, Judged, Leak
from quality.layouts import as_toml
from quality.pictures import compare, save_picture
from quality.plan import Plan
from quality.recordings import Truth, write_recording

_TIME = re.compile(r"picture at ([\d.]+) s")
#: The log names the path of the source by contract, for the operator who gave it; see docs/quality.md.
_NAMED_IN_LOGS = "20 file name"


@dataclass(frozen=True, slots=True)
class Judgement(Judged):
    """What became of one recording."""

    seconds: float
    file: str
    processor: str
    confirmed: bool
    codec: str
    happens: tuple[str, ...]  # kinds of events, and ``patient_change``
    misread: Mapping[str, str | None]  # identity field that was not read right → what it was read as
    clean_frames: int
    blanked_frames: int  # of the clean ones
    blanked_runs: tuple[tuple[int, int], ...]  # first frame and number of frames
    psnr: float | None  # decibel
    room_seconds: float


def examine(plan: Plan, work: Path, pictures: Path, hunter: Hunter) -> Judgement:
    """Write the recording of a plan, import it, and hunt through all that the intake wrote.

    Args:
        plan: the recording.
        work: an empty folder for the recording and the data folder; its content may be removed after.
        pictures: where pictures of failures are put.
        hunter: looks for what leaked.
    """
    source, truth = write_recording(plan, work / "inbox")
    control = hunter.hunt(source, truth.planted, pictures=_needs_reading(truth), until_found=True)
    missed = tuple(token.label for token in truth.planted if token not in control.tokens)
    intake = Intake(work)
    _register(intake, plan)
    begun = time.monotonic()
    (said, *_) = intake.run("import", str(source), "--center", CENTER, "--processor", truth.processor)
    imported = time.monotonic()
    found = _hunt(intake, truth, hunter)
    hunted = time.monotonic()
    shown = intake.run("show", said["uuid"], "--identity")[0] if said["uuid"] else {}
    output, later = said["output"], None
    if said["status"] == "needs_review":
        intake.run("approve", said["uuid"])
        output = next((str(path) for path in intake.published.glob("*.mp4")), None)
        later = hunter.hunt(Path(output), _tokens(truth), moments=truth.moments) if output else None
    comparison = compare(source, Path(output), truth) if output else None
    wrong = [name for name, value in truth.identity.items() if shown.get(name) != value] if shown else []
    misread = {name: shown.get(name) for name in wrong}
    names = _Pictures(pictures, plan.seed)
    return Judgement(
        seed=plan.seed,
        seconds=plan.frames / plan.fps,
        file=source.name,
        processor=truth.processor,
        confirmed=truth.confirmed,
        codec=f"{plan.format.muxer}/{truth.codec}",
        happens=_happens(truth),
        planted=tuple(token.label for token in truth.planted),
        control_missed=missed,
        status=said["status"],
        error=said["error"] and said["error"]["type"],
        findings=tuple(finding["code"] for finding in shown.get("findings", [])),
        leaks=tuple(names.leak(hit, intake) for report in found for hit in report.hits),
        leaks_if_approved=tuple(names.leak(hit, intake) for hit in later.hits) if later else (),
        fields={name: name not in misread for name in truth.identity} if shown else {},
        misread=misread,
        clean_frames=comparison.clean if comparison else 0,
        blanked_frames=len(comparison.blanked) if comparison else 0,
        blanked_runs=_runs(comparison.blanked) if comparison else (),
        psnr=comparison.psnr if comparison else None,
        room_seconds=comparison.room_seconds if comparison else 0.0,
        import_seconds=imported - begun,
        hunt_seconds=hunted - imported,
    )


def _register(intake: Intake, plan: Plan) -> None:
    """Make the device known, as a person does who has one that does not come with the package."""
    known = {device["name"] for device in intake.run("device", "list")}
    if plan.profile.name not in known:
        file = intake.root / "device.toml"
        file.write_text(as_toml(plan.profile), encoding="utf-8")
        intake.run("device", "add", str(file))


def _hunt(intake: Intake, truth: Truth, hunter: Hunter) -> Sequence[Report]:
    """Everything that the intake wrote; what is encrypted is looked at as bytes."""
    said = [token for token in _tokens(truth) if token.label != _NAMED_IN_LOGS]
    return (
        hunter.hunt(intake.data, _tokens(truth), moments=truth.moments, shallow=intake.encrypted),
        hunter.hunt(intake.log, said, pictures=False),
    )


def _tokens(truth: Truth) -> tuple[Token, ...]:
    return (*truth.tokens, *truth.planted)


def _happens(truth: Truth) -> tuple[str, ...]:
    changes = () if truth.change_at is None else ("patient_change",)
    return (*(kind for kind, _, _ in truth.events), *changes)


def _runs(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """First number and length of every run of neighbours; the numbers rise."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]):
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((number, 1))
    return tuple(runs)


def _needs_reading(truth: Truth) -> bool:
    """Whether a canary can only be found by reading pictures."""
    drawn = any(token.label in ("26 text at the edge", "9 cover") for token in truth.planted)
    return drawn or truth.pictures_hidden or truth.pictures_added


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Saves a picture of every leak that can be seen."""

    folder: Path
    seed: int

    def leak(self, hit: Hit, intake: Intake) -> Leak:
        path = Path(hit.path)
        below = path.relative_to(intake.root).as_posix()
        leak = Leak(hit.token.label, f"{below}: {hit.where}", hit.how, hit.excerpt, None)
        at = _TIME.search(hit.where)
        if at is None:
            return leak
        name = f"{self.seed:05}-{float(at[1]):08.2f}.png"
        self.folder.mkdir(parents=True, exist_ok=True)
        there = (self.folder / name).exists() or save_picture(path, float(at[1]), self.folder / name)
        return replace(leak, picture=name if there else None)
