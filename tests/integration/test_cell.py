"""The border between an import and the child that holds the untrusted bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from endoreg_db.deid import cell_process
from endoreg_db.deid.cell_process import StoppedError, cell_environment
from endoreg_db.deid.client import run_video
from endoreg_db.deid.messages import EncodeSettings, Failed, Message, Probed, Progress, VideoTask
from endoreg_db.deid.wire import MAX_LINE, to_line
from endoreg_db.errors import DeidentificationError, InsufficientStorageError
from tests.conftest import DrawnOnce, small_profile
from tests.integration.video_clips import SMALL, deidentify, numbered, write_clip


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "recording.mp4"
    write_clip(path, [numbered(n) for n in range(100)], options={"preset": "ultrafast", "g": "10"})
    return path


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


def task_for(recording: Path, work_dir: Path, **changes: object) -> VideoTask:
    settings = EncodeSettings(preset="ultrafast")
    values = {"profile": SMALL, "workers": 2, "read_text": False, "encode": settings, **changes}
    return VideoTask(source=str(recording), work_dir=str(work_dir), **values)  # type: ignore[arg-type]


def processes_in(work_dir: Path) -> list[psutil.Process]:
    """All living processes that were started for this work folder: they have it as their home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(work_dir) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def workers_in(work_dir: Path) -> list[psutil.Process]:
    """The cell's own children that are alive."""
    inside = processes_in(work_dir)
    return [process for process in inside if process.ppid() in {other.pid for other in inside}]


