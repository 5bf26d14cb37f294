"""A cell as its parent sees it: started, told, listened to, and always ended."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from endoreg_db.deid.messages import (
    Done,
    Failed,
    FailureKind,
    Identified,
    Message,
    Proposed,
    ReportDone,
    ReportTask,
    Shift,
    Task,
)
from endoreg_db.deid.wire import MAX_LINE, WireError, is_last, message_from_line, to_line
from endoreg_db.errors import (
    CorruptMediaError,
    DeidentificationError,
    InsufficientStorageError,
    MediaImportError,
    UnknownDeviceError,
    UnsupportedMediaError,
)

AnyError = TypeVar("AnyError", bound=MediaImportError)
Answer = Callable[[Identified], Shift]

_POLL_SECONDS = 0.25  # how often should_stop is asked while the cell is silent
_STDERR_KEPT = 16 * 1024  # bytes of the end of the cell's standard error
_END_SECONDS = 10.0  # how long a cell may take to die after it closed its output
_TRACE_LINE = re.compile(r'^  File "[^"]*", line \d+, in \S+|^\w+(\.\w+)*(Error|Exception|Interrupt)\b')

_ERRORS: dict[FailureKind, type[MediaImportError]] = {
    "unsupported": UnsupportedMediaError,
    "unknown_device": UnknownDeviceError,
    "corrupt": CorruptMediaError,
    "storage": InsufficientStorageError,
    "deidentification": DeidentificationError,
    "unexpected": DeidentificationError,
}


class StoppedError(DeidentificationError):
    """The caller asked for the end by ``should_stop``; nothing is left running."""

    advice = "Import the file again when nothing stands in the way any more."


def run_cell(
    task: Task,
    on_message: Callable[[Message], None],
    should_stop: Callable[[], bool],
    name: str,
    answer: Answer | None = None,
) -> Done | Proposed | ReportDone:
    """Start a cell, listen to its end, and end it. Afterwards none of its processes is left.

    Args:
        task: what it is to do.
        on_message: called with every message, the last one included.
        should_stop: asked at least every quarter of a second; true ends the cell at once.
        name: what to call the source in errors.
        answer: answers the one question that the cell may ask; None: it may ask none.

    Raises:
        UnknownDeviceError, UnsupportedMediaError, CorruptMediaError, InsufficientStorageError: as the cell
            reported.
        StoppedError: ``should_stop`` returned true.
        DeidentificationError: the cell failed otherwise, died, or talked nonsense.
    """
    task = replace(task, source=absolute(task.source), work_dir=absolute(task.work_dir))
    process = _start(task)
    errors = bytearray()
    try:
        last = _converse(process, task, on_message, should_stop, name, errors, answer)
    except WireError as error:
        raise DeidentificationError(f"The child that read {name} answered nonsense: {error}") from error
    finally:
        _end(process)
    if isinstance(last, Failed):
        raise _with_trace(_error(last, name), errors)
    return last


def _error(failed: Failed, name: str) -> MediaImportError:
    message = f"{failed.message.rstrip('.')}: {name}"
    return _ERRORS[failed.kind](message, advice=failed.advice or None)


#: For a cell that draws pages. A page's picture has fifteen megabytes, and by default the C library keeps the
#: place of one that was freed; where something small came to lie in it meanwhile, the next one takes a new
#: place. So 40 pages took 300 or 900 MB, as it happened. From this size on (bytes) they go back at once.
REPORT_MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": str(4 * 2**20)}


def cell_environment(work_dir: str) -> dict[str, str]:
    """Everything that the cell inherits by name: where Python finds its packages, nothing else.

    No key, no password and no database address of the parent gets in, as they live in variables
    that are not on this list.
    """
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "PYTHONNOUSERSITE": "1",
        "LC_ALL": "C.UTF-8",
        "HOME": work_dir,
        "TMPDIR": work_dir,
        # ONNX Runtime's official builds report their use to its maker over the network by default.
        "ORT_DISABLE_TELEMETRY": "1",
        # One thread per process, whatever a numerical library thinks of the machine.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Fewer heaps: freed frames go back to the system, so memory stays flat.
        "MALLOC_ARENA_MAX": "1",
    }


def _start(task: Task) -> subprocess.Popen[bytes]:
    # -P: the working directory, where the cell writes, must not be searched for modules.
    command = [sys.executable, "-P", "-m", "endoreg_db.deid.cell", str(os.getpid())]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=task.work_dir,
        env=cell_environment(task.work_dir) | (REPORT_MEMORY if isinstance(task, ReportTask) else {}),
        start_new_session=True,
    )


def _converse(
    process: subprocess.Popen[bytes],
    task: Task,
    on_message: Callable[[Message], None],
    should_stop: Callable[[], bool],
    recording: str,
    errors: bytearray,
    answer: Answer | None,
) -> Done | Proposed | ReportDone | Failed:
    _tell(process, task, errors, recording, more=answer is not None)
    for line in _lines(process, errors, should_stop, recording):
        message = message_from_line(line)
        if isinstance(message, Identified):
            if answer is None:
                raise WireError("a question that nobody expects")
            _tell(process, answer(message), errors, recording, more=False)
            answer = None
            continue
        on_message(message)
        if is_last(message):
            assert isinstance(message, Done | Proposed | ReportDone | Failed)
            return message
    raise _death(process, errors, recording)


def _tell(
    process: subprocess.Popen[bytes], what: Task | Shift, errors: bytearray, recording: str, *, more: bool
) -> None:
    """Tell the cell something, and that nothing follows unless there is ``more``."""
    assert process.stdin is not None
    try:
        process.stdin.write(to_line(what))
        if not more:
            process.stdin.close()
    except BrokenPipeError as error:
        raise _death(process, errors, recording) from error


def _lines(
    process: subprocess.Popen[bytes], errors: bytearray, should_stop: Callable[[], bool], recording: str
) -> Iterator[bytes]:
    """Complete lines of standard output until it ends; the end of standard error goes to ``errors``."""
    assert process.stdout is not None and process.stderr is not None
    pending = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while process.stdout in (key.fileobj for key in selector.get_map().values()):
            for key, _ in selector.select(_POLL_SECONDS):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    errors += chunk
                    del errors[:-_STDERR_KEPT]
                else:
                    pending += chunk
                    yield from _take_lines(pending)
            if should_stop():
                raise StoppedError(f"De-identification was stopped on request: {recording}")


def _take_lines(pending: bytearray) -> Iterator[bytes]:
    while (end := pending.find(b"\n")) >= 0:
        line = bytes(pending[:end])
        del pending[: end + 1]
        yield line
    if len(pending) > MAX_LINE:
        raise WireError("a line does not end")


def _death(process: subprocess.Popen[bytes], errors: bytearray, recording: str) -> DeidentificationError:
    """The error for a cell that went away without a last message."""
    ended = _peek_end(process.pid, time.monotonic() + _END_SECONDS)
    if ended is None:
        how = "closed its output"
    elif ended.si_code == os.CLD_EXITED:
        how = f"ended with code {ended.si_status}"
    else:
        how = f"was killed by {signal.Signals(ended.si_status).name}"
    return _with_trace(
        DeidentificationError(f"The child that worked on {recording} {how} before it was done"), errors
    )


def _with_trace(error: AnyError, errors: bytearray) -> AnyError:
    """Note where the cell was, for the traceback that --verbose shows.

    Only files, lines and the exceptions' names: their values may hold a patient's name.
    """
    lines = errors.decode("utf-8", "replace").splitlines()
    kept = [match[0] for match in map(_TRACE_LINE.match, lines) if match]
    if kept:
        error.add_note("In the child:\n" + "\n".join(kept))
    return error


def _peek_end(pid: int, deadline: float) -> os.waitid_result | None:
    """How the child ended, without reaping it; None if it has not by ``deadline`` (monotonic).

    A child that is not reaped keeps its number, so :func:`_end` cannot hit a stranger's group.
    """
    while True:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is not None or time.monotonic() > deadline:
            return ended
        time.sleep(0.01)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group, its workers included, and only then reap the cell."""
    # Whoever went by themselves is no error: the cell itself stays a zombie until it is reaped.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def absolute(path: str) -> str:
    """The cell works in another folder."""
    return str(Path(path).absolute())
