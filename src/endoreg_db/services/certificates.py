"""Issues the certificate of a published file, from its record and from what the pass has told."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from endoreg_db import certificate
from endoreg_db.deid.messages import ReportVerification, Verification
from endoreg_db.models import AuditEvent, EndoscopyProcessor, MediaFile
from endoreg_db.services.store import Store
from endoreg_db.storage.signing import load_signing_key

How = Literal["verified", "reviewed"]

#: Everything that decides what is read, blanked and seen, by the name of its distribution.
_ENGINES = ("av", "numpy", "onnxruntime", "pillow", "rapidocr")
_INTAKE = "endoreg-intake"


def looked_at(verification: Verification) -> dict[str, int]:
    """What the look at the finished file covered, in whole numbers, as records and certificates keep it."""
    return {
        "frames": verification.frames,
        "duration_ms": _milliseconds(verification.duration) or 0,
        "pictures_read": verification.scenes_read,
        "largest_residue": verification.largest_residue,
    }


def looked_at_report(verification: ReportVerification) -> dict[str, int]:
    """Likewise for a report."""
    return {
        "pages": verification.pages,
        "words": verification.words,
        "lines_read": verification.lines_read,
        "largest_residue": verification.largest_residue,
    }


@dataclass(frozen=True, slots=True)
class Made:
    """The file that a certificate is about, and what is known of how it was made."""

    name: str  # below ``published/``
    sha256: str
    size: int  # bytes
    device: str  # name of the endoscopy processor; empty for a report
    profile_digest: str  # of the device's profile as it was applied; likewise
    findings: Sequence[Mapping[str, Any]]  # as the record keeps them
    verification: Mapping[str, int]  # see :func:`looked_at` and :func:`looked_at_report`
    encoder: str = ""  # FFmpeg's name of what encoded a recording; empty for a report, or where not known


def made_by(record: MediaFile, *, name: str, sha256: str, size: int) -> Made:
    """What the record knows of the file that it has, or had until it was reviewed."""
    processor = EndoscopyProcessor.objects.filter(videos=record.pk).first()
    device = "" if processor is None else processor.name
    video = getattr(record, "videofile", record)
    digest, encoder = (str(getattr(video, fact, "")) for fact in ("profile_digest", "encoder"))
    return Made(name, sha256, size, device, digest, record.findings, record.verification, encoder)


def issue(store: Store, record: MediaFile, made: Made, *, by: str, how: How) -> bytes:
    """The signed certificate of a file that is about to be published, or is.

    Args:
        store: whose key signs.
        record: of the file.
        made: the file.
        by: the account that lets it out, or ``endoreg``.
        how: by what right.

    Raises:
        ConfigurationError, StorageFailedError: the signing key cannot be used.
    """
    key = load_signing_key(store.folder.keys)
    document = {
        "schema": certificate.SCHEMA,
        "uuid": str(record.uuid),
        "kind": str(record.kind),
        "issued_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": {"hmac_sha256": source_digest(store, record.content_sha256)},
        "output": _output(made),
        "device": _device(made),
        "software": _software(),
        "findings": [_finding(finding) for finding in made.findings],
        "verification": dict(made.verification),
        "released": {"by": by, "how": how},
    }
    return certificate.signed(document, key.public_key, key.sign)


def reissue(store: Store, record: MediaFile, path: Path, sha256: str) -> bytes:
    """The certificate of a file that is published already, from what the record knows; for the doctor.

    Who let it out is taken from the audit: the last one who approved it, else the intake itself.

    Args:
        store: whose key signs.
        record: that names the file.
        path: the file.
        sha256: of the file, as it was verified.
    """
    made = made_by(record, name=path.name, sha256=sha256, size=path.stat().st_size)
    approved = record.events.filter(action=AuditEvent.Action.APPROVED).order_by("-at", "-pk").first()
    if approved is None:
        return issue(store, record, made, by="endoreg", how="verified")
    return issue(store, record, made, by=approved.actor, how="reviewed")


def source_digest(store: Store, content_sha256: str) -> str:
    """Which source it was, for those alone who have the key of the data folder."""
    return hmac.new(store.key.derive("certificate source"), content_sha256.encode(), "sha256").hexdigest()


def _output(made: Made) -> dict[str, Any]:
    encoder = {"encoder": made.encoder} if made.encoder else {}
    return {"name": made.name, "sha256": made.sha256, "bytes": made.size, **encoder}


def _device(made: Made) -> dict[str, str] | None:
    return {"profile": made.device, "profile_sha256": made.profile_digest} if made.device else None


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": finding["code"],
        "severity": finding["severity"],
        "detail": finding["detail"],
        "start_ms": _milliseconds(finding.get("start")),
        "end_ms": _milliseconds(finding.get("end")),
    }


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


@cache
def _software() -> dict[str, str]:
    """Versions of the intake and its engines, and SHA-256 of the models, as they are installed.

    Read once in a process: to hash the models takes longer than all other bookkeeping of an import.
    """
    versions = {name: metadata.version(name) for name in (_INTAKE, *_ENGINES)}
    folder = Path(str(metadata.distribution("rapidocr").locate_file("rapidocr/models")))
    models = {model.name: f"sha256:{_sha256(model)}" for model in sorted(folder.glob("*.onnx"))}
    return versions | models


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
