"""Containers and their streams through PyAV: every field, every packet, and the pictures, hidden ones too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from quality.hunter.boxes import captions, group_times
from quality.hunter.pieces import Piece, Unread
from quality.hunter.reading import Picture

_UNCUT = {"ignore_editlist": "1"}
_PACKET_BYTES = 1 << 24  # bytes of packets that are looked into at once
_OVERLAP = 4096  # bytes; a token across the border of two looks is found in one of them


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which pictures of a recording are read."""

    every: float = 2.0  # seconds between two looks, whatever happens
    most: int = 8  # pictures of one stream that are looked at because print may have appeared
    moments: tuple[float, ...] = ()  # seconds at which something is known to have been shown
    hidden: bool = True  # also what edit list and cropping hide from players


def media_pieces(path: str, sampling: Sampling) -> Iterator[Piece | Unread]:
    """Everything that FFmpeg finds in the file at ``path``; nothing if it is none of its formats."""
    try:
        with av.open(path) as container:
            yield from _fields(container)
    except (av.error.FFmpegError, OSError, UnicodeDecodeError):
        return  # no recording; its bytes are looked at all the same
    yield from _packets(path)
    seen: set[bytes] = set()
    for view in _views(path, sampling):
        yield from _pictures(path, view, sampling, seen)


@dataclass(frozen=True, slots=True)
class _View:
    """One way to look at the pictures of a file."""

    name: str
    options: dict[str, str]
    crop: bool  # whether what the stream crops is left out


def _views(path: str, sampling: Sampling) -> tuple[_View, ...]:
    """As players show the pictures, and with all that FFmpeg can be told not to hide.

    Where the edit list hides nothing, one look sees both: every picture that is shown, uncropped.
    """
    if not sampling.hidden:
        return (_View("shown", {}, crop=True),)
    if _same_packets(path):
        return (_View("shown and hidden", {}, crop=False),)
    return _View("shown", {}, crop=True), _View("hidden", _UNCUT, crop=False)


def _same_packets(path: str) -> bool:
    """Whether decoders get the same packets with the edit list and without, but for the time of them all."""
    shown, uncut = (_packets_given(path, options) for options in ({}, _UNCUT))
    if shown is None or uncut is None or shown.keys() != uncut.keys():
        return False
    return all(_is_moved(shown[index], uncut[index]) for index in shown)


#: Of each packet: its digest, its time (ticks), and whether what it holds is thrown away.
_Given = list[tuple[bytes, int | None, bool]]


def _packets_given(path: str, options: dict[str, str]) -> dict[int, _Given] | None:
    """The packets of each video stream; None if not all of them can be read."""
    given: dict[int, _Given] = {}
    try:
        with av.open(path, options=options) as container:
            for packet in container.demux(container.streams.video):
                digest = hashlib.blake2b(bytes(packet)).digest()
                given.setdefault(packet.stream.index, []).append((digest, packet.pts, packet.is_discard))
    except av.error.FFmpegError:
        return None
    return given


def _is_moved(one: _Given, other: _Given) -> bool:
    """Whether the packets are the same, shown earlier or later by the same time, and all are kept."""
    if len(one) != len(other) or any(discard for _, _, discard in (*one, *other)):
        return False
    moves = {
        None if a is None or b is None else a - b for (_, a, _), (_, b, _) in zip(one, other, strict=True)
    }
    # The last packet is an empty one, and without a time.
    return [p[0] for p in one] == [p[0] for p in other] and len(moves - {None}) <= 1


def _fields(container: Any) -> Iterator[Piece]:
    yield from _tags("tag", container.metadata)
    for chapter in container.chapters():
        yield from _tags(f"chapter {chapter['id']}", chapter["metadata"])
    for stream in container.streams:
        yield from _tags(f"stream {stream.index} tag", stream.metadata)
        yield Piece(f"stream {stream.index} codec", f"{stream.type} {getattr(stream, 'name', '')}")
        attached = getattr(stream, "data", None) if stream.type == "attachment" else None
        if attached is not None:
            yield Piece(f"attachment {getattr(stream, 'name', '')}", bytes(attached))
        extra = getattr(stream.codec_context, "extradata", None) if stream.codec_context else None
        if extra:
            yield Piece(f"stream {stream.index} parameters", bytes(extra))


def _tags(where: str, tags: Mapping[str, str]) -> Iterator[Piece]:
    for key, value in tags.items():
        yield Piece(f"{where} {key!r}", f"{key}={value}")


