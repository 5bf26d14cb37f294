"""Rectangles in picture coordinates: x to the right, y down, in pixels of the decoded frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels; ``x``/``y`` is its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) <= 0:
            raise ValueError(f"not a box inside a picture: {self}")

    @property
    def right(self) -> int:
        """First column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.y + self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to cut the box out of an H×W array."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def fits_in(self, width: int, height: int) -> bool:
        """Whether the box lies inside a picture of this size (pixels)."""
        return self.right <= width and self.bottom <= height

    def overlaps(self, other: Box) -> bool:
        """Whether the two boxes share at least one pixel."""
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )

    def grown(self, margin: int, width: int, height: int) -> Box:
        """The box with ``margin`` pixels more on every side (fewer if negative), inside the picture."""
        x, y = max(0, self.x - margin), max(0, self.y - margin)
        return Box(x, y, min(width, self.right + margin) - x, min(height, self.bottom + margin) - y)

    def shrunk_to_even(self) -> Box:
        """The largest box inside this one whose edges fall on 2×2 chroma samples (4:2:0)."""
        x, y = self.x + self.x % 2, self.y + self.y % 2
        return Box(x, y, (self.right - x) // 2 * 2, (self.bottom - y) // 2 * 2)
