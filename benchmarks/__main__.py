"""Every benchmark, one after the other; prints Markdown and keeps it in ``docs/benchmarks.md``."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path

#: Modules with a ``main()`` that returns its tables as Markdown.
BENCHMARKS = ("locks", "startup", "bookkeeping", "duplicates", "rescan", "whole_import", "video")


def main() -> None:
    """Run them all."""
    machine = (
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"
    )
    parts = [f"# Benchmarks\n\nPrinted by `make bench` ({machine}). Ratios were taken in turn in one run.\n"]
    for name in sys.argv[1:] or BENCHMARKS:
        sys.stderr.write(f"running {name} …\n")
        part = importlib.import_module(f"benchmarks.{name}").main()
        sys.stdout.write(part + "\n")
        parts.append(part)
    if len(sys.argv) == 1:
        Path("docs/benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
