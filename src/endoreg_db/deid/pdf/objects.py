"""What a finished PDF is made of: the objects that the writer makes, and nothing else.

The file is parsed by pypdf, which had no part in writing it. What is the same in every file (metadata, output
intent, colour profile) is compared as a whole, everything else by its keys.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pypdf import PdfReader
from pypdf.generic import DictionaryObject, StreamObject

from endoreg_db.deid.pdf import archive
from endoreg_db.deid.pdf.writer import HEADER

#: Every kind of object that the writer makes, by its keys as pypdf tells them (it leaves out /Length);
#: anything else in the file is a stranger.
_OBJECTS = frozenset(
    frozenset(keys.split())
    for keys in (
        "/Type /Pages /Metadata /OutputIntents",
        "/Type /Count /Kids",
        "/Type /Parent /MediaBox /Resources /Contents",
        "/Filter",
        "",
        "/Type /Subtype /Width /Height /ColorSpace /BitsPerComponent /Filter",
        "/Type /Subtype /FontBBox /FontMatrix /CharProcs /Encoding /FirstChar /LastChar /Widths"
        " /ToUnicode /Resources",
    )
)
#: What a page also has if it is turned, or larger than pages of an archive may be in points.
_OF_SOME_PAGES = {"/Rotate", "/UserUnit"}
_END = re.compile(rb"startxref\n(\d+)\n%%EOF\n\Z")
_BLOCK = 1 << 20  # bytes that are read at once


def strangers(path: Path, document: PdfReader) -> Iterator[str]:
    """What is in a file besides what the writer writes, each in a sentence.

    Args:
        path: the file.
        document: the same, opened.
    """
    with path.open("rb") as file:
        head = file.read(len(HEADER))
        file.seek(-64, io.SEEK_END)
        end = _END.search(file.read())
    if head != HEADER or end is None:
        yield "The file has something before its head or after its end"
    trailer = document.trailer
    if set(trailer) != {"/Size", "/Root", "/ID"}:
        yield "The file's trailer names more than its pages"
    elif end is not None and _identifiers(trailer["/ID"]) != [_identifier(path, int(end[1]))] * 2:
        yield "The file's identifier is not the digest of what is in it"
    if not _is_archival(document.root_object):
        yield "The file's metadata is not what every report has"
    for number in range(1, len(document.xref[0]) + 1):
        if not _is_ours(document.get_object(number)):
            yield f"Object {number} of the file is none of the intake's"
            return


def _is_ours(found: Any) -> bool:
    """Whether an object is of a kind that the writer makes."""
    if not isinstance(found, dict):
        return False
    keys = frozenset(found)
    if "/MediaBox" in keys:
        keys -= _OF_SOME_PAGES
    fonts = all(key.startswith("/F") and key[2:].isdigit() for key in keys)
    return keys in _OBJECTS or fonts or _is_metadata(found) or _is_intent(found) or _is_profile(found)


def _is_archival(root: Any) -> bool:
    """Whether the catalog has the constant metadata and output intent, and no other."""
    entries = _entries(root)
    intents = entries.get("/OutputIntents", [])
    return (
        _is_metadata(entries.get("/Metadata")) and len(intents) == 1 and _is_intent(intents[0].get_object())
    )


def _is_metadata(found: Any) -> bool:
    return _is_stream(found, {"/Type": "/Metadata", "/Subtype": "/XML"}, archive.XMP)


def _is_intent(found: Any) -> bool:
    entries = _entries(found)
    return _is_profile(entries.pop("/DestOutputProfile", None)) and entries == archive.INTENT


def _is_profile(found: Any) -> bool:
    return _is_stream(found, {"/N": archive.COMPONENTS, "/Filter": "/FlateDecode"}, archive.SRGB)


def _is_stream(found: Any, entries: dict[str, Any], data: bytes) -> bool:
    return isinstance(found, StreamObject) and _entries(found) == entries and found.get_data() == data


def _entries(found: Any) -> dict[str, Any]:
    """What a dictionary says, and where it refers to another object, that object."""
    return {key: found[key] for key in found} if isinstance(found, DictionaryObject) else {}


def _identifiers(pair: Any) -> list[bytes]:
    return [part.original_bytes for part in pair]


def _identifier(path: Path, length: int) -> bytes:
    """What the identifier of a file has to be whose cross-references begin after so many bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while length > 0 and (block := file.read(min(length, _BLOCK))):
            digest.update(block)
            length -= len(block)
    return bytes.fromhex(archive.identifier(digest.hexdigest()))
