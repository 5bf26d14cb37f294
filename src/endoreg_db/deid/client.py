"""What a parent asks a cell, and what of its last word is believed: nothing that was not checked."""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from endoreg_db.deid.cell_process import absolute, run_cell
from endoreg_db.deid.messages import (
    SOFTWARE_ENCODER,
    Done,
    FoundDevice,
    Identified,
    Message,
    Proposed,
    ProposeTask,
    ReportDone,
    ReportTask,
    Shift,
    VideoTask,
)
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.errors import DeidentificationError


def run_video(
    task: VideoTask,
    on_message: Callable[[Message], None],
    *,
    should_stop: Callable[[], bool] | None = None,
    name: str | None = None,
) -> Done:
    """De-identify one recording in a child process.

    Afterwards no process of the cell is left, whether this returns or raises. What lies in
    ``task.work_dir`` is the caller's to remove.

    Args:
        task: what to do; ``work_dir`` must exist.
        on_message: called with every message, the last one (Done or Failed) included.
        should_stop: asked at least every quarter of a second; true ends the cell at once.
        name: what to call the recording in errors; the source's path if not given.

    Returns:
        The cell's last word. ``candidate`` is a regular file directly below ``work_dir``, and
        ``found`` a device that could be found. Whether the candidate may be published depends on
        the findings and on the verification.

    Raises:
        UnknownDeviceError: no device was named or recognised, and no image can be found.
        UnsupportedMediaError, CorruptMediaError, InsufficientStorageError: as the cell reported.
        StoppedError: ``should_stop`` returned true.
        DeidentificationError: the cell failed otherwise, died, or talked nonsense.
    """
    recording = name or task.source
    last = run_cell(task, on_message, should_stop or _never, recording)
    made_by = (task.encode.encoder, SOFTWARE_ENCODER)
    if (
        not isinstance(last, Done)
        or last.encoder not in made_by
        or not _may_be_found(last.found, task.profile, task.known)
    ):
        raise DeidentificationError(f"The child that read {recording} answered another question")
    _check_own(last.candidate, task.work_dir, recording)
    return last


def run_proposal(
    task: ProposeTask, on_message: Callable[[Message], None], *, name: str | None = None
) -> Proposed:
    """Propose a device profile for one recording, in a child process that is gone afterwards.

    Args:
        task: what to do; ``work_dir`` must exist, and is the caller's to remove.
        on_message: called with every message, the last one included.
        name: what to call the recording in errors; the source's path if not given.

    Returns:
        The proposal, not confirmed. ``picture`` is a regular file directly below ``work_dir``; its
        content is the cell's and not checked.

    Raises:
        UnknownDeviceError: there is no one moving picture in the recording.
        UnsupportedMediaError, CorruptMediaError, InsufficientStorageError: as the cell reported.
        DeidentificationError: the cell failed otherwise, died, or talked nonsense.
    """
    recording = name or task.source
    last = run_cell(task, on_message, _never, recording)
    if not isinstance(last, Proposed) or not _may_be_found(last.found, None, ()):
        raise DeidentificationError(f"The child that read {recording} answered another question")
    if last.picture is not None:
        _check_own(last.picture, task.work_dir, recording)
    return last


def run_report(
    task: ReportTask,
    on_message: Callable[[Message], None],
    *,
    should_stop: Callable[[], bool] | None = None,
    name: str | None = None,
    days_back: Callable[[Identified], int | None] | None = None,
) -> ReportDone:
    """De-identify one report in a child process; as :func:`run_video` in everything.

    ``candidate`` and ``text`` of the answer are two regular files directly below ``work_dir``.
    ``days_back`` is asked once, if the task says that dates are moved: by how many days into the past
    those of the patient are; None removes them.
    """
    report = name or task.source
    asked: list[Identified] = []

    def answer(question: Identified) -> Shift:
        asked.append(question)
        return Shift(None if days_back is None else days_back(question))

    done = run_cell(task, on_message, should_stop or _never, report, answer if task.shift_dates else None)
    if not isinstance(done, ReportDone) or done.candidate == done.text:
        raise DeidentificationError(f"The child that read {report} answered about something else")
    if any(question.identity != done.identity for question in asked):
        raise DeidentificationError(f"The child that read {report} moved the dates of somebody else")
    for path in (done.candidate, done.text):
        _check_own(path, task.work_dir, report)
    return done


def _may_be_found(
    found: FoundDevice | None, named: DeviceProfile | None, known: Sequence[DeviceProfile]
) -> bool:
    """Whether a cell may say so: of a named device nothing, else one of the known, or an unconfirmed one."""
    if named is not None:
        return found is None
    if found is None:
        return False
    if found.proposed:
        return not found.profile.confirmed
    return found.profile.digest in {profile.digest for profile in known}


def _check_own(path: str, work_dir: str, recording: str) -> None:
    """Refuse a path that would lead the parent to any other file than one in ``work_dir``."""
    file = Path(path)
    inside = file.parent == Path(absolute(work_dir)) and file.name not in ("", ".", "..")
    if not inside or not stat.S_ISREG(_mode(file)):
        raise DeidentificationError(f"The child that read {recording} named a file that is not its own")


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _never() -> bool:
    return False
