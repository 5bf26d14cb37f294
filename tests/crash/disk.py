"""A model disk: what a power cut leaves of the operations before it. It touches no real file.

POSIX promises little: the bytes of a file last from its fsync on, a name from the fsync of its folder
on. File systems keep more, but not the same. So there are several ways to lose, and recovery must
know them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from tests.crash.operations import Kind, Operation


class Loss(StrEnum):
    """What the power cut takes."""

    ALL = "all that was not synced; a file whose bytes never were is empty"
    FILES = "all that was not synced; a file whose bytes never were is missing"
    CONTENTS = "only bytes; every name, and every removal, has reached the disk"
    INBOX = "all that was not synced in the inbox, only bytes in the data folder (two disks)"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is found after the cut."""

    content: bytes
    attribute: bytes = b""  # the lock's owner record; lost like a name is


#: Path → the file there; None: a folder.
Tree = Mapping[str, StoredFile | None]


@dataclass(slots=True)
class _Object:
    """A file or folder, whatever its names are."""

    is_folder: bool = False
    content: bytes | None = None  # as of the last fsync; None: there was none
    attribute: bytes = b""


@dataclass(slots=True)
class ModelDisk:
    """Names and bytes, as running processes see them and as a power cut would leave them."""

    names: dict[str, _Object] = field(default_factory=dict)  # as processes see them
    kept: dict[str, _Object] = field(default_factory=dict)  # as of the last fsync of their folder

    @classmethod
    def holding(cls, tree: Tree) -> ModelDisk:
        """A disk that has held ``tree`` for a long time."""
        objects = {
            path: _Object(is_folder=True) if file is None else _Object(content=file.content)
            for path, file in tree.items()
        }
        return cls(dict(objects), dict(objects))

    def apply(self, operation: Operation) -> None:
        """Let the operation happen."""
        if operation.failed:
            return
        path, target = operation.path, operation.target
        match operation.kind:
            case Kind.OPEN:
                self.names.setdefault(path, _Object())
            case Kind.MKDIR:
                self.names[path] = _Object(is_folder=True)
            case Kind.UNLINK | Kind.RMDIR:
                del self.names[path]
            case Kind.RENAME:
                self.names[target] = self.names.pop(path)
            case Kind.LINK:
                self.names[target] = self.names[path]
            case Kind.FSYNC:
                # A file made by another process, such as the cell's output, is first seen here.
                self.names.setdefault(path, _Object()).content = operation.content
            case Kind.ATTRIBUTE:
                self.names[path].attribute = operation.content
            case Kind.FSYNC_FOLDER:
                self._keep_names(path)
            case _:
                pass  # changes neither names nor what lasts of the bytes

    def after_cut(self, loss: Loss) -> Tree:
        """What is there when the machine starts again."""
        match loss:
            case Loss.ALL | Loss.FILES:
                left = self.kept
            case Loss.CONTENTS:
                left = self.names
            case Loss.INBOX:
                left = {path: thing for path, thing in self.names.items() if not _is_inbox(path)}
                left |= {path: thing for path, thing in self.kept.items() if _is_inbox(path)}
        tree: dict[str, StoredFile | None] = {}
        for path in sorted(left):  # folders before what is in them
            thing, parent = left[path], _folder_of(path)
            if parent and parent not in tree:
                continue  # a name in a folder that has no name itself
            if thing.is_folder:
                tree[path] = None
            elif thing.content is not None or loss is not Loss.FILES:
                attribute = b"" if loss in (Loss.ALL, Loss.FILES) else thing.attribute
                tree[path] = StoredFile(thing.content or b"", attribute)
        return tree

    def _keep_names(self, folder: str) -> None:
        now = {path: thing for path, thing in self.names.items() if _folder_of(path) == folder}
        before = {path: thing for path, thing in self.kept.items() if _folder_of(path) != folder}
        self.kept = before | now


def _folder_of(path: str) -> str:
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent


def _is_inbox(path: str) -> bool:
    return PurePosixPath(path).parts[0] == "inbox"
