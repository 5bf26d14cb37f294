from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from endoreg_db.intake.inspect import HEAD_BYTES, MediaKind, inspect, kind_of
from endoreg_db.samples import draw_report


def _muxed(container: str, codec: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(60):
            output.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(stream.encode(None))
    return buffer.getvalue()[:HEAD_BYTES]


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "libx264"),
        ("mov", "libx264"),
        ("matroska", "libx264"),
        ("avi", "mpeg4"),
        ("mpegts", "mpeg2video"),
        ("vob", "mpeg2video"),
        ("asf", "wmv2"),
    ],
)
def test_recordings_are_known_by_their_bytes(container: str, codec: str) -> None:
    assert kind_of(_muxed(container, codec)) is MediaKind.VIDEO


def test_a_report_is_known_by_its_bytes(tmp_path: Path) -> None:
    draw_report(tmp_path / "letter.mp4", seed=1)
    assert inspect(tmp_path / "letter.mp4") is MediaKind.REPORT


@pytest.mark.parametrize(
    "head",
    [
        b"Patient: Muster, Max\n" * 50,
        b"RIFF\x24\x08\x00\x00WAVEfmt ",
        b"<!DOCTYPE html><title>%PDF-1.7</title>",
        b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd",
        b"ffconcat version 1.0\nfile /etc/passwd",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(2048),
        b"G" + bytes(2047),
    ],
    ids=["text", "sound", "html", "playlist", "concat", "picture", "zeros", "one sync byte"],
)
def test_anything_else_is_refused(head: bytes) -> None:
    assert kind_of(head) is MediaKind.OTHER


def test_an_empty_file_has_a_kind_of_its_own() -> None:
    assert kind_of(b"") is MediaKind.EMPTY
