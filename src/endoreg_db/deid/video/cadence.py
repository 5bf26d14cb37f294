"""How often something is looked at: by the recording's clock, or by its frames where that is too slow."""

from __future__ import annotations

from math import ceil

#: Frames a second from which on frames count, and not the clock. Endoscopes give 60 at most; the rate that
#: a file states is not believed, since a file that states 1000 for 25 would be looked at 40 times less often.
_FASTEST = 64


def most_frames(seconds: float) -> int:
    """How many frames may pass, whatever the clock says, in what is to be so many seconds at most."""
    return ceil(seconds * _FASTEST)


class Cadence:
    """Says when the next look is due: after a pause by the clock, or the frames of the fastest recording.

    A clock that goes back, stands still or is far too slow therefore makes looks no rarer. With a clock that
    is right, the frames never decide.
    """

    def __init__(self, seconds: float, tick: float = 1.0) -> None:
        """Begin with a look that is due.

        Args:
            seconds: between two looks.
            tick: how many seconds one unit of the times is long that :meth:`is_due` is given.
        """
        self._pause = seconds / tick
        self._most = most_frames(seconds)
        self._next: float | None = None
        self._frames = 0  # since the last look
        self.ahead = 0.0  # by how much, in all, looks came earlier than the clock says; same unit as times

    def is_due(self, time: float) -> bool:
        """Whether to look at the frame that is shown at ``time``; asked once for every frame, in order."""
        self._frames += 1
        early = 0.0 if self._next is None else max(0.0, self._next - time)
        if early and self._frames < self._most:
            return False
        self.ahead += early
        self._next, self._frames = time + self._pause, 0
        return True
