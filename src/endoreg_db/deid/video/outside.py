"""When the endoscope is outside the body: before insertion, after withdrawal, in between.

Each look at the image (:mod:`endoreg_db.deid.video.appearance`) gives evidence for a room; time
decides. A room shows many colours at once, or grey, or dyed cloth, and little that is warm; tissue
is warm in white light, and of one hue in narrow-band light. Pure: times and numbers in, spans out.

How well it works, and where it does not, is written in ``docs/video.md``.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.messages import Finding
from endoreg_db.deid.video.appearance import LOOK_SECONDS, Appearance
from endoreg_db.deid.video.covers import Cover

Place = Literal["before", "between", "after", "throughout"]

#: Set by hand, from where a logistic regression on drawn scenes (not those of the tests and the
#: benchmark) began: warm against all the others. ``python -m benchmarks.outside`` measures them.
_SPREAD, _GREY, _VIVID, _WARM = 2.0, 0.9, 1.2, -0.6
#: Evidence that makes a room, and evidence that is enough beside it. What was drawn inside bodies
#: stays below 0.22, but for single looks at white-outs; 19 of 20 looks at rooms are above 0.4.
_ENTER, _STAY = 0.25, 0.20

_WINDOW = 5  # looks whose median counts, so that a single look decides nothing
_SHORTEST = 1.0  # seconds; an endoscope is not taken out and put back in less
_LONGEST_GAP = 1.0  # seconds; two spans that are closer are one
_EDGE = 2.0  # seconds; whoever is outside that soon after the beginning was so from the beginning
#: Share of the recording that is outside from which on a person should look at why.
_MOST = 0.5

_WORDS: dict[Place, str] = {
    "before": "The endoscope was not inserted yet; blanked whole",
    "between": "The endoscope seems to be outside in the middle of the recording; blanked whole",
    "after": "The endoscope was withdrawn; blanked whole",
    "throughout": "The endoscope seems to be outside all the time; blanked whole",
}


@dataclass(frozen=True, slots=True)
class Outside:
    """A span of time outside the body, in ticks, both ends included."""

    first: int
    last: int
    place: Place


def evidence(look: Appearance) -> float:
    """How much the look speaks for a room; NaN if it says nothing."""
    if not look.judged:
        return float("nan")
    return _SPREAD * look.spread + _GREY * look.grey + _VIVID * look.vivid + _WARM * look.warm


def outside_spans(
    looks: Iterable[Appearance], first: int, last: int, time_base: float
) -> tuple[Outside, ...]:
    """When the endoscope is outside, as far as the looks tell.

    Args:
        looks: at the image, in order of time.
        first: presentation time of the recording's first frame, in ticks.
        last: of its last frame.
        time_base: seconds per tick.
    """
    times, values = array("q"), array("d")
    for look in looks:
        times.append(look.time)
        values.append(evidence(look))
    if not times:
        return ()
    smooth = _smoothed(np.frombuffer(values, np.float64))
    # What is too dark or too bright to judge takes after what it lies beside.
    likely = _runs(np.isnan(smooth) | (smooth >= _STAY))
    sure = [run for run in likely if np.nanmax(smooth[slice(*run)], initial=-np.inf) >= _ENTER]
    spans = [_between_looks(times, first, last, *run) for run in sure]
    placed = [
        _placed(span, first, last, round(_EDGE / time_base))
        for span in _merged(spans, round(_LONGEST_GAP / time_base))
    ]
    return tuple(s for s in placed if s.place != "between" or _is_long(times, s, time_base))


def outside_covers(spans: Iterable[Outside]) -> tuple[Cover, ...]:
    """Blanks the whole image while the endoscope is outside."""
    return tuple(Cover(None, span.first, span.last) for span in spans)


def outside_findings(
    spans: Sequence[Outside], zero: int, first: int, last: int, time_base: float
) -> tuple[Finding, ...]:
    """What a person should know about it.

    ``zero`` is the time at which the recording begins, in ticks; the others are as for :func:`outside_spans`.

    Before insertion and after withdrawal is as usual: a note. Outside in the middle, or for most of
    the time, may be the detector's error and would cost the recording its worth: a person looks.
    """
    mostly = sum(span.last - span.first for span in spans) > _MOST * (last - first)
    usual = set() if mostly else {"before", "after"}
    return tuple(
        Finding(
            "outside_body",
            "note" if span.place in usual else "review",
            _WORDS[span.place],
            start=(span.first - zero) * time_base,
            end=(span.last - zero) * time_base,
        )
        for span in spans
    )


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each value and its neighbours; NaN where most of them are."""
    half = _WINDOW // 2
    padded = np.pad(values, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    known = np.count_nonzero(~np.isnan(windows), axis=1)
    medians = np.full(len(values), np.nan)
    enough = known > half
    medians[enough] = np.nanmedian(windows[enough], axis=1)
    return medians


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First position and the one behind the last of every run of True."""
    runs = []
    for flag, group in groupby(enumerate(flags), key=lambda item: bool(item[1])):
        positions = [position for position, _ in group]
        if flag:
            runs.append((positions[0], positions[-1] + 1))
    return runs


def _between_looks(times: Sequence[int], first: int, last: int, begin: int, behind: int) -> tuple[int, int]:
    """Everything between the look before the run and the look after it."""
    return (
        times[begin - 1] + 1 if begin > 0 else first,
        times[behind] - 1 if behind < len(times) else last,
    )


def _is_long(times: array[int], span: Outside, time_base: float) -> bool:
    """Whether an endoscope may be outside for that span; looks count as well, as a clock may be too slow."""
    looks = bisect_right(times, span.last) - bisect_left(times, span.first)
    return span.last - span.first >= _SHORTEST / time_base or looks >= _SHORTEST / LOOK_SECONDS


def _merged(spans: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def _placed(span: tuple[int, int], first: int, last: int, edge: int) -> Outside:
    """The span with its place; one that nearly reaches an end of the recording reaches it."""
    begins, ends = span[0] - first <= edge, last - span[1] <= edge
    place: Place = "throughout" if begins and ends else "before" if begins else "after" if ends else "between"
    return Outside(first if begins else span[0], last if ends else span[1], place)