def _packets(path: str) -> Iterator[Piece | Unread]:
    """The payload of every stream, put together again as it was before the container cut it up."""
    waiting: dict[int, bytearray] = {}
    try:
        with av.open(path, options={"ignore_editlist": "1"}) as container:
            for packet in container.demux():
                data = waiting.setdefault(packet.stream.index, bytearray())
                data += bytes(packet)
                if len(data) > _PACKET_BYTES:
                    yield from _payload(packet.stream.index, bytes(data))
                    del data[:-_OVERLAP]
    except av.error.FFmpegError as error:
        yield Unread("packets", type(error).__name__)
    for index, data in waiting.items():
        yield from _payload(index, bytes(data))


def _payload(index: int, data: bytes) -> Iterator[Piece]:
    yield Piece(f"stream {index} payload", data)
    if text := captions(data):
        yield Piece(f"stream {index} captions", text)
    for time in group_times(data):
        yield Piece(f"stream {index} time code", time)


def _pictures(path: str, view: _View, sampling: Sampling, seen: set[bytes]) -> Iterator[Piece | Unread]:
    """The pictures worth reading of every video stream; those that an earlier view gave are left out."""
    with av.open(path) as container:
        # The smallest first: covers and second streams are soon done.
        streams = sorted(container.streams.video, key=lambda stream: stream.width * stream.height)
        indices = [stream.index for stream in streams]
    for index in indices:
        watcher = PrintWatcher(sampling)
        try:
            for at, picture in _decoded(path, index, view):
                key = picture[::24, ::24].tobytes()
                if watcher.wants(picture, at) and key not in seen:
                    seen.add(key)
                    yield Piece(f"stream {index} picture at {at:.2f} s ({view.name})", picture)
            if watcher.last is not None and watcher.last[1][::24, ::24].tobytes() not in seen:
                yield Piece(f"stream {index} last picture ({view.name})", watcher.last[1])
        except (av.error.FFmpegError, IndexError) as error:
            yield Unread(f"stream {index} pictures ({view.name})", type(error).__name__)


def _decoded(path: str, index: int, view: _View) -> Iterator[tuple[float, Picture]]:
    """Luma of every frame with its time; packets that cannot be decoded are passed over."""
    with av.open(path, options=view.options) as container:
        stream = container.streams[index]
        if not view.crop:
            stream.codec_context.options = {"apply_cropping": "0"}
        for packet in container.demux(stream):
            frames: Sequence[Any] = ()
            with suppress(av.error.InvalidDataError):
                frames = packet.decode()
            for frame in frames:
                yield float(frame.time or 0.0), frame.to_ndarray(format="gray")


class PrintWatcher:
    """Picks pictures by time, and wherever sharp edges appear that were not there before."""

    _STEP, _SHARP, _TILE = 3, 60, 48  # rows between looks; grey levels; pixels
    _NEW = 0.02  # share of a tile's pixels that must be new sharp edges

    def __init__(self, sampling: Sampling) -> None:
        """Pick as ``sampling`` says; pictures come in the order of the stream."""
        self._sampling = sampling
        self._next = 0.0
        self._moments = sorted(sampling.moments)
        self._edges: NDArray[np.float64] | None = None
        self._looks = 0
        self.last: tuple[float, Picture] | None = None  # for whoever wants the very last picture

    def wants(self, luma: Picture, at: float) -> bool:
        """Whether the picture at ``at`` seconds is to be read."""
        self.last = (at, luma)
        edges = self._sharp_share(luma)
        known = self._edges if self._edges is not None and self._edges.shape == edges.shape else None
        appeared = known is None or float((edges - known).max()) > self._NEW
        self._edges = edges if known is None else np.maximum(edges, known * 0.98)
        if at >= self._next or self._is_moment(at):
            self._next = at + self._sampling.every
            return True
        self._looks += appeared
        return appeared and self._looks <= self._sampling.most

    def _is_moment(self, at: float) -> bool:
        hit = False
        while self._moments and at >= self._moments[0]:
            self._moments.pop(0)
            hit = True
        return hit

    def _sharp_share(self, luma: Picture) -> NDArray[np.float64]:
        """Share of sharp steps in each tile."""
        rows = luma[:: self._STEP].astype(np.int16)
        sharp = np.abs(rows[:, 2:] - rows[:, :-2]) > self._SHARP
        down, across = max(1, self._TILE // self._STEP), self._TILE
        height, width = (max(1, n // part) for n, part in zip(sharp.shape, (down, across), strict=True))
        cut = sharp[: height * down, : width * across]
        if cut.shape != (height * down, width * across):
            return np.array([[float(sharp.mean())]])
        return np.asarray(cut.reshape(height, down, width, across).mean(axis=(1, 3)))
