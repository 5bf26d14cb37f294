"""The benchmarks, one after the other; prints Markdown and keeps it in ``docs/benchmarks.md``.

    python -m benchmarks [NAME ...]

Without names, all of them. The tables of those that did not run stay as they were.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path

#: Modules with a ``main()`` that returns its tables as Markdown.
BENCHMARKS = ("locks", "startup", "bookkeeping", "duplicates", "rescan", "video", "reports", "scans")
PAGE = Path("docs/benchmarks.md")


def main() -> None:
    """Run those that are named."""
    names = sys.argv[1:] or BENCHMARKS
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"There is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    del sys.argv[1:]  # the benchmarks have options of their own
    for name in names:
        sys.stderr.write(f"running {name} …\n")
        part = importlib.import_module(f"benchmarks.{name}").main()
        sys.stdout.write(part + "\n")
        sys.stdout.flush()
        kept = parts_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
        PAGE.write_text(
            page({**kept, name: f"{part.strip()}\n\nMeasured on {_machine()}.\n"}), encoding="utf-8"
        )


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
