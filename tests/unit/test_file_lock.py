"""The file lock on the real file system, one behaviour at a time."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from endoreg_db.locking import file_lock, posix_files
from endoreg_db.locking.file_lock import (
    LockHeldError,
    acquire,
    inspect,
    lock_path_for,
    remove_if_dead,
)
from endoreg_db.locking.owner import (
    ATTRIBUTE,
)
from tests.unit.lock_files import (
    STALE,
    age,
    open_descriptors,
    other_process_holding,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.mp4.lock"


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


def test_silence_is_the_default_notice(path: Path) -> None:
    path.touch()
    age(path, 610)
    with acquire(path, stale_after=STALE) as lock:
        assert isinstance(lock, file_lock.HeldLock)
