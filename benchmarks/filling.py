"""A database as it looks after years: records with all that belongs to each, written in bulk by itself.

The shapes are those of real rows (random keys, encrypted bytes, sizes that differ); the contents mean
nothing, and no file belongs to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from django.db import connection, transaction

#: What the two databases call the same thing.
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": {
            "uuid": "lower(hex(randomblob(16)))",
            "sha256": "lower(hex(randomblob(32)))",
            "digest": "randomblob(16)",
            "sealed_path": "randomblob(96)",
            "sealed_identity": "randomblob(640)",
            "when": "datetime('now', '-' || i || ' minutes')",
            "size": "abs(random() % 4000000000) + 10000000",
        },
        "postgresql": {
            "uuid": "gen_random_uuid()",
            "sha256": "encode(sha256(uuid_send(gen_random_uuid())), 'hex')",
            "digest": "uuid_send(gen_random_uuid())",
            "sealed_path": "decode(repeat(md5(random()::text), 6), 'hex')",
            "sealed_identity": "decode(repeat(md5(random()::text), 40), 'hex')",
            "when": "now() - i * interval '1 minute'",
            "size": "(random() * 4000000000)::bigint + 10000000",
        },
    }
)

_RECORDS = """
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count})
INSERT INTO endoreg_db_mediafile (uuid, kind, state, content_sha256, size_bytes, original_kept,
    original_wanted, output_name, output_sha256, candidate_sha256, text_sha256, findings, verification,
    pseudonym, pseudonym_key_id, fencing_token, created_at, updated_at, center_id)
SELECT {uuid}, 'video', CASE i % 100 WHEN 0 THEN 'needs_review' WHEN 1 THEN 'failed' ELSE 'published' END,
    {sha256}, {size}, {true}, {true}, CASE WHEN i % 100 > 1 THEN 'video-' || i || '.mp4' ELSE '' END,
    CASE WHEN i % 100 > 1 THEN {sha256} ELSE '' END, CASE i % 100 WHEN 0 THEN {sha256} ELSE '' END,
    '', '[]', '{{"frames": 15000, "scenes_read": 60}}', substr({sha256}, 1, 25),
    'a1b2c3d4', 1, {when}, {when}, {center}
FROM numbers
"""

_FOR_EACH_RECORD = (
    """
INSERT INTO endoreg_db_videofile
    (mediafile_ptr_id, device_source, profile_digest, width, height, frames, duration, encoder, timings,
    processor_id)
SELECT uuid, 'named', content_sha256, 1920, 1080, 15000, 600.0, 'libx264',
    '{{"encode": 120.5, "verify": 30.25}}', {processor}
FROM endoreg_db_mediafile
""",
    """
INSERT INTO endoreg_db_contentlease (content_sha256, token) SELECT content_sha256, 1 FROM endoreg_db_mediafile
""",
    """
INSERT INTO endoreg_db_importattempt (uuid, kind, correlation_id, sealed_source, step, host, boot, pid, token,
    outcome, error_type, error_message, started_at, ended_at, media_id)
SELECT {uuid}, 'video', '0123456789abcdef', {sealed_path}, '_finalize_processing', 'endoscopy-intake-1',
    'c0ffee00c0ffee00c0ffee00c0ffee00', 4711, 1, 'imported', '', '', created_at, updated_at, uuid
FROM endoreg_db_mediafile
""",
    """
INSERT INTO endoreg_db_importattempt (uuid, kind, correlation_id, sealed_source, step, host, boot, pid, token,
    outcome, error_type, error_message, started_at, ended_at, media_id)
SELECT {uuid}, 'video', 'fedcba9876543210', {sealed_path}, '_process_frames_and_metadata',
    'endoscopy-intake-2', 'decaf000decaf000decaf000decaf000', 4712, 1, 'failed', 'CorruptMediaError',
    'The recording <source> is damaged', created_at, updated_at, uuid
FROM endoreg_db_mediafile WHERE size_bytes % 5 = 0
""",
    """
INSERT INTO endoreg_db_sensitivemeta (media_id, sealed, read_at)
SELECT uuid, {sealed_identity}, updated_at FROM endoreg_db_mediafile
""",
    """
INSERT INTO endoreg_db_sourcesighting (digest, media_id) SELECT {digest}, uuid FROM endoreg_db_mediafile
""",
    """
INSERT INTO endoreg_db_auditevent (action, actor, detail, at, media_id)
SELECT 'identity_shown', 'reviewer', '', updated_at, uuid FROM endoreg_db_mediafile WHERE size_bytes % 10 = 0
""",
)


def fill(count: int, *, center: int, processor: int) -> None:
    """Add ``count`` records, each with its lease, its attempts, its identity and its sighting.

    Args:
        count: how many; a million take minutes and about 3 GB.
        center: primary key of the centre that they belong to.
        processor: primary key of the endoscopy processor that they were made with.
    """
    if count == 0:
        return
    vendor = connection.vendor
    words = {
        **_WORDS[vendor],
        "count": str(count),
        "center": str(center),
        "processor": str(processor),
        "true": "true" if vendor == "postgresql" else "1",
    }
    with connection.cursor() as cursor:
        if vendor == "sqlite":
            # Random keys touch all pages of an index: without room for them each is read again and again.
            cursor.execute("PRAGMA cache_size = -1000000")
        with transaction.atomic():
            for statement in (_RECORDS, *_FOR_EACH_RECORD):
                cursor.execute(statement.format(**words))
        for statement in _TIDYING[vendor]:
            cursor.execute(statement)
    connection.close()


#: What each database does by itself in years: PostgreSQL counts its rows, SQLite empties its log.
_TIDYING: Mapping[str, Sequence[str]] = MappingProxyType(
    {"sqlite": ("PRAGMA wal_checkpoint(TRUNCATE)",), "postgresql": ("VACUUM ANALYZE", "CHECKPOINT")}
)
