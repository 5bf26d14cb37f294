"""An intake of its own, used by its command line alone; and what its judges write down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

CENTER = "test_center"
_LIMIT = 1800  # seconds that one command may take


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that was found where it must not be."""

    label: str  # of the token
    where: str  # file below the data folder, and place in it
    how: str
    excerpt: str
    picture: str | None  # name of a PNG in the folder of pictures

    def __str__(self) -> str:
        return f"LEAK {self.label}: {self.where} ({self.how}): {self.excerpt}"


@dataclass(frozen=True, slots=True)
class Intake:
    """An intake of its own, with an empty data folder, used by its command line alone."""

    root: Path
    settings: Mapping[str, str] = field(default_factory=dict)  # beside the data folder

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.root / "data"

    @property
    def published(self) -> Path:
        """Where published files lie."""
        return self.data / "published"

    @property
    def encrypted(self) -> tuple[Path, Path]:
        """Folders that hold nothing in clear: the vault, and keys."""
        return self.data / "vault", self.data / "keys"

    @property
    def log(self) -> Path:
        """What the commands said on standard error."""
        return self.root / "endoreg.log"

    def run(self, *arguments: str) -> list[dict[str, Any]]:
        """One ``endoreg`` command; the objects that it printed."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ENDOREG_")}
        environment |= {"ENDOREG_DATA_DIR": str(self.data), **self.settings}
        command = [sys.executable, "-m", "endoreg_db", *arguments, "--json"]
        with self.log.open("ab") as log:
            ended = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, stderr=log, timeout=_LIMIT
            )
        return [json.loads(line) for line in ended.stdout.decode().splitlines()]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one file of the corpus, whatever it is."""

    seed: int
    planted: tuple[str, ...]  # labels of the canaries
    control_missed: tuple[str, ...]  # canaries that the hunter did not find in the untouched file
    status: str  # as ``endoreg import --json`` says
    error: str | None
    findings: tuple[str, ...]  # codes
    leaks: tuple[Leak, ...]
    leaks_if_approved: tuple[Leak, ...]  # of a candidate under review, had a person let it pass unseen
    fields: Mapping[str, bool]  # identity field → whether it was read right
    import_seconds: float
    hunt_seconds: float
    code: str = field(default="", kw_only=True)  # digest of what has imported and judged it

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all: an interrupted run goes on where it was."""
        waiting = path.with_suffix(".part")
        waiting.write_text(self.as_json(indent=1), encoding="utf-8")
        waiting.replace(path)

    def as_json(self, *, indent: int | None = None) -> str:
        """All of it; in one line if there is no ``indent``."""
        return json.dumps(asdict(self), indent=indent, ensure_ascii=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What :meth:`write` wrote."""
        return cls.from_json(path.read_text(encoding="utf-8"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What :meth:`as_json` gave."""
        fields: dict[str, Any] = json.loads(text)
        for name in ("leaks", "leaks_if_approved"):
            fields[name] = [Leak(**leak) for leak in fields[name]]
        kept: dict[str, Any] = {name: _as_tuples(value) for name, value in fields.items()}
        return cls(**kept)


def _as_tuples(value: Any) -> Any:
    """JSON knows only lists."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
