"""Hardware encoders: tried before they are trusted.

A driver can be missing, refuse, crash, hang or write rubbish. So it is tried in a process of its own, on
frames of the recording's size, before the pass begins. That it may do so after an hour is met in
:mod:`endoreg_db.deid.video.encoders`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import av
import av.error
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from endoreg_db.deid.confine import give_up_rights
from endoreg_db.deid.messages import EncodeSettings
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

#: Encoders that run at once. The drivers of ordinary graphics cards grant a few sessions only, those of
#: before 2023 three; the rest of a worker's time goes into decoding and checking anyway.
MOST_SESSIONS = 3

_TRIED_FRAMES = 12
_TRIAL_SECONDS = 60.0  # for the trial; a driver that takes longer hangs
_FAR_OFF = 12.0  # grey levels; mean difference of a frame from what went in that is no loss but rubbish


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
        return in_words(error)


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


def in_words(error: Exception) -> str:
    """What FFmpeg's encoder said last, else what went wrong in the system's words."""
    log = getattr(error, "log", None)
    if log:
        return str(log[2]).strip().rstrip(".")
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if 0 < number < 256 else type(error).__name__
