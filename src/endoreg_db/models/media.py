"""Media files: the records that researchers see. Identity is never stored here."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models.functions import Now

from endoreg_db.errors import InvalidTransitionError, LeaseLostError
from endoreg_db.models.center import Center
from endoreg_db.models.lease import HELD, ContentLease, Lease, held_values
from endoreg_db.models.prepared import Prepared, given, updating
from endoreg_db.models.processor import EndoscopyProcessor
from endoreg_db.models.states import REACHABLE, UNSETTLED, State, sources_of

#: Of the cleaned text that is published beside a report.
TEXT_SUFFIX = ".txt"


class MediaFile(models.Model):
    """One content, known by its SHA-256, whatever it was called and wherever it lay.

    A recording and a report share this table so that the database itself can promise that a
    content has one record, one lease and one state.
    """

    class Kind(models.TextChoices):
        """What the content is."""

        VIDEO = "video"
        REPORT = "report"

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    center = models.ForeignKey(Center, on_delete=models.PROTECT, related_name="media")
    state = models.CharField(max_length=20, choices=State.choices, default=State.RECEIVED)
    content_sha256 = models.CharField(max_length=64, unique=True)
    size_bytes = models.BigIntegerField()
    original_kept = models.BooleanField(default=False)  # the vault holds it
    original_wanted = models.BooleanField(default=True)  # the vault shall hold it: so a retry stores it
    output_name = models.CharField(max_length=100, blank=True, default="")  # below ``published/``
    output_sha256 = models.CharField(max_length=64, blank=True, default="")
    candidate_sha256 = models.CharField(max_length=64, blank=True, default="")  # in the vault
    # Of the cleaned text beside the output; reports have one. In the vault while it waits for review.
    text_sha256 = models.CharField(max_length=64, blank=True, default="")
    findings = models.JSONField(default=list)  # why it needs review, in words free of identity
    verification = models.JSONField(default=dict)  # what the look at the output covered, whole numbers
    # The same for all records of a patient; empty where it was not read well enough whom they show.
    pseudonym = models.CharField(max_length=25, blank=True, default="")
    pseudonym_key_id = models.CharField(max_length=16, blank=True, default="")  # which key it was made with
    fencing_token = models.BigIntegerField(default=0)  # of the grant that changed the record last
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("created_at", "uuid")
        indexes: ClassVar = [
            models.Index(fields=["state", "created_at"], name="media_by_state"),
            models.Index(fields=["size_bytes"], name="media_by_size"),
            models.Index(fields=["created_at", "uuid"], name="media_by_age"),
            models.Index(fields=["pseudonym"], name="media_by_pseudonym"),
            # The few that are not finished: whoever asks about very many records looks here first.
            models.Index(
                fields=["uuid"], name="media_unsettled", condition=models.Q(state__in=sorted(UNSETTLED))
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="media_state_is_known", condition=models.Q(state__in=[s.value for s in State])
            ),
            models.CheckConstraint(
                name="media_output_only_when_published",
                condition=(models.Q(state__in=sorted(REACHABLE)) & ~models.Q(output_sha256=""))
                | (~models.Q(state__in=sorted(REACHABLE)) & models.Q(output_sha256="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uuid} ({self.state})"

    @property
    def text_name(self) -> str:
        """How the cleaned text is called below ``published/``, once it is there."""
        return f"{self.pk}{TEXT_SUFFIX}"

    @property
    def published(self) -> Mapping[str, str]:
        """Name below ``published/`` → SHA-256, of every file that must be there now."""
        if self.state not in REACHABLE:
            return {}
        text = {self.text_name: self.text_sha256} if self.text_sha256 else {}
        return {self.output_name: self.output_sha256, **text}

    @property
    def stored(self) -> tuple[str, ...]:
        """SHA-256 of everything that the vault must hold for this record now."""
        waiting = (self.candidate_sha256, self.text_sha256 if self.state == State.NEEDS_REVIEW else "")
        kept = (self.content_sha256,) if self.original_kept else ()
        return (*kept, *(sha256 for sha256 in waiting if sha256))

    @classmethod
    def of_content(cls, content_sha256: str) -> MediaFile | None:
        """The record of a content; None if it is new. There is never more than one."""
        found: list[MediaFile] = _OF_CONTENT.objects(content_sha256=content_sha256)
        return found[0] if found else None

    @classmethod
    def one_has_size(cls, size_bytes: int) -> bool:
        """Whether there is a record of a content of so many bytes."""
        return bool(_OF_SIZE.rows(size_bytes=size_bytes))

    def advance(self, to: State, *, lease: Lease | None = None, **changes: Any) -> None:
        """Move this record to state ``to`` and write ``changes``, in one conditional statement.

        With a ``lease`` the statement also demands that its fencing token is still the newest
        one, so a worker that slept through its lease changes nothing. Call it inside the
        transaction that makes the change's other half durable.

        Raises:
            LeaseLostError: a newer worker has been granted the content.
            InvalidTransitionError: the record is not in a state from which ``to`` may follow.
        """
        values: dict[str, Any] = {**changes, "state": to}
        if lease is not None:
            values["fencing_token"] = lease.token
        of_its_kind = {name: value for name, value in values.items() if name not in _shared_names()}
        shared = {name: value for name, value in values.items() if name not in of_its_kind}
        condition = {} if lease is None else held_values(lease)
        # One statement is a transaction of its own, and costs two round trips less.
        with transaction.atomic(savepoint=False) if of_its_kind else nullcontext():
            statement = _advancing(to, tuple(sorted(shared)), fenced=lease is not None)
            moved = statement.run(uuid=self.pk, **shared, **condition) == 1
            if moved and of_its_kind:
                # The statement above has locked the record, so this one needs no condition.
                _noting(type(self), tuple(sorted(of_its_kind))).run(uuid=self.pk, **of_its_kind)
        if not moved:
            self._explain_refusal(to, lease)
        for field, value in values.items():
            setattr(self, field, value)

    def _explain_refusal(self, to: State, lease: Lease | None) -> None:
        if lease is not None and not ContentLease.objects.held_by(lease).exists():
            raise LeaseLostError(f"The lease on {self.kind} {self.uuid} was lost before it became {to}")
        current = MediaFile.objects.values_list("state", flat=True).get(pk=self.pk)
        raise InvalidTransitionError(f"The {self.kind} {self.uuid} is {current}; it cannot become {to}")


_OF_CONTENT = Prepared(
    lambda: MediaFile.objects.filter(content_sha256=given(MediaFile, "content_sha256")).order_by()
)
_OF_SIZE = Prepared(
    lambda: (
        MediaFile.objects.filter(size_bytes=given(MediaFile, "size_bytes")).order_by().values_list("uuid")[:1]
    )
)


@functools.cache
def _shared_names() -> frozenset[str]:
    return frozenset(field.name for field in MediaFile._meta.fields)


@functools.cache
def _advancing(to: State, names: tuple[str, ...], *, fenced: bool) -> Prepared:
    """Writes these fields if the record may become ``to``; ``fenced``: and if the lease is held."""
    held = [models.Exists(ContentLease.objects.held_by(HELD))] if fenced else []
    return Prepared(
        lambda: updating(
            MediaFile.objects.filter(*held, pk=given(MediaFile, "uuid"), state__in=sources_of(to)),
            updated_at=Now(),
            **{name: given(MediaFile, name) for name in names},
        )
    )


@functools.cache
def _noting(kind: type[MediaFile], names: tuple[str, ...]) -> Prepared:
    """Writes these fields, which only records of that kind have."""
    rows = kind._default_manager.filter(pk=given(MediaFile, "uuid"))
    return Prepared(lambda: updating(rows, **{name: given(kind, name) for name in names}))


class VideoFile(MediaFile):
    """An endoscopy recording."""

    class DeviceSource(models.TextChoices):
        """How the intake knows what made the recording."""

        NAMED = "named", "named by who imported it"
        RECOGNISED = "recognised", "recognised from the picture"
        PROPOSED = "proposed", "not recognised; a profile is proposed"

    #: None while nobody has named or recognised it.
    processor = models.ForeignKey(
        EndoscopyProcessor, on_delete=models.PROTECT, related_name="videos", null=True
    )
    #: Empty while nobody has named it and nothing was found out.
    device_source = models.CharField(max_length=10, choices=DeviceSource.choices, blank=True, default="")
    proposal = models.JSONField(null=True)  # of services.proposals; None: none
    profile_digest = models.CharField(max_length=64, blank=True, default="")  # as it was applied
    width = models.PositiveIntegerField(null=True)  # pixels
    height = models.PositiveIntegerField(null=True)
    frames = models.PositiveBigIntegerField(null=True)
    duration = models.FloatField(null=True)  # seconds
    encoder = models.CharField(max_length=30, blank=True, default="")  # FFmpeg's name of what made the output
    timings = models.JSONField(default=dict)  # stage → seconds


class ReportFile(MediaFile):
    """An endoscopy report."""

    pages = models.PositiveIntegerField(null=True)
    pages_scanned = models.PositiveIntegerField(null=True)  # of those, read by OCR alone
    words = models.PositiveIntegerField(null=True)  # in the output's text layer
    timings = models.JSONField(default=dict)  # stage → seconds
