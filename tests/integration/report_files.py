"""Reports with a canary in every place where a PDF can hide a name; see the list of PDF classes."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pypdf import PdfWriter
from rapidfuzz import fuzz
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.reports.words import Findings, Hit, KnownIdentity, Page
from endoreg_db.deid.text_rules import fold
from quality.reports.plants import PLANTS, Order, Plant

#: A name that no report holds by chance; OCR reads it right.
CANARY = "Qanarius"
KEPT = "Schleimhaut unauffällig"
SIZE = (320.0, 200.0)

Make = Callable[[Path], None]


def find_canary(pages: Sequence[Page], known: KnownIdentity) -> Findings:
    """A finder that knows one name, also as OCR may read it."""
    hits = [
        Hit("name", page.number, (index,), CANARY, 1.0, "the canary")
        for page in pages
        for index, word in enumerate(page.words)
        if fuzz.partial_ratio(fold(CANARY), fold(word.text)) > 80 and len(word.text) > 4
    ]
    return Findings(tuple(hits), Identity())


# ------------------------------------------------------------------------------------- looking


def traces(data: bytes) -> list[str]:
    """In which form the canary is in a PDF's bytes, also in those of its streams."""
    texts = {"raw": data, **{f"stream {n}": text for n, text in enumerate(_inflated(data))}}
    return [f"{form} in {where}" for where, text in texts.items() for form in _forms_in(text)]


def _inflated(data: bytes) -> Iterator[bytes]:
    for found in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            yield zlib.decompressobj().decompress(found[1])
        except zlib.error:
            continue


def _forms_in(text: bytes) -> Iterator[str]:
    plain = CANARY.encode()
    forms = {
        "plain": plain,
        "UTF-16BE": CANARY.encode("utf-16-be"),
        "UTF-16LE": CANARY.encode("utf-16-le"),
        "hexadecimal": plain.hex().encode(),
        "hexadecimal UTF-16": CANARY.encode("utf-16-be").hex().encode(),
        "octal": "".join(f"\\{byte:03o}" for byte in plain).encode(),
    }
    lowered = text.lower()
    yield from (name for name, form in forms.items() if form.lower() in lowered)


# -------------------------------------------------------------------------------------- making


def draw(
    path: Path, *, visible: bool = False, pages: int = 1, more: Callable[[Canvas], None] | None = None
) -> None:
    """A small report; ``more`` draws on its first page."""
    canvas = Canvas(str(path), pagesize=SIZE, invariant=1, pageCompression=0)
    for number in range(pages):
        canvas.setFont("Helvetica", 12)
        canvas.drawString(30, 160, "Befund der Koloskopie")
        canvas.drawString(30, 130, KEPT)
        if visible:
            canvas.drawString(30, 100, f"Patient: {CANARY}")
        if number == 0 and more is not None:
            more(canvas)
        canvas.showPage()
    canvas.save()


def _object_stream(path: Path) -> None:
    """The document's information lies in a compressed object of a compressed stream."""
    inner = f"<< /Type /Catalog /Pages 2 0 R /Patient ({CANARY}) >>".encode()
    packed = zlib.compress(b"1 0 " + inner)
    content = f"BT /F 14 Tf 30 130 Td ({KEPT.replace('ä', 'ae')}) Tj ET".encode()
    parts = {
        2: b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 320 200] /Contents 4 0 R"
        b" /Resources << /Font << /F 5 0 R >> >> >>",
        4: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        6: b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
        % (len(packed), packed),
    }
    data, offsets = bytearray(b"%PDF-1.5\n"), {}
    for number, body in parts.items():
        offsets[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    rows = [(0, 0, 65535), (2, 6, 0), *((1, offsets[n], 0) for n in range(2, 7)), (1, start, 0)]
    table = b"".join(
        bytes([kind]) + where.to_bytes(4, "big") + last.to_bytes(2, "big") for kind, where, last in rows
    )
    data += (
        b"7 0 obj\n<< /Type /XRef /Size 8 /W [1 4 2] /Root 1 0 R /Length %d >>\nstream\n%s\nendstream\n"
        b"endobj\nstartxref\n%d\n%%%%EOF\n" % (len(table), table, start)
    )
    path.write_bytes(bytes(data))


def protect(path: Path, password: str) -> None:
    """A report that opens only with a password."""
    draw(path, visible=True)
    writer = PdfWriter(clone_from=str(path))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    writer.write(str(path))


def _planted(plant: Plant) -> Make:
    def make(path: Path) -> None:
        plant(Order(path, lambda target, more: draw(target, more=more), CANARY))

    return make


#: Number of the class in the list and what it is → how to make such a report.
CLASSES: dict[str, Make] = {
    **{name: _planted(plant) for name, plant in PLANTS.items()},
    "36 object stream": _object_stream,
}
