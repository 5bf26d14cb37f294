"""What ISO 19005-2 (PDF/A-2, level B) demands of a file, clause by clause, as far as our files can break it.

Looks at the bytes of a file and at its objects as pypdf reads them. It is no validator: it knows the clauses
that concern what a rebuilt report is made of (pictures, invisible text, metadata), and takes everything that
such a file has no use for (forms, annotations, actions, attachments, layers, transparency) for forbidden.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

from PIL import Image
from pypdf import PageObject, PdfReader
from pypdf.generic import ContentStream, DictionaryObject, NameObject, StreamObject

#: Operators of ISO 32000-1, Annex A, that our pages and glyphs use.
_OPERATORS = frozenset({b"q", b"Q", b"cm", b"Do", b"BT", b"ET", b"Tr", b"Tf", b"Tz", b"Tm", b"Tj", b"d1"})
_FILTERS = frozenset({"/FlateDecode", "/DCTDecode"})
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
_COMPONENTS = {"/DeviceRGB": "RGB", "/DeviceGray": "L"}
_INVISIBLE = 3  # text rendering mode


@dataclass(frozen=True)
class Shown:
    """A string that a page shows."""

    font: DictionaryObject
    mode: int
    codes: bytes


@dataclass(frozen=True)
class File:
    """A file under examination."""

    data: bytes

    @cached_property
    def reader(self) -> PdfReader:
        return PdfReader(BytesIO(self.data), strict=False)

    @cached_property
    def root(self) -> DictionaryObject:
        return self.reader.root_object

    @cached_property
    def objects(self) -> list[Any]:
        """All dictionaries and streams, also those within others."""
        numbers = [int(number) for number in re.findall(rb"(?m)^(\d+) 0 obj\b", self.data)]
        return [part for number in numbers for part in _dictionaries(self.reader.get_object(number))]

    @cached_property
    def streams(self) -> list[StreamObject]:
        return [found for found in self.objects if isinstance(found, StreamObject)]

    @cached_property
    def fonts(self) -> list[DictionaryObject]:
        return [found for found in self.objects if found.get("/Type") == "/Font"]

    @cached_property
    def pictures(self) -> list[StreamObject]:
        return [found for found in self.streams if found.get("/Subtype") == "/Image"]

    def shown(self) -> Iterator[Shown]:
        for page in self.reader.pages:
            font, mode = DictionaryObject(), 0
            for operands, operator in operations(page):
                if operator == b"Tf":
                    font = page["/Resources"]["/Font"][operands[0]]  # type: ignore[index]
                elif operator == b"Tr":
                    mode = int(operands[0])
                elif operator == b"Tj":
                    yield Shown(font, mode, operands[0].original_bytes)


def operations(page: PageObject) -> list[tuple[Any, bytes]]:
    return ContentStream(page["/Contents"].get_object(), page.pdf).operations


def content(page: PageObject) -> bytes:
    stream: Any = page["/Contents"].get_object()
    return bytes(stream.get_data())


def _dictionaries(found: Any) -> Iterator[DictionaryObject]:
    if isinstance(found, DictionaryObject):
        yield found
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    for part in inner:
        yield from _dictionaries(part)


def broken(data: bytes) -> dict[str, str]:
    """The clauses that a file breaks, each with what is wrong."""
    file = File(data)
    faults = ((clause, next(iter(check(file)), None)) for clause, check in CLAUSES.items())
    return {clause: fault for clause, fault in faults if fault is not None}


# --------------------------------------------------------------------------------- 6.1 file structure


def _header(file: File) -> Iterator[str]:
    if not re.match(rb"%PDF-1\.[0-7](\r\n|\r|\n)%[\x80-\xff]{4}", file.data):
        yield "no header at byte zero, or no comment of four bytes above 127 after it"


def _trailer(file: File) -> Iterator[str]:
    if not re.search(rb"%%EOF(\r\n|\r|\n)?\Z", file.data):
        yield "data after the end"
    trailer = file.reader.trailer
    if "/Encrypt" in trailer:
        yield "encrypted"
    names = trailer.get("/ID", [])
    if len(names) != 2 or any(len(name.original_bytes) != 16 for name in names):
        yield "no identifier"


def _cross_references(file: File) -> Iterator[str]:
    table = re.search(
        rb"[\r\n]xref(?:\r\n|\r|\n)0 (\d+)(?:\r\n|\r|\n)((?:\d{10} \d{5} [fn](?: \n| \r|\r\n))+)", file.data
    )
    if table is None or len(table[2]) != 20 * int(table[1]):
        yield "no table"
        return
    for number in range(1, int(table[1])):
        offset = int(table[2][20 * number : 20 * number + 10])
        if not file.data.startswith(b"%d 0 obj" % number, offset):
            yield f"object {number} is elsewhere"
    if len(table[2]) // 20 - 1 != len(re.findall(rb"(?m)^\d+ 0 obj$", file.data)):
        yield "objects without an entry"


def _strings(file: File) -> Iterator[str]:
    texts = [content(page) for page in file.reader.pages]
    outside = re.sub(rb"(?s)stream\n.*?\nendstream", b"", file.data)
    for text in (outside, *texts):
        for found in re.findall(rb"(?<!<)<([^<>]*)>(?!>)", text):
            if not re.fullmatch(rb"(?:[0-9A-Fa-f]{2})*", found):
                yield f"hexadecimal string {found!r}"


def _lengths(file: File) -> Iterator[str]:
    for found in re.finditer(rb"/Length (\d+) >>\n(stream.)", file.data, re.DOTALL):
        after = file.data[found.end() + int(found[1]) :]
        if found[2] != b"stream\n" or not after.startswith(b"\nendstream\nendobj\n"):
            yield f"stream at {found.start()}"
    if any({"/F", "/FFilter", "/FDecodeParms"} & set(stream) for stream in file.streams):
        yield "a stream in another file"


def _filters(file: File) -> Iterator[str]:
    for stream in file.streams:
        used = stream.get("/Filter", [])
        if not set([used] if isinstance(used, NameObject) else used) <= _FILTERS:
            yield f"filter {used}"


def _spacing(file: File) -> Iterator[str]:
    plain = re.sub(rb"(?s)stream\n.*?\nendstream", b"", file.data)
    if len(re.findall(rb"[\r\n]\d+ \d+ obj[\r\n]", plain)) != plain.count(b" obj"):
        yield "an object that does not begin on a line of its own"
    if len(re.findall(rb"[\r\n]endobj[\r\n]", plain)) != plain.count(b"endobj"):
        yield "an object that does not end on a line of its own"


def _limits(file: File) -> Iterator[str]:
    for page in file.reader.pages:
        left, bottom, right, top = (float(side) for side in page.mediabox)
        if not all(3 <= side <= 14_400 for side in (right - left, top - bottom)):
            yield f"a page of {right - left} × {top - bottom} units"
    if any(len(shown.codes) >= 32_767 for shown in file.shown()):
        yield "a long string"
    names = [key for found in file.objects for key in found]
    names += [value for found in file.objects for value in found.values() if isinstance(value, NameObject)]
    if any(len(name.encode()) > 128 for name in names):  # with its slash
        yield "a long name"
    if any(
        abs(int(number)) > 2**31 - 1 for number in re.findall(rb"(?<=[ \[])\d+(?=[ \]])", _unfiltered(file))
    ):
        yield "a great number"
    if len(re.findall(rb" 0 obj\n", file.data)) > 8_388_607:
        yield "too many objects"


def _unfiltered(file: File) -> bytes:
    contents = b" ".join(content(page) for page in file.reader.pages)
    return re.sub(rb"(?s)stream\n.*?\nendstream|xref.*", b"", file.data) + contents


# ---------------------------------------------------------------------------------------- 6.2 graphics


def _operators(file: File) -> Iterator[str]:
    for page in file.reader.pages:
        if "/Resources" not in page:
            yield "a page without resources of its own"
        used = {operator for _, operator in operations(page)}
        if not used <= _OPERATORS:
            yield f"operators {sorted(used - _OPERATORS)}"


def _output_intent(file: File) -> Iterator[str]:
    intents = [found.get_object() for found in file.root.get("/OutputIntents", [])]
    if [intent.get("/S") for intent in intents] != ["/GTS_PDFA1"]:
        yield "no output intent, or several"
        return
    (intent,) = intents
    if "/DestOutputProfileRef" in intent or not intent.get("/OutputConditionIdentifier"):
        yield "an output intent that names no condition, or a profile elsewhere"
    profile = intent["/DestOutputProfile"]
    data = profile.get_data()
    size, version, kind, space = struct.unpack(">I4xI4s4s", data[:20])
    if (kind, space, profile["/N"]) != (b"mntr", b"RGB ", 3) or version >= 0x05000000:
        yield "no profile of a monitor"
    if size != len(data) or data[36:40] != b"acsp":
        yield "a broken profile"


def _device_colours(file: File) -> Iterator[str]:
    for picture in file.pictures:
        if picture.get("/ColorSpace") not in _COMPONENTS:
            yield f"colours {picture.get('/ColorSpace')}"
        elif Image.open(BytesIO(picture._data)).mode != _COMPONENTS[str(picture["/ColorSpace"])]:
            yield "a picture of other colours than it says"


def _graphics_states(file: File) -> Iterator[str]:
    if any({"/ExtGState", "/HalftoneType", "/TR", "/TR2"} & set(found) for found in file.objects):
        yield "a graphics state"


def _rendering_intents(file: File) -> Iterator[str]:
    if any("/Intent" in found for found in file.objects):
        yield "a rendering intent"


def _images(file: File) -> Iterator[str]:
    for picture in file.pictures:
        if {"/Alternates", "/OPI"} & set(picture) or picture.get("/Interpolate"):
            yield "alternates, OPI or interpolation"


def _forms(file: File) -> Iterator[str]:
    if any(found.get("/Type") == "/XObject" and found.get("/Subtype") != "/Image" for found in file.objects):
        yield "an XObject that is no picture"


def _transparency(file: File) -> Iterator[str]:
    if any({"/SMask", "/Mask", "/Group", "/BM"} & set(found) for found in file.objects):
        yield "transparency"


def _font_types(file: File) -> Iterator[str]:
    needed = {"/FontBBox", "/FontMatrix", "/CharProcs", "/Encoding", "/FirstChar", "/LastChar", "/Widths"}
    for font in file.fonts:
        if font.get("/Subtype") != "/Type3" or not needed <= set(font):
            yield "a font that is not complete"
        elif len(font["/Widths"]) != font["/LastChar"] - font["/FirstChar"] + 1:  # type: ignore[arg-type, operator]
            yield "widths of other letters"


def _embedded(file: File) -> Iterator[str]:
    for shown in file.shown():
        programs = shown.font.get("/CharProcs", {})
        if shown.mode != _INVISIBLE and shown.font.get("/Subtype") != "/Type3":
            yield "visible text in a font that is not embedded"
        if not all(isinstance(found.get_object(), StreamObject) for found in programs.values()):
            yield "a glyph without a program"
        if shown.mode != _INVISIBLE:
            yield "visible text"


def _metrics(file: File) -> Iterator[str]:
    for font in file.fonts:
        advances = {
            float(re.match(rb"\s*([\d.]+)", glyph.get_object().get_data())[1])  # type: ignore[index]
            for glyph in font["/CharProcs"].values()  # type: ignore[attr-defined]
        }
        if {float(width) for width in font["/Widths"]} - advances:  # type: ignore[attr-defined]
            yield "widths that are not those of the glyphs"


def _no_notdef(file: File) -> Iterator[str]:
    for shown in file.shown():
        start, *names = shown.font["/Encoding"]["/Differences"]  # type: ignore[index]
        defined = {start + place for place, name in enumerate(names) if name in shown.font["/CharProcs"]}  # type: ignore[operator]
        if not set(shown.codes) <= defined:
            yield "a code without a glyph"


# ------------------------------------------------------------------------- 6.3 to 6.11: what it may not have


def _without(*keys: str) -> Callable[[File], Iterator[str]]:
    def check(file: File) -> Iterator[str]:
        yield from (key for found in (*file.objects, file.reader.trailer) for key in keys if key in found)

    return check


def _no_information(file: File) -> Iterator[str]:
    if "/Info" in file.reader.trailer:
        yield "information that the metadata would have to repeat"


def _metadata(file: File) -> Iterator[str]:
    stream = file.root.get("/Metadata")
    if stream is None:
        yield "no metadata"
        return
    stream = stream.get_object()
    if (stream.get("/Type"), stream.get("/Subtype")) != ("/Metadata", "/XML") or "/Filter" in stream:
        yield "metadata that is none"
    packet = re.fullmatch(
        r'<\?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"\?>\n(.*)\n<\?xpacket end="[rw]"\?>\n',
        stream.get_data().decode("utf-8"),
        re.DOTALL,
    )
    if packet is None:
        yield "no packet of XMP"
        return
    (about,) = ElementTree.fromstring(packet[1]).iter(f"{_RDF}Description")
    if about.get(f"{_RDF}about") != "":
        yield "metadata of something else"


def _conformance(file: File) -> Iterator[str]:
    stream = file.root.get("/Metadata")
    text = stream.get_object().get_data().decode("utf-8") if stream is not None else "<x/>"
    tree = ElementTree.fromstring(re.sub(r"<\?xpacket.*?\?>", "", text).strip())
    if [found.text for found in tree.iter(f"{_PDFAID}part")] != ["2"]:
        yield "another part"
    if [found.text for found in tree.iter(f"{_PDFAID}conformance")] != ["B"]:
        yield "another level"


CLAUSES: dict[str, Callable[[File], Iterator[str]]] = {
    "6.1.2 header": _header,
    "6.1.3 trailer": _trailer,
    "6.1.4 cross-references": _cross_references,
    "6.1.5 no document information": _no_information,
    "6.1.6 strings": _strings,
    "6.1.7.1 streams": _lengths,
    "6.1.7.2 filters": _filters,
    "6.1.9 objects": _spacing,
    "6.1.12 no permissions": _without("/Perms"),
    "6.1.13 limits": _limits,
    "6.2.2 content streams": _operators,
    "6.2.3 output intent": _output_intent,
    "6.2.4.3 device colours": _device_colours,
    "6.2.5 graphics states": _graphics_states,
    "6.2.6 rendering intents": _rendering_intents,
    "6.2.8.1 images": _images,
    "6.2.9 XObjects": _forms,
    "6.2.10 transparency": _transparency,
    "6.2.11.2 font types": _font_types,
    "6.2.11.4.1 embedding": _embedded,
    "6.2.11.5 metrics": _metrics,
    "6.2.11.8 .notdef": _no_notdef,
    "6.3 no annotations": _without("/Annots"),
    "6.4 no forms": _without("/AcroForm", "/XFA", "/NeedsRendering"),
    "6.5 no actions": _without("/OpenAction", "/AA", "/A", "/JavaScript"),
    "6.6.2 metadata": _metadata,
    "6.6.4 identification": _conformance,
    "6.8 no embedded files": _without("/EmbeddedFiles", "/EF", "/AF"),
    "6.9 no optional content": _without("/OCProperties", "/OC"),
    "6.10 no alternate presentations": _without("/AlternatePresentations", "/PresSteps"),
    "6.11 no requirements": _without("/Requirements"),
}
