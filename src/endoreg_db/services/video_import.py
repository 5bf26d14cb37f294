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
from typing import cast

from endoreg_db.deid.client import StoppedError, run_video
from endoreg_db.deid.messages import EncodeSettings, VideoTask
from endoreg_db.errors import VerificationError
from endoreg_db.intake.inspect import MediaKind
from endoreg_db.models import EndoscopyProcessor, MediaFile, VideoFile
from endoreg_db.services import records, registry
from endoreg_db.services.certificates import looked_at
from endoreg_db.services.context import ImportContext, ImportOutcome, ImportRequest
from endoreg_db.services.media_import import STALE_LOCK_SECONDS, MediaImportService
from endoreg_db.services.verdict import Decision, judge
from endoreg_db.storage.durable import storage_errors

__all__ = ["STALE_LOCK_SECONDS", "VideoImportService", "import_and_anonymize"]

#: The container of every published recording.
OUTPUT_SUFFIX = ".mp4"


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
            processor_name: the endoscopy processor that made the recording.
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

    def retry(self, record: MediaFile) -> ImportOutcome:
        """Run the import of a known recording again, under the same UUID.

        Raises:
            SourceMissingError: neither the vault nor the source's path has the recording.
            InvalidTransitionError: the record is published, or its content was erased.
            MediaImportError: as for a first import.
        """
        processor = EndoscopyProcessor.objects.get(videos=record.pk)
        return self.import_file(records.request_for_retry(self._config(), record, processor.name))

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
        context.processor = processor = registry.find_processor(context.request.processor_name)

        def new_record(content_sha256: str, size: int) -> MediaFile:
            return VideoFile(
                kind=MediaFile.Kind.VIDEO,
                center=center,
                processor=processor,
                content_sha256=content_sha256,
                size_bytes=size,
            )

        self._admit(new_record)

    def _process_media(self) -> None:
        self._process_frames_and_metadata()

    def _process_frames_and_metadata(self) -> None:
        """One pass in the cell: read identity, blank, encode, and look at the output again."""
        context = self._enter("_process_frames_and_metadata")
        task = VideoTask(
            source=str(context.untrusted_input or _plainly_named(context)),
            work_dir=str(context.the_workspace.folder),
            profile=context.the_processor.profile,
            encode=EncodeSettings(context.config.video_preset, context.config.video_crf),
            workers=context.config.workers,
        )
        try:
            context.done = run_video(
                task,
                self._on_message,
                should_stop=self._lease_is_lost,
                name=str(context.request.file_path),
            )
        except StoppedError:
            self._check_lease()
            raise

    def _finalize_processing(self) -> None:
        """Publish what is safe, keep for review what is unsure, destroy what is known to leak."""
        context = self._enter("_finalize_processing")
        done, profile = context.the_done, context.the_processor.profile
        records.check_source_unchanged(context)
        verdict = judge(done, profile)
        if verdict.decision is Decision.UNSAFE:
            what = "; ".join(f.detail for f in verdict.findings if f.severity == "fatal")
            raise VerificationError(f"The output of {context.request.file_path} is not safe: {what}")
        facts = {
            "profile_digest": profile.digest,
            "width": done.facts.width,
            "height": done.facts.height,
            "frames": done.verification.frames,
            "duration": done.verification.duration,
            "timings": done.timings,
            "verification": looked_at(done.verification),
        }
        candidate = Path(done.candidate)
        if verdict.decision is Decision.SAFE:
            records.publish(context, candidate, OUTPUT_SUFFIX, verdict.findings, done.identity, facts)
        else:
            records.hold_for_review(context, candidate, verdict.findings, done.identity, facts)


def _plainly_named(context: ImportContext) -> Path:
    """The source, or a link to it where its path is not plain text: the cell takes and quotes no other."""
    source = context.request.file_path.absolute()
    if str(source).isprintable():
        return source
    link = context.the_workspace.folder / "source"
    with storage_errors(link):
        link.symlink_to(source)
    return link


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
