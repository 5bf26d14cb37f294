"""The keeper: one thread beside an import that keeps its lock and its lease alive.

It knows neither of them, only what it is told to call; it imports no Django.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

#: How often lock and lease are renewed: well inside the lease (60 s) and the stale limit (600 s).
HEARTBEAT_SECONDS = 10.0


class Keeper:
    """Calls every duty each ``interval`` seconds until it is stopped.

    A duty returns False when what it keeps is lost for good: it is not called again, and its name
    appears in :attr:`lost`. A duty that raises is called again at the next beat, because a
    database that restarts is no reason to give up a lease that has not run out.
    """

    def __init__(
        self,
        interval: float | None = None,
        *,
        on_error: Callable[[str, Exception], None] = lambda _name, _error: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._interval = HEARTBEAT_SECONDS if interval is None else interval
        self._on_error = on_error
        self._on_stop = on_stop  # runs in the keeper's own thread, e.g. to close its connection
        self._duties: dict[str, Callable[[], bool]] = {}
        self._lost: frozenset[str] = frozenset()  # replaced, never changed: read without waiting for a duty
        self._mutex = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="endoreg-keeper", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def lost(self) -> frozenset[str]:
        """The names of the duties that reported a loss."""
        return self._lost

    def add(self, name: str, duty: Callable[[], bool]) -> None:
        """Take on a duty; it is first called one interval from now."""
        with self._mutex:
            self._duties[name] = duty

    def remove(self, name: str) -> None:
        """Lay down a duty. When this returns, it is not running and will not run again."""
        with self._mutex:
            self._duties.pop(name, None)

    def stop(self) -> None:
        """End the thread. When this returns, no duty is running."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self._beat()
        self._on_stop()

    def _beat(self) -> None:
        with self._mutex:
            for name, duty in tuple(self._duties.items()):
                try:
                    kept = duty()
                except Exception as error:  # noqa: BLE001 - tried again at the next beat; told to the owner
                    self._on_error(name, error)
                    continue
                if not kept:
                    del self._duties[name]
                    self._lost |= {name}
