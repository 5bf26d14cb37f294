"""Forked children: everything is loaded already, and whatever they change goes with them."""

from __future__ import annotations

import logging
import os
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.db import connections

_T = TypeVar("_T")


class ChildError(Exception):
    """A child ended otherwise than it should; says with which error, and where."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended."""

    signal: int  # 0: by itself
    answer: bytes  # pickled: (its result, "") or (None, its error)

    def result(self) -> object:
        """What the child's work returned.

        Raises:
            ChildError: it raised, or died.
        """
        if not self.answer:
            raise ChildError(f"a child ended without an answer, by signal {self.signal}")
        result, trouble = pickle.loads(self.answer)
        if trouble:
            raise ChildError(trouble)
        return result


def in_child(work: Callable[[], _T]) -> _T:
    """Do ``work`` in a forked child and return what it returns.

    Raises:
        ChildError: it raised, or died.
    """
    return fork(work).result()  # type: ignore[return-value]


def fork(work: Callable[[], object]) -> Ended:
    """Do ``work`` in a forked child; the parent must have no other thread and no open connection."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_and_exit(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    return Ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, answer)


def _run_and_exit(work: Callable[[], object], writing: int) -> None:
    logging.disable()  # the warnings of recovery are what is expected here
    write = os.write  # the recorder replaces the one in the module
    try:
        answer = pickle.dumps((work(), ""))
        connections.close_all()
    except BaseException as error:  # noqa: BLE001 - whatever it was is told to the parent
        place = traceback.extract_tb(error.__traceback__)[-1]
        trouble = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
        answer = pickle.dumps((None, trouble))
    try:
        view = memoryview(answer)
        while view:
            view = view[write(writing, view) :]
    finally:
        os._exit(0)
