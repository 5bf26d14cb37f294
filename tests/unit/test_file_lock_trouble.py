"""The file lock where children are forked, nothing can be written, clocks are wrong, or calls fail."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from endoreg_db.locking import posix_files
from endoreg_db.locking.file_lock import (
    LockHeldError,
    LockState,
    LockUnusableError,
    acquire,
    inspect,
    remove_if_dead,
)
from tests.unit.lock_files import (
    STALE,
    age,
    in_forked_child,
    leave_dead_lock,
    open_descriptors,
    wait_until,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.mp4.lock"


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
                wait_until(lambda: inspect(path).state is LockState.DEAD)
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
