"""The records: one module for each aggregate."""

from endoreg_db.models.attempt import ImportAttempt
from endoreg_db.models.audit import AuditEvent
from endoreg_db.models.center import Center
from endoreg_db.models.lease import ContentLease
from endoreg_db.models.media import MediaFile, ReportFile, VideoFile
from endoreg_db.models.processor import EndoscopyProcessor
from endoreg_db.models.sensitive import SensitiveMeta
from endoreg_db.models.sighting import SourceSighting
from endoreg_db.models.states import State

__all__ = [
    "AuditEvent",
    "Center",
    "ContentLease",
    "EndoscopyProcessor",
    "ImportAttempt",
    "MediaFile",
    "ReportFile",
    "SensitiveMeta",
    "SourceSighting",
    "State",
    "VideoFile",
]
