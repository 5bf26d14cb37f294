"""The cell's own children: as many one-threaded workers as cores.

Threads of one interpreter get in each other's way, and one-threaded decoders and encoders give the
same bytes on every machine. Frames never cross a process border; results and counts do.

Children are forked where no other thread runs: what takes a new Python a third of a second to load is
there already. The cell has none when its first children begin: its own begin when one of them is given
something to do, and NumPy's are turned off by its environment. Later children are started anew: a fork
copies a lock that another thread holds just then, and nobody would ever give it back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkContext, SpawnContext
from typing import Any, TypeVar

import av.error

from endoreg_db.deid.confine import give_up_rights
from endoreg_db.deid.video.probe import quiet_ffmpeg
from endoreg_db.deid.video.transcode import Tick
from endoreg_db.errors import DeidentificationError, InsufficientStorageError, MediaImportError

Job = TypeVar("Job")
Result = TypeVar("Result")

_POLL_SECONDS = 0.25  # how often progress is looked at
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Workers:
    """A fixed number of child processes that work off lists of jobs."""

    def __init__(self, executor: ProcessPoolExecutor, frames: Any) -> None:
        self._executor = executor
        self._frames = frames

    def run(
        self,
        work: Callable[[Job, Tick], Result],
        jobs: Sequence[Job],
        on_frames: Callable[[int], None],
        on_result: Callable[[Result], Result] = lambda result: result,
    ) -> list[Result]:
        """Work off all the jobs.

        Args:
            work: a function of a module, called with a job in one of the children.
            jobs: taken in this order.
            on_frames: called now and then with the number of frames that are done in all jobs.
            on_result: called with each result in the order of the jobs, as early as that allows;
                says what to keep of it.

        Returns:
            What is kept of each job's result, in their order.

        Raises:
            MediaImportError: a job failed; the others are abandoned.
            DeidentificationError: a child died.
        """
        # The counter's lock is not asked for: a child that is killed while it holds it keeps it.
        counter = self._frames.get_obj()
        counter.value = 0
        kept: list[Result] = []
        try:
            # A future holds its whole result for as long as it is there itself.
            futures: deque[Future[Result]] = deque(self._executor.submit(_guarded, work, job) for job in jobs)
            while futures:
                # Only those not done yet: with any other among them, this would not wait at all.
                running = [future for future in futures if not future.done()]
                wait(running, _POLL_SECONDS, return_when=FIRST_COMPLETED)
                _raise_first_error(futures)
                while futures and futures[0].done():
                    kept.append(on_result(futures.popleft().result()))
                on_frames(int(counter.value))
        except BrokenProcessPool as error:
            raise DeidentificationError("A worker died, perhaps of a damaged recording") from error
        return kept


def children() -> ForkContext | SpawnContext:
    """How children that begin now are started."""
    return get_context("fork") if threading.active_count() == 1 else get_context("spawn")


@contextmanager
def start_workers(count: int) -> Iterator[Workers]:
    """Start ``count`` children.

    They are gone afterwards. After an error they may finish the job they are at, so that nobody
    has to wait for it: the cell says what went wrong, and its parent ends the whole group.
    """
    context = children()
    frames = context.Value("q", 0)
    executor = ProcessPoolExecutor(count, context, _begin, (os.getpid(), frames))
    went_well = False
    try:
        yield Workers(executor, frames)
        went_well = True
    finally:
        executor.shutdown(wait=went_well, cancel_futures=True)


def storage_error(error: BaseException) -> InsufficientStorageError | None:
    """The error to raise if ``error`` says that there is no room, else None."""
    if getattr(error, "errno", None) in _NO_ROOM:
        return InsufficientStorageError("There is no room left to write the de-identified recording")
    return None


class _Counter:
    """The child's end of the frame counter; set once, when the child begins."""

    frames: Any = None


def _begin(parent: int, frames: Any) -> None:
    give_up_rights(parent)
    quiet_ffmpeg()
    _Counter.frames = frames


def _tick() -> None:
    with _Counter.frames.get_lock():
        _Counter.frames.value += 1


def _guarded(work: Callable[[Job, Tick], Result], job: Job) -> Result:
    """Do one job; FFmpeg's exceptions do not survive the way to another process, ours do."""
    try:
        return work(job, _tick)
    except MediaImportError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        message = f"A segment could not be done ({_reason(error)})"
        raise storage_error(error) or DeidentificationError(message) from None
    finally:
        _give_memory_back()


def _give_memory_back() -> None:
    """Return to the system what the job before has freed.

    The allocator keeps freed frames for later, in holes that those of the next job may not fit: without
    this a worker's memory grows by a fifth in its first few jobs.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)


def _reason(error: BaseException) -> str:
    """What went wrong, in the system's words: FFmpeg's own would name the file."""
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if 0 < number < 256 else type(error).__name__


def _raise_first_error(futures: Iterable[Future[Result]]) -> None:
    for future in futures:
        if future.done() and (error := future.exception()) is not None:
            raise error
