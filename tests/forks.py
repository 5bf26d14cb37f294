"""Processes that begin with other people's libraries loaded: forked by one that has done nothing else.

A new Python takes 0.3 s of processor time to load Django and the rest before it comes to anything of
ours, and tests start hundreds. Ours is not loaded beforehand: each process does that by itself, as a
module that Python was told to run, in an environment and a session of its own.

    python -m tests.forks FD

serves one process of the tests, through the socket with that number.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]

#: What commands load of others, where loading it needs no settings and starts no thread.
_LIBRARIES = (
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.kdf.hkdf",
    "cryptography.hazmat.primitives.serialization",
    "dj_database_url",
    "django.core.mail",
    "django.core.management",
    "django.core.management.commands.migrate",
    "django.core.serializers.json",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.db.models",
    "django.urls",
    "dotenv",
    "platformdirs",
    "rapidfuzz.fuzz",
    "rich.progress",
    "rich.table",
    "structlog",
    "typer.main",
)
#: The same, of what need not be installed.
_OPTIONAL = ("django.db.backends.postgresql.base",)

_MOST = 200_000  # bytes of one order


class Forked:
    """A process that was forked for this one; to be waited for like a child."""

    def __init__(self, server: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None  # as subprocess has it: negative for a signal
        self._server = server
        self._handle = os.pidfd_open(pid)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; its exit code.

        Raises:
            TimeoutError: it has not after ``timeout`` seconds.
        """
        if self.returncode is None:
            if not select.select([self._handle], [], [], timeout)[0]:
                raise TimeoutError(f"process {self.pid} did not end")
            self._server.send(json.dumps({"wait": self.pid}).encode())
            self.returncode = int(self._server.recv(_MOST))
            os.close(self._handle)
        return self.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it has started in its session."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def start(
    module: str,
    arguments: Sequence[str | os.PathLike[str]],
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int,
    stderr: int,
) -> Forked:
    """Run a module as ``python -m`` does, the rest of the repository on its path.

    Args:
        module: its name.
        arguments: what follows it on the command line.
        environ: all of its environment.
        cwd: its working directory; ours if not given.
        stdin: a descriptor that it reads from.
        stdout: a descriptor that it writes to; ours to close.
        stderr: the same for errors.
    """
    order = {
        "module": module,
        "arguments": [os.fspath(argument) for argument in arguments],
        "environ": dict(environ),
        "cwd": os.fspath(cwd or Path.cwd()),
    }
    server, _process = _server()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        given = nothing if stdin == subprocess.DEVNULL else stdin
        socket.send_fds(server, [json.dumps(order).encode()], [given, stdout, stderr])
    finally:
        os.close(nothing)
    return Forked(server, int(server.recv(_MOST)))


@functools.cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that forks for this one, started when it is first needed, and the way to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.forks", str(theirs.fileno())]
        environ = {key: value for key, value in os.environ.items() if not key.startswith("ENDOREG_")}
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is not for it
        )
    return ours, process


def stop() -> None:
    """End the process that forks, if there is one; what it has forked is left alone."""
    if _server.cache_info().currsize:
        server, process = _server()
        server.close()
        process.wait()
        _server.cache_clear()


def main() -> None:
    """Load the libraries, then fork a process for every order."""
    for library in _LIBRARIES:
        importlib.import_module(library)
    for library in _OPTIONAL:
        with contextlib.suppress(Exception):
            importlib.import_module(library)
    server = socket.socket(fileno=int(sys.argv[1]))
    order = _order_of_a_child(server)
    if order is not None:
        sys.argv = ["", *order["arguments"]]  # the first is for runpy to set
        _end(_exit_code(partial(runpy.run_module, order["module"], run_name="__main__", alter_sys=True)))


def _exit_code(work: Callable[[], object]) -> int:
    """What Python would end with after this work."""
    try:
        work()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001 - as Python tells of whatever nobody has caught
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """End as Python does, but do not take apart what was loaded: that takes as long as to load it."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _order_of_a_child(server: socket.socket) -> dict[str, Any] | None:
    """Serve; returns in each child with what it has to do, and with None when nobody is left to serve."""
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(server, _MOST, 3)
        if not message:
            return None
        order: dict[str, Any] = json.loads(message)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                server.close()
                _become(order, descriptors)
                return order
        for descriptor in descriptors:
            os.close(descriptor)
        server.send(str(answer).encode())


def _become(order: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Take over what a process gets from whoever starts it."""
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])


if __name__ == "__main__":
    main()
