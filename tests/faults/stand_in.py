"""A stand-in for the media pass: reads nothing, writes a small candidate, says what a good pass says.

Everything else of the import is the real thing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import cast

from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.messages import Done, Message, Probed, Verification, VideoFacts, VideoTask
from endoreg_db.services import video_import
from endoreg_db.storage.durable import write_durably

Pass = Callable[..., Done]

#: A shipped device whose layout is confirmed, so that what passes is published.
DEVICE = "olympus_cv_1500"

#: What tells a recording from other files: the first box of an MP4 file.
_MP4_HEAD = b"\x00\x00\x00\x18ftypmp42" + bytes(12)

#: What takes the place of a blanked recording.
CANDIDATE = _MP4_HEAD + b"stand-in"

_FACTS = VideoFacts("mov,mp4", "h264", 1920, 1080, "yuv420p", Fraction(1, 90000), Fraction(25), 1.0, 25)


def write_recording(path: Path, size: int = 2000) -> Path:
    """A file that the intake takes for a recording, of a content that no other has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_MP4_HEAD + os.urandom(size))
    return path


def current_pass() -> Pass:
    """What imports of this process do for the media pass."""
    return cast(Pass, vars(video_import)["run_video"])


def set_pass(run: Pass) -> None:
    """Let imports of this process do ``run`` for the media pass."""
    vars(video_import)["run_video"] = run


def stand_in_pass(
    task: VideoTask,
    on_message: Callable[[Message], None],
    *,
    should_stop: Callable[[], bool] | None = None,
    name: str | None = None,
) -> Done:
    """Do what ``run_video`` promises, without looking at the recording."""
    on_message(Probed(_FACTS))
    candidate = Path(task.work_dir) / "candidate.mp4"
    write_durably(candidate, CANDIDATE)
    done = good_result(candidate)
    on_message(done)
    return done


def good_result(candidate: Path) -> Done:
    """What a good pass says about its candidate."""
    return Done(
        candidate=str(candidate),
        facts=_FACTS,
        frames_decoded=25,
        frames_damaged=0,
        identity=Identity(last_name=Reading("Muster", 0.9, b"\x89PNG")),
        findings=(),
        verification=Verification(25, 1.0, 0, 1, ()),
        timings={"encode": 0.5, "verify": 0.1},
    )
