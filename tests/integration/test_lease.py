from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError
from django.db.models.functions import Now

from endoreg_db.errors import LeaseLostError
from endoreg_db.locking import lease
from endoreg_db.models import Center, ContentLease, EndoscopyProcessor, MediaFile, State, VideoFile
from endoreg_db.models.lease import Lease
from endoreg_db.services.store import Store

CONTENT = "ab" * 32


def _nobody_is_dead(_attempt: UUID) -> bool:
    return False


def _grant(owner: UUID | None = None, is_dead: Callable[[UUID], bool] = _nobody_is_dead) -> Lease:
    return lease.grant(CONTENT, owner or uuid4(), is_dead=is_dead)


def _let_it_run_out() -> None:
    ContentLease.objects.update(expires_at=Now() - timedelta(seconds=1))


@pytest.fixture
def video(store: Store) -> VideoFile:
    return VideoFile.objects.create(
        kind=MediaFile.Kind.VIDEO,
        center=Center.objects.get(name="test_center"),
        processor=EndoscopyProcessor.objects.get(name="olympus_cv_1500"),
        content_sha256=CONTENT,
        size_bytes=1,
    )


def test_a_content_is_leased_to_one_attempt(store: Store) -> None:
    first = _grant()
    with pytest.raises(lease.LeaseHeldError) as refused:
        _grant()
    assert refused.value.owner == first.owner


def test_the_token_grows_with_every_grant(store: Store) -> None:
    tokens = []
    for _ in range(3):
        granted = _grant()
        tokens.append(granted.token)
        assert lease.release(granted)
    assert tokens == sorted(set(tokens))


def test_a_lease_that_has_run_out_is_granted_again(store: Store) -> None:
    slept = _grant()
    _let_it_run_out()
    taken = _grant()
    assert taken.token > slept.token
    assert not lease.renew(slept)
    assert not lease.release(slept), "a sleeper must not free what is another's now"
    assert lease.renew(taken)


def test_a_late_owner_keeps_what_nobody_else_took(store: Store) -> None:
    late = _grant()
    _let_it_run_out()
    assert lease.renew(late)
    assert ContentLease.objects.filter(expires_at__gt=Now()).exists()


def test_renewing_moves_the_end_away(store: Store) -> None:
    granted = lease.grant(CONTENT, uuid4(), is_dead=_nobody_is_dead, seconds=5)
    before = ContentLease.objects.get()
    assert lease.renew(granted, seconds=500)
    after = ContentLease.objects.get()
    assert before.expires_at and after.expires_at
    assert timedelta(seconds=490) < after.expires_at - before.expires_at < timedelta(seconds=510)


def test_a_dead_owner_is_taken_over_at_once(store: Store) -> None:
    died = _grant()
    taken = _grant(is_dead=lambda attempt: attempt == died.owner)
    assert taken.token == died.token + 1


def test_one_attempt_may_be_granted_again(store: Store) -> None:
    mine = _grant()
    again = _grant(mine.owner)
    assert again.token > mine.token
    assert not lease.renew(mine)


def test_a_fenced_write_changes_the_record(video: VideoFile) -> None:
    granted = _grant()
    video.advance(State.PROCESSING, lease=granted)
    video.advance(State.PUBLISHED, lease=granted, output_sha256="c" * 64, output_name="x.mp4", frames=7)
    stored = VideoFile.objects.get()
    assert (stored.state, stored.fencing_token, stored.frames) == (State.PUBLISHED, granted.token, 7)


def test_a_worker_that_slept_through_its_lease_changes_nothing(video: VideoFile) -> None:
    slept = _grant()
    video.advance(State.PROCESSING, lease=slept)
    _let_it_run_out()
    awake = _grant()
    video.advance(State.PROCESSING, lease=awake)
    with pytest.raises(LeaseLostError):
        video.advance(State.PUBLISHED, lease=slept, output_sha256="c" * 64, frames=7)
    stored = VideoFile.objects.get()
    assert (stored.state, stored.output_sha256, stored.frames) == (State.PROCESSING, "", None)
    assert stored.fencing_token == awake.token


def test_the_database_refuses_a_published_record_without_an_output(video: VideoFile) -> None:
    with pytest.raises(IntegrityError, match="media_output_only_when_published"):
        MediaFile.objects.update(state=State.PUBLISHED)


def test_the_database_refuses_a_second_record_of_one_content(video: VideoFile) -> None:
    with pytest.raises(IntegrityError):
        VideoFile.objects.create(
            kind=MediaFile.Kind.VIDEO,
            center=video.center,
            processor=video.processor,
            content_sha256=CONTENT,
            size_bytes=2,
        )
