"""Certificates: signed once, checked by anyone, wrong after the smallest change."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from endoreg_db import certificate
from endoreg_db.errors import CertificateError, ConfigurationError, SourceMissingError
from endoreg_db.storage.signing import (
    PRIVATE_FILE,
    PUBLIC_FILE,
    SigningKey,
    ensure_signing_key,
    load_signing_key,
)

# RFC 8032, 7.1, test 1.
KEY = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def document(**changes: Any) -> dict[str, Any]:
    return {
        "schema": certificate.SCHEMA,
        "uuid": "12345678-1234-5678-1234-567812345678",
        "kind": "video",
        "issued_at": "2025-01-01T00:00:00+00:00",
        "source": {"hmac_sha256": "0" * 64},
        "output": {"name": "a.mp4", "sha256": hashlib.sha256(b"safe").hexdigest(), "bytes": 4},
        "device": None,
        "software": {"endoreg-intake": "0.1.0"},
        "findings": [{"code": "c", "severity": "note", "detail": "größer", "start_ms": None, "end_ms": 1500}],
        "verification": {"frames": 25},
        "released": {"by": "endoreg", "how": "verified"},
        **changes,
    }


@pytest.fixture
def published(tmp_path: Path) -> Path:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"safe")
    write(file, certificate.signed(document(), PUBLIC, KEY.sign))
    return file


def write(file: Path, content: bytes) -> None:
    certificate.certificate_path(file).write_bytes(content)


def changed(file: Path, **changes: Any) -> None:
    found = json.loads(certificate.certificate_path(file).read_bytes())
    write(file, json.dumps({**found, **changes}).encode())


def test_the_key_is_that_of_the_standard() -> None:
    assert KEY.public_key == PUBLIC
    assert certificate.public_key_of(KEY.public_pem) == PUBLIC
    assert "9d61b19d" not in repr(KEY)


def test_a_certificate_of_an_unchanged_file_is_right(published: Path) -> None:
    checked = certificate.check(published, PUBLIC)

    assert checked.document["released"] == {"by": "endoreg", "how": "verified"}
    assert checked.key_id == certificate.key_id(PUBLIC)


def test_layout_and_order_of_the_json_do_not_matter(published: Path) -> None:
    found = json.loads(certificate.certificate_path(published).read_bytes())
    write(published, json.dumps(dict(sorted(found.items(), reverse=True))).encode())

    certificate.check(published, PUBLIC)


def test_a_changed_file_is_found(published: Path) -> None:
    published.write_bytes(b"Safe")

    with pytest.raises(CertificateError, match="was changed"):
        certificate.check(published, PUBLIC)


@pytest.mark.parametrize(
    "changes",
    [
        {"released": {"by": "somebody", "how": "reviewed"}},
        {"findings": []},
        {"more": 1},
        {"signature": {"algorithm": "Ed25519", "key": PUBLIC.hex(), "value": "AAAA"}},
        {"signature": {"value": "not base64"}},
        {"signature": None},
    ],
)
def test_a_changed_certificate_is_found(published: Path, changes: dict[str, Any]) -> None:
    changed(published, **changes)

    with pytest.raises(CertificateError, match="not signed with this key"):
        certificate.check(published, PUBLIC)


def test_a_certificate_that_somebody_else_has_signed_is_refused(published: Path) -> None:
    other = SigningKey(bytes(32))
    found = json.loads(certificate.certificate_path(published).read_bytes())
    del found["signature"]
    write(published, certificate.signed(found, other.public_key, other.sign))

    with pytest.raises(CertificateError, match="not signed with this key"):
        certificate.check(published, PUBLIC)
    certificate.check(published, other.public_key)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"{}" + b" " * 5_000_000])
def test_nonsense_is_no_certificate(published: Path, content: bytes) -> None:
    write(published, content)

    with pytest.raises(CertificateError):
        certificate.check(published, PUBLIC)


@pytest.mark.parametrize("changes", [{"schema": "endoreg-certificate/2"}, {"output": "a.mp4"}])
def test_a_signed_document_of_another_kind_is_refused(published: Path, changes: dict[str, Any]) -> None:
    write(published, certificate.signed(document(**changes), PUBLIC, KEY.sign))

    with pytest.raises(CertificateError, match=r"is of the kind|lacks its output"):
        certificate.check(published, PUBLIC)


def test_what_is_not_there_is_said_to_be_missing(published: Path) -> None:
    certificate.certificate_path(published).unlink()

    with pytest.raises(SourceMissingError, match=r"a\.mp4\.certificate\.json"):
        certificate.check(published, PUBLIC)


def test_of_a_missing_file_it_is_not_said_that_its_certificate_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match=r"There is no file .*/x\.mp4\n"):
        certificate.check(tmp_path / "x.mp4", PUBLIC)


def test_the_schema_names_what_a_certificate_holds() -> None:
    written = json.loads(certificate.signed(document(), PUBLIC, KEY.sign))

    assert set(certificate.schema()["required"]) == set(certificate.schema()["properties"]) == set(written)


def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    ensure_signing_key(tmp_path)
    first = load_signing_key(tmp_path)
    (tmp_path / PUBLIC_FILE).unlink()
    ensure_signing_key(tmp_path)

    assert load_signing_key(tmp_path) == first
    assert stat.S_IMODE((tmp_path / PRIVATE_FILE).stat().st_mode) == 0o600
    assert certificate.public_key_of((tmp_path / PUBLIC_FILE).read_bytes()) == first.public_key
    assert {path.name for path in tmp_path.iterdir()} == {PRIVATE_FILE, PUBLIC_FILE}


@pytest.mark.parametrize("spoil", [lambda p: p.chmod(0o644), lambda p: p.write_bytes(b"short"), Path.unlink])
def test_a_key_that_others_may_read_or_that_is_damaged_is_refused(tmp_path: Path, spoil: Any) -> None:
    ensure_signing_key(tmp_path)
    spoil(tmp_path / PRIVATE_FILE)

    with pytest.raises(ConfigurationError):
        load_signing_key(tmp_path)


@pytest.mark.parametrize(
    "pem", [b"", b"key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_a_file_that_is_no_public_key_is_refused(pem: bytes) -> None:
    with pytest.raises(ConfigurationError, match="no Ed25519 public key"):
        certificate.public_key_of(pem)


@pytest.mark.parametrize("ending", [b"\r\n", b"\n\n", b" \r\n", b"\r"])
def test_a_public_key_may_have_the_line_ends_of_any_system(ending: bytes) -> None:
    assert certificate.public_key_of(KEY.public_pem.replace(b"\n", ending)) == PUBLIC


def test_the_command_looks_for_the_key_where_a_host_project_keeps_its_data(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "intake" / "keys"
    keys.mkdir(parents=True)
    (keys / PUBLIC_FILE).write_bytes(KEY.public_pem)
    (tmp_path / "host_settings.py").write_text(
        "SECRET_KEY = 'host'\nINSTALLED_APPS = ['endoreg_db']\n"
        "DATABASES = {'default': {'ENGINE': 'not.installed'}}\n"
        f"ENDOREG_DATA_DIR = {str(tmp_path / 'intake')!r}\n"
    )
    monkeypatch.delenv("ENDOREG_DATA_DIR")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "host_settings")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, "-m", "endoreg_db", "certify", "verify", str(published)]

    told = subprocess.run(command, capture_output=True, text=True)

    assert told.returncode == 0, told.stderr
    assert sorted(path.name for path in (tmp_path / "intake").rglob("*")) == ["certificate.pub", "keys"]


def test_the_command_needs_nothing_but_both_files_and_the_public_key(published: Path, tmp_path: Path) -> None:
    key = tmp_path / "hospital.pub"
    key.write_bytes(KEY.public_pem)
    command = [sys.executable, "-m", "endoreg_db", "certify", "verify", str(published), "--json"]

    right = subprocess.run([*command, "--key", str(key)], capture_output=True, text=True)
    without_key = subprocess.run(command, capture_output=True, text=True)
    published.write_bytes(b"Safe")
    wrong = subprocess.run([*command, "--key", str(key)], capture_output=True, text=True)

    assert right.returncode == 0, right.stderr
    assert json.loads(right.stdout)["valid"] is True
    assert (without_key.returncode, wrong.returncode) == (2, 3)
    assert not (tmp_path / "data").exists(), "no data folder was made"
