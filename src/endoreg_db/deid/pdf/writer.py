"""A new PDF, page by page: one picture and one invisible text layer each, and nothing else.

Written by hand instead of with a PDF library, for three reasons: pages stream to the file, so that
memory does not grow with them; there is no date, producer or other metadata that would have to be taken
out again; and the verification can demand that the file holds exactly the objects that are written here
(ISO 32000-1, 7.5).

The text layer uses Type 3 fonts whose only glyph is empty: any letter can be searched for and copied,
and no font program, with its names and its set of glyphs, is part of the file. None has to be: such a
font is made of content streams, and all text is invisible (ISO 19005-2, 6.2.11.4.1). What else PDF/A-2b
asks for is constant; see :mod:`endoreg_db.deid.pdf.archive`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO

from endoreg_db.deid.pdf import archive
from endoreg_db.deid.reports.words import Rect

#: Letters of one Type 3 font: its codes are one byte.
_CODES = 256
_ADVANCE = 500  # width of the empty glyph in thousandths of the font size

HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"

# Objects with fixed numbers; the pages' own follow, the fonts come last.
_CATALOG, _PAGES, _FONTS, _GLYPH, _METADATA, _INTENT, _PROFILE = range(1, 8)


@dataclass(frozen=True, slots=True)
class TextRun:
    """A word of the invisible text layer."""

    text: str
    box: Rect  # points from the top left corner of the picture


@dataclass(frozen=True, slots=True)
class NewPage:
    """One page to write."""

    width: float  # points, of the upright picture
    height: float
    jpeg: bytes
    pixels: tuple[int, int]  # columns, rows of the JPEG
    colour: bool  # three components, not one
    turn: int  # degrees clockwise by which a viewer shows it: 0, 90, 180, 270
    lines: Sequence[Sequence[TextRun]]


@dataclass(slots=True)
class PdfWriter:
    """Writes a file from its first to its last byte; the same pages give the same bytes."""

    file: BinaryIO
    _offsets: dict[int, int] = field(default_factory=dict)  # object number → where it begins
    _codes: dict[str, int] = field(default_factory=dict)  # letter → its number over all fonts
    _pages: list[int] = field(default_factory=list)  # object numbers
    _position: int = 0
    _last: int = _PROFILE
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __enter__(self) -> PdfWriter:
        self._write(HEADER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()

    def add(self, page: NewPage) -> None:
        """Write one page; nothing of it is kept in memory."""
        number, content, picture = self._last + 1, self._last + 2, self._last + 3
        self._last += 3
        self._pages.append(number)
        turned = f" /Rotate {page.turn}" if page.turn else ""
        unit = archive.unit_of(page.width, page.height)
        units = f" /UserUnit {unit:.6f}" if unit != 1 else ""
        self._object(
            number,
            f"<< /Type /Page /Parent {_PAGES} 0 R{turned}{units}"
            f" /MediaBox [0 0 {_number(page.width / unit)} {_number(page.height / unit)}]"
            f" /Resources << /XObject << /Im {picture} 0 R >> /Font {_FONTS} 0 R >>"
            f" /Contents {content} 0 R >>",
        )
        self._stream(content, "/Filter /FlateDecode", zlib.compress(self._content(page, unit), 9))
        space = "DeviceRGB" if page.colour else "DeviceGray"
        self._stream(
            picture,
            f"/Type /XObject /Subtype /Image /Width {page.pixels[0]} /Height {page.pixels[1]}"
            f" /ColorSpace /{space} /BitsPerComponent 8 /Filter /DCTDecode",
            page.jpeg,
        )

    def _content(self, page: NewPage, unit: float) -> bytes:
        parts = [f"{1 / unit:.6f} 0 0 {1 / unit:.6f} 0 0 cm"] if unit != 1 else []
        parts += [f"q {_number(page.width)} 0 0 {_number(page.height)} 0 0 cm /Im Do Q"]
        if any(page.lines):
            parts.append("BT 3 Tr")
            parts += [self._run(run, page.height) for line in page.lines for run in line]
            parts.append("ET")
        return "\n".join(parts).encode("ascii")

    def _run(self, run: TextRun, height: float) -> str:
        """One word and the space after it, stretched over its box."""
        size = max(1.0, run.box.y1 - run.box.y0)
        stretch = 100 * (run.box.x1 - run.box.x0) / (len(run.text) * size * _ADVANCE / 1000)
        shown = []
        font = -1
        for letter in f"{run.text} ":
            code = self._codes.setdefault(letter, len(self._codes))
            if code // _CODES != font:
                font = code // _CODES
                shown.append(f"/F{font} {_number(size)} Tf")
            shown.append(f"<{code % _CODES:02x}> Tj")
        place = f"1 0 0 1 {_number(run.box.x0)} {_number(height - run.box.y1)} Tm"
        return f"{place} {_number(max(1.0, stretch))} Tz {_joined(shown)}"

    def _finish(self) -> None:
        letters = list(self._codes)
        fonts = [letters[start : start + _CODES] for start in range(0, len(letters), _CODES)]
        first = self._last + 1
        for index, chosen in enumerate(fonts):
            self._font(first + 2 * index, chosen)
        named = " ".join(f"/F{index} {first + 2 * index} 0 R" for index in range(len(fonts)))
        self._object(_FONTS, f"<< {named} >>")
        # Empty, but with a bounding box, so that viewers can mark what was found.
        self._stream(_GLYPH, "", f"{_ADVANCE} 0 0 0 {_ADVANCE} 1000 d1".encode("ascii"))
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._object(_PAGES, f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>")
        self._archival()
        self._object(
            _CATALOG,
            f"<< /Type /Catalog /Pages {_PAGES} 0 R /Metadata {_METADATA} 0 R"
            f" /OutputIntents [{_INTENT} 0 R] >>",
        )
        self._cross_references()

    def _archival(self) -> None:
        """What an archive asks for, the same in every file."""
        self._stream(_METADATA, "/Type /Metadata /Subtype /XML", archive.XMP)
        entries = " ".join(
            f"{key} {value if value.startswith('/') else f'({value})'}"
            for key, value in archive.INTENT.items()
        )
        self._object(_INTENT, f"<< {entries} /DestOutputProfile {_PROFILE} 0 R >>")
        profile = zlib.compress(archive.SRGB, 9)
        self._stream(_PROFILE, f"/N {archive.COMPONENTS} /Filter /FlateDecode", profile)

    def _font(self, number: int, letters: Sequence[str]) -> None:
        widths = " ".join([str(_ADVANCE)] * len(letters))
        names = " ".join(["/g"] * len(letters))
        self._object(
            number,
            "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 500 1000] /FontMatrix [0.001 0 0 0.001 0 0]"
            f" /CharProcs << /g {_GLYPH} 0 R >> /Encoding << /Type /Encoding /Differences [0 {names}] >>"
            f" /FirstChar 0 /LastChar {len(letters) - 1} /Widths [{widths}] /ToUnicode {number + 1} 0 R"
            " /Resources << >> >>",
        )
        self._stream(number + 1, "/Filter /FlateDecode", zlib.compress(_to_unicode(letters), 9))
        self._last = number + 1

    def _cross_references(self) -> None:
        start, count, name = self._position, self._last + 1, archive.identifier(self._digest.hexdigest())
        entries = [f"{self._offsets[number]:010} 00000 n \n" for number in range(1, count)]
        self._write(f"xref\n0 {count}\n0000000000 65535 f \n{''.join(entries)}".encode("ascii"))
        trailer = f"<< /Size {count} /Root {_CATALOG} 0 R /ID [<{name}> <{name}>] >>"
        self._write(f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode("ascii"))

    def _stream(self, number: int, entries: str, data: bytes) -> None:
        spaced = f" {entries}" if entries else ""
        self._object(number, f"<<{spaced} /Length {len(data)} >>", data)

    def _object(self, number: int, dictionary: str, data: bytes | None = None) -> None:
        self._offsets[number] = self._position
        self._write(f"{number} 0 obj\n{dictionary}\n".encode("ascii"))
        if data is not None:
            self._write(b"stream\n" + data + b"\nendstream\n")
        self._write(b"endobj\n")

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self._digest.update(data)
        self._position += len(data)


def _joined(shown: Sequence[str]) -> str:
    """The operators, with letters that follow each other in one font in one string."""
    return " ".join(shown).replace("> Tj <", "")


def _to_unicode(letters: Sequence[str]) -> bytes:
    """The CMap that says which letter each code stands for (ISO 32000-1, 9.10.3)."""
    blocks = []
    for start in range(0, len(letters), 100):  # a block may not be longer
        chosen = letters[start : start + 100]
        rows = [f"<{start + n:02x}> <{letter.encode('utf-16-be').hex()}>" for n, letter in enumerate(chosen)]
        blocks.append(f"{len(chosen)} beginbfchar\n" + "\n".join(rows) + "\nendbfchar")
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CMapName /T def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<00> <ff>\nendcodespacerange\n"
        + "\n".join(blocks)
        + "\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _number(value: float) -> str:
    """A coordinate to a hundredth of a point, without superfluous zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
