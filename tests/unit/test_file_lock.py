"""The file lock on the real file system, one behaviour at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import multiprocessing
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from endoreg_db.locking import file_lock, posix_files
from endoreg_db.locking.file_lock import (
    LockHeldError,
    LockState,
    LockUnusableError,
    acquire,
    inspect,
    lock_path_for,
    remove_if_dead,
)
from endoreg_db.locking.owner import (
    ATTRIBUTE,
    Owner,
    Place,
    Process,
    current_owner,
    decode,
    may_run,
    read_place,
)

STALE = 600.0
HOLDER = """
import sys, time
from pathlib import Path
from endoreg_db.locking.file_lock import acquire
lock = acquire(Path(sys.argv[1]), stale_after=600.0)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.mp4.lock"


@contextlib.contextmanager
def other_process_holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def leave_dead_lock(path: Path) -> None:
    with other_process_holding(path) as process:
        process.kill()
        process.wait()
    assert path.exists()


def write_record(path: Path, owner: Owner) -> None:
    path.write_bytes(b"lock")
    os.setxattr(path, ATTRIBUTE, owner)


def foreign_owner(*, machine: bytes = b"elsewher") -> Owner:
    """An owner on another host, or, with our machine id, from before a restart (or on a clone)."""
    me = current_owner()
    place = dataclasses.replace(me.process.place, machine=machine, boot=b"another boot id!")
    return Owner.of(dataclasses.replace(me.process, place=place), me.token)


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def in_forked_child(work: Callable[[], bool]) -> bool:
    """Run in a child made by fork alone, and return what it found."""
    process = multiprocessing.get_context("fork").Process(target=lambda: sys.exit(0 if work() else 1))
    with warnings.catch_warnings():
        # Python 3.12 warns of forks in a process with threads, which a test runner's worker is.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    process.join(20)
    return process.exitcode == 0


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class TestAcquireAndRelease:
    def test_lock_file_has_four_bytes_mode_644_and_an_owner_record(self, path: Path) -> None:
        previous = os.umask(0o022)
        try:
            with acquire(path, stale_after=STALE) as lock:
                assert path.read_bytes() == b"lock"
                assert stat.S_IMODE(path.stat().st_mode) == 0o644
                assert os.getxattr(path, ATTRIBUTE) == lock.owner
        finally:
            os.umask(previous)

    def test_it_is_made_with_one_exclusive_open(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real_open, calls = os.open, []

        def note(name: str, flags: int, mode: int = 0o777) -> int:
            calls.append((name, flags, mode))
            return real_open(name, flags, mode)

        monkeypatch.setattr(os, "open", note)
        acquire(path, stale_after=STALE).release()
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        assert calls == [(os.fspath(path), flags, 0o644)]

    def test_release_removes_the_file(self, path: Path) -> None:
        acquire(path, stale_after=STALE).release()
        assert not path.exists()

    def test_error_inside_the_block_releases_the_lock(self, path: Path) -> None:
        with pytest.raises(RuntimeError, match="inside"), acquire(path, stale_after=STALE):
            raise RuntimeError("inside")
        assert not path.exists()

    def test_no_descriptor_is_left_open_by_grants_refusals_and_looks(self, path: Path) -> None:
        before = open_descriptors()
        for _ in range(3):
            with acquire(path, stale_after=STALE):
                with pytest.raises(LockHeldError):
                    acquire(path, stale_after=STALE)
                inspect(path)
                remove_if_dead(path, stale_after=STALE)
        assert open_descriptors() == before

    def test_second_acquirer_in_the_same_process_is_refused_and_leaves_the_lock_alone(
        self, path: Path
    ) -> None:
        with acquire(path, stale_after=STALE) as lock:
            with pytest.raises(LockHeldError) as refusal:
                acquire(path, stale_after=STALE)
            assert refusal.value.holder == lock.owner
            assert path.exists()
        acquire(path, stale_after=STALE).release()

    def test_of_two_threads_only_one_gets_it(self, path: Path) -> None:
        barrier = threading.Barrier(2)
        outcomes: list[str] = []

        def work() -> None:
            barrier.wait()
            try:
                lock = acquire(path, stale_after=STALE)
            except LockHeldError:
                outcomes.append("refused")
                barrier.wait()
            else:
                outcomes.append("held")
                barrier.wait()
                lock.release()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["held", "refused"]

    def test_other_process_is_refused_at_once_and_named(self, path: Path) -> None:
        with other_process_holding(path) as process:
            with pytest.raises(LockHeldError, match=f"process {process.pid}"):
                acquire(path, stale_after=STALE)
            assert path.exists()

    def test_name_that_is_not_utf8_can_be_locked(self, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"Gastroskopie \xfc.mp4.lock")
        with acquire(path, stale_after=STALE), pytest.raises(LockHeldError):
            acquire(path, stale_after=STALE)
        assert not path.exists()

    def test_relative_path_is_released_from_another_folder(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(path.parent)
        with acquire(Path(path.name), stale_after=STALE):
            assert path.exists()
            monkeypatch.chdir("/")
        assert not path.exists()


class TestReleaseOnlyRemovesItsOwn:
    def test_again_does_nothing(self, path: Path) -> None:
        lock = acquire(path, stale_after=STALE)
        lock.release()
        with acquire(path, stale_after=STALE):
            lock.release()
            assert path.exists()

    def test_deleted_by_hand_and_taken_by_another(self, path: Path) -> None:
        first = acquire(path, stale_after=STALE)
        path.unlink()
        with acquire(path, stale_after=STALE) as second:
            assert not first.renew()
            first.release()
            assert path.exists()
            assert second.renew()

    def test_moved_away_by_hand(self, path: Path) -> None:
        lock = acquire(path, stale_after=STALE)
        path.rename(path.with_suffix(".moved"))
        path.touch()
        assert not lock.renew()
        lock.release()
        assert path.exists()

    def test_deleted_by_hand_and_nothing_in_its_place(self, path: Path) -> None:
        lock = acquire(path, stale_after=STALE)
        path.unlink()
        assert not lock.renew()
        lock.release()

    def test_lock_is_free_even_if_its_file_cannot_be_removed(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(self: posix_files.PosixFiles, path: str) -> None:
            raise OSError(errno.EROFS, "Read-only file system", path)

        lock = acquire(path, stale_after=STALE)
        with monkeypatch.context() as fault:
            fault.setattr(posix_files.PosixFiles, "unlink", refuse)
            with pytest.raises(OSError, match="Read-only"):
                lock.release()
        assert path.exists()
        acquire(path, stale_after=STALE).release()


class TestLeftBehind:
    def test_lock_of_a_killed_process_is_taken_over_at_once(self, path: Path) -> None:
        leave_dead_lock(path)
        inode = path.stat().st_ino
        reclaimed: list[float] = []
        started = time.perf_counter()
        with acquire(path, stale_after=STALE, on_reclaim=reclaimed.append) as lock:
            assert time.perf_counter() - started < 0.05
            assert [0 <= seconds < 60 for seconds in reclaimed] == [True]
            assert path.stat().st_ino == inode
            assert os.getxattr(path, ATTRIBUTE) == lock.owner

    @pytest.mark.parametrize("content", [b"", b"lock", b"corrupted data\n" * 1000])
    def test_lock_made_by_hand_is_held_while_young(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(LockHeldError) as refusal:
            acquire(path, stale_after=STALE)
        assert refusal.value.holder is None
        assert refusal.value.age is not None
        assert 0 <= refusal.value.age < 60
        assert path.read_bytes() == content

    @pytest.mark.parametrize("content", [b"", b"lock", b"corrupted data\n" * 1000])
    def test_stale_lock_is_taken_over_with_one_notice(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        age(path, 610)
        reclaimed: list[float] = []
        with acquire(path, stale_after=STALE, on_reclaim=reclaimed.append):
            assert len(reclaimed) == 1
            assert 609 < reclaimed[0] < 660
            assert path.read_bytes() == b"lock"
            assert time.time() - path.stat().st_mtime < 60
        assert not path.exists()

    def test_corrupt_owner_record_counts_as_none(self, path: Path) -> None:
        path.write_bytes(b"lock")
        os.setxattr(path, ATTRIBUTE, b"\x07 not a record")
        with pytest.raises(LockHeldError):
            acquire(path, stale_after=STALE)
        age(path, 610)
        acquire(path, stale_after=STALE).release()

    def test_time_in_the_future_is_not_stale(self, path: Path) -> None:
        path.touch()
        age(path, -86400)
        with pytest.raises(LockHeldError) as refusal:
            acquire(path, stale_after=STALE)
        assert refusal.value.age is not None
        assert refusal.value.age < 0

    def test_dead_owner_is_dead_whatever_the_time_says(self, path: Path) -> None:
        leave_dead_lock(path)
        age(path, -86400)
        reclaimed: list[float] = []
        acquire(path, stale_after=STALE, on_reclaim=reclaimed.append).release()
        assert reclaimed == [0.0]

    def test_live_holder_is_never_pushed_aside_however_old_its_lock(self, path: Path) -> None:
        with other_process_holding(path):
            age(path, 86400)
            with pytest.raises(LockHeldError):
                acquire(path, stale_after=STALE)
            assert not remove_if_dead(path, stale_after=STALE)
            assert path.exists()

    def test_foreign_host_is_believed_until_stale(self, path: Path) -> None:
        write_record(path, foreign_owner())
        with pytest.raises(LockHeldError):
            acquire(path, stale_after=STALE)
        age(path, 610)
        acquire(path, stale_after=STALE).release()

    def test_lock_from_before_a_restart_of_this_machine_is_dead(self, path: Path) -> None:
        machine = current_owner().process.place.machine
        if not any(machine):
            pytest.skip("this machine has no machine id")
        write_record(path, foreign_owner(machine=machine))
        with pytest.raises(LockHeldError):  # younger than this boot: a clone of this machine, alive
            acquire(path, stale_after=1e9)
        age(path, time.clock_gettime(time.CLOCK_BOOTTIME) + 60)
        acquire(path, stale_after=1e9).release()

    def test_notice_that_fails_leaves_the_lock_to_the_next(self, path: Path) -> None:
        leave_dead_lock(path)

        def fail(age: float) -> None:
            raise RuntimeError("no log")

        with pytest.raises(RuntimeError, match="no log"):
            acquire(path, stale_after=STALE, on_reclaim=fail)
        assert inspect(path).state is LockState.DEAD
        acquire(path, stale_after=STALE).release()

    def test_another_users_dead_lock_is_replaced(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As root every file opens for writing, so the refusal is injected."""
        leave_dead_lock(path)
        real_open = os.open

        def not_for_writing(name: str, flags: int, mode: int = 0o777) -> int:
            if name == os.fspath(path) and flags & os.O_ACCMODE == os.O_RDWR and not flags & os.O_CREAT:
                raise PermissionError(errno.EACCES, "Permission denied", name)
            return real_open(name, flags, mode)

        monkeypatch.setattr(os, "open", not_for_writing)
        reclaimed: list[float] = []
        with acquire(path, stale_after=STALE, on_reclaim=reclaimed.append) as lock:
            assert len(reclaimed) == 1
            assert os.getxattr(path, ATTRIBUTE) == lock.owner


class TestRenew:
    def test_lock_is_young_again(self, path: Path) -> None:
        with acquire(path, stale_after=STALE) as lock:
            age(path, 590)
            assert lock.renew()
            assert time.time() - path.stat().st_mtime < 60

    def test_released_lock_cannot_be_renewed(self, path: Path) -> None:
        lock = acquire(path, stale_after=STALE)
        lock.release()
        assert not lock.renew()

    def test_renewing_while_another_thread_releases_touches_no_other_file(self, tmp_path: Path) -> None:
        bystander = tmp_path / "bystander"
        bystander.touch()
        age(bystander, 1000)
        for number in range(50):
            lock = acquire(tmp_path / f"{number}.lock", stale_after=STALE)
            renewing = threading.Thread(target=lambda held=lock: [held.renew() for _ in range(20)])
            renewing.start()
            lock.release()
            fd = os.open(bystander, os.O_RDONLY)  # may get the number that the lock had
            renewing.join()
            os.close(fd)
        assert time.time() - bystander.stat().st_mtime > 900


class TestForkedChildren:
    def test_child_neither_renews_nor_releases(self, path: Path) -> None:
        with acquire(path, stale_after=STALE) as lock:

            def renew_and_release() -> bool:
                renewed = lock.renew()
                lock.release()
                return not renewed

            assert in_forked_child(renew_and_release)
            assert path.exists()
            with pytest.raises(LockHeldError):
                acquire(path, stale_after=STALE)

    def test_child_is_refused_the_parents_lock(self, path: Path) -> None:
        def is_refused() -> bool:
            try:
                acquire(path, stale_after=STALE)
            except LockHeldError:
                return True
            return False

        with acquire(path, stale_after=STALE):
            assert in_forked_child(is_refused)
            assert path.exists()

    def test_child_does_not_keep_a_dead_parents_lock_alive(self, path: Path) -> None:
        script = """
import os, sys, time
from pathlib import Path
from endoreg_db.locking.file_lock import acquire
lock = acquire(Path(sys.argv[1]), stale_after=600.0)
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""
        command = [sys.executable, "-c", script, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            parent.kill()
            parent.wait()
            try:
                _wait_until(lambda: inspect(path).state is LockState.DEAD)
                acquire(path, stale_after=STALE).release()
                os.kill(child, 0)  # it was there all the time
            finally:
                os.kill(child, signal.SIGKILL)

    def test_program_started_by_the_holder_does_not_inherit_the_lock(self, path: Path) -> None:
        lock = acquire(path, stale_after=STALE)
        with subprocess.Popen(["sleep", "60"], close_fds=False) as program:
            try:
                lock.release()
                acquire(path, stale_after=STALE).release()
            finally:
                program.kill()

    def test_child_can_lock_for_itself(self, path: Path, tmp_path: Path) -> None:
        own = tmp_path / "own.lock"

        def work() -> bool:
            with acquire(own, stale_after=STALE) as mine:
                return mine.owner.process.pid == os.getpid() and own.exists()

        with acquire(path, stale_after=STALE):
            assert in_forked_child(work)
        assert not own.exists()


class TestNoLockCanBeThere:
    def _make_link(self, path: Path) -> None:
        target = path.with_name("target")
        target.write_text("untouched")
        path.symlink_to(target)

    def _make_socket(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            # A socket's path is bound to 108 bytes, which a temporary folder may exceed.
            here = Path.cwd()
            os.chdir(path.parent)
            try:
                server.bind(path.name)
            finally:
                os.chdir(here)

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("link", "a symbolic link"),
            ("folder", "a folder"),
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
        ],
    )
    @pytest.mark.parametrize("how", ["acquire", "inspect", "remove"])
    def test_what_is_no_file_is_refused_and_left_alone(
        self, path: Path, kind: str, name: str, how: str
    ) -> None:
        makers: dict[str, Callable[[Path], object]] = {
            "link": self._make_link,
            "folder": Path.mkdir,
            "pipe": os.mkfifo,
            "socket": self._make_socket,
        }
        makers[kind](path)
        before = path.lstat()
        use: dict[str, Callable[[], object]] = {
            "acquire": lambda: acquire(path, stale_after=STALE),
            "inspect": lambda: inspect(path),
            "remove": lambda: remove_if_dead(path, stale_after=STALE),
        }
        with pytest.raises(LockUnusableError, match=name) as refusal:
            use[how]()
        assert refusal.value.path == str(path)
        assert path.lstat().st_ino == before.st_ino
        assert isinstance(refusal.value, OSError)

    def test_dangling_link_is_refused_and_its_target_not_made(self, path: Path) -> None:
        path.symlink_to(path.with_name("target"))
        with pytest.raises(LockUnusableError, match="a symbolic link"):
            acquire(path, stale_after=STALE)
        assert not path.with_name("target").exists()

    def test_missing_folder_is_an_ordinary_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            acquire(tmp_path / "no such folder" / "x.lock", stale_after=STALE)


class TestFaults:
    """What the file system refuses must leave nothing behind, in the folder or in the process."""

    @pytest.mark.parametrize("step", ["try_lock", "identify", "record", "fill"])
    @pytest.mark.parametrize("fault", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
    def test_error_while_making_the_lock_leaves_no_lock(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, step: str, fault: BaseException
    ) -> None:
        self._fail_once(monkeypatch, step, fault)
        before = open_descriptors()
        with pytest.raises(type(fault)):
            acquire(path, stale_after=STALE)
        assert not path.exists()
        assert open_descriptors() == before

    @pytest.mark.parametrize("step", ["try_lock", "names", "record", "cut", "fill", "now"])
    def test_error_while_adopting_leaves_a_lock_that_can_be_adopted(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        leave_dead_lock(path)
        self._fail_once(monkeypatch, step, OSError(errno.ENOSPC, "No space left on device"))
        before = open_descriptors()
        with pytest.raises(OSError, match="No space"):
            acquire(path, stale_after=STALE)
        assert open_descriptors() == before
        acquire(path, stale_after=STALE).release()

    def test_too_many_open_files(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_arguments: object) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        with monkeypatch.context() as fault:
            fault.setattr(os, "open", refuse)
            with pytest.raises(OSError, match="Too many open files"):
                acquire(path, stale_after=STALE)
        acquire(path, stale_after=STALE).release()

    def test_without_extended_attributes_it_locks_and_goes_by_age(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unsupported(*_arguments: object) -> bytes:
            raise OSError(errno.ENOTSUP, "Operation not supported")

        monkeypatch.setattr(os, "setxattr", unsupported)
        monkeypatch.setattr(os, "getxattr", unsupported)
        with acquire(path, stale_after=STALE):
            with pytest.raises(LockHeldError):
                acquire(path, stale_after=STALE)
            age(path, 610)
            with pytest.raises(LockHeldError):  # old, but its flock is there
                acquire(path, stale_after=STALE)
        assert not path.exists()
        path.touch()
        age(path, 610)
        acquire(path, stale_after=STALE).release()

    def test_file_system_without_flock_is_named_and_left_clean(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_locks(fd: int, operation: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", no_locks)
        with pytest.raises(LockUnusableError, match="No locks available"):
            acquire(path, stale_after=STALE)
        assert not path.exists()

    def test_read_only_folder_is_named(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(name: str, *_arguments: object) -> int:
            raise OSError(errno.EROFS, "Read-only file system", name)

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(LockUnusableError, match="Read-only"):
            acquire(path, stale_after=STALE)

    def _fail_once(self, monkeypatch: pytest.MonkeyPatch, step: str, fault: BaseException) -> None:
        real = getattr(posix_files.PosixFiles, step)
        faults = [fault]

        def fail(*arguments: object) -> object:
            if faults:
                raise faults.pop()
            return real(*arguments)

        monkeypatch.setattr(posix_files.PosixFiles, step, fail)


class TestFileSystemClock:
    def test_unnamed_and_named_clock_files_agree_and_leave_nothing(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = posix_files.PosixFiles()
        unnamed = files.now(os.fspath(path))
        monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_CREAT)  # refused: EINVAL
        named = files.now(os.fspath(path))
        assert abs(named - unnamed) < 5
        assert list(path.parent.iterdir()) == []

    def test_age_goes_by_the_server_not_by_this_hosts_clock(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path.touch()
        monkeypatch.setattr(time, "time", lambda: path.stat().st_mtime + 86400)
        with pytest.raises(LockHeldError):
            acquire(path, stale_after=STALE)

    def test_where_nothing_can_be_written_this_hosts_clock_has_to_do(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_arguments: object) -> int:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(os, "open", refuse)
        assert abs(posix_files.PosixFiles().now(os.fspath(path)) - time.time()) < 5


class TestInspect:
    def test_no_lock(self, path: Path) -> None:
        assert inspect(path).state is LockState.FREE

    def test_held_lock_names_its_owner_and_stays_held(self, path: Path) -> None:
        with acquire(path, stale_after=STALE) as lock:
            before = path.stat()
            found = inspect(path)
            assert (found.state, found.owner) == (LockState.HELD, lock.owner)
            assert path.stat().st_mtime_ns == before.st_mtime_ns
            assert lock.renew()

    def test_dead_lock(self, path: Path) -> None:
        leave_dead_lock(path)
        found = inspect(path)
        assert found.state is LockState.DEAD
        assert found.owner is not None
        assert found.age is not None
        assert 0 <= found.age < 60

    @pytest.mark.parametrize("seconds", [0, 100, 86400])
    def test_lock_made_by_hand_is_unknown_at_any_age(self, path: Path, seconds: int) -> None:
        path.touch()
        age(path, seconds)
        assert inspect(path).state is LockState.UNKNOWN

    def test_looking_all_the_time_never_makes_an_acquirer_fail(self, path: Path) -> None:
        """The lock is dead before every acquisition: the case in which looking takes the flock."""
        leave_dead_lock(path)
        record = os.getxattr(path, ATTRIBUTE)
        stop = threading.Event()
        looks = 0

        def watch() -> None:
            nonlocal looks
            while not stop.is_set():
                inspect(path)
                looks += 1

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for _ in range(300):
                acquire(path, stale_after=STALE).release()
                made = path.with_suffix(".made")
                made.write_bytes(b"lock")
                os.setxattr(made, ATTRIBUTE, record)
                made.rename(path)
        finally:
            stop.set()
            watcher.join()
        assert looks > 50


class TestRemoveIfDead:
    def test_dead_lock_is_removed(self, path: Path) -> None:
        leave_dead_lock(path)
        reclaimed: list[float] = []
        assert remove_if_dead(path, stale_after=STALE, on_reclaim=reclaimed.append)
        assert not path.exists()
        assert len(reclaimed) == 1

    def test_stale_lock_is_removed(self, path: Path) -> None:
        path.touch()
        age(path, 610)
        assert remove_if_dead(path, stale_after=STALE)
        assert not path.exists()

    def test_young_lock_made_by_hand_stays(self, path: Path) -> None:
        path.touch()
        assert not remove_if_dead(path, stale_after=STALE)
        assert path.exists()

    def test_held_lock_stays(self, path: Path) -> None:
        with acquire(path, stale_after=STALE) as lock:
            assert not remove_if_dead(path, stale_after=STALE)
            assert lock.renew()

    def test_no_lock(self, path: Path) -> None:
        assert not remove_if_dead(path, stale_after=STALE)


class TestOwner:
    def test_record_fits_into_the_inode_and_comes_back_whole(self) -> None:
        process = Process(Place(b"machine!", b"sixteen bytes id"), pid=2**22, started=2**63)
        record = Owner.of(process, token=2**64 - 1)
        assert len(record) <= 56
        found = decode(bytes(record))
        assert found is not None
        assert (found.process, found.token) == (process, 2**64 - 1)

    def test_it_names_this_very_process(self) -> None:
        me = current_owner().process
        assert me.pid == os.getpid()
        # What `ps` calls the start, in clock ticks after boot: not before the machine, not after now.
        assert 0 < me.started / os.sysconf("SC_CLK_TCK") <= time.clock_gettime(time.CLOCK_BOOTTIME)

    def test_no_two_grants_are_alike(self) -> None:
        assert len({current_owner() for _ in range(1000)}) == 1000

    def test_forked_child_is_another_owner(self) -> None:
        me = current_owner().process
        assert in_forked_child(lambda: current_owner().process.pid == os.getpid() != me.pid)

    @pytest.mark.parametrize("record", [b"", b"lock", bytes(45), b"\x02" + bytes(44), b"\x01" + bytes(45)])
    def test_other_bytes_are_no_record(self, record: bytes) -> None:
        assert decode(record) is None

    def test_machine_id_is_not_shown_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (tmp_path / "boot_id").write_text("00112233-4455-6677-8899-aabbccddeeff\n")
        place = read_place(tmp_path / "boot_id", tmp_path / "machine-id")
        assert place.boot.hex() == "00112233445566778899aabbccddeeff"
        assert any(place.machine)
        assert place.machine.hex() not in "0123456789abcdef0123456789abcdef"

    @pytest.mark.parametrize("content", [None, "", "not an id\n"])
    def test_unknown_place_is_nobodys(self, tmp_path: Path, content: str | None) -> None:
        if content is not None:
            (tmp_path / "boot_id").write_text(content)
            (tmp_path / "machine-id").write_text("")
        place = read_place(tmp_path / "boot_id", tmp_path / "machine-id")
        owner = Owner.of(Process(place, 1, 1), 1)
        assert not owner.is_under_kernel_of(owner)
        assert not owner.is_on_machine_of(owner)

    def test_running_process_may_run(self) -> None:
        for pid in (os.getpid(), 1):
            assert may_run(Owner.of(Process(Place(bytes(8), bytes(16)), pid, 0), 0))

    def test_ended_process_does_not_run(self) -> None:
        with subprocess.Popen(["true"]) as ended:
            ended.wait()
        assert not may_run(Owner.of(Process(Place(bytes(8), bytes(16)), ended.pid, 0), 0))


class TestLockPath:
    def test_beside_the_source(self, tmp_path: Path) -> None:
        source = tmp_path / "a.b.mp4"
        assert lock_path_for(source, tmp_path / "locks") == tmp_path / "a.b.mp4.lock"

    def test_relative_source_keeps_its_form(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert lock_path_for(Path("a.mp4"), tmp_path / "locks") == Path("a.mp4.lock")

    def test_name_of_250_bytes_still_fits(self, tmp_path: Path) -> None:
        source = tmp_path / ("x" * 250)
        assert lock_path_for(source, tmp_path / "locks").parent == tmp_path

    @pytest.mark.parametrize("name", ["x" * 251, "x" * 255, "ü" * 127])
    def test_name_too_long_for_the_suffix_goes_to_the_other_folder(self, tmp_path: Path, name: str) -> None:
        other = tmp_path / "locks"
        other.mkdir()
        path = lock_path_for(tmp_path / name, other)
        assert path.parent == other
        with acquire(path, stale_after=STALE), pytest.raises(LockHeldError):
            acquire(lock_path_for(tmp_path / name, other), stale_after=STALE)

    def test_read_only_folder(self, tmp_path: Path) -> None:
        other = tmp_path / "locks"
        assert lock_path_for(Path("/proc/self/mounts"), other).parent == other

    def test_same_source_by_relative_and_absolute_path_has_one_lock(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        name = "x" * 255
        assert lock_path_for(Path(name), tmp_path) == lock_path_for(tmp_path / name, tmp_path)

    def test_different_sources_have_different_locks(self, tmp_path: Path) -> None:
        paths = {lock_path_for(tmp_path / f"{n}{'x' * 254}", tmp_path) for n in range(5)}
        assert len(paths) == 5

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert lock_path_for(tmp_path / "no" / "a.mp4", tmp_path).parent == tmp_path


def _wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_silence_is_the_default_notice(path: Path) -> None:
    path.touch()
    age(path, 610)
    with acquire(path, stale_after=STALE) as lock:
        assert isinstance(lock, file_lock.HeldLock)
