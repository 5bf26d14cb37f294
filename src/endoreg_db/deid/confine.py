"""What a child that holds untrusted bytes gives up before it touches them.

First thing that the cell and each of its workers do. Further limits (address space, CPU time, file
size, system calls) belong into :func:`give_up_rights`, so that there is one place to read.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

# From <linux/prctl.h>; the numbers are part of the kernel's stable interface.
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

#: Bytes of memory of its own that a child may ask for; a report was measured to need a quarter.
MAX_DATA = 2 * 1024**3


def give_up_rights(parent: int) -> None:
    """Die with ``parent`` (process id), never gain rights, and leave no core dump.

    A core dump would hold frames with a patient's name. The signal on the parent's death is lost
    when the parent died before it was asked for, so the parent is looked at once more afterwards.

    Raises:
        OSError: the kernel refused.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def limit_effort(*, seconds: int, provisional: bool = False) -> None:
    """End this process when it has used that much more processor time, or memory past all need.

    A file that was made to keep a parser busy, or to unpack without end, fails instead of taking
    the machine with it.

    Args:
        seconds: of processor time.
        provisional: whether a later call may allow more, when it is known how much there is to do.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds
    last = resource.getrlimit(resource.RLIMIT_CPU)[1] if provisional else limit
    resource.setrlimit(resource.RLIMIT_CPU, (limit, last))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA, MAX_DATA))


def private_stdout() -> BinaryIO:
    """Keep standard output for messages alone.

    Returns:
        The real standard output. File descriptor 1 now leads to standard error, so that whatever
        a library prints cannot end up between two messages. Children have it neither: a forked one
        closes it first of all, so flush what was written before you fork.
    """
    sys.stdout.flush()
    descriptor = os.dup(1)
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)
    messages = os.fdopen(descriptor, "wb")
    os.register_at_fork(after_in_child=messages.close)
    return messages


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")
