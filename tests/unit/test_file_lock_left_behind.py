"""Locks that nobody holds any more: who takes them over, and how anybody can tell."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from endoreg_db.locking.file_lock import (
    LockHeldError,
    LockState,
    acquire,
    inspect,
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
from tests.unit.lock_files import (
    STALE,
    age,
    foreign_owner,
    in_forked_child,
    leave_dead_lock,
    other_process_holding,
    write_record,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.mp4.lock"


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
