"""A process of its own that imports files, told on its command line what and how.

    python -m tests.faults.worker '{"paths": ["/data/a.mp4"]}'

It prints one JSON object a line: ``{"event": "in pass"}`` while the pass runs, and for each file how it
ended. With ``wait`` it stays in the pass until a line arrives on standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from endoreg_db.bootstrap import configure, current_config

configure()

from endoreg_db.deid.client import run_video  # noqa: E402 - Django first
from endoreg_db.deid.messages import Done, Message, VideoTask  # noqa: E402
from endoreg_db.errors import MediaImportError  # noqa: E402
from endoreg_db.locking import keeper, lease  # noqa: E402
from endoreg_db.models import EndoscopyProcessor  # noqa: E402
from endoreg_db.services.context import ImportRequest  # noqa: E402
from endoreg_db.services.store import open_store  # noqa: E402
from endoreg_db.services.video_import import VideoImportService  # noqa: E402
from tests.faults.stand_in import DEVICE, set_pass, stand_in_pass  # noqa: E402


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is to do."""

    paths: list[str]
    real: bool = False  # the real cell, for the small device; not the stand-in
    wait: bool = False  # in the pass, for a line on standard input
    wait_first: bool = False  # the same before the first file
    open_first: bool = False  # the same before the store is opened, without any file
    lease_seconds: float = 60.0
    heartbeat_seconds: float = 10.0


def say(**fields: Any) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what the first argument says."""
    orders = Orders(**json.loads(sys.argv[1]))
    lease.LEASE_SECONDS = orders.lease_seconds
    keeper.HEARTBEAT_SECONDS = orders.heartbeat_seconds
    set_pass(_told(run_video if orders.real else stand_in_pass, wait=orders.wait))
    device = register_small_device() if orders.real else DEVICE
    if orders.wait_first or orders.open_first:
        say(event="ready")
        sys.stdin.readline()
    if orders.open_first:
        open_store(current_config())
    for path in orders.paths:
        say(path=path, **outcome_of(Path(path), device))


def outcome_of(path: Path, device: str) -> dict[str, Any]:
    """Import one file with a service of its own, and say how that ended."""
    try:
        outcome = VideoImportService().import_file(ImportRequest(path, "test_center", device))
    except MediaImportError as error:
        return {
            "status": type(error).__name__,
            "message": str(error),
            "advice": error.advice,
            "step": error.step,
        }
    return {"status": outcome.status, "uuid": str(outcome.record.uuid)}


def register_small_device() -> str:
    """Register a device whose recordings are quick to work on; returns its name."""
    from endoreg_db.samples import scaled, shipped_profile  # it takes as long as all else to load

    open_store(current_config())
    profile = replace(scaled(shipped_profile(), 1 / 3), name="small_device", title="Small device")
    EndoscopyProcessor.register(profile)
    return profile.name


def _told(run: Callable[..., Done], *, wait: bool) -> Callable[..., Done]:
    """The pass; it says when it has begun and, when told to, waits before it goes on."""

    def announced(task: VideoTask, on_message: Callable[[Message], None], **options: Any) -> Done:
        say(event="in pass")
        if wait:
            sys.stdin.readline()
        return run(task, on_message, **options)

    return announced


if __name__ == "__main__":
    main()
