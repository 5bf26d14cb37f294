"""The way out of doubt: a person looks and decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from endoreg_db import certificate
from endoreg_db.errors import InvalidTransitionError, StorageFailedError, UnknownRecordError
from endoreg_db.models import AuditEvent, MediaFile, State, VideoFile
from endoreg_db.services import catalog, review
from endoreg_db.services.certificates import source_digest
from endoreg_db.services.store import Store
from endoreg_db.storage.publish import Publisher
from endoreg_db.storage.signing import PUBLIC_FILE
from tests.conftest import FRAMES, SMALL_DEVICE, small_profile


def certificate_of(store: Store, output: Path) -> Mapping[str, Any]:
    """The certificate beside a published file, checked with the public key alone."""
    public = certificate.public_key_of((store.folder.keys / PUBLIC_FILE).read_bytes())
    return certificate.check(output, public).document


def test_what_waits_for_review_is_not_published(store: Store, waiting: VideoFile) -> None:
    assert waiting.state == State.NEEDS_REVIEW
    assert not list(store.publisher.published_files())
    assert catalog.summary(store, waiting).output is None


def test_approving_a_candidate_publishes_the_very_file_that_was_verified(
    store: Store, waiting: VideoFile
) -> None:
    verified = waiting.candidate_sha256
    approved = review.approve(store, waiting, actor="dr_test")
    output = store.folder.published / approved.output_name
    assert hashlib.sha256(output.read_bytes()).hexdigest() == verified
    stored = MediaFile.objects.get()
    assert (stored.state, stored.output_sha256, stored.candidate_sha256) == (State.PUBLISHED, verified, "")
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == (AuditEvent.Action.APPROVED, "dr_test")
    certified = certificate_of(store, output)
    assert certified["released"] == {"by": "dr_test", "how": "reviewed"}
    assert [finding["code"] for finding in certified["findings"]] == ["unconfirmed_profile"]
    assert certified["verification"]["frames"] == FRAMES
    assert not list(store.folder.tmp.iterdir())


def test_what_is_published_is_certified(store: Store, published: VideoFile) -> None:
    output = store.folder.published / published.output_name
    certified = certificate_of(store, output)
    profile = small_profile()
    assert certified["device"] == {"profile": SMALL_DEVICE, "profile_sha256": profile.digest}
    assert certified["released"] == {"by": "endoreg", "how": "verified"}
    assert certified["output"]["bytes"] == output.stat().st_size
    assert set(certified["verification"]) == {"frames", "duration_ms", "pictures_read", "largest_residue"}
    assert {"endoreg-intake", "av", "rapidocr", "onnxruntime"} <= set(certified["software"])
    assert sum(version.startswith("sha256:") for version in certified["software"].values()) >= 2
    assert set(certified) == set(certificate.schema()["properties"])
    # Only who has the hospital's key can tell which source it was.
    text = json.dumps(certified)
    assert published.content_sha256 not in text
    assert certified["source"]["hmac_sha256"] == source_digest(store, published.content_sha256)


def test_approving_what_is_published_releases_it(store: Store, published: VideoFile) -> None:
    review.approve(store, published, actor="dr_test")
    assert MediaFile.objects.get().state == State.RELEASED
    with pytest.raises(InvalidTransitionError, match="is released; it cannot become released"):
        review.approve(store, published, actor="dr_test")


def test_rejecting_destroys_the_candidate(store: Store, waiting: VideoFile) -> None:
    candidate = waiting.candidate_sha256
    review.reject(store, waiting, actor="dr_test", reason="a face shows")
    assert MediaFile.objects.get().state == State.REJECTED
    assert not store.vault.contains(candidate)
    assert store.vault.contains(waiting.content_sha256), "the original stays"
    assert AuditEvent.objects.get().detail == "a face shows"


def test_rejecting_takes_a_published_file_and_its_certificate_back(
    store: Store, published: VideoFile
) -> None:
    review.reject(store, published, actor="dr_test", reason="a name shows")
    assert not list(store.folder.published.iterdir())


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_rejection_needs_a_reason(store: Store, waiting: VideoFile, reason: str) -> None:
    with pytest.raises(InvalidTransitionError, match="reason"):
        review.reject(store, waiting, actor="dr_test", reason=reason)
    assert MediaFile.objects.get().state == State.NEEDS_REVIEW


def test_two_people_deciding_at_once_do_not_both_get_their_way(store: Store, waiting: VideoFile) -> None:
    stale = MediaFile.objects.get()
    review.reject(store, waiting, actor="dr_one", reason="a name shows")
    with pytest.raises(InvalidTransitionError):
        review.approve(store, stale, actor="dr_two")
    assert MediaFile.objects.get().state == State.REJECTED
    assert not list(store.publisher.published_files())


def test_a_rejection_takes_back_what_a_colleague_has_just_approved(store: Store, waiting: VideoFile) -> None:
    stale = MediaFile.objects.get()
    review.approve(store, waiting, actor="dr_one")
    review.reject(store, stale, actor="dr_two", reason="a name shows")
    assert MediaFile.objects.get().state == State.REJECTED
    assert not list(store.folder.published.iterdir())


def test_a_rejection_that_cannot_remove_the_file_is_none(
    store: Store, published: VideoFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_publisher: Publisher, path: Path) -> None:
        raise StorageFailedError(f"{path} cannot be removed")

    with monkeypatch.context() as patch, pytest.raises(StorageFailedError):
        patch.setattr(Publisher, "retract", refuse)
        review.reject(store, published, actor="dr_test", reason="a name shows")
    assert MediaFile.objects.get().state == State.PUBLISHED
    assert not AuditEvent.objects.exists()
    review.reject(store, published, actor="dr_test", reason="a name shows")
    assert not list(store.folder.published.iterdir())


def test_a_damaged_candidate_is_not_published(store: Store, waiting: VideoFile) -> None:
    from endoreg_db.errors import CorruptStoreError

    stored = store.vault.path_of(waiting.candidate_sha256)
    stored.chmod(0o600)
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    with pytest.raises(CorruptStoreError):
        review.approve(store, waiting, actor="dr_test")
    assert MediaFile.objects.get().state == State.NEEDS_REVIEW
    assert not list(store.publisher.published_files())


@pytest.mark.parametrize("text", ["not a uuid", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_record_is_named(store: Store, text: str) -> None:
    with pytest.raises(UnknownRecordError, match=text):
        catalog.find_record(text)
