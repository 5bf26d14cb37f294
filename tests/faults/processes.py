"""Starting workers and other children, and ending every one of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

REPOSITORY = Path(__file__).parents[2]


class Worker:
    """One process that runs `tests.faults.worker`; killed when the block ends."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        environ: Mapping[str, str] | None = None,
        **orders: Any,
    ) -> None:
        """Start it.

        Args:
            paths: the files to import, one after the other.
            environ: more variables of the environment.
            orders: see `tests.faults.worker.Orders`.
        """
        told = json.dumps({"paths": [str(path) for path in paths], **orders})
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed at the end of the block
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker", told],
            cwd=REPOSITORY,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        self.process.communicate()
        self._errors.close()

    def hear(self) -> dict[str, Any]:
        """The next thing that it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self._complaint()
        return dict(json.loads(line))

    def go_on(self) -> None:
        """Let it leave the place where it waits."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def results(self, timeout: float = 60) -> list[dict[str, Any]]:
        """What it has still to say about its files, once it has ended by itself."""
        assert self.process.stdout is not None
        deadline = threading.Timer(timeout, self._kill)
        deadline.start()
        try:
            # Not `communicate`, which does not know of what `hear` has read ahead.
            told = [json.loads(line) for line in self.process.stdout]
            self.process.wait()
        finally:
            deadline.cancel()
        assert self.process.returncode == 0, self._complaint()
        return [line for line in told if "status" in line]

    def _complaint(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def _kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


def play(
    scene: str,
    data: Path,
    source: Path,
    *,
    before: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> dict[str, Any]:
    """Run one of `tests.faults.scenes` in a process of its own, and return what it says.

    Args:
        scene: its name.
        data: the data folder.
        source: the recording that it is about.
        before: what the command line begins with, e.g. ``unshare --mount``.
        environ: more variables of the environment.
        timeout: in seconds.
    """
    ended = subprocess.run(
        [*before, sys.executable, "-m", "tests.faults.scenes", scene, data, source],
        cwd=REPOSITORY,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))
