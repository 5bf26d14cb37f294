"""What a reader of some format hands to the hunt: a piece of a file, and where it was."""

from __future__ import annotations

from dataclasses import dataclass

from quality.hunter.reading import Picture


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to look into."""

    where: str  # in the file, e.g. ``tag 'title'``
    data: bytes | str | Picture  # a string is plain text; in bytes anything may hide; a picture is read


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a file that a reader could not read. It is told, never silently passed over."""

    where: str
    why: str
