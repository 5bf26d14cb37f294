"""A hardware encoder where there is none: x264 under the name of NVENC, sound or with a fault.

It gets into the cell, its workers and its trial as the faults of :mod:`tests.faults.in_the_cell` do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from itertools import count
from types import MappingProxyType
from typing import Any, cast

from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from tests.faults.in_the_cell import put

#: What it goes by.
NAME = "h264_nvenc"
#: Frames after which one encoder fails: more than a trial has, fewer than a piece.
LASTS = 30


def install(name: str) -> None:
    """Put the hardware of that name in place, in this process."""
    from endoreg_db.deid.video import encode, encoders, hardware

    real = encode.create_encoder

    def create(encoder: str) -> VideoCodecContext:
        if encoder != NAME:
            return real(encoder)
        return cast(VideoCodecContext, DEVICES[name]())

    put(encode, "create_encoder", create)
    put(encode, "HARDWARE", MappingProxyType({NAME: encode.Hardware(("crf",), {"preset": "ultrafast"})}))
    if name == "hanging at once":
        put(hardware, "_TRIAL_SECONDS", 3.0)
    if name == "hanging":
        put(encoders, "_SILENCE", 2.0)


class Device:
    """An encoder that does as x264 does."""

    def __init__(self) -> None:
        self.__dict__["inner"] = CodecContext.create("libx264", "w")
        self.__dict__["frames"] = count()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.inner, name, value)

    def encode(self, frame: Any) -> list[Packet[Any]]:
        if frame is not None:
            self.on_frame(next(self.frames))
        return list(self.inner.encode(frame))

    def on_frame(self, number: int) -> None:
        """Called with each frame's number."""


class Refusing(Device):
    """Cannot be opened."""

    def open(self) -> None:
        raise OSError(5, "no such device")


class Silent(Device):
    """Opens, and gives nothing."""

    def encode(self, frame: Any) -> list[Packet[Any]]:
        return []


class CrashingAtOnce(Device):
    """Takes its process with it."""

    def on_frame(self, number: int) -> None:
        os._exit(9)


class HangingAtOnce(Device):
    """Never comes back."""

    def on_frame(self, number: int) -> None:
        time.sleep(600)


class Grey(Device):
    """Shows nothing of what went in."""

    def encode(self, frame: Any) -> list[Packet[Any]]:
        if frame is not None:
            for plane in frame.planes:
                plane.update(bytes([128]) * plane.buffer_size)
        return super().encode(frame)


class Failing(Device):
    """Gives up after a while."""

    def on_frame(self, number: int) -> None:
        if number == LASTS:
            raise OSError(5, "the device is lost")


class Crashing(Device):
    """Takes its worker with it after a while."""

    def on_frame(self, number: int) -> None:
        if number == LASTS:
            os._exit(9)


class Hanging(Device):
    """Does not come back after a while."""

    def on_frame(self, number: int) -> None:
        if number == LASTS:
            time.sleep(600)


class Losing(Device):
    """Loses a frame now and then, without a word."""

    def encode(self, frame: Any) -> list[Packet[Any]]:
        packets = super().encode(frame)
        return [] if frame is not None and next(self.frames) > LASTS else packets


class Changing(Device):
    """Describes each of its streams in another way, none of which keeps it from being shown."""

    @property
    def extradata(self) -> bytes:
        # A picture parameter set more, whose number (seven zero bits: 127 or more) no picture asks for.
        spare = b"\0\0\1\x68\x01" + os.urandom(8).replace(b"\0", b"\1")
        return bytes(self.inner.extradata or b"") + spare


DEVICES: Mapping[str, Callable[[], Device]] = MappingProxyType(
    {
        "sound": Device,
        "refusing": Refusing,
        "silent": Silent,
        "crashing at once": CrashingAtOnce,
        "hanging at once": HangingAtOnce,
        "grey": Grey,
        "failing": Failing,
        "crashing": Crashing,
        "hanging": Hanging,
        "losing": Losing,
        "changing": Changing,
    }
)
