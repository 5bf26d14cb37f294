"""Certificates: what was done to a published file, signed, and checked by anyone who has the public key.

A certificate is a JSON document beside the file that it is about. It names nobody: the source only
by a keyed digest. Checking one needs this module, the two files and the public key of the intake that
issued it; no database, no data folder, no network. Its shape is pinned in ``certificate.schema.json``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from endoreg_db.errors import CertificateError, ConfigurationError, SourceMissingError

SCHEMA: Final = "endoreg-certificate/1"
SUFFIX: Final = ".certificate.json"
_LARGEST: Final = 4 * 2**20  # bytes; a certificate with ten thousand findings has two million
#: Goes before what is signed, so that a signature is good for certificates and nothing else.
_CONTEXT: Final = b"endoreg certificate 1\n"
_KEY_SIZE: Final = 32  # bytes of an Ed25519 public key


@dataclass(frozen=True, slots=True)
class Checked:
    """A certificate that was found to be right."""

    document: Mapping[str, Any]
    key_id: str  # of the key that signed it; see :func:`key_id`


def certificate_path(file: Path) -> Path:
    """Where the certificate of a published file lies."""
    return file.with_name(file.name + SUFFIX)


def key_id(public_key: bytes) -> str:
    """The first 16 hex digits of the key's SHA-256: short enough to be compared by telephone."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def canonical(document: Mapping[str, Any]) -> bytes:
    """The document as the bytes that are signed: keys sorted, no spaces, UTF-8, no fractions.

    Without fractions this is what RFC 8785 writes, so that other languages come to the same bytes.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(document: Mapping[str, Any], public_key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The certificate as it is written: the document with its signature, for people to read.

    Args:
        document: everything but the signature.
        public_key: 32 bytes, Ed25519.
        sign: makes the signature with the private key.
    """
    signature = {
        "algorithm": "Ed25519",
        "key": public_key.hex(),
        "value": base64.b64encode(sign(_CONTEXT + canonical(document))).decode(),
    }
    return json.dumps({**document, "signature": signature}, indent=2, ensure_ascii=False).encode() + b"\n"


def public_key_of(pem: bytes) -> bytes:
    """The 32 bytes of a public key in PEM.

    Raises:
        ConfigurationError: it is no Ed25519 public key.
    """
    # SubjectPublicKeyInfo of Ed25519 (RFC 8410): twelve fixed bytes, then the key.
    lines = [line.strip() for line in pem.splitlines() if not line.startswith(b"-----")]
    try:
        der = base64.b64decode(b"".join(lines), validate=True)
    except binascii.Error:
        der = b""
    if not der.startswith(bytes.fromhex("302a300506032b6570032100")) or len(der) != 12 + _KEY_SIZE:
        raise ConfigurationError("The file holds no Ed25519 public key in PEM")
    return der[12:]


def check(file: Path, public_key: bytes) -> Checked:
    """Check a published file against the certificate beside it.

    Args:
        file: the published file.
        public_key: of the intake that is said to have issued the certificate.

    Raises:
        SourceMissingError: the file or its certificate is not there.
        CertificateError: the certificate is damaged, was signed by somebody else, or is about
            another file; or the file was changed.
    """
    with _opened(file) as content:  # before its certificate: where both are missing, this is what was named
        document = read(certificate_path(file))
        _check_signature(document, public_key)
        _check_shape(document)
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != document["output"].get("sha256"):
        raise CertificateError(f"{file} is not the file that the certificate is about, or was changed")
    return Checked(document, key_id(public_key))


def is_about(file: Path, sha256: str, public_key: bytes) -> bool:
    """Whether beside ``file`` lies a certificate, signed with that key, of a file with that SHA-256.

    The file itself is not read.
    """
    try:
        document = read(certificate_path(file))
        _check_signature(document, public_key)
        _check_shape(document)
    except (CertificateError, SourceMissingError):
        return False
    return bool(document["output"].get("sha256") == sha256)


def read(path: Path) -> Mapping[str, Any]:
    """The certificate at ``path``, believed in nothing yet.

    Raises:
        SourceMissingError: there is none.
        CertificateError: it is no JSON object, or far too large for a certificate.
    """
    with _opened(path) as content:
        untrusted = content.read(_LARGEST + 1)
    try:
        document = json.loads(untrusted) if len(untrusted) <= _LARGEST else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise CertificateError(f"{path} is no certificate")
    return document


def schema() -> Mapping[str, Any]:
    """The JSON Schema of a certificate."""
    text = resources.files("endoreg_db").joinpath("certificate.schema.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def _check_signature(document: Mapping[str, Any], public_key: bytes) -> None:
    # Imported late: it costs 25 ms, and most of this module's users only ask for a path.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    signature = document.get("signature")
    value = signature.get("value") if isinstance(signature, dict) else None
    unsigned = {name: part for name, part in document.items() if name != "signature"}
    try:
        raw = base64.b64decode(str(value), validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, _CONTEXT + canonical(unsigned))
    except (InvalidSignature, ValueError, RecursionError) as error:
        raise CertificateError(
            "The certificate was not signed with this key, or was changed since",
            advice="Ask the hospital for the public key that belongs to it, and compare the key's number.",
        ) from error


def _check_shape(document: Mapping[str, Any]) -> None:
    """Whether a document that was signed with the right key is one that this version understands."""
    if document.get("schema") != SCHEMA:
        raise CertificateError(
            f"The certificate is of the kind {str(document.get('schema'))[:60]!r}, not {SCHEMA}",
            advice="Check it with the version of the intake that knows this kind.",
        )
    missing = [name for name in schema()["required"] if name not in document]
    if missing or not isinstance(document["output"], dict):
        raise CertificateError(f"The certificate lacks {', '.join(missing) or 'its output'}")


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise SourceMissingError(f"There is no file {path}", path=path) from error
    except OSError as error:
        raise CertificateError(f"{path} cannot be read ({error.strerror})") from error
