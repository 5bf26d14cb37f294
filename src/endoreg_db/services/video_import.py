"""The import of endoscopy recordings.

>>> from endoreg_db.services.video_import import VideoImportService
>>> video = VideoImportService().import_and_anonymize(
...     file_path="/data/raw_videos/test.mp4",
...     center_name="test_center",
...     processor_name="olympus_cv_1500",
... )  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from endoreg_db.conf import Config
from endoreg_db.deid.cell_process import StoppedError
from endoreg_db.deid.client import run_video
from endoreg_db.deid.messages import ENCODER_REPLACED, EncodeSettings, Finding, Message, VideoTask
from endoreg_db.deid.profiles import DeviceProfile
from endoreg_db.errors import InsufficientStorageError, LeaseLostError
from endoreg_db.intake.inspect import MediaKind
from endoreg_db.logging import get_logger
from endoreg_db.models import ImportAttempt, MediaFile, VideoFile
from endoreg_db.services import pieces, proposals, publishing, records, registry, retries
from endoreg_db.services.certificates import looked_at
from endoreg_db.services.context import ImportContext, ImportOutcome, ImportRequest
from endoreg_db.services.media_import import MediaImportService
from endoreg_db.services.sources import STALE_LOCK_SECONDS
from endoreg_db.services.verdict import judge

__all__ = ["STALE_LOCK_SECONDS", "VideoImportService", "import_and_anonymize"]

#: The container of every published recording.
OUTPUT_SUFFIX = ".mp4"

log = get_logger(__name__)


class VideoImportService(MediaImportService):
    """Imports recordings: everything but the endoscopic image is blanked, and the output verified."""

    kind = MediaKind.VIDEO
    noun = "Video"

    def import_and_anonymize(
        self,
        file_path: str | Path,
        center_name: str,
        processor_name: str | None = None,
        save_video: bool = True,
        delete_source: bool = False,
    ) -> VideoFile:
        """Import one recording; returns its record, new or known.

        Args:
            file_path: the recording.
            center_name: a registered centre.
            processor_name: the endoscopy processor that made the recording; None: recognised from
                the picture, or else a profile is proposed and the recording waits for review.
            save_video: keep the original, encrypted, in the vault.
            delete_source: remove the source, only after everything is durable and the stored
                copy has been read back.

        Raises:
            MediaImportError: what went wrong and what to do next; see :mod:`endoreg_db.errors`.
            ValueError: ``delete_source`` without ``save_video`` would destroy the only original.
        """
        if delete_source and not save_video:
            raise ValueError("delete_source=True needs save_video=True: the source is the only original")
        request = ImportRequest(
            file_path=Path(file_path),
            center_name=center_name,
            processor_name=processor_name,
            save_original=save_video,
            delete_source=delete_source,
        )
        return cast(VideoFile, self.import_file(request).record)

    def retry(self, record: MediaFile, *, processor_name: str | None = None) -> ImportOutcome:
        """Run the import of a known recording again, under the same UUID.

        Args:
            record: the recording.
            processor_name: what made it; by default what was named before. A device that was only
                recognised, or not even that, is looked for anew.

        Raises:
            SourceMissingError: neither the vault nor the source's path has the recording.
            InvalidTransitionError: the record is published, or its content was erased.
            MediaImportError: as for a first import.
        """
        name = processor_name or _named_processor(record)
        return self.import_file(retries.request_for_retry(self._config(), record, name))

    def _retry_existing_video(self, video: VideoFile) -> VideoFile:
        """:meth:`retry`, by the name that callers know."""
        return cast(VideoFile, self.retry(video).record)

    # ------------------------------------------------------------------------------- the steps

    def _create_or_retrieve_instance(self) -> None:
        self._create_or_retrieve_video_instance()

    def _create_or_retrieve_video_instance(self) -> None:
        """Find the record of this content, or make one, under the content's lease."""
        context = self._enter("_create_or_retrieve_video_instance")
        context.center = center = registry.find_center(context.request.center_name)
        named = context.request.processor_name
        context.processors = registry.processors()
        if named is not None:
            context.processor = registry.find_processor(named, context.processors)

        def new_record(content_sha256: str, size: int) -> MediaFile:
            return VideoFile(
                kind=MediaFile.Kind.VIDEO,
                center=center,
                processor=context.processor,
                device_source=VideoFile.DeviceSource.NAMED if named is not None else "",
                content_sha256=content_sha256,
                size_bytes=size,
                original_wanted=context.request.save_original,
            )

        self._admit(new_record)

    def _process_media(self) -> None:
        self._process_frames_and_metadata()

    def _process_frames_and_metadata(self) -> None:
        """One pass in the cell: read identity, blank, encode, and look at the output again."""
        context = self._enter("_process_frames_and_metadata")
        pieces.hand_over(context.store, context.the_record.content_sha256, context.the_workspace.folder)
        task = VideoTask(
            source=str(context.untrusted_input or records.plainly_named(context)),
            work_dir=str(context.the_workspace.folder),
            profile=None if context.processor is None else context.processor.profile,
            encode=_encode_settings(context.config),
            workers=context.config.workers,
            known=tuple(processor.profile for processor in context.processors),
        )
        try:
            context.done = run_video(
                task,
                self._hear,
                should_stop=self._lease_is_lost,
                name=str(context.request.file_path),
            )
        except StoppedError:
            self._check_lease()
            raise
        done = context.done
        if done.taken_over:
            total = done.taken_over + done.encoded
            told = "Took over %d of %d segments from an earlier attempt"
            log.info(told, done.taken_over, total, action="taken over")

    def _hear(self, message: Message) -> None:
        """Pass on what the cell says; that hardware failed is for the log as well."""
        if isinstance(message, Finding) and message.code == ENCODER_REPLACED:
            log.warning("%s: %s", message.detail, self._context.request.file_path)
        self._on_message(message)

    def _finalize_processing(self) -> None:
        """Publish what is safe, keep for review what is unsure, destroy what is known to leak."""
        context = self._enter("_finalize_processing")
        done, profile = context.the_done, _applied_profile(context)
        publishing.check_source_unchanged(context)
        verdict = judge(done, profile)
        publishing.refuse_unsafe(context, verdict)
        facts = {
            **self._device_facts(context),
            "profile_digest": profile.digest,
            "width": done.facts.width,
            "height": done.facts.height,
            "frames": done.verification.frames,
            "duration": done.verification.duration,
            "timings": done.timings,
            "verification": looked_at(done.verification),
            "encoder": done.encoder,
        }
        made = publishing.Output(Path(done.candidate), OUTPUT_SUFFIX)
        publishing.deliver(context, made, verdict, done.identity, facts)
        if facts["proposal"] is None:
            proposals.remove(context.store.folder, context.the_record.pk)

    def _cleanup_and_archive(self) -> None:
        super()._cleanup_and_archive()
        # Before the attempt's folder goes: where this does not come about, recovery does it.
        pieces.drop(self._context.store, self._context.the_record.content_sha256)

    def _record_failure(self, error: BaseException) -> None:
        context = self._current
        if context is not None and context.lease is not None and context.record is not None:
            _keep_or_drop_pieces(context, error)
        super()._record_failure(error)

    def _device_facts(self, context: ImportContext) -> dict[str, Any]:
        """What the record says about its device; a proposal is written down first."""
        found, source = context.the_done.found, VideoFile.DeviceSource
        if found is None:
            return {"processor": context.the_processor, "device_source": source.NAMED, "proposal": None}
        if not found.proposed:
            processor = registry.find_processor(found.profile.name, context.processors)
            return {"processor": processor, "device_source": source.RECOGNISED, "proposal": None}
        proposal = proposals.as_data(found)
        path = proposals.write(context.store.folder, context.the_record.pk, proposal)
        log.info("Proposed a device profile: %s", path)
        return {"processor": None, "device_source": source.PROPOSED, "proposal": proposal}


