"""The child that holds the untrusted bytes: ``python -m endoreg_db.deid.cell PARENT``.

It is given one task on standard input and answers on standard output, one JSON line a message. By how
many days a report's dates are moved it has to ask. It knows no database, no key and no secret. Started
by :mod:`endoreg_db.deid.client` only.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from endoreg_db.deid.confine import give_up_rights, limit_effort, private_stdout
from endoreg_db.deid.messages import (
    Done,
    Failed,
    FailureKind,
    Identified,
    Message,
    Proposed,
    ProposeTask,
    ReportDone,
    ReportTask,
    Task,
    VideoTask,
)
from endoreg_db.deid.wire import MAX_LINE, shift_from_line, task_from_line, to_line
from endoreg_db.errors import (
    CorruptMediaError,
    DeidentificationError,
    InsufficientStorageError,
    MediaImportError,
    UnknownDeviceError,
    UnsupportedMediaError,
)

_KINDS: tuple[tuple[type[MediaImportError], FailureKind], ...] = (
    (UnknownDeviceError, "unknown_device"),  # before its own family
    (UnsupportedMediaError, "unsupported"),
    (CorruptMediaError, "corrupt"),
    (InsufficientStorageError, "storage"),
    (DeidentificationError, "deidentification"),
)

#: Processor time that a report may take, and each of its pages: many times what the slowest scan
#: takes. A file that was made to keep a parser busy ends there.
_SECONDS, _SECONDS_PER_PAGE = 120, 60


def main(arguments: list[str]) -> None:
    """Do the one task, then end.

    Args:
        arguments: the program's name and the parent's process id.
    """
    give_up_rights(int(arguments[1]))
    messages = private_stdout()
    line = sys.stdin.buffer.readline(MAX_LINE)

    def say(message: Message) -> None:
        messages.write(to_line(message))
        messages.flush()

    say(_work(line, say))
    messages.close()


def _work(line: bytes, say: Callable[[Message], None]) -> Done | Proposed | ReportDone | Failed:
    what = "task"
    try:
        task = task_from_line(line)
        what = "report" if isinstance(task, ReportTask) else "recording"
        if not _may_ask(task):
            _close_stdin()
        return _report(task, say) if isinstance(task, ReportTask) else _recording(task, say)
    except MediaImportError as error:
        own_advice = error.advice if error.advice != type(error).advice else ""
        return Failed(_kind(error), error.message, own_advice)
    # Whatever else goes wrong while untrusted bytes are read must end in an answer without a
    # candidate. Only the kind is told: the text of a stranger's exception may quote the file.
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        if (full := _storage_error(error)) is not None:
            return Failed("storage", full.message)
        return Failed("unexpected", f"The {what} could not be worked on ({type(error).__name__})")


def _recording(task: VideoTask | ProposeTask, say: Callable[[Message], None]) -> Done | Proposed:
    # Imported here: every worker imports this module as well, and needs only a part of these.
    from endoreg_db.deid.video.deidentify import deidentify
    from endoreg_db.deid.video.probe import quiet_ffmpeg
    from endoreg_db.deid.video.propose import propose

    quiet_ffmpeg()
    return propose(task, say) if isinstance(task, ProposeTask) else deidentify(task, say)


def _report(task: ReportTask, say: Callable[[Message], None]) -> ReportDone:
    from endoreg_db.deid.ocr import import_engine
    from endoreg_db.deid.pdf.deidentify import deidentify_report
    from endoreg_db.deid.reports.find import finder
    from endoreg_db.deid.reports.words import Findings

    def limit(pages: int) -> None:
        limit_effort(seconds=_SECONDS + _SECONDS_PER_PAGE * pages)

    def days(findings: Findings) -> int | None:
        say(Identified(findings.identity, findings.doubts))
        back = shift_from_line(sys.stdin.buffer.readline(MAX_LINE)).days_back
        _close_stdin()
        return None if back is None else -back

    import_engine()
    limit_effort(seconds=_SECONDS, provisional=True)  # the file is parsed before its pages are counted
    return deidentify_report(
        task, say, finder(task.recogniser), on_open=limit, days_of=days if _may_ask(task) else None
    )


def _may_ask(task: Task) -> bool:
    """Whether the parent will be asked something."""
    return isinstance(task, ReportTask) and task.shift_dates


def _storage_error(error: BaseException) -> InsufficientStorageError | None:
    from endoreg_db.deid.video.workers import storage_error

    return storage_error(error)


def _kind(error: MediaImportError) -> FailureKind:
    return next((kind for family, kind in _KINDS if isinstance(error, family)), "unexpected")


def _close_stdin() -> None:
    """Nothing else is to be read, by the workers neither."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    main(sys.argv)
