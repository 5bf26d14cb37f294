"""What can go wrong, one class for each thing that the operator does next.

``str(error)`` is one sentence: what happened, to which file. ``error.advice`` is the next
sentence: what to do about it. The exit code of the command line belongs to the class, so no
code ever classifies an error by its text.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class MediaImportError(Exception):
    """An import did not go through; the source file is untouched.

    ``path``, ``correlation_id`` and ``step`` are filled in by the import service when the error
    passes through it, if the place that raised it did not know them.
    """

    exit_code: ClassVar[int] = 3
    advice: str = "Run the import again with --verbose to see where it stopped."

    def __init__(
        self,
        message: str,
        *,
        advice: str | None = None,
        path: str | Path | None = None,
        correlation_id: str | None = None,
        step: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if advice is not None:
            self.advice = advice
        self.path = None if path is None else str(path)
        self.correlation_id = correlation_id
        self.step = step
        # Shown below the traceback, for callers who never look at ``advice``.
        self.add_note(f"What to do next: {self.advice}")

    def __str__(self) -> str:
        return self.message

    def locate(self, *, path: str | Path | None, correlation_id: str | None, step: str | None) -> None:
        """Fill in where the error happened, as far as it is not known yet."""
        if self.path is None and path is not None:
            self.path = str(path)
        self.correlation_id = self.correlation_id or correlation_id
        self.step = self.step or step


class FileLockedError(MediaImportError, ValueError):
    """Another worker is importing this file, or this content, right now."""

    exit_code = 4
    advice = (
        "Wait until the other import has ended; if none is running, `endoreg doctor FILE` says who holds it."
    )


class AlreadyProcessedError(MediaImportError, ValueError):
    """This very service object has imported this very file, and the file has not changed since."""

    exit_code = 0
    advice = "Nothing needs to be done: the record exists. A changed file under this name is imported again."


class SourceMissingError(MediaImportError, FileNotFoundError):
    """There is no file at the path."""

    advice = "Check the path, and that the share it lies on is mounted."


class SourceUnreadableError(MediaImportError, OSError):
    """The path is there but cannot be read as a file."""

    advice = "Give the path of a file that this user may read."


class SourceChangedError(MediaImportError):
    """The file was written to or replaced while it was being imported."""

    advice = "Wait until whatever writes the file has ended, then import it again."


class UnknownCenterError(MediaImportError, ValueError):
    """No centre of that name is registered."""

    exit_code = 2
    advice = "Register it with `endoreg center add NAME`, or list the known ones with `endoreg center list`."


class UnknownProcessorError(MediaImportError, ValueError):
    """No endoscopy processor of that name is registered."""

    exit_code = 2
    advice = (
        "Register it with `endoreg device add FILE.toml`, or list the known ones with `endoreg device list`."
    )


class UnsupportedMediaError(MediaImportError):
    """The bytes are not a recording or a report that the intake can read."""

    advice = "Give a video recording or a PDF report; the content decides, not the name."


class UnknownDeviceError(UnsupportedMediaError):
    """No registered device has this layout, and no endoscopic image could be found in the picture."""

    advice = (
        "Name the device with --processor, or describe it in a profile (`endoreg device add FILE.toml`), "
        "then `endoreg retry UUID`."
    )


class CorruptMediaError(MediaImportError):
    """The file is of a known kind but damaged or incomplete."""

    advice = "Copy the file again from the device that made it; a changed file is imported anew."


class InsufficientStorageError(MediaImportError):
    """There is no room to write; nothing was kept of the attempt."""

    advice = "Free space below the data directory, then run the import again: it resumes by itself."


class StorageFailedError(MediaImportError, OSError):
    """The data folder cannot be read or written, and not because it is full."""

    advice = (
        "Check that the disk or share of the data directory is mounted, healthy and writable by this user."
    )


class DatabaseUnavailableError(MediaImportError):
    """The database did not answer, or refused; whatever was not committed was not done."""

    advice = (
        "Check that the database server runs and that ENDOREG_DATABASE_URL leads to it, "
        "then do the same again: an import resumes by itself."
    )


class CorruptStoreError(MediaImportError):
    """Something in the store is missing, damaged or was changed by somebody else."""

    advice = "Restore it from the backup; `endoreg doctor --deep` lists everything that is damaged."


class LeaseLostError(MediaImportError):
    """This worker slept too long: another one may own the content now, so it changed nothing."""

    exit_code = 4
    advice = (
        "Nothing needs to be done if another worker took over; `endoreg status` says so. Else import again."
    )


class DeidentificationError(MediaImportError):
    """The picture could not be de-identified, so nothing was published."""

    advice = "Run `endoreg retry UUID`; if it fails again, keep the file and report the message."


class VerificationError(MediaImportError):
    """The output was looked at again and is not safe, so it was destroyed and not published."""

    advice = "Check that the processor named is the one that made the recording; then `endoreg retry UUID`."


class CertificateError(MediaImportError):
    """A published file and its certificate do not belong together, or one of them was changed."""

    advice = "Do not use the file. Fetch file and certificate again from whoever published them."


class InvalidTransitionError(MediaImportError, ValueError):
    """The record is not in a state from which this can be done."""

    advice = "`endoreg show UUID` says which state the record is in and why."


class UnknownRecordError(MediaImportError, LookupError):
    """No record has that UUID."""

    exit_code = 2
    advice = "`endoreg status` lists the records with their UUIDs."


class ConfigurationError(MediaImportError, ValueError):
    """A setting or a device profile cannot be used as it stands."""

    exit_code = 2
    advice = "Correct the value named in the message."
