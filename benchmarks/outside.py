"""How well scenes outside the body are told from the inside, on recordings that are drawn.

    python -m benchmarks.outside [--recordings 200] [--first-seed 100000]

Each recording begins in a room, shows the inside under two conditions, now and then a room in the
middle, and ends in a room. Frames closer than one look to a change of scene are not counted.
The thresholds were set on seeds 100,000 to 100,119; other seeds show how well they carry over.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from endoreg_db.deid.video.appearance import LOOK_SECONDS, Appearance, appearance
from endoreg_db.deid.video.mask import kept_box
from endoreg_db.deid.video.outside import evidence, outside_spans
from endoreg_db.samples import CONDITIONS, ROOM, Recording, Scene, Script, scaled, shipped_profile

SMALL = scaled(shipped_profile(), 1 / 6)
_FPS = 25
_TICKS = round(LOOK_SECONDS * _FPS)  # from look to look; a tick is a frame
PLAIN = "plain"


@dataclass(slots=True)
class Tally:
    """Seconds of one kind of scene, and how many of them are blanked."""

    seconds: float = 0.0
    blanked: float = 0.0
    evidence: list[float] = field(default_factory=list)


def invented_script(seed: int) -> tuple[Script, float]:
    """A recording's scenes, and its length in seconds."""
    rng = random.Random(seed)
    kinds = [ROOM, *rng.sample([PLAIN, *CONDITIONS], 2), *([ROOM] if rng.random() < 0.2 else []), PLAIN, ROOM]
    scenes, at = [], 0.0
    for kind in kinds:
        until = at + round(rng.uniform(2.0, 5.0), 1)
        if kind != PLAIN:
            scenes.append(Scene(kind, (at, until)))
        at = until
    return Script(scenes=tuple(scenes), panel=False), at


def looks_at(recording: Recording, seconds: float) -> Iterator[Appearance]:
    """Every look that the pass would take at the recording; ticks are frames."""
    image = kept_box(recording.profile)
    for number in range(0, round(seconds * _FPS), _TICKS):
        yield appearance(recording.planes(number), image, number, full_range=False)


def scene_at(script: Script, seconds: float) -> str | None:
    """The scene at that moment; None where it changes within one look."""
    shown = {
        next((s.kind for s in script.scenes if s.span[0] <= at < s.span[1]), PLAIN)
        for at in (seconds - LOOK_SECONDS, seconds, seconds + LOOK_SECONDS)
    }
    return shown.pop() if len(shown) == 1 else None


def measure(seeds: range) -> dict[str, Tally]:
    """Kind of scene → what happens to it, over all the drawn recordings."""
    tallies: dict[str, Tally] = {}
    for seed in seeds:
        script, seconds = invented_script(seed)
        recording = Recording(seed, profile=SMALL, script=script, fps=_FPS)
        looks = list(looks_at(recording, seconds))
        spans = outside_spans(looks, 0, round(seconds * _FPS) - 1, 1 / _FPS)
        for look in looks:
            if (kind := scene_at(script, look.time / _FPS)) is not None:
                tally = tallies.setdefault(kind, Tally())
                tally.seconds += LOOK_SECONDS
                tally.blanked += LOOK_SECONDS * any(s.first <= look.time <= s.last for s in spans)
                tally.evidence.append(evidence(look))
    return tallies


def main() -> None:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=100_000)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.recordings)
    tallies = measure(seeds)
    print(
        f"{'scene':14}{'seconds':>9}{'blanked %':>11}{'evidence: least':>17}{'5 %':>7}{'95 %':>7}{'most':>7}"
    )
    for kind, tally in sorted(tallies.items(), key=lambda item: item[0] != ROOM):
        share = 100 * tally.blanked / tally.seconds
        least, low, high, most = np.nanquantile(tally.evidence, (0, 0.05, 0.95, 1))
        print(f"{kind:14}{tally.seconds:9.0f}{share:11.2f}{least:17.2f}{low:7.2f}{high:7.2f}{most:7.2f}")
    inside = [tally for kind, tally in tallies.items() if kind != ROOM]
    share = 100 * sum(t.blanked for t in inside) / sum(t.seconds for t in inside)
    print(f"{'all inside':14}{sum(t.seconds for t in inside):9.0f}{share:11.2f}")


if __name__ == "__main__":
    main()
