"""The durable operations of a process: everything that another process could find on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath


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
    """Where the order "bytes, then names, the source last" was not kept.

    No file gets a second or a new name before its bytes are durable. No source goes before all names
    in the vault and among the published files are durable and a commit has followed them.
    """
    problems = []
    for index, operation in enumerate(operations):
        if operation.failed:
            continue
        before, after = operations[:index], operations[index + 1 :]
        if operation.kind in (Kind.RENAME, Kind.LINK) and not _is_durable(operation.path, before):
            problems.append(f"{operation}: its bytes are not durable")
        if operation.kind is Kind.UNLINK and _is_source(operation.path):
            problems += _early(operation, before, after)
    return problems


def _is_durable(path: str, before: Sequence[Operation]) -> bool:
    """Whether the last that happened to the file's bytes is that they were synced."""
    touched = [o for o in before if path in (o.path, o.target) and o.kind is not Kind.STAMP]
    return bool(touched) and (
        touched[-1].kind is Kind.FSYNC
        # Under its former name they were, or it could not have got this one.
        or (touched[-1].kind in (Kind.RENAME, Kind.LINK) and touched[-1].target == path)
    )


def _early(removal: Operation, before: Sequence[Operation], after: Sequence[Operation]) -> list[str]:
    problems = [f"{removal}: before {later}" for later in after if _stored_name(later)]
    for index, earlier in enumerate(before):
        name = _stored_name(earlier)
        if name is None:
            continue
        synced = _position(before, index, Kind.FSYNC_FOLDER, str(PurePosixPath(name).parent))
        if synced is None:
            problems.append(f"{removal}: the name {name} is not durable")
        elif _position(before, synced, Kind.COMMIT) is None:
            problems.append(f"{removal}: no commit has followed {name}")
    return problems


def _position(operations: Sequence[Operation], start: int, kind: Kind, path: str | None = None) -> int | None:
    """Where the first operation of that kind (on that path) comes after ``start``."""
    for index in range(start + 1, len(operations)):
        if operations[index].kind is kind and path in (None, operations[index].path):
            return index
    return None


def _stored_name(operation: Operation) -> str | None:
    """The name that a file gets by it in the vault or among the published files."""
    given = operation.kind in (Kind.RENAME, Kind.LINK) and not operation.failed
    stored = operation.target.startswith(("data/vault/", "data/published/"))
    return operation.target if given and stored else None


def _is_source(path: str) -> bool:
    return path.startswith("inbox/") and not path.endswith(".lock")
