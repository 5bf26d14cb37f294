"""How sure a share is that was counted: exact bounds, as Clopper and Pearson gave them in 1934."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_LEVEL = 0.95
_STEPS = 60  # halvings; far below what is printed


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the bounds that hold in 95 of 100 such counts."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share that was counted; not a number where nothing was."""
        return self.count / self.total if self.total else math.nan

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound. With 0 of n the upper one is about 3.7/n, two-sided."""
        return bounds(self.count, self.total)

    def __str__(self) -> str:
        if not self.total:
            return "none counted"
        low, high = self.bounds
        return f"{self.count}/{self.total} = {self.value:.2%} (95 %: {low:.2%} to {high:.2%})"


def share_of(facts: Iterable[bool]) -> Share:
    """How many of the facts are so."""
    counted = list(facts)
    return Share(sum(counted), len(counted))


def bounds(count: int, total: int) -> tuple[float, float]:
    """Two-sided exact 95 % bounds of a share.

    Raises:
        ValueError: ``count`` is no number of ``total`` things.
    """
    if not 0 <= count <= total:
        raise ValueError(f"{count} of {total}")
    tail = (1 - _LEVEL) / 2
    low = 0.0 if count == 0 else _root(lambda p: 1 - at_most(count - 1, total, p), tail)
    high = 1.0 if count == total else 1 - _root(lambda q: at_most(count, total, 1 - q), tail)
    return low, high


def at_most(count: int, total: int, share: float) -> float:
    """Probability of at most ``count`` hits in ``total`` tries."""
    if share <= 0 or share >= 1:
        return 1.0 if share <= 0 or count >= total else 0.0
    terms = (
        math.lgamma(total + 1)
        - math.lgamma(k + 1)
        - math.lgamma(total - k + 1)
        + k * math.log(share)
        + (total - k) * math.log1p(-share)
        for k in range(count + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def _root(rising: Callable[[float], float], wanted: float) -> float:
    """Where a function that rises from 0 to 1 has the value ``wanted``."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if rising(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
