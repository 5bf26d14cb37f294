"""The pseudonym of each record: written together with the sensitive record, made anew with a new key.

It is all that a researcher learns about whom a record shows: which other records show the same person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import transaction

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Identified
from endoreg_db.deid.pseudonyms import pseudonym_of
from endoreg_db.deid.reports.date_shift import days_of_shift
from endoreg_db.logging import get_logger
from endoreg_db.models import MediaFile
from endoreg_db.models.prepared import Prepared, given, updating
from endoreg_db.services import identity_records
from endoreg_db.services.store import Store
from endoreg_db.storage.keys import PSEUDONYM_KEY_FILE, MasterKey
from endoreg_db.storage.pseudonym_key import load_pseudonym_key, replace_pseudonym_key

log = get_logger(__name__)

#: Findings that say that a record may show more than one person. Then it has no pseudonym, because
#: what was read may be the name of one and the date of birth of another.
_MORE_THAN_ONE: Final = frozenset({"several_patients", "several_birth_dates", "patient_changed"})


@dataclass(frozen=True, slots=True)
class Renewal:
    """What making pseudonyms anew has done."""

    key_id: str  # of the key that all pseudonyms are made with now
    renewed: int  # records that had none, or one of another key
    without: int  # records that have none, because it is not known well enough whom they show


def note(store: Store, record: MediaFile, identity: Identity) -> None:
    """Write the pseudonym of whom was read to the record, or that there is none.

    Joins the caller's transaction, which must have locked the record's row: :func:`rotate` waits for that
    lock after it has replaced the key, so no record keeps a pseudonym of the old one.

    Raises:
        ConfigurationError: the key is lost or cannot be used.
    """
    key = _key_of(store)
    _write(record, key, _pseudonym(key, record, identity))


def days_back(store: Store, question: Identified) -> int | None:
    """By how many days the dates of a report are moved into the past; None where it has no pseudonym.

    The same for all reports of a patient, for as long as the key is the same.

    Raises:
        ConfigurationError: the key is lost or cannot be used.
    """
    key = _key_of(store)
    codes = {doubt.code for doubt in question.doubts}
    made = None if _MORE_THAN_ONE & codes else pseudonym_of(key.derive("pseudonyms"), question.identity)
    return None if made is None else -days_of_shift(key.derive("dates"), made)


def rotate(store: Store, material: bytes | None = None) -> Renewal:
    """Replace the key, and make every pseudonym anew from the sensitive record, in one transaction.

    If it is interrupted after the key was replaced, the old pseudonyms are all still there, with the id of
    their key beside each; :func:`renew` brings them up to date.

    Not guaranteed: pseudonyms that have been given away, and dates in published reports that were moved
    with the old key, stay what they are. The old key stays beside the new one, under its id.

    Args:
        store: whose key it is.
        material: the 32 bytes of another centre's key, to share it; random ones unless given.

    Raises:
        ConfigurationError: the material is no key, or the old key cannot be used.
        StorageFailedError: the folder of keys cannot be written.
    """
    with transaction.atomic():
        new = replace_pseudonym_key(store.folder.keys, material)
        log.info("Replaced the key of the pseudonyms, now %s", new.key_id.hex(), action="key_replaced")
        return _renewed(store, new)


def renew(store: Store) -> Renewal:
    """Make the pseudonyms that are missing or of another key, from the sensitive records.

    For records from before there were pseudonyms, and after a :func:`rotate` that was interrupted.

    Raises:
        ConfigurationError: the key is lost or cannot be used.
    """
    with transaction.atomic():
        return _renewed(store, _key_of(store))


def _renewed(store: Store, key: MasterKey) -> Renewal:
    renewed = without = 0
    stale = MediaFile.objects.exclude(pseudonym_key_id=key.key_id.hex()).order_by("pk")
    for record in stale.select_for_update().iterator(chunk_size=500):
        sensitive = identity_records.load_identity(store.sealer, record)
        made = None if sensitive is None else _pseudonym(key, record, sensitive.identity)
        if made is None:
            without += 1
        else:
            renewed += 1
        if made or record.pseudonym:
            _write(record, key, made)
    return Renewal(key.key_id.hex(), renewed, without)


def _key_of(store: Store) -> MasterKey:
    """The key as it is now; made if it is missing and nothing was made with one before."""
    folder = store.folder.keys
    lost = not (folder / PSEUDONYM_KEY_FILE).exists()
    # Asked only then: the question goes through all records.
    unused = lost and not MediaFile.objects.exclude(pseudonym="").exists()
    return load_pseudonym_key(folder, may_create=unused)


def _pseudonym(key: MasterKey, record: MediaFile, identity: Identity) -> str | None:
    if _MORE_THAN_ONE & {finding["code"] for finding in record.findings}:
        return None
    return pseudonym_of(key.derive("pseudonyms"), identity)


def _write(record: MediaFile, key: MasterKey, made: str | None) -> None:
    record.pseudonym = made or ""
    record.pseudonym_key_id = key.key_id.hex() if made else ""
    _WRITE.run(uuid=record.pk, pseudonym=record.pseudonym, pseudonym_key_id=record.pseudonym_key_id)


_WRITE = Prepared(
    lambda: updating(
        MediaFile.objects.filter(pk=given(MediaFile, "uuid")),
        pseudonym=given(MediaFile, "pseudonym"),
        pseudonym_key_id=given(MediaFile, "pseudonym_key_id"),
    )
)
