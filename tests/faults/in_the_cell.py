"""Faults inside the cell and its workers, each at one stage of the video pass; see also in_the_report_cell.

The parent cannot reach into these processes. A ``sitecustomize`` on their path calls :func:`install`
when they start, which puts a faulty part in the place of the real one. Nothing else is simulated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

_SOON = 5  # frames after which something stops


def install(name: str) -> None:
    """Put the fault of that name in its place, in this process."""
    FAULTS[name][1]()


def write_hook(folder: Path, name: str, *, module: str = __name__) -> None:
    """Write the ``sitecustomize`` that installs the fault in every Python that has ``folder`` on its path."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        f"from {module} import install\ninstall({name!r})\n", encoding="utf-8"
    )


def probing_crashes() -> None:
    from endoreg_db.deid.video import source

    put(source, "probe", crash)


def decoder_stops_early() -> None:
    from endoreg_db.deid.video.decode import SegmentDecoder

    whole = SegmentDecoder._decoded

    def stopping(self: Any, container: Any, stream: Any) -> Iterator[Any]:
        return islice(whole(self, container, stream), _SOON)

    put(SegmentDecoder, "_decoded", stopping)


def decoder_of_the_output_stops_early() -> None:
    from endoreg_db.deid.video.verify import PacketDecoder

    whole = PacketDecoder.__iter__

    def stopping(self: Any) -> Iterator[Any]:
        return islice(whole(self), _SOON)

    put(PacketDecoder, "__iter__", stopping)


def encoder_drops_frames() -> None:
    from endoreg_db.deid.video.transcode import PacketSink

    spool, seen = PacketSink._spool, []

    def dropping(self: Any, packet: Any) -> None:
        seen.append(packet)
        if len(seen) % _SOON:
            spool(self, packet)

    put(PacketSink, "_spool", dropping)


def encoder_crashes() -> None:
    from endoreg_db.deid.video.transcode import PacketSink

    put(PacketSink, "write", crash)


def nothing_is_blanked() -> None:
    import av

    from endoreg_db.deid.video.mask import FrameMasker

    def unmasked(_self: Any, planes: Any) -> av.VideoFrame:
        height, width = planes[0].shape
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane, values in zip(frame.planes, planes, strict=True):
            rows = values.tobytes() if plane.line_size == values.shape[1] else _padded(values, plane)
            plane.update(rows)
        return frame

    put(FrameMasker, "masked", unmasked)


def _padded(values: Any, plane: Any) -> bytes:
    import numpy as np

    rows = np.zeros((plane.height, plane.line_size), np.uint8)
    rows[:, : plane.width] = values
    return rows.tobytes()


def joining_loses_packets() -> None:
    from endoreg_db.deid.video import join

    whole = join.retimed

    def losing(results: Any) -> Iterator[Any]:
        return (packet for number, packet in enumerate(whole(results)) if number != _SOON)

    put(join, "retimed", losing)


def joining_changes_a_byte() -> None:
    from endoreg_db.deid.video import join

    whole = join.retimed

    def changing(results: Any) -> Iterator[Any]:
        for number, packet in enumerate(whole(results)):
            last = packet.data[-1] ^ (64 if number == _SOON else 0)
            yield replace(packet, data=packet.data[:-1] + bytes([last]))

    put(join, "retimed", changing)


def joining_crashes() -> None:
    from endoreg_db.deid.video import join

    put(join, "join", crash)


def verifier_crashes() -> None:
    from endoreg_db.deid.video import verify

    put(verify, "blank_residue", crash)


def verifier_is_killed() -> None:
    from endoreg_db.deid.video import verify

    put(verify, "blank_residue", lambda *_: os._exit(9))


def ocr_raises() -> None:
    from endoreg_db.deid.ocr import TextReader

    put(TextReader, "read_line", crash)
    put(TextReader, "find_text", crash)


def ocr_reads_rubbish() -> None:
    from endoreg_db.deid.geometry import Box
    from endoreg_db.deid.ocr import FoundText, Line, TextReader

    rubbish = "#~§ xqzw 77"
    found = [FoundText(Box(0, 0, 10, 10), rubbish, 0.99)]
    put(TextReader, "read_line", lambda *_: Line(rubbish, 0.99))
    put(TextReader, "find_text", lambda *_, **__: found)


def ocr_reads_nothing() -> None:
    from endoreg_db.deid.ocr import EMPTY, TextReader

    put(TextReader, "read_line", lambda *_: EMPTY)
    put(TextReader, "find_text", lambda *_, **__: [])


def ocr_model_is_damaged() -> None:
    from endoreg_db.deid import ocr

    def damaged() -> Path:
        folder = Path(os.environ["HOME"]) / "models"  # the attempt's own folder
        folder.mkdir(exist_ok=True)
        for name in (ocr._DETECTOR, ocr._RECOGNISER):
            (folder / name).write_bytes(b"no model")
        return folder

    put(ocr, "_model_folder", damaged)


def put(owner: Any, name: str, faulty: Any) -> None:
    """Put something in the place of what is there, for as long as the process lives."""
    assert hasattr(owner, name), f"{owner} has no {name} any more: this fault does nothing"
    setattr(owner, name, faulty)


def crash(*_: Any, **__: Any) -> Any:
    raise RuntimeError("injected")


#: Fault → the stage of the pass that it is in, and what puts it there.
FAULTS: dict[str, tuple[str, Callable[[], None]]] = {
    "probing crashes": ("probe", probing_crashes),
    "decoder stops early": ("encode", decoder_stops_early),
    "encoder drops frames": ("encode", encoder_drops_frames),
    "encoder crashes": ("encode", encoder_crashes),
    "nothing is blanked": ("encode", nothing_is_blanked),
    "joining loses packets": ("join", joining_loses_packets),
    "joining changes a byte": ("join", joining_changes_a_byte),
    "joining crashes": ("join", joining_crashes),
    "verifier crashes": ("verify", verifier_crashes),
    "verifier is killed": ("verify", verifier_is_killed),
    "decoder of the output stops early": ("verify", decoder_of_the_output_stops_early),
    "OCR raises": ("verify", ocr_raises),
    "OCR reads rubbish": ("verify", ocr_reads_rubbish),
    "OCR reads nothing": ("verify", ocr_reads_nothing),
    "OCR model is damaged": ("verify", ocr_model_is_damaged),
}
