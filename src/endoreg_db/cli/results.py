"""How the import of one file ended, as the contract prints it, and what many of them add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from endoreg_db.cli.command import UNEXPECTED
from endoreg_db.cli.output import Output, details, indented, printable, words_of
from endoreg_db.errors import FileLockedError, LeaseLostError, MediaImportError

if TYPE_CHECKING:
    from endoreg_db.intake.sightings import Known
    from endoreg_db.services.context import ImportOutcome

Status = Literal["imported", "duplicate", "needs_review", "locked", "failed", "quarantined"]

#: Worst first: the exit code of many files is that of the first status here that any of them has.
EXIT_CODES: tuple[tuple[Status, int], ...] = (
    ("failed", 3),
    ("quarantined", 3),
    ("locked", 4),
    ("needs_review", 5),
    ("duplicate", 0),
    ("imported", 0),
)


@dataclass(frozen=True, slots=True)
class FileResult:
    """How the import of one file ended."""

    path: Path
    status: Status
    uuid: str | None
    output: Path | None  # the published file
    seconds: float
    error: BaseException | None = None
    step: str | None = None  # in which the error happened
    reasons: tuple[str, ...] = ()  # why a person has to look

    def as_json(self) -> dict[str, Any]:
        """The fields that the contract names."""
        return {
            "path": str(self.path),
            "status": self.status,
            "uuid": self.uuid,
            "output": None if self.output is None else str(self.output),
            "seconds": round(self.seconds, 3),
            "error": None if self.error is None else _error_as_json(self.error, self.step),
        }


def run_one(path: Path, work: Callable[[], ImportOutcome], *, uuid: str | None = None) -> FileResult:
    """Run one import and say how it ended, whatever happens.

    A request to stop is among the errors, so that its file has a result too; after reporting that,
    the caller raises it again.

    Args:
        path: the file.
        work: imports it.
        uuid: of its record, where that is known before.
    """
    from endoreg_db.logging import correlation

    began = perf_counter()
    with correlation() as correlation_id:
        try:
            return _of_outcome(path, work(), perf_counter() - began)
        except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the next file gets its turn
            return _of_error(path, error, correlation_id, uuid, perf_counter() - began)


def given_twice(again: FileResult, earlier: FileResult) -> FileResult:
    """The result for a path that this command has imported already: the record is the same."""
    return FileResult(again.path, "duplicate", earlier.uuid, earlier.output, again.seconds)


def known_already(path: Path, known: Known, published: Path) -> FileResult:
    """The result for a finished file of a folder, which nobody had to open; it took no time of its own.

    Args:
        path: the file.
        known: its record.
        published: the folder of the published files.
    """
    output = published / known.output_name if known.output_name else None
    return FileResult(path, "duplicate", str(known.uuid), output, 0.0)


def report(output: Output, result: FileResult) -> None:
    """Print one file's result; for people, what went wrong goes to standard error."""
    if output.flags.as_json:
        output.result(result.as_json())
    elif isinstance(result.error, KeyboardInterrupt):
        output.error_line(f"not finished: {printable(result.path)}")
    elif result.error is not None:
        output.error_line(_error_text(result))
    else:
        output.say(_text(result))
    if result.error is not None and output.flags.verbose:
        output.traceback(result.error)


def exit_code(results: Iterable[FileResult]) -> int:
    """The exit code of an import of many files; see the contract."""
    results = list(results)
    if any(r.error is not None and not isinstance(r.error, MediaImportError) for r in results):
        return UNEXPECTED
    statuses = {result.status for result in results}
    return next((code for status, code in EXIT_CODES if status in statuses), 0)


def totals(results: Iterable[FileResult], *, unchanged: int = 0, skipped: int = 0) -> str:
    """One line about all files.

    Args:
        results: of those that were looked at.
        unchanged: how many were finished and had not changed.
        skipped: how many were no media.
    """
    counted = Counter(result.status for result in results)
    counted["duplicate"] += unchanged
    parts = [f"{counted[status]} {status.replace('_', ' ')}" for status, _ in reversed(EXIT_CODES)]
    told = ", ".join(part for part in parts if not part.startswith("0 ")) or "nothing to import"
    total = counted.total()
    passed_over = f"; {skipped} passed over (no media)" if skipped else ""
    return f"{total} {'file' if total == 1 else 'files'}: {told}{passed_over}"


def _of_outcome(path: Path, outcome: ImportOutcome, seconds: float) -> FileResult:
    reasons = [f["detail"] for f in outcome.record.findings if f["severity"] != "note"]
    return FileResult(
        path, outcome.status, str(outcome.record.uuid), outcome.output, seconds, reasons=tuple(reasons)
    )


def _of_error(
    path: Path, error: BaseException, correlation_id: str, known: str | None, seconds: float
) -> FileResult:
    from endoreg_db.services import catalog

    trace = catalog.trace_of(correlation_id)
    status: Status = "quarantined" if trace.state == "quarantined" else "failed"
    if isinstance(error, FileLockedError | LeaseLostError):
        status = "locked"
    uuid = known if trace.uuid is None else str(trace.uuid)  # it may have failed before an attempt was made
    step = getattr(error, "step", None) or trace.step
    return FileResult(path, status, uuid, None, seconds, error, step)


def _error_as_json(error: BaseException, step: str | None) -> dict[str, str | None]:
    return {"type": type(error).__name__, "message": str(error) or type(error).__name__, "step": step}


def _error_text(result: FileResult) -> str:
    assert result.error is not None
    message, advice = words_of(result.error)
    lines = [f"{result.status}: {printable(message)}", indented(advice)]
    if str(result.path) not in message:
        lines.insert(1, details([("file", result.path)]))
    if result.uuid is not None:
        lines.append(details([("record", result.uuid)]))
    return "\n".join(lines)


def _text(result: FileResult) -> str:
    if result.status == "needs_review":
        head = f"needs review: {printable(result.path)} ({result.seconds:.1f} s)"
        why = [("because", reason) for reason in result.reasons]
        ways = [
            ("look", f"endoreg show {result.uuid}"),
            ("publish", f"endoreg approve {result.uuid}"),
            ("refuse", f"endoreg reject {result.uuid} --reason TEXT"),
        ]
        return f"{head}\n{details([*why, *ways])}"
    known = " (known already, nothing was done again)" if result.status == "duplicate" else ""
    timing = "" if known else f" ({result.seconds:.1f} s)"
    head = f"{result.status}: {printable(result.path)}{known}{timing}"
    why_none = f"endoreg show {result.uuid}" if result.output is None else None
    return f"{head}\n{details([('safe file', result.output), ('record', result.uuid), ('look', why_none)])}"
