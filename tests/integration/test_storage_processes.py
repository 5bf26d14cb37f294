"""Many processes at once, killed processes, full disks: with real ones."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from endoreg_db.storage.durable import UNFINISHED_SUFFIX
from endoreg_db.storage.keys import load_key
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.vault import Vault

WORKERS = 8


def run_together(script: str, *arguments: str | Path) -> list[str]:
    """Run ``script`` in 8 processes that all start its last line at the same moment."""
    *setup, action = script.strip().splitlines()
    waiting = "print('ready', flush=True); sys.stdin.read()"
    program = "\n".join(["import sys; from pathlib import Path", *setup, waiting, action])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(WORKERS)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    outputs = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * WORKERS
    return outputs


def test_processes_that_make_the_key_at_once_end_with_one_key(tmp_path: Path) -> None:
    script = """
from endoreg_db.storage.keys import load_or_create_key
print([load_or_create_key(f).key_id.hex() for f in sorted(Path(sys.argv[1]).iterdir())])
"""
    for number in range(20):
        (tmp_path / f"{number:02}").mkdir()
    outputs = run_together(script, tmp_path)
    assert set(outputs) == {str([load_key(folder).key_id.hex() for folder in sorted(tmp_path.iterdir())])}
    assert {path.name for path in tmp_path.glob("*/*")} == {"vault.key"}


def test_processes_that_start_at_once_make_one_data_folder(tmp_path: Path) -> None:
    script = """
from endoreg_db.storage.layout import DataFolder
for n in range(20): DataFolder(Path(sys.argv[1], str(n), "data")).prepare()
"""
    run_together(script, tmp_path)
    roots = [DataFolder(tmp_path / str(n) / "data") for n in range(20)]
    for folder in roots:
        folder.prepare(first_start=False)
        assert sorted(p.name for p in folder.keys.iterdir()) == ["pseudonym.key", "vault.key"]
    assert {p.name for f in roots for p in f.root.iterdir() if p.is_file()} == {".endoreg"}


def test_of_processes_that_keep_one_content_exactly_one_stores_it(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    data.prepare()
    for number in range(10):
        (tmp_path / f"source{number}").write_bytes(bytes([number]) * 1000)
    script = """
from endoreg_db.storage.keys import load_key
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.vault import Vault
data = DataFolder(Path(sys.argv[1], "data"))
vault = Vault(data.vault, load_key(data.keys))
ready = [vault.ingest(Path(sys.argv[1], f"source{n}"), data.tmp) for n in range(10)]
print("".join("stored " if vault.keep(i) else "there " for i in ready))
"""
    outputs = [line.split() for line in run_together(script, tmp_path)]
    vault = Vault(data.vault, load_key(data.keys))
    assert [sum(row[n] == "stored" for row in outputs) for n in range(10)] == [1] * 10
    assert [vault.verify(address) for address in vault.addresses()] == [True] * 10
    assert list(data.tmp.iterdir()) == []


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """Old or new, never a mixture; what else is left is named as unfinished."""
    target, size = tmp_path / "file", 2**20
    script = (
        "import sys; from pathlib import Path\n"
        "from endoreg_db.storage.durable import write_durably\n"
        "write_durably(Path(sys.argv[1]), b'0' * 2**20); print('ready', flush=True)\n"
        "while True:\n"
        "    for content in b'1', b'2': write_durably(Path(sys.argv[1]), content * 2**20)\n"
    )
    chance = random.Random(7)
    for _ in range(15):
        with subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
        content = target.read_bytes()
        assert content in {digit * size for digit in (b"0", b"1", b"2")}
    others = [path.name for path in tmp_path.iterdir() if path != target]
    assert all(name.startswith(".") and name.endswith(UNFINISHED_SUFFIX) for name in others)


FULL_DISK = """
import os, sys
from pathlib import Path
from endoreg_db.errors import InsufficientStorageError
from endoreg_db.storage.durable import write_durably
from endoreg_db.storage.keys import load_key
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.vault import Vault

disk, source = Path(sys.argv[1]), Path(sys.argv[2])
data = DataFolder(disk)
data.prepare()
vault = Vault(data.vault, load_key(data.keys))
filler = disk / "published" / "filler"

def fill(_done):
    with filler.open("wb", buffering=0) as file:
        try:
            while True: file.write(bytes(4096))
        except OSError: pass

def attempt(name, action):
    try: action()
    except InsufficientStorageError as error: print(name, "refused:", error)
    else: print(name, "went through")
    print(name, "left", sorted(p.name for p in data.tmp.iterdir()), source.stat().st_size)
    filler.unlink(missing_ok=True)

source.write_bytes(os.urandom(8 * 2**20))
attempt("too-big", lambda: vault.ingest(source, data.tmp))
source.write_bytes(os.urandom(2 * 2**20))
attempt("filled", lambda: vault.ingest(source, data.tmp, on_bytes=fill))
attempt("retry", lambda: vault.put_file(source, data.tmp))
sha256 = next(vault.addresses())
attempt("extract", lambda: (fill(0), vault.extract(sha256, data.tmp / "copy")))
attempt("write", lambda: write_durably(data.tmp / "file", lambda f: (fill(0), f.write(bytes(2**20)))))
print("whole", vault.verify(sha256))
"""


def namespace_command() -> list[str]:
    """How this user can mount a small disk that ends with the process."""
    private = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    return [shutil.which("unshare") or "", *private]


def can_mount(folder: Path) -> bool:
    command = [*namespace_command(), "mount", "-t", "tmpfs", "none", str(folder)]
    return bool(command[0]) and subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_full_disk_is_said_leaves_nothing_and_the_next_try_goes_through(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip("this user may not mount a small disk here")
    shell = 'mount -t tmpfs -o size=4m,mode=700 none "$1" && exec "$2" -c "$3" "$1" "$4"'
    done = subprocess.run(
        [
            *namespace_command(),
            *("sh", "-c", shell, "sh", str(disk), sys.executable, FULL_DISK, str(tmp_path / "source")),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert "too-big refused: No room below" in lines[0]
    assert "8.0 MiB needed" in lines[0]
    assert lines[1] == f"too-big left [] {8 * 2**20}"
    for name, line in (("filled", 2), ("extract", 6), ("write", 8)):
        assert f"{name} refused: No room below {disk}" in lines[line]
        assert "the disk was full; " in lines[line]
        assert lines[line + 1] == f"{name} left [] {2 * 2**20}"
    assert lines[4:6] == ["retry went through", f"retry left [] {2 * 2**20}"]
    assert lines[10] == "whole True"
