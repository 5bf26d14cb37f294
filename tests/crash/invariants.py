"""What must hold after a crash, recovery and one more try; each check says what is wrong."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from endoreg_db.certificate import certificate_path, check
from endoreg_db.errors import CertificateError, SourceMissingError
from endoreg_db.models import ContentLease, ImportAttempt, MediaFile
from endoreg_db.models.states import SETTLED
from endoreg_db.services.checks.examination import Examination
from endoreg_db.services.doctor import examine
from endoreg_db.services.store import Store
from endoreg_db.storage.signing import load_signing_key
from tests.crash.scenarios import STALE_AFTER, Expected, Stage

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: Each path below the stage, UUIDs replaced, with its mode: type and permissions.
Shape = frozenset[tuple[str, int]]


def shape_of(stage: Stage) -> Shape:
    """What lies where. SQLite's log beside the database comes and goes, and is left out."""
    return frozenset(
        (_UUID.sub("<uuid>", str(path.relative_to(stage.root))), path.lstat().st_mode)
        for path in stage.root.rglob("*")
        if not path.name.startswith(f"{stage.database.name}-")
    )


def lost(stage: Stage, store: Store, recording: bytes) -> list[str]:
    """Whether the crash alone, before anything is mended, has already cost the only original."""
    if stage.source.exists():
        return [] if stage.source.read_bytes() == recording else ["the source was changed"]
    sha256 = hashlib.sha256(recording).hexdigest()
    record = MediaFile.objects.filter(content_sha256=sha256, original_kept=True, state__in=SETTLED)
    if record.exists() and store.vault.verify(sha256):
        return []
    return ["the source is gone, and no settled record has a whole copy of it"]


def violations(
    stage: Stage,
    store: Store,
    recording: bytes,
    expected: Expected,
    clean: Shape | None = None,
    *,
    permissions: bool = True,
) -> list[str]:
    """Everything that is not as it should be at the end.

    Args:
        stage: where it happened.
        store: the open store of the stage.
        recording: the bytes of the source.
        expected: how the scenario ends.
        clean: what lies where after an undisturbed run; None where this is one.
        permissions: whether files must have its permissions too; the model disk has none.
    """
    problems = [*_records(store, recording, expected)]
    problems += _source(stage, recording, expected)
    problems += _leftovers()
    problems += _doctor(store)
    if clean is not None:
        shape = shape_of(stage)
        if not permissions:
            shape, clean = _without_permissions(shape), _without_permissions(clean)
        problems += [f"left behind: {path} ({mode:o})" for path, mode in sorted(shape - clean)]
        problems += [f"not there: {path} ({mode:o})" for path, mode in sorted(clean - shape)]
    return problems


def _without_permissions(shape: Shape) -> Shape:
    return frozenset((path, stat.S_IFMT(mode)) for path, mode in shape)


def _records(store: Store, recording: bytes, expected: Expected) -> Iterator[str]:
    records = list(MediaFile.objects.all())
    if len(records) != 1:
        yield f"{len(records)} records"
        return
    (record,) = records
    if record.state != expected.state:
        yield f"the record is {record.state}"
    original = hashlib.sha256(recording).hexdigest()
    if (record.content_sha256, record.original_kept) != (original, True):
        yield "the record does not name the original as kept"
    wanted = {original} | (set(record.stored) if expected.candidate else set())
    yield from _vault(store, wanted)
    yield from _published(store, record, expected)


def _vault(store: Store, wanted: set[str]) -> Iterator[str]:
    stored = set(store.vault.addresses())
    yield from (f"not in the vault: {sha256}" for sha256 in wanted - stored)
    yield from (f"too much in the vault: {sha256}" for sha256 in stored - wanted)
    yield from (f"damaged in the vault: {sha256}" for sha256 in stored if not store.vault.verify(sha256))


def _published(store: Store, record: MediaFile, expected: Expected) -> Iterator[str]:
    files = {path.name: _sha256(path) for path in store.publisher.published_files()}
    wanted = dict(record.published) if expected.published else {}
    if files != wanted:
        yield f"published are {files}, and the record names {wanted}"
    yield from _certificates(store, {store.folder.published / name for name in wanted})


def _certificates(store: Store, published: set[Path]) -> Iterator[str]:
    """Whether every published file has a certificate that is right, and nothing else has one."""
    there = set(store.publisher.certificates())
    yield from (f"a certificate of nothing: {path}" for path in there - set(map(certificate_path, published)))
    public_key = load_signing_key(store.folder.keys).public_key
    for path in published:
        try:
            check(path, public_key)
        except (CertificateError, SourceMissingError) as error:
            yield f"not certified: {error}"


def _source(stage: Stage, recording: bytes, expected: Expected) -> Iterator[str]:
    if stage.source.exists() == expected.source_removed:
        yield f"the source is {'still there' if expected.source_removed else 'gone'}"
    elif stage.source.exists() and stage.source.read_bytes() != recording:
        yield "the source was changed"


def _leftovers() -> Iterator[str]:
    for row in ContentLease.objects.filter(owner__isnull=False):
        yield f"{row} is held by {row.owner}"
    for attempt in ImportAttempt.objects.filter(ended_at__isnull=True):
        yield f"{attempt} has not ended"


def _doctor(store: Store) -> Iterator[str]:
    for result in examine(Examination(store, repair=False, deep=True, stale_after=STALE_AFTER)):
        yield from (f"doctor: {problem.check}: {problem.what}" for problem in result.problems)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
