"""Hardware encoders: tried before they are trusted, and replaced by software where they fail.

A driver can be missing, refuse, crash, hang or write rubbish, and it may do so after an hour. So it is
tried in a process of its own, on frames of the recording's size, before the pass begins; and where the
pass then fails in any way, the whole recording is made again by software, never half by each. Whatever
made it, the output is verified in the same way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.confine import give_up_rights
from endoreg_db.deid.messages import (
    ENCODER_REPLACED,
    SOFTWARE_ENCODER,
    Done,
    EncodeSettings,
    Finding,
    Message,
    Progress,
)
from endoreg_db.deid.video.encode import (
    as_input,
    clean_filter,
    coded_field_order,
    is_there,
    open_encoder,
)
from endoreg_db.deid.video.mask import plane_views
from endoreg_db.deid.video.probe import StreamLook, quiet_ffmpeg
from endoreg_db.deid.video.units import PICTURES, kind, parameter_sets, start_coded
from endoreg_db.deid.video.workers import storage_error
from endoreg_db.errors import DeidentificationError, InsufficientStorageError, MediaImportError

Say = Callable[[Message], None]

#: Encoders that run at once. The drivers of ordinary graphics cards grant a few sessions only, those of
#: before 2023 three; the rest of a worker's time goes into decoding and checking anyway.
MOST_SESSIONS = 3

_TRIED_FRAMES = 12
_TRIAL_SECONDS = 60.0  # for the trial; a driver that takes longer hangs
#: Seconds without a new frame after which the pass is given up. A worker that checks a piece of ten
#: seconds is silent for a few seconds, on a slow machine in 4K for half a minute.
_SILENCE = 300.0
_FAR_OFF = 12.0  # grey levels; mean difference of a frame from what went in that is no loss but rubbish


def made_with(
    settings: EncodeSettings,
    look: StreamLook,
    size: tuple[int, int],
    make: Callable[[EncodeSettings, Say], Done],
    say: Say,
    work_dir: Path,
) -> Done:
    """What ``make`` makes with the encoder that is asked for or, where that does not work, with software.

    Args:
        settings: name the encoder.
        look: how the output's pictures are coded.
        size: width and height of the output in pixels.
        make: the whole pass after the probe.
        say: is told at once when software takes the place of hardware.
        work_dir: where ``make`` writes; what hardware has left there is removed.

    Raises:
        MediaImportError: as ``make`` does with software; InsufficientStorageError with either.
    """
    if settings.encoder == SOFTWARE_ENCODER:
        return make(settings, say)
    why = why_not(settings, look, size)
    if why is None:
        done = _tried(settings, make, say)
        if isinstance(done, Done):
            return done
        why = done
        for left in work_dir.glob(f"{settings.encoder}-*"):
            left.unlink()
    detail = f"{settings.encoder} did not make the output, {SOFTWARE_ENCODER} did: {why}"
    replaced = Finding(ENCODER_REPLACED, "note", detail)
    say(replaced)
    done = make(replace(settings, encoder=SOFTWARE_ENCODER), say)
    return replace(done, findings=(replaced, *done.findings))


def _tried(settings: EncodeSettings, make: Callable[[EncodeSettings, Say], Done], say: Say) -> Done | str:
    """What hardware makes; or why that is nothing to use."""
    try:
        done = make(settings, _watched(say))
    except InsufficientStorageError:
        raise
    # What is wrong with the recording itself, software finds as well.
    except (MediaImportError, av.error.FFmpegError, OSError, ValueError) as error:
        if (full := storage_error(error)) is not None:
            raise full from error
        return error.message if isinstance(error, MediaImportError) else _words(error)
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


def why_not(settings: EncodeSettings, look: StreamLook, size: tuple[int, int]) -> str | None:
    """Why a hardware encoder cannot be used for such a recording; None if it can.

    It is tried in a process of its own, because drivers crash and hang.
    """
    if not is_there(settings.encoder):
        return "this FFmpeg does not have it"
    if coded_field_order(look, size[1]):
        return "the recording is interlaced, which only software keeps"
    context = get_context("spawn")
    answers, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(os.getpid(), settings, look, size, theirs), daemon=True)
    process.start()
    theirs.close()  # else the pipe would not end with the process
    try:
        if not answers.poll(_TRIAL_SECONDS):
            return "it did not answer"
        answer = answers.recv()
    except EOFError:
        return "it crashed"
    finally:
        process.kill()
        process.join()
    return None if answer is None else str(answer)


def _serve(
    parent: int, settings: EncodeSettings, look: StreamLook, size: tuple[int, int], answers: Connection
) -> None:
    give_up_rights(parent)
    quiet_ffmpeg()
    answers.send(trial(settings, look, size))


def trial(settings: EncodeSettings, look: StreamLook, size: tuple[int, int]) -> str | None:
    """Encode a few frames, decode them again and compare; returns what is wrong, None if nothing."""
    try:
        encoder = open_encoder(settings, look, *size)
        cleaner = BitStreamFilterContext(clean_filter(settings.encoder), "h264")
        packets: list[Packet[Any]] = []
        for number, frame in enumerate(_moving(*size)):
            given = as_input(frame, settings.encoder)
            given.pts, given.time_base = number, look.time_base
            packets += encoder.encode(given)
        packets += encoder.encode(None)
        packets = [clean for packet in packets for clean in cleaner.filter(packet)]
        if not packets:
            return "it gave no packets"
        if not parameter_sets(encoder.extradata or b""):
            return "it gave no parameter sets"
        if {kind(unit) for packet in packets for unit in start_coded(bytes(packet))} - PICTURES:
            return "it writes more than pictures into the stream"
        return _shown_wrong(packets, encoder.extradata or b"", look, size)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        return _words(error)


def _shown_wrong(
    packets: list[Packet[Any]], extradata: bytes, look: StreamLook, size: tuple[int, int]
) -> str | None:
    """What is wrong with what a player makes of the packets; None if nothing."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count, decoder.extradata = 1, extradata
    shown = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    if [frame.pts for frame in shown] != list(range(_TRIED_FRAMES)):
        return f"of {_TRIED_FRAMES} frames {len(shown)} came out, or not in their order"
    if any((frame.width, frame.height) != size for frame in shown):
        return "it changed the size of the picture"
    described = (decoder.color_primaries, decoder.color_trc, decoder.colorspace)
    if described != (look.primaries, look.transfer, look.matrix):
        return "it does not pass on the colours' description"
    if (decoder.color_range == 2) != (look.colour_range == 2):
        return "it does not pass on the colours' range"
    for one, other in zip(_moving(*size), shown, strict=True):
        pairs = zip(plane_views(one), plane_views(other), strict=True)
        if any(float(np.abs(a.astype(np.int16) - b).mean()) > _FAR_OFF for a, b in pairs):
            return "what it shows is not what went in"
    return None


def _moving(width: int, height: int) -> Iterator[av.VideoFrame]:
    """Frames in which everything moves slowly, each another object; 8-bit 4:2:0."""
    across = np.linspace(0, 2 * np.pi, width, dtype=np.float32)
    down = np.linspace(0, 2 * np.pi, height, dtype=np.float32)[:, None]
    for number in range(_TRIED_FRAMES):
        frame = av.VideoFrame(width, height, "yuv420p")
        wave = np.sin(across + number / 10) * np.cos(down)
        for plane, (middle, swing) in zip(plane_views(frame), ((126, 60), (120, 15), (140, 15)), strict=True):
            step = 1 if plane.shape == wave.shape else 2
            plane[:] = (middle + swing * wave[::step, ::step]).astype(np.uint8)
        yield frame


def _words(error: Exception) -> str:
    """What FFmpeg's encoder said last, else what went wrong in the system's words."""
    log = getattr(error, "log", None)
    if log:
        return str(log[2]).strip().rstrip(".")
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if 0 < number < 256 else type(error).__name__
