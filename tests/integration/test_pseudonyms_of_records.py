"""One patient, one pseudonym: in reports and recordings, until the key is another; else none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.messages import Finding, ReportDone, ReportTask
from endoreg_db.deid.pseudonyms import pseudonym
from endoreg_db.errors import ConfigurationError
from endoreg_db.models import MediaFile, State
from endoreg_db.samples import draw_report
from endoreg_db.services import pdf_import, pseudonyms
from endoreg_db.services.pdf_import import PdfImportService
from endoreg_db.services.store import Store
from endoreg_db.services.video_import import VideoImportService
from endoreg_db.storage.keys import PSEUDONYM_KEY_FILE
from endoreg_db.storage.pseudonym_key import load_pseudonym_key
from tests.conftest import DrawnOnce
from tests.crash.scenarios import report_stand_in

ERIKA = ("Erika", "Müller", "1956-02-01")
ImportOf = Callable[..., MediaFile]


def _identity(first: str | None, last: str | None, born: str | None, sure: float = 0.95) -> Identity:
    read = [None if value is None else Reading(value, sure) for value in (first, last, born)]
    return Identity(first_name=read[0], last_name=read[1], birth_date=read[2])


@pytest.fixture
def import_of(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImportOf:
    """Import a report of which the cell's stand-in has read a given identity."""

    def run_import(identity: Identity, *findings: Finding) -> MediaFile:
        def run(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
            done = report_stand_in(task, on_message)
            return replace(done, identity=identity, findings=findings)

        monkeypatch.setattr(pdf_import, "run_report", run)
        source = tmp_path / f"{MediaFile.objects.count()}.pdf"
        source.write_bytes(b"%PDF-1.7\n" + source.name.encode())
        return PdfImportService().import_and_anonymize(source, "test_center")

    return run_import


def _stored(record: MediaFile) -> str:
    return MediaFile.objects.get(pk=record.pk).pseudonym


def _expected(store: Store, first: str, last: str, born: str) -> str:
    key = load_pseudonym_key(store.folder.keys, may_create=False).derive("pseudonyms")
    return pseudonym(key, first, last, date.fromisoformat(born))


def test_a_recording_and_a_report_of_one_patient_share_it(
    store: Store, drawn_once: DrawnOnce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOREG_WORKERS", "1")
    drawn, truth = drawn_once(seconds=0.4)
    recording = Path(shutil.copy(drawn, tmp_path / "recording.mp4"))
    report, stranger = tmp_path / "report.pdf", tmp_path / "stranger.pdf"
    draw_report(report, seed=3, patient=truth.patient)
    draw_report(stranger, seed=4)

    video = VideoImportService().import_and_anonymize(recording, "test_center", "olympus_cv_1500")
    of_report, of_stranger = (
        PdfImportService().import_and_anonymize(path, "test_center") for path in (report, stranger)
    )

    patient = truth.patient
    whole = (patient.first_name, patient.last_name, patient.birth_date.isoformat())
    assert _stored(video) == _stored(of_report) == _expected(store, *whole)
    assert _stored(of_stranger) not in ("", _stored(video))
    assert patient.last_name not in _stored(video)


@pytest.mark.parametrize("state", ["published", "needs_review"])
def test_it_is_there_whether_or_not_a_person_has_to_look(
    store: Store, import_of: ImportOf, state: str
) -> None:
    doubts = (Finding("doubt", "review", "look"),) if state == "needs_review" else ()
    made = import_of(_identity(*ERIKA), *doubts)
    assert made.state == state
    assert _stored(made) == made.pseudonym == _expected(store, *ERIKA)


@pytest.mark.parametrize(
    ("identity", "findings"),
    [
        (_identity("Erika", "Müller", None), ()),
        (_identity(None, "Müller", "1956-02-01"), ()),
        (_identity(*ERIKA, sure=0.8), ()),
        (_identity(*ERIKA), (Finding("several_patients", "review", "two names"),)),
        (_identity(*ERIKA), (Finding("several_birth_dates", "review", "two days"),)),
        (_identity(*ERIKA), (Finding("patient_changed", "review", "another name"),)),
        (Identity(), ()),
    ],
)
def test_a_record_has_none_where_it_is_not_sure_who_it_shows(
    store: Store, import_of: ImportOf, identity: Identity, findings: tuple[Finding, ...]
) -> None:
    made = import_of(identity, *findings)
    assert (_stored(made), made.pseudonym_key_id) == ("", "")
    pseudonyms.rotate(store)
    assert _stored(made) == ""


def test_a_new_key_changes_all_of_them_alike(store: Store, import_of: ImportOf) -> None:
    one, same = import_of(_identity(*ERIKA)), import_of(_identity("ERIKA", "Mueller", "1956-02-01"))
    other, nobody = import_of(_identity("Jo", "Ng", "1980-05-12")), import_of(Identity())
    before = [_stored(record) for record in (one, same, other)]

    done = pseudonyms.rotate(store)

    after = [_stored(record) for record in (one, same, other)]
    assert (done.renewed, done.without, _stored(nobody)) == (3, 1, "")
    assert after[0] == after[1] == _expected(store, *ERIKA)
    assert not set(before) & set(after) and after[2] not in after[:2]
    assert set(MediaFile.objects.exclude(pseudonym="").values_list("pseudonym_key_id", flat=True)) == {
        done.key_id
    }
    assert _stored(import_of(_identity(*ERIKA))) == after[0], "imports use the new key"


def test_centres_that_share_the_key_agree(store: Store, import_of: ImportOf) -> None:
    made = import_of(_identity(*ERIKA))
    shared = bytes(range(32))
    pseudonyms.rotate(store, shared)
    assert _stored(made) == _expected(store, *ERIKA)
    assert load_pseudonym_key(store.folder.keys, may_create=False).material == shared
    assert pseudonyms.renew(store).renewed == 0


def test_a_rotation_that_was_interrupted_is_finished_by_renewing(
    store: Store, import_of: ImportOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [import_of(_identity(*ERIKA)), import_of(_identity("Jo", "Ng", "1980-05-12"))]
    before = [_stored(record) for record in records]
    write = pseudonyms._write

    def breaking(record: MediaFile, *made: object) -> None:
        write(record, *made)  # type: ignore[arg-type]
        if record.pk == max(r.pk for r in records):
            raise OSError("the power goes")

    monkeypatch.setattr(pseudonyms, "_write", breaking)
    with pytest.raises(OSError, match="the power goes"):
        pseudonyms.rotate(store)
    assert [_stored(record) for record in records] == before, "all or none"
    monkeypatch.setattr(pseudonyms, "_write", write)
    assert pseudonyms.renew(store).renewed == 2
    assert _stored(records[0]) == _expected(store, *ERIKA) != before[0]


def test_a_lost_key_is_not_made_anew_behind_the_back_of_the_pseudonyms(
    store: Store, import_of: ImportOf
) -> None:
    made = import_of(_identity(*ERIKA))
    (store.folder.keys / PSEUDONYM_KEY_FILE).unlink()
    with pytest.raises(ConfigurationError, match=PSEUDONYM_KEY_FILE):
        import_of(_identity("Jo", "Ng", "1980-05-12"))
    assert MediaFile.objects.exclude(pk=made.pk).get().state == State.FAILED
    assert list(store.folder.published.iterdir()) != [] and _stored(made)


def test_a_data_folder_from_before_gets_its_key_and_its_pseudonyms(store: Store, import_of: ImportOf) -> None:
    made = import_of(_identity(*ERIKA))
    MediaFile.objects.update(pseudonym="", pseudonym_key_id="")
    (store.folder.keys / PSEUDONYM_KEY_FILE).unlink()
    assert pseudonyms.renew(store).renewed == 1
    assert _stored(made) == _expected(store, *ERIKA)
    assert (store.folder.keys / PSEUDONYM_KEY_FILE).stat().st_mode & 0o777 == 0o600
