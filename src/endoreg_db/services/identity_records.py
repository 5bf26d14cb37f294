"""Reading and writing the sensitive record: encrypted, apart, and every look recorded."""

from __future__ import annotations

import base64
import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.models import AuditEvent, ImportAttempt, MediaFile, SensitiveMeta
from endoreg_db.models.prepared import Prepared, given, inserting
from endoreg_db.storage.sealing import Sealer


@dataclass(frozen=True, slots=True)
class SensitiveRecord:
    """What is known about the person behind a media file, and where the file came from."""

    source: Path | None  # as it was named at the import
    values: Mapping[str, str | None]  # field → value; empty before anything was read
    confidence: Mapping[str, float]  # field → 0 to 1
    pictures: Mapping[str, bytes]  # field → PNG of what was read

    @property
    def identity(self) -> Identity:
        """What was read, as it came from the cell."""
        read = {field: value for field, value in self.values.items() if value is not None}
        return Identity(
            **{
                field: Reading(value, self.confidence[field], self.pictures.get(field, b""))
                for field, value in read.items()
            }
        )


def seal_path(sealer: Sealer, path: Path, attempt: UUID) -> bytes:
    """Encrypt a source path for its attempt's row; any bytes that a file system allows."""
    return sealer.seal(os.fsencode(path), _path_context(attempt))


def unseal_path(sealer: Sealer, sealed: bytes | memoryview, attempt: UUID) -> Path:
    """The source path of an attempt."""
    return Path(os.fsdecode(sealer.unseal(bytes(sealed), _path_context(attempt))))


def source_of(sealer: Sealer, attempt: ImportAttempt) -> Path:
    """Where an attempt read its source."""
    return unseal_path(sealer, attempt.sealed_source, attempt.pk)


def store_identity(sealer: Sealer, media: MediaFile, source: Path, identity: Identity) -> None:
    """Replace the sensitive record of ``media``; joins the caller's transaction."""
    content = {
        "source": _text(os.fsencode(source)),
        "values": dict(identity.values()),
        "confidence": {field: reading.confidence for field, reading in identity.readings()},
        "pictures": {field: _text(reading.picture) for field, reading in identity.readings()},
    }
    sealed = sealer.seal(json.dumps(content).encode(), _media_context(media.uuid))
    _STORE.run(media=media, sealed=sealed)


_STORE = Prepared(
    lambda: inserting(
        SensitiveMeta(media_id=given(SensitiveMeta, "media"), sealed=given(SensitiveMeta, "sealed")),
        replacing=["sealed"],
    )
)


def show_identity(sealer: Sealer, media: MediaFile) -> SensitiveRecord | None:
    """What was read, for a person; records that this account of the operating system looked."""
    record = load_identity(sealer, media)
    if record is not None:
        AuditEvent.objects.create(
            media_id=media.uuid, action=AuditEvent.Action.IDENTITY_SHOWN, actor=current_actor()
        )
    return record


def load_identity(sealer: Sealer, media: MediaFile) -> SensitiveRecord | None:
    """What was read, for the intake itself (a retry needs the source's path)."""
    row = SensitiveMeta.objects.filter(media_id=media.uuid).first()
    if row is None:
        return None
    content: dict[str, Any] = json.loads(sealer.unseal(bytes(row.sealed), _media_context(media.uuid)))
    return SensitiveRecord(
        source=Path(os.fsdecode(base64.b64decode(content["source"]))),
        values=content["values"],
        confidence=content["confidence"],
        pictures={field: base64.b64decode(picture) for field, picture in content["pictures"].items()},
    )


def current_actor() -> str:
    """The account of the operating system that this process runs under."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return f"uid {os.getuid()}"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _media_context(media: UUID) -> str:
    return f"identity of {media}"


def _path_context(attempt: UUID) -> str:
    return f"source of {attempt}"