def pipes_of(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since: it may be the one that lists them
            found.add(os.readlink(descriptor))
    return {link for link in found if link.startswith("pipe:")}


def gone(work_dir: Path, seconds: float = 5.0) -> bool:
    return eventually(lambda: not processes_in(work_dir), seconds)


def eventually(fact: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fact():
            return True
        time.sleep(0.02)
    return fact()


def test_messages_come_in_the_order_of_the_work_and_end_with_done(recording: Path, work_dir: Path) -> None:
    heard: list[Message] = []

    done = run_video(task_for(recording, work_dir), heard.append)

    assert isinstance(heard[0], Probed) and heard[-1] == done
    encoded = [m.done for m in heard if isinstance(m, Progress) and m.stage == "encode"]
    assert encoded == sorted(encoded) and encoded[-1] == 100
    assert list(done.timings) == ["probe", "encode", "join", "verify"]
    assert gone(work_dir)


def test_the_same_bytes_come_out_whatever_the_number_of_workers(recording: Path, tmp_path: Path) -> None:
    outputs = {
        Path(deidentify(recording, tmp_path / f"with-{n}", workers=n).candidate).read_bytes()
        for n in (1, 2, 3)
    }

    assert len(outputs) == 1


def test_nothing_but_the_candidate_is_left_in_the_work_folder(recording: Path, work_dir: Path) -> None:
    done = run_video(task_for(recording, work_dir), lambda _: None)

    assert [str(path) for path in work_dir.iterdir()] == [done.candidate]


class Interruption(BaseException):
    """Stands for Ctrl-C, which a test cannot send to itself without stopping the others."""


@pytest.mark.parametrize("error", [Interruption, RuntimeError])
def test_an_exception_while_listening_leaves_no_process(
    recording: Path, work_dir: Path, error: type[BaseException]
) -> None:
    def listen(message: Message) -> None:
        if isinstance(message, Progress):
            assert processes_in(work_dir)
            raise error

    with pytest.raises(error):
        run_video(task_for(recording, work_dir), listen)

    assert gone(work_dir)


def test_should_stop_ends_the_cell_at_once(recording: Path, work_dir: Path) -> None:
    asked = iter([False, False, True])

    with pytest.raises(StoppedError, match=recording.name):
        run_video(task_for(recording, work_dir), lambda _: None, should_stop=lambda: next(asked))

    assert gone(work_dir)


def test_a_killed_cell_is_reported_with_its_signal(recording: Path, work_dir: Path) -> None:
    def kill(message: Message) -> None:
        if isinstance(message, Probed):
            cell = min(processes_in(work_dir), key=lambda process: process.create_time())
            cell.send_signal(signal.SIGSEGV)

    with pytest.raises(DeidentificationError, match="killed by SIGSEGV"):
        run_video(task_for(recording, work_dir), kill)

    assert gone(work_dir)


def test_a_killed_worker_fails_the_recording(recording: Path, work_dir: Path) -> None:
    def kill_the_first() -> None:
        if eventually(lambda: bool(workers_in(work_dir))):
            workers_in(work_dir)[0].kill()

    slow = task_for(recording, work_dir, encode=EncodeSettings(preset="veryslow", crf=1))
    with ThreadPoolExecutor(1) as killer, pytest.raises(DeidentificationError, match="worker died"):
        killer.submit(kill_the_first)
        run_video(slow, lambda _: None)

    assert gone(work_dir)


def test_a_killed_parent_takes_its_cell_and_the_workers_along(recording: Path, work_dir: Path) -> None:
    slow = task_for(recording, work_dir, encode=EncodeSettings(preset="veryslow", crf=1))
    script = (
        "import sys\n"
        "from endoreg_db.deid.client import run_video\n"
        "from endoreg_db.deid.wire import task_from_line\n"
        "run_video(task_from_line(sys.stdin.buffer.readline()), lambda message: None)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    assert parent.stdin is not None
    parent.stdin.write(to_line(slow))
    parent.stdin.close()
    assert eventually(lambda: len(processes_in(work_dir)) >= 3)

    parent.kill()
    parent.wait()

    assert gone(work_dir)


def test_the_cell_inherits_no_secret_and_cannot_dump_core(
    recording: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOREG_DATABASE_URL", "postgresql://user:canary@host/db")
    seen: dict[str, object] = {}

    def look(message: Message) -> None:
        if isinstance(message, Probed):
            (cell, *_) = sorted(processes_in(work_dir), key=lambda process: process.create_time())
            seen["environment"] = str(cell.environ())
            seen["core"] = cell.rlimit(psutil.RLIMIT_CORE)
            seen["status"] = Path(f"/proc/{cell.pid}/status").read_text()
            seen["group"] = os.getpgid(cell.pid) == cell.pid

    run_video(task_for(recording, work_dir), look)

    assert "canary" not in str(seen["environment"]) and "ENDOREG" not in str(seen["environment"])
    assert seen["core"] == (0, 0)
    assert "NoNewPrivs:\t1" in str(seen["status"])
    assert seen["group"] is True


#: Notes how many threads there are at each fork; one that was joined takes a moment to be gone.
_WATCH_FORKS = """
import os, sys, time

def look():
    until = time.monotonic() + 1
    while len(threads := os.listdir("/proc/self/task")) > 1 and time.monotonic() < until:
        time.sleep(0.001)
    with open("forks", "a") as file:
        print(len(threads), file=file)

if "endoreg_db.deid.cell" in sys.orig_argv:
    os.register_at_fork(before=look)
"""


def test_the_cell_has_no_other_thread_when_it_forks(
    drawn_once: DrawnOnce, work_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thread that holds a lock at that moment, the child would have the lock and not the thread."""
    recording, _ = drawn_once(profile=small_profile())
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(_WATCH_FORKS)
    monkeypatch.syspath_prepend(str(hook))

    # Without a device, a further one reads what stands around the image; the others have begun, so it is new.
    run_video(task_for(recording, work_dir, profile=None, read_text=True), lambda _: None)

    assert (work_dir / "forks").read_text().split() == ["1"] * 3


def test_no_child_of_the_cell_can_speak_for_it(recording: Path, work_dir: Path) -> None:
    leading_here: list[set[str]] = []

    def look(message: Message) -> None:
        if isinstance(message, Progress) and message.stage == "encode":
            ours = pipes_of(os.getpid())
            errors = {worker.pid: os.readlink(f"/proc/{worker.pid}/fd/2") for worker in workers_in(work_dir)}
            leading_here.extend(ours & pipes_of(pid) - {error} for pid, error in errors.items())

    run_video(task_for(recording, work_dir), look)

    assert leading_here and set().union(*leading_here) == set()


def test_a_cell_that_is_killed_can_leave_nothing_in_shared_memory(recording: Path, work_dir: Path) -> None:
    """What it locks with has no name any more, which only a tidy end would remove."""
    mapped: list[str] = []

    def look(message: Message) -> None:
        if isinstance(message, Progress) and message.stage == "encode":
            for process in processes_in(work_dir):
                lines = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
                mapped.extend(line for line in lines if "/dev/shm/" in line)

    run_video(task_for(recording, work_dir), look)

    assert mapped and all(line.endswith(" (deleted)") for line in mapped)


def test_no_room_to_write_is_a_storage_error(recording: Path, work_dir: Path) -> None:
    # /dev/full answers every write as a full disk does.
    for number in range(4):
        (work_dir / f"segment-{number:05}.packets").symlink_to("/dev/full")

    with pytest.raises(InsufficientStorageError):
        run_video(task_for(recording, work_dir), lambda _: None)

    assert gone(work_dir)


#: Else the parent may find it gone before it has told it anything.
_READ_THE_TASK = "import sys; sys.stdin.buffer.readline()"


@contextmanager
def cell_that_says(monkeypatch: pytest.MonkeyPatch, script: str) -> Iterator[None]:
    """Put another program in the cell's place, as a subverted one would behave."""

    def start(task: VideoTask) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", f"{_READ_THE_TASK}\n{script}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=cell_environment(task.work_dir),
            start_new_session=True,
        )

    monkeypatch.setattr(cell_process, "_start", start)
    yield


@pytest.mark.parametrize(
    "script",
    [
        "print('hello')",
        "print('{}')",
        'print(\'{"kind": "Done", "body": {}}\')',
        'print(\'{"kind": "Progress", "body": {"stage": "encode", "done": -1, "total": null}}\')',
        'print(\'{"kind": "Progress", "body": {"stage": "encode", "done": 1e999, "total": null}}\')',
        'print(\'{"kind": "VideoTask", "body": {}}\')',
        f"import sys\nwhile True: sys.stdout.write('x' * 65536)  # more than {MAX_LINE}",
    ],
)
def test_nonsense_from_the_cell_is_refused(
    recording: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    heard: list[Message] = []
    with cell_that_says(monkeypatch, script), pytest.raises(DeidentificationError, match="nonsense"):
        run_video(task_for(recording, work_dir), heard.append)

    assert heard == []


def test_a_cell_that_ends_silently_is_reported_without_quoting_it(
    recording: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "raise ValueError('Erika Mustermann')"
    with cell_that_says(monkeypatch, script), pytest.raises(DeidentificationError, match="code 1") as caught:
        run_video(task_for(recording, work_dir), lambda _: None)

    told = " ".join([str(caught.value), *caught.value.__notes__])
    assert "ValueError" in told and "Mustermann" not in told


@pytest.mark.parametrize("place", ["outside", "link", "folder", "missing", "parent"])
def test_a_candidate_that_is_not_the_cells_own_file_is_refused(
    recording: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    done = run_video(task_for(recording, work_dir), lambda _: None)
    secret = work_dir.parent / "secret.key"
    secret.write_bytes(b"key")
    (work_dir / "link").symlink_to(secret)
    (work_dir / "folder").mkdir()
    path = {"outside": secret, "parent": work_dir / ".." / "secret.key"}.get(place, work_dir / place)
    line = to_line(replace(done, candidate=str(path))).decode()
    script = f"print({line!r}, end='')"

    with cell_that_says(monkeypatch, script), pytest.raises(DeidentificationError, match="not its own"):
        run_video(task_for(recording, work_dir), lambda _: None)


def test_what_the_cell_failed_at_becomes_the_error_of_that_kind(
    recording: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = to_line(Failed("storage", "There is no room")).decode()
    with (
        cell_that_says(monkeypatch, f"print({line!r}, end='')"),
        pytest.raises(InsufficientStorageError, match=r"There is no room: Fallbericht"),
    ):
        run_video(task_for(recording, work_dir), lambda _: None, name="Fallbericht")
