"""How much memory each process of an import takes, by the length of the recording.

    python -m benchmarks.memory [--minutes 1 5] [--rows 576]

A minute is drawn and encoded once; longer recordings repeat its packets. What counts is the largest
resident set that the kernel has noted for any process of a kind, shared libraries included. It may not
depend on the length, and no process may take more than 300 MB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import av

from benchmarks.measure import CommandFailedError, table
from endoreg_db.deid.profiles import to_toml
from endoreg_db.samples import draw_recording, scaled, shipped_profile

SEED = 1
WORKERS = 2
_MINUTE = 60.0  # seconds of recording that are drawn
_PAUSE = 0.2  # seconds between two looks at the processes
#: Published, or kept for review: at small sizes the overlay cannot be read, but is looked at all the same.
_WORKED = (0, 5)

_CELL = "endoreg_db.deid.cell"  # in its command line; its children are forks of it
KINDS = ("parent", "cell", "worker", "OCR")


def main() -> str:
    """Import recordings of growing length, and return the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 5], help="lengths of the recordings")
    parser.add_argument("--rows", type=int, default=576, help="rows of the picture")
    options, _ = parser.parse_known_args()
    full = shipped_profile()
    profile = replace(scaled(full, options.rows / full.frame_height), name=f"bench_{options.rows}p")
    peaks: list[Mapping[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="endoreg-bench-") as name:
        folder = Path(name)
        minute, source, device = folder / "minute.mp4", folder / "recording.mp4", folder / "device.toml"
        draw_recording(minute, seed=SEED, seconds=_MINUTE, profile=profile)
        device.write_text(to_toml(profile), encoding="utf-8")
        for minutes in options.minutes:
            repeat(minute, source, minutes)
            with tempfile.TemporaryDirectory(dir=folder) as data:
                peaks.append(_import(source, device, profile.name, Path(data)))
            sys.stderr.write(f"{minutes} min: {_said(peaks[-1])}\n")
    rows = [
        [f"{minutes} min", *(f"{peak[kind]:.0f} MB" for kind in KINDS)]
        for minutes, peak in zip(options.minutes, peaks, strict=True)
    ]
    if len(peaks) > 1:
        rows.append(["**growth**", *(f"**{peaks[-1][kind] / peaks[0][kind] - 1:+.1%}**" for kind in KINDS)])
    size = f"{profile.frame_width}×{profile.frame_height}"
    title = f"Memory by length: largest resident set of each kind of process ({size}, {WORKERS} workers)"
    return table(title, ["recording", *KINDS], rows)


def repeat(source: Path, target: Path, times: int) -> None:
    """Write the packets of a recording one after the other, so many times, without encoding anything."""
    with av.open(str(target), "w") as output:
        shift, stream = 0, None
        for _ in range(times):
            with av.open(str(source)) as container:
                video = container.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                for packet in container.demux(video):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        output.mux(packet)
                shift += video.duration or 0


def _import(source: Path, device: Path, processor: str, data: Path) -> Mapping[str, float]:
    """Import into an intake of its own; MB (10^6) of the largest process of each kind."""
    environ = {"ENDOREG_DATA_DIR": str(data / "intake"), "ENDOREG_WORKERS": str(WORKERS)}
    endoreg = [sys.executable, "-m", "endoreg_db"]
    _run([*endoreg, "device", "add", str(device)], environ, (0,))
    center = ["--center", "test_center", "--processor", processor]
    return _run([*endoreg, "import", str(source), *center, "--quiet"], environ, _WORKED)


def _run(command: Sequence[str], environ: Mapping[str, str], codes: Sequence[int]) -> Mapping[str, float]:
    """Run a command to its end, and watch it and all that it starts.

    Raises:
        CommandFailedError: it ends with another code.
    """
    with tempfile.TemporaryFile() as written:
        process = subprocess.Popen(
            command, stdout=written, stderr=written, stdin=subprocess.DEVNULL, env={**os.environ, **environ}
        )
        watch = Watch(process.pid)
        with watch:
            code = process.wait()
        if code not in codes:
            written.seek(0)
            end = written.read()[-1000:].decode("utf-8", "replace")
            raise CommandFailedError(f"{command[2]} ended with code {code}: {end}")
    return watch.peaks


class Watch:
    """Notes the largest resident set of a process and of its descendants, by kind, while it is entered."""

    def __init__(self, root: int) -> None:
        """Watch the process with the number ``root``."""
        self._root = root
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self.peaks = dict.fromkeys(KINDS, 0.0)  # MB (10^6)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._ended.wait(_PAUSE):
            for pid, parent in _family(self._root):
                kind, peak = "parent" if pid == self._root else _kind(pid, parent), _peak(pid)
                if kind is not None:
                    self.peaks[kind] = max(self.peaks[kind], peak)


def _family(root: int) -> Iterator[tuple[int, int]]:
    """A process and its descendants, each with the process that started it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (status := _read(folder / "stat")):
            parent = int(status.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    waiting = [(root, 0)]
    while waiting:
        pid, parent = waiting.pop()
        yield pid, parent
        waiting += [(child, pid) for child in children.get(pid, [])]


def _kind(pid: int, parent: int) -> str | None:
    """What a descendant of an import is there for; None for one that only looks after others."""
    command = _read(Path(f"/proc/{pid}/cmdline"))
    if "resource_tracker" in command:
        return None
    if _CELL in _read(Path(f"/proc/{parent}/cmdline")):
        return "OCR" if "onnxruntime" in _read(Path(f"/proc/{pid}/maps")) else "worker"
    return "cell" if _CELL in command else None


def _peak(pid: int) -> float:
    """The largest resident set that the process has had so far, in MB (10^6)."""
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), "0")
    return int(kilobytes) * 1024 / 1e6


def _read(path: Path) -> str:
    """A file of the kernel's; empty if its process has gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _said(peak: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {peak[kind]:.0f} MB" for kind in KINDS)


if __name__ == "__main__":
    sys.stdout.write(main())
