"""The durable operations of a process: everything that another process could find on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an operation does."""

    OPEN = "open"  # for writing; makes the file if it is not there
    WRITE = "write"
    CUT = "truncate"
    FSYNC = "fsync"  # content: all bytes of the file at that moment
    FSYNC_FOLDER = "fsync folder"
    RENAME = "rename"
    LINK = "link"
    UNLINK = "unlink"
    MKDIR = "mkdir"
    RMDIR = "rmdir"
    ATTRIBUTE = "setxattr"  # content: the value
    STAMP = "stamp"  # mode or times
    COMMIT = "commit"  # content: the whole database afterwards
    MESSAGE = "message"  # of the cell: no operation, but a moment at which a process may die


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; paths are relative to the stage that holds data folder and inbox."""

    kind: Kind
    path: str = ""  # for a message: its kind; for a commit: the statement, if it stands alone
    target: str = ""  # the new name, for a rename or a link
    content: bytes = b""
    failed: bool = False  # it raised, e.g. because the file was there; then it changed nothing

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind, self.path, self.target and f"to {self.target}") if part)


def disorder(operations: Sequence[Operation]) -> list[str]:
    """What of the order "bytes, then names, then the row, the source last" was not kept.

    A file must not get a lasting name (outside ``tmp``) before its bytes are durable, and a source
    must not go before the last commit and the last fsync in the vault.
    """
    problems = []
    durable: set[str] = set()
    for operation in operations:
        kind, path, target = operation.kind, operation.path, operation.target
        if kind is Kind.FSYNC:
            durable.add(path)
        elif kind in (Kind.WRITE, Kind.CUT):
            durable.discard(path)
        elif kind in (Kind.RENAME, Kind.LINK) and not operation.failed:
            if path not in durable:
                problems.append(f"{operation}: its bytes were not durable")
            durable.add(target)
    return problems + _early_removals(operations)


def _early_removals(operations: Sequence[Operation]) -> list[str]:
    """Sources that went before the commit that settles them, or before the vault was durable."""
    problems = []
    for index, operation in enumerate(operations):
        if operation.kind is not Kind.UNLINK or not _is_source(operation.path):
            continue
        before, after = operations[:index], operations[index + 1 :]
        if not any(earlier.kind is Kind.COMMIT for earlier in before):
            problems.append(f"{operation}: before any commit")
        if any(_changes_store(later) for later in after):
            problems.append(f"{operation}: before the last change of vault or published files")
    return problems


def _is_source(path: str) -> bool:
    return path.startswith("inbox/") and not path.endswith(".lock")


def _changes_store(operation: Operation) -> bool:
    place = operation.target or operation.path
    return operation.kind is not Kind.STAMP and place.startswith(("data/vault", "data/published"))
