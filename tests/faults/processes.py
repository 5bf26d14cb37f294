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

from tests import forks

REPOSITORY = Path(__file__).parents[2]

_WORKER, _SCENES = "tests.faults.worker", "tests.faults.scenes"


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
        (its_input, ours), (theirs, its_output) = os.pipe(), os.pipe()
        self._input, self._output = os.fdopen(ours, "w"), os.fdopen(theirs)
        self._process = forks.start(
            _WORKER,
            [told],
            environ={**os.environ, **(environ or {})},
            cwd=REPOSITORY,
            stdin=its_input,
            stdout=its_output,
            stderr=self._errors.fileno(),
        )
        os.close(its_input)
        os.close(its_output)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for stream in (self._input, self._output, self._errors):
            stream.close()

    def hear(self) -> dict[str, Any]:
        """The next thing that it says."""
        line = self._output.readline()
        assert line, self._complaint()
        return dict(json.loads(line))

    def go_on(self) -> None:
        """Let it leave the place where it waits."""
        self._input.write("\n")
        self._input.flush()

    def results(self, timeout: float = 60) -> list[dict[str, Any]]:
        """What it has still to say about its files, once it has ended by itself."""
        deadline = threading.Timer(timeout, self.signal, [signal.SIGKILL])
        deadline.start()
        try:
            told = [json.loads(line) for line in self._output]
            code = self._process.wait()
        finally:
            deadline.cancel()
        assert code == 0, self._complaint()
        return [line for line in told if "status" in line]

    def _complaint(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and whatever it has started."""
        self._process.signal(number)

    def kill(self) -> None:
        """End it, as SIGKILL does, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self._process.wait()


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
    arguments: list[str | Path] = [scene, data, source]
    whole = {**os.environ, **(environ or {})}
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as errors:
        if before:
            command = [*before, sys.executable, "-m", _SCENES, *arguments]
            ended = subprocess.run(
                command, cwd=REPOSITORY, env=whole, stdout=told, stderr=errors, timeout=timeout, check=False
            )
            code = ended.returncode
        else:
            output = {"stdout": told.fileno(), "stderr": errors.fileno()}
            code = forks.start(_SCENES, arguments, environ=whole, cwd=REPOSITORY, **output).wait(timeout)
        for stream in (told, errors):
            stream.seek(0)
        assert code == 0, errors.read()
        return dict(json.loads(told.read()))
