"""Encoders in turn: the one that is asked for, and software where that one does not work.

Hardware may fail after an hour. Wherever it does, the whole recording is made again by software, never
half by each. Whatever made it, the output is verified in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import av.error

from endoreg_db.deid.messages import ENCODER_REPLACED, SOFTWARE_ENCODER, Done, Finding, Message, Progress
from endoreg_db.deid.video.crew import Crew, Say, start_crew
from endoreg_db.deid.video.hardware import MOST_SESSIONS, in_words, why_not
from endoreg_db.deid.video.recording import Recording
from endoreg_db.deid.video.workers import storage_error
from endoreg_db.errors import DeidentificationError, InsufficientStorageError, MediaImportError

#: The whole pass after the probe, with one encoder.
Make = Callable[[Recording, Crew], Done]

#: Seconds without a new frame after which the pass is given up. A worker that checks a piece of ten
#: seconds is silent for a few seconds, on a slow machine in 4K for half a minute.
_SILENCE = 300.0


def made_in_turn(recording: Recording, crew: Crew, make: Make) -> Done:
    """What ``make`` makes with the encoder that is asked for or, where that does not work, with software.

    Args:
        recording: its task names the encoder. What hardware leaves in its folder is removed.
        crew: works with software, and is told at once when that takes the place of hardware.
        make: what to do.

    Raises:
        MediaImportError: as ``make`` does with software; InsufficientStorageError with either.
    """
    settings = recording.task.encode
    if settings.encoder == SOFTWARE_ENCODER:
        return make(recording, crew)
    why = why_not(settings, recording.look, recording.output_size)
    if why is None:
        done = _tried(recording, crew.say, make)
        if isinstance(done, Done):
            return done
        why = done
        for left in recording.work_dir.glob(f"{settings.encoder}-*"):
            left.unlink()
    detail = f"{settings.encoder} did not make the output, {SOFTWARE_ENCODER} did: {why}"
    replaced = Finding(ENCODER_REPLACED, "note", detail)
    crew.say(replaced)
    done = make(recording.encoded_with(replace(settings, encoder=SOFTWARE_ENCODER)), crew)
    return replace(done, findings=(replaced, *done.findings))


def _tried(recording: Recording, say: Say, make: Make) -> Done | str:
    """What hardware makes; or why that is nothing to use."""
    task = recording.task
    try:
        # A driver may take its workers with it.
        with start_crew(min(task.workers, MOST_SESSIONS), _watched(say), read_text=task.read_text) as own:
            done = make(recording, own)
    except InsufficientStorageError:
        raise
    # What is wrong with the recording itself, software finds as well.
    except (MediaImportError, av.error.FFmpegError, OSError, ValueError) as error:
        if (full := storage_error(error)) is not None:
            raise full from error
        return error.message if isinstance(error, MediaImportError) else in_words(error)
    failed = sorted({f.code for f in done.verification.findings if f.severity == "fatal"})
    return f"its output failed a check ({', '.join(failed)})" if failed else done


def _watched(say: Say) -> Say:
    """As ``say``, but raises DeidentificationError when the work makes no progress any more."""
    latest: list[tuple[Progress, float]] = []

    def hear(message: Message) -> None:
        if isinstance(message, Progress):
            now = time.monotonic()
            if latest and latest[0][0] == message and now - latest[0][1] > _SILENCE:
                raise DeidentificationError("The encoder hangs")
            if not latest or latest[0][0] != message:
                latest[:] = [(message, now)]
        say(message)

    return hear
