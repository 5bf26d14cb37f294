"""The benchmarks, one after the other; prints Markdown and keeps it in ``docs/benchmarks.md``.

    python -m benchmarks [NAME ...]

Without names, all of them; ``video`` stands for all that begin with ``video_``. The tables of those that
did not run stay as they were.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.measure import NotMeasuredError


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module with a ``main()`` that returns its tables as Markdown."""

    module: str
    arguments: tuple[str, ...] = ()  # of its command line


#: In the order of the page. Each row of the videos has a table of its own, so that one can be measured alone.
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        **{name: Benchmark(name) for name in ("locks", "startup", "bookkeeping", "duplicates", "rescan")},
        **{f"video_{rows}": Benchmark("video", ("--rows", rows)) for rows in ("1080", "2160", "576")},
        **{name: Benchmark(name) for name in ("upstream", "memory", "reports", "scans", "certificates")},
    }
)
PAGE = Path("docs/benchmarks.md")


def main() -> None:
    """Run those that are named."""
    for name in chosen(sys.argv[1:]):
        sys.stderr.write(f"running {name} …\n")
        sys.argv[1:] = BENCHMARKS[name].arguments
        try:
            part = importlib.import_module(f"benchmarks.{BENCHMARKS[name].module}").main()
        except NotMeasuredError as error:
            sys.stdout.write(f"{name}: not measured. {error}\n")
            continue
        sys.stdout.write(part + "\n")
        sys.stdout.flush()
        kept = parts_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
        PAGE.write_text(
            page({**kept, name: f"{part.strip()}\n\nMeasured on {_machine()}.\n"}), encoding="utf-8"
        )


def chosen(names: Sequence[str]) -> list[str]:
    """The benchmarks that are named, or all."""
    found = [name for name in BENCHMARKS if not names or name in names or name.partition("_")[0] in names]
    known = {*found, *(name.partition("_")[0] for name in found)}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"There is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    return found


def page(parts: Mapping[str, str]) -> str:
    """All tables, each under the name of its benchmark."""
    head = "# Benchmarks\n\nPrinted by `make bench`. Ratios were taken in turn, in one run.\n"
    there = [f"<!-- {name} -->\n{parts[name]}" for name in BENCHMARKS if name in parts]
    return "\n".join([head, *there])


def parts_of(text: str) -> dict[str, str]:
    """The tables of a page, by the name of their benchmark."""
    _, *parts = re.split(r"^<!-- (\w+) -->\n", text, flags=re.MULTILINE)
    return {name: part.rstrip("\n") + "\n" for name, part in zip(parts[::2], parts[1::2], strict=True)}


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
