"""Being asked to stop: Ctrl-C, a terminal that closes, a service manager, all in the same way."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: Requests this close together (seconds) are one: an impatient second Ctrl-C must not break off
#: the clean-up that the first one began.
_ONE_REQUEST = 2.0


class StopRequested(KeyboardInterrupt):
    """A signal asked this process to end; whatever tidies up after Ctrl-C does so after this too."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_code = 128 + number  # as shells count: 130 for Ctrl-C, 143 for SIGTERM


@contextmanager
def stop_signals(clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Raise :class:`StopRequested` in the main thread when a signal asks to stop.

    A signal that this process was started to ignore (``nohup``, a script's background job) stays
    ignored.
    """
    last = -_ONE_REQUEST

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = clock()
        if now - last >= _ONE_REQUEST:
            last = now
            raise StopRequested(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ours = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
