"""A pass of several short pieces, and places in it where it stops; see :mod:`tests.faults.in_the_cell`.

A recording is cut into pieces of ten seconds. To draw and encode enough of those takes too long for a
test, so here they are of half a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import in_the_cell

if TYPE_CHECKING:
    from endoreg_db.deid.video.transcode import SegmentJob, SegmentResult

SHORT = "short pieces"
JOINING_CRASHES = "short pieces, joining crashes"
ENCODING_CRASHES = "short pieces, encoding crashes"

#: How many pieces are finished before one is never finished, with the hook of :func:`stops_after`.
_STOPS_AFTER = range(1, 5)


def stops_after(pieces: int) -> str:
    """Name of the hook with which so many pieces are finished, and the next one never is."""
    return f"short pieces, stops after {pieces}"


def write_hook(folder: Path, name: str) -> Path:
    """Write the hook of that name; it is in every Python that has the folder on its path."""
    in_the_cell.write_hook(folder, name, module=__name__)
    return folder


def install(name: str) -> None:
    """Put what has that name in its place, in this process."""
    _short_pieces()
    HOOKS[name]()


def _short_pieces() -> None:
    from endoreg_db.deid.video import segments

    segments.SEGMENT_SECONDS = 0.5
    segments.SHORTEST_SECONDS = 1.0


def _stop_after(pieces: int) -> None:
    from endoreg_db.deid.video import pieces as module
    from endoreg_db.deid.video.transcode import transcode_segment

    def stopping(job: SegmentJob, tick: Callable[[], None], *, write: bool = True) -> SegmentResult:
        if write and job.segment.number >= pieces:
            time.sleep(3600)
        return transcode_segment(job, tick, write=write)

    in_the_cell.put(module, "transcode_segment", stopping)


HOOKS: dict[str, Callable[[], None]] = {
    SHORT: lambda: None,
    JOINING_CRASHES: in_the_cell.joining_crashes,
    ENCODING_CRASHES: in_the_cell.encoder_crashes,
    **{stops_after(pieces): partial(_stop_after, pieces) for pieces in _STOPS_AFTER},
}
