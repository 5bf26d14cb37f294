"""A harness that stands ready: one process loads everything, and each command runs in a fork of it.

    python -m tests.crash.standing

reads command lines of ``tools/crash.py``, one JSON list a line, and answers each with one JSON line:
the exit code, and what it printed. Loading and building the empty stage takes longer than many a command.
"""

from __future__ import annotations

import io
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools import crash

if TYPE_CHECKING:
    from tests.crash.scenarios import Stage

_ROOT = Path(__file__).parents[2]
_PATIENCE = 540.0  # seconds that a command may take


class Harness:
    """The tests' end of a harness that stands ready."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Run ``tools/crash.py`` with these arguments; its exit code, and what it printed.

        Raises:
            TimeoutError: it takes too long.
            EOFError: the harness died.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _PATIENCE)[0]:
            raise TimeoutError(f"crash.py {arguments} did not end")
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(f"the harness died of crash.py {arguments}")
        code, printed = json.loads(line)
        return code, printed


@contextmanager
def standing_harness() -> Iterator[Harness]:
    """A harness for as long as the block runs; it loads while others are at work already."""
    command = [sys.executable, "-m", "tests.crash.standing"]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Harness(process)
        process.communicate(timeout=_PATIENCE)  # at the end of its input it clears up
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Answer commands until there are no more."""
    with tempfile.TemporaryDirectory(prefix="endoreg-crash-") as folder:
        empty = crash.make_ready(Path(folder))
        for line in sys.stdin.buffer:
            sys.stdout.write(json.dumps(_answer(json.loads(line), empty)) + "\n")
            sys.stdout.flush()


def _answer(arguments: list[str], empty: Stage) -> tuple[int, str]:
    from tests.crash.children import ChildError, in_child

    try:
        return in_child(partial(_run, arguments, empty))
    except ChildError as error:
        return 2, str(error)


def _run(arguments: list[str], empty: Stage) -> tuple[int, str]:
    with redirect_stdout(io.StringIO()) as printed:
        code = crash.main(arguments, empty)
    return code, printed.getvalue()


if __name__ == "__main__":
    main()
