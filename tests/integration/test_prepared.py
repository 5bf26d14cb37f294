"""Statements that are built once do what Django's own do."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from endoreg_db.models import Center, ContentLease, ImportAttempt, MediaFile, SensitiveMeta, VideoFile
from endoreg_db.models.prepared import Prepared, given, insert, inserting, updating
from endoreg_db.services.store import Store


def _attempt(**values: object) -> ImportAttempt:
    fields = {"kind": "video", "correlation_id": "1", "sealed_source": b"\x00\xff", "step": "", "host": "h"}
    return ImportAttempt(**{**fields, "boot": "", "pid": 1, **values})


@pytest.fixture
def record(store: Store) -> VideoFile:
    return VideoFile.objects.create(
        kind=MediaFile.Kind.VIDEO, center=Center.objects.get(), content_sha256="ab" * 32, size_bytes=7
    )


def test_it_is_built_once_and_run_with_ever_other_values(store: Store) -> None:
    built: list[bool] = []

    def build() -> models.QuerySet[Center, Center]:
        built.append(True)
        return Center.objects.filter(name=given(Center, "name"))

    statement = Prepared(build)
    assert [center.name for center in statement.objects(name="test_center")] == ["test_center"]
    assert statement.objects(name="'; DROP TABLE endoreg_db_center; --") == []
    assert built == [True]


def test_what_is_found_is_what_django_finds(store: Store, record: VideoFile) -> None:
    statement = Prepared(lambda: MediaFile.objects.filter(pk=given(MediaFile, "uuid")))
    (found,) = statement.objects(uuid=record.pk)
    expected = MediaFile.objects.get()
    for field in MediaFile._meta.concrete_fields:
        value = getattr(found, field.attname)
        assert value == getattr(expected, field.attname), field.name
        assert type(value) is type(getattr(expected, field.attname)), field.name
    assert found == expected and not found._state.adding


def test_fields_that_were_not_asked_for_are_loaded_when_they_are_read(
    store: Store, record: VideoFile
) -> None:
    statement = Prepared(lambda: MediaFile.objects.filter(pk=given(MediaFile, "uuid")).only("kind"))
    (found,) = statement.objects(uuid=record.pk)
    assert found.get_deferred_fields() >= {"size_bytes", "state"}
    assert found.size_bytes == 7


def test_values_are_converted_as_their_fields_want_it(store: Store, record: VideoFile) -> None:
    names = ("timings", "width", "processor", "device_source", "duration")
    statement = Prepared(
        lambda: updating(
            VideoFile.objects.filter(pk=given(MediaFile, "uuid")),
            **{name: given(VideoFile, name) for name in names},
        )
    )
    values = {"timings": {"a": [1, None]}, "width": None, "duration": 0.5, "device_source": "named"}
    assert statement.run(uuid=record.pk, processor=None, **values) == 1
    assert statement.run(uuid=uuid4(), processor=None, **values) == 0
    stored = VideoFile.objects.get()
    assert {name: getattr(stored, name) for name in values} == values


def test_a_new_row_has_all_values_and_the_defaults_of_the_database(store: Store, record: VideoFile) -> None:
    attempt = _attempt(media=record)
    with CaptureQueriesContext(connection) as queries:
        insert(attempt)
    assert len(queries) == 1
    stored = ImportAttempt.objects.get()
    assert stored == attempt and bytes(stored.sealed_source) == b"\x00\xff"
    assert (stored.media_id, stored.outcome, stored.ended_at) == (record.pk, "", None)
    assert attempt.started_at == stored.started_at, "asked for when it is read"


def test_a_row_that_is_there_stays_or_is_replaced_as_asked(store: Store, record: VideoFile) -> None:
    lease = ContentLease(content_sha256=given(ContentLease, "content_sha256"), token=1)
    add = Prepared(lambda: inserting(lease, unless_there=True))
    assert add.run(content_sha256="cd" * 32) == 1
    ContentLease.objects.update(token=5)
    assert add.run(content_sha256="cd" * 32) == 0
    assert ContentLease.objects.get().token == 5

    row = SensitiveMeta(media_id=given(SensitiveMeta, "media"), sealed=given(SensitiveMeta, "sealed"))
    replace = Prepared(lambda: inserting(row, replacing=["sealed"]))
    for sealed in (b"first", b"second"):
        assert replace.run(media=record, sealed=sealed) == 1
    assert bytes(SensitiveMeta.objects.get().sealed) == b"second"
