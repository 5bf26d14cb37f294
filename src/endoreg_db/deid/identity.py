"""Who a recording or a report is about: what was read, how sure it is, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Reading:
    """One value that was read, after voting over everything that was seen of it."""

    value: str  # normalised: names as written, dates and times in ISO 8601
    confidence: float  # 0 to 1
    picture: bytes = b""  # PNG of the box that was read, for the person who checks it


@dataclass(frozen=True, slots=True)
class Identity:
    """The fields of the contract; ``None`` where nothing could be read (wrong is worse than empty)."""

    first_name: Reading | None = None
    last_name: Reading | None = None
    birth_date: Reading | None = None
    examination_date: Reading | None = None
    examination_time: Reading | None = None
    case_number: Reading | None = None
    device: Reading | None = None
    device_serial: Reading | None = None

    def readings(self) -> Iterator[tuple[str, Reading]]:
        """Field name and reading, for the fields that were read."""
        for field in fields(self):
            reading = getattr(self, field.name)
            if reading is not None:
                yield field.name, reading

    def values(self) -> Mapping[str, str | None]:
        """Every field's value, ``None`` where it was not read."""
        read = dict(self.readings())
        return {f.name: read[f.name].value if f.name in read else None for f in fields(self)}
