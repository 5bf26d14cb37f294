"""What a check is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from endoreg_db.services.store import Store


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be."""

    check: str
    what: str  # a path or a UUID, and what is wrong with it
    repaired: bool
    advice: str = ""  # what a person can do, where the doctor cannot


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is as it should be, and that whoever asks may want to know."""

    what: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check looked at and found."""

    name: str
    looked_at: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(problem.repaired for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Examination:
    """What a check may do, and with what."""

    store: Store
    repair: bool
    deep: bool
    stale_after: float  # seconds; of file locks
    sources: tuple[Path, ...] = ()  # whose locks are looked at too, whether they were ever worked on or not
    house_file: Path | None = None  # lists what the house calls its own


#: A check yields None for each thing it looked at, a Problem for each that is wrong, and Notes.
Check = Callable[[Examination], Iterator[Problem | Note | None]]
