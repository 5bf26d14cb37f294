"""``endoreg doctor`` says what is wrong, mends it when asked to, and answers by its exit code."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from endoreg_db.locking.file_lock import acquire
from tests.acceptance.command_line import Desk, Endoreg, lock_of, run_endoreg, run_installed


def _published(desk: Desk) -> Path:
    return desk.data / "published" / f"{desk.published}.mp4"


def test_an_intake_without_faults_is_well(desk: Desk) -> None:
    ended = run_endoreg("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0].split() == ["CHECK", "LOOKED", "AT", "WRONG", "MENDED"]
    assert ended.out.endswith("All is well.\n")
    assert "NOT WELL" not in ended.out


def test_machines_get_a_line_for_each_check(desk: Desk) -> None:
    ended = run_endoreg("doctor", "--json", "--deep")
    checks = {line["check"]: line for line in ended.lines}
    assert ended.code == 0
    assert all(line["well"] and line["problems"] == [] for line in checks.values())
    assert checks["stored originals"]["looked_at"] == 4  # three originals, one candidate


def test_a_stray_is_told_first_and_removed_only_when_asked(desk: Desk) -> None:
    stray = desk.data / "published" / f"{uuid4()}.mp4"
    stray.write_bytes(b"never verified")
    looked = run_endoreg("doctor")
    assert looked.code == 3
    assert f"published files: {stray} is named by no record" in looked.out
    assert "1 found; `endoreg doctor --repair` mends what can be mended." in looked.out
    assert stray.exists()
    mended = run_endoreg("doctor", "--repair")
    assert mended.code == 0
    assert "(mended)" in mended.out and mended.out.endswith("All is well now.\n")
    assert not stray.exists()
    assert run_endoreg("doctor").code == 0


def test_an_empty_database_is_not_put_in_charge_of_a_folder_that_holds_media(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held() -> set[Path]:
        return {path for room in ("vault", "published") for path in (desk.data / room).rglob("*")}

    before = held()
    monkeypatch.setenv("ENDOREG_DATABASE_URL", f"sqlite:///{tmp_path / 'another.sqlite3'}")
    for arguments in (("doctor", "--repair"), ("status",)):
        ended = run_installed(*arguments)
        assert ended.code == 2
        assert f"The database is new, but {desk.data} holds what another one has stored" in ended.err
        assert "ENDOREG_DATABASE_URL" in ended.err
    assert held() == before


def test_what_only_a_person_can_mend_stays_wrong_with_advice(desk: Desk) -> None:
    output = _published(desk)
    output.write_bytes(output.read_bytes()[:-1] + b"?")
    assert run_endoreg("doctor").code == 0, "only the deep look reads the bytes"
    ended = run_endoreg("doctor", "--deep", "--repair")
    assert ended.code == 3
    assert f"published records: {output} is not the file that was verified\n" in ended.out
    assert f"Restore it from the backup, or `endoreg reject {desk.published} --reason TEXT`." in ended.out
    assert ended.out.endswith("1 left for a person to decide.\n")


def test_the_doctor_says_who_holds_the_lock_of_a_file(endoreg: Endoreg, tmp_path: Path) -> None:
    source = tmp_path / "recording.mp4"
    source.write_bytes(b"a recording")
    with acquire(lock_of(source), stale_after=600.0):
        ended = endoreg("doctor", source)
        assert ended.code == 0
        assert f"locks: {lock_of(source)} is held by process {os.getpid()}, " in ended.out
    assert "is held by" not in endoreg("doctor", source).out


def test_the_doctor_says_that_a_file_is_not_there(endoreg: Endoreg, tmp_path: Path) -> None:
    missing = tmp_path / "gone" / "recording.mp4"
    ended = endoreg("doctor", missing)
    assert ended.code == 0, "nothing is wrong with the intake"
    assert f"locks: {missing} is not there, and has no lock\n" in ended.out
    missing.parent.mkdir()
    missing.write_bytes(b"a recording")
    assert "is not there" not in endoreg("doctor", missing).out


@pytest.mark.parametrize(("age", "code"), [(5.0, 0), (700.0, 3)])
def test_a_lock_of_unknown_owner_counts_until_it_is_stale(
    endoreg: Endoreg, tmp_path: Path, age: float, code: int
) -> None:
    lock = lock_of(tmp_path / "recording.mp4")
    lock.write_bytes(b"made by hand")
    then = lock.stat().st_mtime - age
    os.utime(lock, (then, then))
    ended = endoreg("doctor", tmp_path / "recording.mp4")
    assert ended.code == code
    wanted = "says nothing of its owner" if code == 0 else "was left behind by a dead worker"
    assert f"{lock} {wanted}" in ended.out
    assert endoreg("doctor", "--repair", tmp_path / "recording.mp4").code == 0
    assert lock.exists() == (code == 0)
