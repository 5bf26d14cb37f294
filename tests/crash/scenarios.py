"""What is done when the process dies: imports and decisions, each on a stage of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.db import connections

from endoreg_db.bootstrap import current_config, prepare
from endoreg_db.deid import client
from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.messages import (
    Done,
    Finding,
    Message,
    Probed,
    Progress,
    ReportDone,
    ReportTask,
    ReportVerification,
    Verification,
    VideoFacts,
    VideoTask,
)
from endoreg_db.deid.video.manifest import finished, write_manifest
from endoreg_db.errors import DeidentificationError, SourceMissingError
from endoreg_db.intake import sightings
from endoreg_db.models import EndoscopyProcessor, MediaFile, State
from endoreg_db.services import pdf_import, review, video_import
from endoreg_db.services.checks.examination import Examination
from endoreg_db.services.doctor import examine
from endoreg_db.services.pdf_import import PdfImportService
from endoreg_db.services.store import Store, open_store
from endoreg_db.services.video_import import VideoImportService
from endoreg_db.storage import vault_file
from tests.crash.children import fork

CENTER = "test_center"
DEVICE = "crash_device"
UNCONFIRMED = "unconfirmed_device"
STALE_AFTER = 600.0  # seconds

_REPORT, _DOUBTFUL = b"%PDF-1.7\n", b"doubtful"

#: Chunks of the vault, in every process of a stage: so small, a file of two of them is quickly copied.
_CHUNK = 2**16
_SOMETHING = bytes(range(256)) * (_CHUNK // 256 + 4)  # more than one of them

_PIECES = ("segment-00000", "segment-00001")

Hear = Callable[[Message], None]
Pass = Callable[..., Done]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it happens: a data folder and an inbox with one recording."""

    root: Path

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.root / "data"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "endoreg.sqlite3"

    @property
    def source(self) -> Path:
        """The recording."""
        return self.root / "inbox" / "recording.mp4"

    def enter(self) -> Store:
        """Make it this process's own. For a child without open connections that ends with its run.

        Nothing is synced from here on: a killed process loses nothing that the kernel has, and the
        power cut is replayed on the model disk.
        """
        os.environ["ENDOREG_DATA_DIR"] = str(self.data)
        settings = connections.settings["default"]
        settings["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        for known in (settings, connections["default"].settings_dict):
            known["NAME"] = str(self.database)
            known["OPTIONS"] = settings["OPTIONS"]
        os.fsync = _do_not_wait  # type: ignore[assignment]
        vault_file.CHUNK = _CHUNK
        # The recording is a moment old and counts as settled, so that its sighting is recorded too.
        sightings.SETTLING_SECONDS = -1.0
        return open_store(current_config())


@dataclass(frozen=True, slots=True)
class Expected:
    """How it must end, however often it was interrupted."""

    state: State
    published: bool
    candidate: bool = False  # one waits in the vault
    source_removed: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that a process does, and how to bring it to its end after it has died."""

    prepare: Callable[[Stage], None]  # before it: on a stage with the recording and no record
    act: Callable[[Stage, Hear], None]  # what is interrupted
    again: Callable[[Stage], None]  # what an operator does next
    expected: Expected
    # The next import finds all that may be left behind. A decision's remains only the doctor can find.
    heals_itself: bool = True
    stand_in: Pass | None = None  # instead of the cell, where it is not the real one; None: the usual


def _do_not_wait(_fd: object) -> None:
    """In place of ``os.fsync``."""


def build_store(stage: Stage) -> None:
    """Make the stage's data folder: an empty, migrated store with two devices."""
    # Imported late: numpy starts threads, and the process that forks all runs must not have any.
    from endoreg_db.samples import scaled, shipped_profile

    stage.enter()
    prepare(current_config())
    profile = replace(scaled(shipped_profile(), 1 / 3), name=DEVICE)
    EndoscopyProcessor.register(profile)
    EndoscopyProcessor.register(replace(profile, name=UNCONFIRMED, confirmed=False))


def build(stage: Stage, empty: Stage, recording: bytes) -> None:
    """Make the stage: a copy of the ``empty`` one's data folder, and the recording in the inbox."""
    stage.source.parent.mkdir(parents=True)
    stage.source.write_bytes(recording)
    shutil.copytree(empty.data, stage.data)
    stage.enter()


def small_recording() -> bytes:
    """Bytes that begin like a recording, of more than one chunk of the vault; for the stand-in."""
    return b"\0\0\0\x18ftypisom" + _SOMETHING


# ------------------------------------------------------------------------ the media pass, stood in


def stand_in(
    task: VideoTask,
    on_message: Hear,
    *,
    should_stop: Callable[[], bool] | None = None,
    name: str | None = None,
) -> Done:
    """Instead of the cell: the usual messages, and a small candidate that depends on the source."""
    facts = VideoFacts("mov", "h264", 640, 360, "yuv420p", Fraction(1, 25), Fraction(25), 1.0, 25)
    on_message(Probed(facts))
    on_message(Progress("encode", 25, 25))
    candidate = Path(task.work_dir) / "candidate.mp4"
    with candidate.open("wb") as file:
        file.write(b"\0\0\0\x18ftypisom" + hashlib.sha512(Path(task.source).read_bytes()).digest() * 40)
        file.flush()
        os.fsync(file.fileno())
    on_message(Progress("verify", 25, 25))
    done = Done(
        candidate=str(candidate),
        facts=facts,
        frames_decoded=25,
        frames_damaged=0,
        identity=Identity(last_name=Reading("Beispiel", 0.9)),
        findings=(),
        verification=Verification(25, 1.0, 0, 1, ()),
        timings={"encode": 0.1},
    )
    on_message(done)
    return done


def _failing(task: VideoTask, on_message: Hear, **_options: object) -> Done:
    raise DeidentificationError("the cell was told to fail")


def finishing(task: VideoTask, on_message: Hear, **options: Any) -> Done:
    """As :func:`stand_in`, by way of two pieces; those that are there need not be made.

    It leaves them, so that they are there until the import has come to its end.
    """
    work_dir = Path(task.work_dir)
    for name in _PIECES:
        packets = work_dir / f"{name}.packets"
        if not _is_finished(packets):
            with packets.open("wb") as file:
                file.write(hashlib.sha512(name.encode()).digest() * 90)
            write_manifest(packets, "0a" * 32, "0b" * 32)
    on_message(Progress("encode", 25, 25))
    return stand_in(task, on_message, **options)


def going_on(task: VideoTask, on_message: Hear, **options: Any) -> Done:
    """As :func:`finishing`, where all pieces have been finished: by now none may be lost."""
    missing = [name for name in _PIECES if not _is_finished(Path(task.work_dir) / f"{name}.packets")]
    if missing:
        raise AssertionError(f"finished, and lost: {missing}")
    return finishing(task, on_message, **options)


def _is_finished(packets: Path) -> bool:
    told = {path: manifest for path, manifest in finished(packets.parent)}
    return packets in told and hashlib.sha256(packets.read_bytes()).hexdigest() == told[packets].sha256


def report_stand_in(task: ReportTask, on_message: Hear, **_options: object) -> ReportDone:
    """Instead of the cell: a small PDF and its text, both depending on the source; unsure of some."""
    content = Path(task.source).read_bytes()
    digest = hashlib.sha512(content).hexdigest()
    candidate, text = Path(task.work_dir) / "candidate.pdf", Path(task.work_dir) / "candidate.txt"
    for path, written in ((candidate, f"%PDF-1.7 {digest * 20}"), (text, f"[NAME] {digest}")):
        with path.open("wb") as file:
            file.write(written.encode())
            file.flush()
            os.fsync(file.fileno())
    doubts = (Finding("doubt", "review", "somebody should look"),) if _DOUBTFUL in content else ()
    verification = ReportVerification(pages=1, words=9, lines_read=3, largest_residue=0, findings=())
    done = ReportDone(
        candidate=str(candidate),
        text=str(text),
        pages=1,
        pages_scanned=0,
        words_removed=2,
        identity=Identity(last_name=Reading("Beispiel", 0.9)),
        findings=doubts,
        verification=verification,
        timings={"read": 0.1},
    )
    on_message(done)
    return done


@contextmanager
def passing_by(run: Callable[..., Done]) -> Iterator[None]:
    """Let imports of this process use ``run`` for the media pass of recordings, until the block ends.

    Reports always have a stand-in: what their cell does is not interrupted here.
    """
    with (
        patch.object(video_import, "run_video", run),
        patch.object(pdf_import, "run_report", report_stand_in),
    ):
        yield


# ------------------------------------------------------------------------------------ what is done


def _import(stage: Stage, hear: Hear, *, device: str = DEVICE, delete: bool = False) -> None:
    if stage.source.exists() and stage.source.read_bytes().startswith(_REPORT):
        PdfImportService(on_message=hear).import_and_anonymize(stage.source, CENTER, delete_source=delete)
        return
    VideoImportService(on_message=hear).import_and_anonymize(
        stage.source, CENTER, device, delete_source=delete
    )


def _ignore(_message: Message) -> None:
    """Nobody listens."""


def _nothing(_stage: Stage) -> None:
    """The stage is as it is built."""


def _as_report(stage: Stage) -> None:
    """The source is a report."""
    stage.source.write_bytes(_REPORT + _SOMETHING)


def _as_doubtful_report(stage: Stage) -> None:
    """The source is a report that a person has to look at."""
    stage.source.write_bytes(_REPORT + _DOUBTFUL + _SOMETHING)


def _hold_report(stage: Stage) -> None:
    _as_doubtful_report(stage)
    _hold(stage)


def _publish_report(stage: Stage) -> None:
    _as_report(stage)
    _publish(stage)


def _publish(stage: Stage, hear: Hear = _ignore) -> None:
    _import(stage, hear)


def _publish_and_delete(stage: Stage, hear: Hear = _ignore) -> None:
    _import(stage, hear, delete=True)


def _delete_if_there(stage: Stage) -> None:
    try:
        _publish_and_delete(stage)
    except SourceMissingError:
        if stage.source.exists():
            raise


def _hold(stage: Stage, hear: Hear = _ignore) -> None:
    _import(stage, hear, device=UNCONFIRMED)


def _fail(stage: Stage) -> None:
    try:
        with passing_by(_failing):
            _import(stage, _ignore)
    except DeidentificationError:
        return
    raise AssertionError("the import that was to fail did not")


def _die_with_pieces(stage: Stage) -> None:
    """An import is killed when it has finished pieces; they lie in its folder, in clear."""
    real = vars(video_import)["run_video"] is client.run_video
    connections.close_all()
    with contextlib.nullcontext() if real else passing_by(finishing):
        ended = fork(lambda: _import(stage, partial(_at_a_finished_piece, stage, _kill)))
    if ended.signal != signal.SIGKILL:
        raise AssertionError(f"the import that was to be killed ended: {ended.result()}")


def _keep_a_room(stage: Stage) -> None:
    """Pieces have been kept before, of other recordings; the room for them is never removed."""
    (stage.data / "pieces").mkdir(mode=0o700)


def _stop(stage: Stage, hear: Hear) -> None:
    """An import is stopped by Ctrl-C when it has finished pieces."""

    def listen(message: Message) -> None:
        hear(message)
        _at_a_finished_piece(stage, _interrupt, message)

    with contextlib.suppress(KeyboardInterrupt):
        _import(stage, listen)


def _at_a_finished_piece(stage: Stage, act: Callable[[], None], message: Message) -> None:
    if isinstance(message, Progress) and [*stage.data.glob("tmp/*/*.manifest")]:
        act()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _retry(stage: Stage, hear: Hear) -> None:
    VideoImportService(on_message=hear).retry(MediaFile.objects.get())


def _approve(stage: Stage, _hear: Hear = _ignore) -> None:
    review.approve(open_store(current_config()), MediaFile.objects.get(), actor="reviewer")


def _reject(stage: Stage, _hear: Hear = _ignore) -> None:
    store = open_store(current_config())
    review.reject(store, MediaFile.objects.get(), actor="reviewer", reason="a name shows")


def _import_and_approve(stage: Stage) -> None:
    _hold(stage)
    if MediaFile.objects.get().state == State.NEEDS_REVIEW:
        _approve(stage)


def _import_and_reject(stage: Stage) -> None:
    _hold(stage)
    _reject_if_not_done(stage)


def _publish_and_reject(stage: Stage) -> None:
    _publish(stage)
    _reject_if_not_done(stage)


def _reject_if_not_done(stage: Stage) -> None:
    if MediaFile.objects.get().state != State.REJECTED:
        _reject(stage)


def repair(_stage: Stage, _hear: Hear = _ignore) -> None:
    """What ``endoreg doctor --repair`` does."""
    for _result in examine(
        Examination(open_store(current_config()), repair=True, deep=False, stale_after=STALE_AFTER)
    ):
        pass


_PUBLISHED = Expected(State.PUBLISHED, published=True)
_REMOVED = Expected(State.PUBLISHED, published=True, source_removed=True)
_WAITS = Expected(State.NEEDS_REVIEW, published=False, candidate=True)
_REJECTED = Expected(State.REJECTED, published=False)

SCENARIOS: dict[str, Scenario] = {
    "publish": Scenario(_nothing, _publish, _publish, _PUBLISHED),
    "delete source": Scenario(_nothing, _publish_and_delete, _delete_if_there, _REMOVED),
    "needs review": Scenario(_nothing, _hold, _hold, _WAITS),
    "retry": Scenario(_fail, _retry, _publish, _PUBLISHED),
    "resume": Scenario(_die_with_pieces, _publish, _publish, _PUBLISHED, stand_in=going_on),
    "stop and resume": Scenario(_keep_a_room, _stop, _publish, _PUBLISHED, stand_in=finishing),
    "duplicate": Scenario(_publish, _publish_and_delete, _delete_if_there, _REMOVED),
    "approve": Scenario(_hold, _approve, _import_and_approve, _PUBLISHED, heals_itself=False),
    "reject": Scenario(_hold, _reject, _import_and_reject, _REJECTED, heals_itself=False),
    "take back": Scenario(_publish, _reject, _publish_and_reject, _REJECTED, heals_itself=False),
    "publish report": Scenario(_as_report, _publish, _publish, _PUBLISHED),
    "report needs review": Scenario(_as_doubtful_report, _hold, _hold, _WAITS),
    "approve report": Scenario(_hold_report, _approve, _import_and_approve, _PUBLISHED, heals_itself=False),
    "take back report": Scenario(
        _publish_report, _reject, _publish_and_reject, _REJECTED, heals_itself=False
    ),
}

#: Recovery itself is interrupted, on a stage that a killed "publish" has left.
REPAIR = Scenario(_nothing, repair, _publish, _PUBLISHED)
