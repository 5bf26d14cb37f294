"""What a person at a terminal sees, and how little is loaded before it is needed."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path

import pytest

from endoreg_db.cli import main
from endoreg_db.cli.progress import figures
from endoreg_db.services.store import Store
from tests.acceptance.command_line import ENDOREG, OPTIONS, Desk, run_endoreg, run_installed
from tests.conftest import FRAMES

#: Every command that there is, those of groups after the name of their group.
COMMANDS: list[tuple[str, ...]] = [
    (name, *inner)
    for name, place in main.COMMANDS.items()
    for inner in ([()] if isinstance(place, str) else [(of_group,) for of_group in place[1]])
]

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _at_a_terminal(
    *arguments: str, environ: Mapping[str, str] | None = None, columns: int = 80
) -> tuple[int, str, str]:
    """Run with standard error on a terminal; its exit code, standard output, and what was drawn."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [ENDOREG, *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", **(environ or {})},
    ) as process:
        os.close(theirs)
        drawn = b""
        while chunk := _read(ours):
            drawn += chunk
        os.close(ours)
        assert process.stdout is not None
        out = process.stdout.read().decode()
    return process.returncode, out, drawn.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end was closed
        return b""


def test_a_terminal_shows_frames_speed_and_remaining_time(store: Store, small_recording: Path) -> None:
    code, out, drawn = _at_a_terminal("import", str(small_recording), *OPTIONS)
    assert code == 0, drawn
    assert re.search(r"recording\.mp4 +(blanking|checking)", drawn)
    assert re.search(rf"\d+/{FRAMES} frames \d+/s \d+\.\d×", drawn), drawn
    assert re.search(r"\d\d:\d\d", drawn)
    lines = re.split(r"[\r\n]+", _ESCAPES.sub("", drawn))
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in out and out.startswith("imported: ")
    assert "?25h" in drawn, "the cursor is shown again"


def test_a_terminal_without_colour_or_unicode_gets_neither(store: Store, small_recording: Path) -> None:
    environ = {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code, _, drawn = _at_a_terminal("import", str(small_recording), *OPTIONS, environ=environ)
    assert code == 0, drawn
    assert "frames" in drawn and drawn.isascii()
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", drawn)
    assert not re.search(r"\x1b\[38;", drawn)


@pytest.mark.parametrize(
    ("options", "environ"), [(["--quiet"], {}), (["--json"], {}), ([], {"TERM": "dumb"})]
)
def test_there_is_no_bar_where_nobody_wants_one(
    desk: Desk, options: list[str], environ: dict[str, str]
) -> None:
    code, _, drawn = _at_a_terminal(
        "import", desk.sources[desk.published], *OPTIONS, *options, environ=environ
    )
    assert (code, drawn) == (0, "")


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ((0, None, None, None), "0 frames"),
        ((12, 100, None, 25.0), "12/100 frames"),
        ((12, 100, 50.4, None), "12/100 frames 50/s"),
        ((12, 100, 50.0, 25.0, "x"), "12/100 frames 50/s 2.0x"),
    ],
)
def test_figures_say_what_is_known(figure: tuple[float, ...], text: str) -> None:
    assert figures(*figure) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    told = run_installed(*command, "--help")
    assert told.code == 0
    assert all(option in told.out for option in ("--json", "--quiet", "--verbose"))
    assert f"Usage: endoreg {' '.join(command)}" in told.out


def test_the_command_lists_its_commands_and_its_version() -> None:
    told = run_installed("-h")
    assert told.code == 0
    assert all(f" {command[0]} " in told.out for command in COMMANDS)
    assert "--install-completion" in told.out
    assert re.fullmatch(r"endoreg \d+\.\d+\.\d+\n", run_installed("--version").out)


def test_a_mistyped_command_gets_the_nearest() -> None:
    told = run_endoreg("stats")
    assert told.code == 2 and "Did you mean 'status'" in told.err


def test_contradicting_options_are_refused(data_dir: Path) -> None:
    assert run_endoreg("--quiet", "status", "--verbose").code == 2
    assert not data_dir.exists()


def test_the_shell_completes_commands_and_options() -> None:
    completing = {"_ENDOREG_COMPLETE": "complete_bash", "COMP_WORDS": "endoreg re", "COMP_CWORD": "1"}
    told = run_endoreg(env={**os.environ, **completing})
    assert told.out.split() == ["retry", "review", "reject"]
    completing |= {"COMP_WORDS": "endoreg device ", "COMP_CWORD": "2"}
    assert run_endoreg(env={**os.environ, **completing}).out.split() == ["add", "list", "propose"]


_HEAVY = {"av", "numpy", "onnxruntime", "PIL", "pydantic", "rapidfuzz", "rapidocr", "rich", "structlog"}
#: Of these, what an import needs at once; structlog loads rich.
_OF_AN_IMPORT = {"rapidfuzz", "rich", "structlog"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "--json"),
        ("show", "{uuid}"),
        ("import", "{source}", *OPTIONS),
    ],
    ids=" ".join,
)
def test_what_has_to_answer_at_once_loads_nothing_heavy(desk: Desk, arguments: tuple[str, ...]) -> None:
    known = {"{uuid}": desk.published, "{source}": desk.sources[desk.published]}
    asked = [known.get(argument, argument) for argument in arguments]
    command = [sys.executable, "-X", "importtime", "-m", "endoreg_db", *asked]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|")[-1].strip().split(".")[0] for line in ended.stderr.splitlines()}
    assert {"django", "endoreg_db", "typer"} <= loaded
    assert not loaded & (_HEAVY - _OF_AN_IMPORT if arguments[0] == "import" else _HEAVY)
