"""A tour: a sample recording goes in twice, a safe file comes out once.

    python tools/demo.py DIR

Runs the commands that a person would type, each printed before it runs, with everything below DIR.
Ends with exit code 0 if there is a safe file, and leaves ``before-after.png`` beside it: one frame of
the recording, and the same frame of the safe file. Run again, it finds that both files are known.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

IMPORT_OPTIONS = ["--center", "test_center", "--processor", "olympus_cv_1500"]

#: Runs in a process of its own, like everything else here: this one needs nothing but Python.
_PICTURE = """
import sys
import av
from PIL import Image

def frame(path):
    with av.open(path) as container:
        for number, picture in enumerate(container.decode(video=0)):
            if number == 10:
                return picture.to_image()

before, after = (frame(path).reduce(2) for path in sys.argv[1:3])
both = Image.new("RGB", (before.width + after.width + 8, before.height), "white")
both.paste(before, (0, 0))
both.paste(after, (before.width + 8, 0))
both.save(sys.argv[3])
"""


class DemoFailed(Exception):
    """A step did not end as it should."""


def main() -> int:
    """Run the tour."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args().folder
    try:
        tour(folder)
    except DemoFailed as failed:
        print(f"The demo failed: {failed}", file=sys.stderr)
        return 1
    return 0


def tour(folder: Path) -> None:
    """Sample, copy, import both, look at what was read, compare the pictures.

    Raises:
        DemoFailed: a step did not end as it should.
    """
    data, inbox = folder / "data", folder / "inbox"
    environ = {**os.environ, "ENDOREG_DATA_DIR": str(data.absolute())}
    print(f"Everything is below {folder}; the intake's data is in {data}.\n")

    endoreg(environ, "sample", inbox)
    recording, copy = inbox / "sample-recording.mp4", inbox / "the-same-again.mp4"
    say(f"cp {recording} {copy}")
    shutil.copy(recording, copy)

    ended = endoreg(environ, "import", recording, copy, *IMPORT_OPTIONS)
    records = json_lines(environ, "status", "--state", "published")
    if not records:
        raise DemoFailed(f"nothing was published (exit code {ended})")
    record = records[0]
    endoreg(environ, "show", record["uuid"], "--identity")

    picture = folder / "before-after.png"
    say(f"draw {picture}")
    run([sys.executable, "-c", _PICTURE, recording, record["output"], picture], environ)
    print(f"\nThe safe file is   {record['output']}")
    print(f"Before and after:  {picture}")
    if record["attempts"] > 2:
        print("Both files were known already, so nothing was done twice.")


def endoreg(environ: dict[str, str], *arguments: str | Path) -> int:
    """Print an ``endoreg`` command and run it as a user would; returns its exit code, which must be 0."""
    say(shlex.join(["endoreg", *map(str, arguments)]))
    return run([sys.executable, "-m", "endoreg_db", *arguments], environ)


def json_lines(environ: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """What an ``endoreg`` command prints with ``--json``."""
    command = [sys.executable, "-m", "endoreg_db", *arguments, "--json"]
    printed = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def run(command: list[str | Path], environ: dict[str, str]) -> int:
    """Run a command, its output shown.

    Raises:
        DemoFailed: its exit code is not 0.
    """
    sys.stdout.flush()  # what we printed stands above what it prints
    ended = subprocess.run(command, env=environ, check=False)
    if ended.returncode != 0:
        raise DemoFailed(f"{shlex.join(map(str, command[:4]))} … ended with exit code {ended.returncode}")
    return ended.returncode


def say(command: str) -> None:
    """Print a command as it would be typed."""
    print(f"$ {command}")


if __name__ == "__main__":
    sys.exit(main())
