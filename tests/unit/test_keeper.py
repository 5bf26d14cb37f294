from __future__ import annotations

import threading

import pytest

from endoreg_db.locking.keeper import Keeper


def test_duties_are_called_until_the_keeper_stops() -> None:
    beats = threading.Semaphore(0)

    def beat() -> bool:
        beats.release()
        return True

    with Keeper(0.01) as keeper:
        keeper.add("lock", beat)
        assert all(beats.acquire(timeout=5) for _ in range(3))
    while beats.acquire(blocking=False):
        continue
    assert not beats.acquire(timeout=0.05), "a duty ran after the keeper had stopped"


def test_a_loss_is_reported_once_and_the_duty_ends() -> None:
    calls: list[str] = []
    second = threading.Event()

    def lose() -> bool:
        calls.append("lease")
        return False

    def renew() -> bool:
        if calls:
            second.set()
        return bool(calls)

    with Keeper(0.01) as keeper:
        keeper.add("lease", lose)
        keeper.add("lock", renew)
        assert second.wait(5)
        second.clear()
        assert second.wait(5)
        assert keeper.lost >= {"lease"}
    assert calls == ["lease"]


def test_a_duty_that_raises_is_tried_again() -> None:
    errors: list[tuple[str, str]] = []
    recovered = threading.Event()

    def renew() -> bool:
        if not errors:
            raise ConnectionError("the database restarts")
        recovered.set()
        return True

    with Keeper(0.01, on_error=lambda name, error: errors.append((name, str(error)))) as keeper:
        keeper.add("lease", renew)
        assert recovered.wait(5)
        assert not keeper.lost
    assert errors == [("lease", "the database restarts")]


def test_the_end_is_told_in_the_keepers_own_thread() -> None:
    ended_in: list[int] = []
    with Keeper(0.01, on_stop=lambda: ended_in.append(threading.get_ident())) as keeper:
        keeper.add("lock", lambda: True)
    assert len(ended_in) == 1
    assert ended_in[0] != threading.get_ident()


def test_stopping_twice_is_harmless() -> None:
    keeper = Keeper(10)
    with keeper:
        keeper.stop()
    assert not keeper.lost
    with pytest.raises(RuntimeError):
        keeper.__enter__()