def _encode_settings(config: Config) -> EncodeSettings:
    return EncodeSettings(config.video_preset, config.video_crf, encoder=config.video_encoder)


def _named_processor(record: MediaFile) -> str | None:
    """The processor that a person named for a recording; None if it was found out, or is not known."""
    named = VideoFile.objects.filter(pk=record.pk, device_source=VideoFile.DeviceSource.NAMED)
    return named.values_list("processor__name", flat=True).first()


def _keep_or_drop_pieces(context: ImportContext, error: BaseException) -> None:
    """Keep what was finished if the import may be tried again; on a full disk it gives way."""
    content, folder = context.the_record.content_sha256, context.the_workspace.folder
    if isinstance(error, LeaseLostError):
        return  # what is kept of this content is another worker's
    final = records.failed_outcome(error) is ImportAttempt.Outcome.QUARANTINED
    if final or isinstance(error, InsufficientStorageError):
        pieces.drop(context.store, content)
    else:
        pieces.keep(context.store, content, folder)


def _applied_profile(context: ImportContext) -> DeviceProfile:
    """The layout that the recording was blanked by."""
    found = context.the_done.found
    return context.the_processor.profile if found is None else found.profile


def import_and_anonymize(
    file_path: str | Path,
    center_name: str,
    processor_name: str | None = None,
    save_video: bool = True,
    delete_source: bool = False,
) -> VideoFile:
    """Import one recording with a service of its own; see :class:`VideoImportService`."""
    return VideoImportService().import_and_anonymize(
        file_path, center_name, processor_name, save_video, delete_source
    )
