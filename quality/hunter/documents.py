"""PDF by means of its own: every object and every stream, the text layer twice, and the pages as pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pypdf
import pypdfium2
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, ByteStringObject, DictionaryObject, IndirectObject, StreamObject

from quality.hunter.pieces import Piece, Unread

_DPI = 150
_STREAM = re.compile(rb"<<((?:(?!stream).){0,4000}?)>>\s*stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_FILTER = re.compile(rb"/(ASCII85Decode|A85|ASCIIHexDecode|AHx|LZWDecode|LZW)\b")
_DAMAGED = (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)


def document_pieces(path: str, data: bytes) -> Iterator[Piece | Unread]:
    """Everything in the PDF, whether or not a page shows it."""
    yield from _loose_streams(data)
    try:
        reader = pypdf.PdfReader(path, strict=False)
        if reader.is_encrypted:
            reader.decrypt("")
        yield from _objects(reader)
        for number, page in enumerate(reader.pages, 1):
            yield Piece(f"text of page {number}", page.extract_text())
            yield from _pictures(number, page)
    except _DAMAGED as error:
        yield Unread("document", type(error).__name__)
    yield from _pages(path)


def _pictures(number: int, page: Any) -> Iterator[Piece | Unread]:
    """The pictures that a page has, also those that it covers, clips or makes transparent."""
    names = page.images.keys()  # of a sequence that is no dictionary
    for name in names:
        where = f"picture {name} of page {number}"
        try:
            found = page.images[name].image
            if found is not None:
                yield Piece(where, np.asarray(found.convert("RGB")))
        except (*_DAMAGED, OSError, ImportError) as error:
            yield Unread(where, type(error).__name__)


def _loose_streams(data: bytes) -> Iterator[Piece]:
    """Streams as they lie in the bytes, also those that no table names; Flate is found by its header."""
    for found in _STREAM.finditer(data):
        out = found[2]
        for name in _FILTER.findall(found[1]):
            with suppress(ValueError):
                out = _undone(name.decode(), out)
        if out is not found[2]:
            yield Piece(f"stream at {found.start()}", out)


def _undone(name: str, data: bytes) -> bytes:
    """One filter of PDF taken away (ISO 32000-1, 7.4)."""
    if name in ("ASCII85Decode", "A85"):
        body = re.sub(rb"\s", b"", data).removeprefix(b"<~").split(b"~>")[0]
        return base64.a85decode(body)
    if name in ("ASCIIHexDecode", "AHx"):
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", data.split(b">")[0])
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    return undo_lzw(data)


def undo_lzw(data: bytes) -> bytes:
    """LZW as PDF and TIFF use it: codes of 9 to 12 bits, wider one code early."""
    table = [bytes([n]) for n in range(256)] + [b"", b""]
    out, bits, count, width, before = bytearray(), 0, 0, 9, b""
    for byte in data:
        bits, count = bits << 8 | byte, count + 8
        if count < width:
            continue
        count -= width
        code, bits = bits >> count, bits & ((1 << count) - 1)
        if code == 257:
            break
        if code == 256:
            del table[258:]
            width, before = 9, b""
            continue
        entry = table[code] if code < len(table) else before + before[:1]
        out += entry
        if before:
            table.append(before + entry[:1])
        before = entry
        # At 511 entries the next code is one bit wider ("early change", the default).
        width = 9 + sum(len(table) + 1 > limit for limit in (511, 1023, 2047))
    return bytes(out)


def _objects(reader: pypdf.PdfReader) -> Iterator[Piece | Unread]:
    """Every object that the tables name, in use or not."""
    numbers = {(number, generation) for generation, rows in reader.xref.items() for number in rows}
    numbers |= {(number, 0) for number in reader.xref_objStm}
    for number, generation in sorted(numbers):
        try:
            found = reader.get_object(IndirectObject(number, generation, reader))
            for how, value in _values(found):
                yield Piece(f"object {number} {how}".rstrip(), value)
        except _DAMAGED as error:
            yield Unread(f"object {number}", type(error).__name__)
    for how, value in _values(reader.trailer):
        yield Piece(f"trailer {how}".rstrip(), value)


def _values(found: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, str | bytes]]:
    """Strings, names and stream data of an object; references are objects of their own."""
    if depth > 20:
        return
    if isinstance(found, DictionaryObject):
        for name in found:
            yield f"name in {key}".rstrip(), str(name)
            yield from _values(found.raw_get(name), str(name), depth + 1)
    elif isinstance(found, ArrayObject):
        for item in found:
            yield from _values(item, key, depth + 1)
    elif isinstance(found, ByteStringObject):
        yield key, bytes(found)
    elif isinstance(found, str):
        yield key, str(found)
    if isinstance(found, StreamObject):
        yield "stream", found.get_data()


def _pages(path: str) -> Iterator[Piece | Unread]:
    """The pages as a viewer shows them, with their text as another reader has it."""
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        yield Unread("pages", str(error))
        return
    try:
        for number in range(len(document)):
            page = document[number]
            yield Piece(f"text of page {number + 1} (pdfium)", page.get_textpage().get_text_range())
            bitmap = page.render(scale=_DPI / 72)
            picture = np.asarray(bitmap.to_pil().convert("RGB"))
            yield Piece(f"page {number + 1} as a picture", picture)
    finally:
        document.close()
