"""Reports with a canary in every place where a PDF can hide a name; see the list of PDF classes."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from PIL import Image, ImageDraw
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    RectangleObject,
    TextStringObject,
    create_string_object,
)
from rapidfuzz import fuzz
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.reports.words import Findings, Hit, KnownIdentity, Page
from endoreg_db.deid.text_rules import fold
from endoreg_db.samples.layout import font, font_path

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


def edited(edit: Callable[[PdfWriter], object], **drawn: Any) -> Make:
    """A maker: a small report whose objects were changed."""

    def make(path: Path) -> None:
        draw(path, **drawn)
        writer = PdfWriter(clone_from=str(path))
        edit(writer)
        writer.write(str(path))

    return make


def drawn(more: Callable[[Canvas], None]) -> Make:
    """A maker: a small report with something drawn on it."""
    return lambda path: draw(path, more=more)


def _text(value: str = CANARY) -> TextStringObject:
    return TextStringObject(value)


def _dictionary(**entries: Any) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{name}"): value for name, value in entries.items()})


def _stream(content: bytes = CANARY.encode(), **entries: Any) -> DecodedStreamObject:
    stream = DecodedStreamObject()
    stream.set_data(content)
    stream.update({NameObject(f"/{name}"): value for name, value in entries.items()})
    return stream


def _in_catalog(name: str, make: Callable[[PdfWriter], Any]) -> Make:
    def edit(writer: PdfWriter) -> None:
        writer.root_object[NameObject(f"/{name}")] = make(writer)

    return edited(edit)


def _on_page(name: str, make: Callable[[PdfWriter], Any]) -> Make:
    def edit(writer: PdfWriter) -> None:
        writer.pages[0][NameObject(f"/{name}")] = make(writer)

    return edited(edit)


def _annotation(**entries: Any) -> Make:
    fixed = {"Type": NameObject("/Annot"), "Rect": RectangleObject((30, 20, 200, 60)), **entries}
    return _on_page("Annots", lambda w: ArrayObject([w._add_object(_dictionary(**fixed))]))


def picture(text: str = CANARY, size: tuple[int, int] = (400, 80)) -> Image.Image:
    """Black letters on white."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((10, 15), text, font=font(40), fill="black")
    return image


def _metadata(writer: PdfWriter) -> None:
    keys = ("Title", "Author", "Subject", "Keywords", "Creator", "Producer", "Patient")
    writer.add_metadata({f"/{key}": CANARY for key in keys})


def _xmp(writer: PdfWriter) -> Any:
    packet = f"<x:xmpmeta><dc:title>{CANARY}</dc:title></x:xmpmeta>".encode()
    return writer._add_object(_stream(packet, Type=NameObject("/Metadata"), Subtype=NameObject("/XML")))


def _trailer(path: Path) -> None:
    draw(path)
    path.write_bytes(path.read_bytes().replace(b"trailer\n<<", f"trailer\n<< /Patient ({CANARY})".encode()))


def _revision(path: Path) -> None:
    """Visible in the first revision, gone from the second."""
    draw(path, visible=True)
    writer = PdfWriter(str(path), incremental=True)
    page = writer.pages[0]
    content = page.get_contents()
    assert content is not None
    kept = content.get_data().replace(CANARY.encode(), b"-")
    page[NameObject("/Contents")] = writer._add_object(_stream(kept))
    updated = io.BytesIO()
    writer.write(updated)
    path.write_bytes(updated.getvalue())


def _around(path: Path) -> None:
    draw(path)
    path.write_bytes(f"% {CANARY}\n".encode() + path.read_bytes() + f"\n{CANARY}\n".encode())


def _under_box(canvas: Canvas) -> None:
    canvas.drawString(30, 100, CANARY)
    canvas.rect(25, 92, 150, 20, fill=1)


def _faint(canvas: Canvas) -> None:
    canvas.setFillColorRGB(1, 1, 1)
    canvas.drawString(30, 100, CANARY)
    canvas.setFillColorRGB(0, 0, 0)
    canvas.setFillAlpha(0)
    canvas.drawString(30, 80, CANARY)
    canvas.setFillAlpha(1)
    canvas.setFont("Helvetica", 1)
    canvas.drawString(30, 60, CANARY)


def _invisible(canvas: Canvas) -> None:
    text = canvas.beginText(30, 100)
    text.setTextRenderMode(3)
    text.textOut(CANARY)
    canvas.drawText(text)


def _outside(path: Path) -> None:
    def off(canvas: Canvas) -> None:
        canvas.drawString(400, 100, CANARY)
        canvas.drawString(30, 8, CANARY)

    draw(path, more=off)
    writer = PdfWriter(clone_from=str(path))
    writer.pages[0].cropbox = RectangleObject((0, 40, 320, 200))
    writer.write(str(path))


def _covered_picture(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(picture()), 30, 50, 100, 20)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.rect(29, 49, 102, 22, fill=1, stroke=0)
    canvas.saveState()
    outline = canvas.beginPath()
    outline.rect(200, 50, 20, 20)
    canvas.clipPath(outline, stroke=0)
    canvas.drawImage(ImageReader(picture()), 195, 50, 100, 20)
    canvas.restoreState()


def _masked_picture(canvas: Canvas) -> None:
    shown = picture().convert("RGBA")
    shown.putalpha(0)
    canvas.drawImage(ImageReader(shown), 30, 50, 100, 20, mask="auto")


def _jpeg_with_more(path: Path) -> None:
    jpeg = path.with_suffix(".jpg")
    exif = Image.Exif()
    exif[0x010E] = CANARY
    picture("Endoskopie").save(jpeg, exif=exif, comment=CANARY.encode(), icc_profile=CANARY.encode() * 20)
    draw(path, more=lambda canvas: canvas.drawImage(str(jpeg), 30, 40, 150, 30))
    jpeg.unlink()


def _form_field(canvas: Canvas) -> None:
    canvas.acroForm.textfield(name=CANARY, tooltip=CANARY, value=CANARY, x=30, y=60, width=150, height=24)


def _signature(writer: PdfWriter) -> Any:
    signed = _dictionary(Type=NameObject("/Sig"), Name=_text(), Reason=_text(), Location=_text())
    field = _dictionary(FT=NameObject("/Sig"), T=_text(), V=writer._add_object(signed))
    return _dictionary(Fields=ArrayObject([writer._add_object(field)]), XFA=writer._add_object(_stream()))


def _layers(writer: PdfWriter) -> None:
    layer = writer._add_object(_dictionary(Type=NameObject("/OCG"), Name=_text()))
    off = _dictionary(OFF=ArrayObject([layer]))
    writer.root_object[NameObject("/OCProperties")] = _dictionary(OCGs=ArrayObject([layer]), D=off)
    page: Any = writer.pages[0]
    page["/Resources"][NameObject("/Properties")] = _dictionary(L0=layer)
    hidden = b"\n/OC /L0 BDC BT /F1 12 Tf 30 100 Td (" + CANARY.encode() + b") Tj ET EMC"
    page[NameObject("/Contents")] = writer._add_object(_stream(page.get_contents().get_data() + hidden))


def _marked(writer: PdfWriter) -> None:
    page: Any = writer.pages[0]
    span = f"/Span << /ActualText ({CANARY}) /Alt ({CANARY}) >> BDC\n".encode()
    page[NameObject("/Contents")] = writer._add_object(
        _stream(span + page.get_contents().get_data() + b"\nEMC")
    )
    element = writer._add_object(_dictionary(S=NameObject("/P"), T=_text(), Alt=_text(), E=_text()))
    writer.root_object[NameObject("/StructTreeRoot")] = _dictionary(K=element)


def _recoded(path: Path) -> None:
    """The text layer says something harmless; what the glyphs show is the canary."""
    pdfmetrics.registerFont(TTFont("Recoded", str(font_path())))

    def more(canvas: Canvas) -> None:
        canvas.setFont("Recoded", 14)
        canvas.drawString(30, 100, f"Patient {CANARY}")

    draw(path, more=more)
    writer = PdfWriter(clone_from=str(path))
    fonts: Any = writer.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    for item in fonts.values():
        described = item.get_object()
        if "/ToUnicode" in described:
            cmap = described["/ToUnicode"].get_data()
            shifted = re.sub(rb"<00([46][0-9A-Fa-f])>", lambda m: b"<0079>", cmap)
            described[NameObject("/ToUnicode")] = writer._add_object(_stream(shifted))
    writer.write(str(path))


def _font_name(writer: PdfWriter) -> None:
    fonts: Any = writer.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    for item in fonts.values():
        item.get_object()[NameObject("/Name")] = NameObject(f"/{CANARY}")


def _nested(canvas: Canvas) -> None:
    canvas.beginForm("hidden")
    canvas.setFillColorRGB(1, 1, 1)
    canvas.drawString(30, 100, CANARY)
    canvas.endForm()
    canvas.doForm("hidden")
    canvas._code.append(f"q 1 0 0 1 300 5 cm BI /W 8 /H 1 /BPC 8 /CS /G ID {CANARY} EI Q")


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


def _owner_password(path: Path) -> None:
    draw(path, visible=True)
    writer = PdfWriter(clone_from=str(path))
    _metadata(writer)
    writer.encrypt(user_password="", owner_password="owner", algorithm="AES-256")
    writer.write(str(path))


def protect(path: Path, password: str) -> None:
    """A report that opens only with a password."""
    draw(path, visible=True)
    writer = PdfWriter(clone_from=str(path))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    writer.write(str(path))


def _turned(path: Path) -> None:
    """Pages turned, cropped, in another unit and of another size, each with the name on it."""
    draw(path, visible=True, pages=5)
    writer = PdfWriter(clone_from=str(path))
    for page, angle in zip(writer.pages, (90, 180, 270), strict=False):
        page.rotate(angle)
    writer.pages[3].mediabox = RectangleObject((-20, -30, 340, 220))
    writer.pages[3].cropbox = RectangleObject((10, 40, 300, 190))
    writer.pages[4][NameObject("/UserUnit")] = FloatObject(2)
    writer.write(str(path))


def _codes_and_drawings(canvas: Canvas) -> None:
    code = np.asarray(zxingcpp.create_barcode(CANARY, zxingcpp.BarcodeFormat.QRCode).to_image(scale=5))
    canvas.drawImage(ImageReader(Image.fromarray(code)), 220, 80, 80, 80)
    canvas.setLineWidth(1.5)  # a signature
    canvas.bezier(30, 40, 60, 90, 70, 10, 90, 60)
    canvas.bezier(90, 60, 110, 10, 120, 80, 140, 40)
    canvas.drawImage(ImageReader(portrait()), 160, 20, 50, 50)
    canvas.drawImage(ImageReader(picture(f"Dr. {CANARY}")), 30, 80, 100, 20)  # a stamp


def portrait() -> Image.Image:
    """Something like a face."""
    image = Image.new("RGB", (200, 200), (90, 120, 160))
    pen = ImageDraw.Draw(image)
    pen.ellipse((50, 30, 150, 170), fill=(224, 172, 140))
    pen.ellipse((75, 80, 90, 90), fill=(60, 40, 30))
    pen.ellipse((110, 80, 125, 90), fill=(60, 40, 30))
    pen.arc((80, 110, 120, 140), 10, 170, fill=(150, 60, 60), width=4)
    return image


def _threads(writer: PdfWriter) -> Any:
    return ArrayObject(
        [writer._add_object(_dictionary(Type=NameObject("/Thread"), I=_dictionary(Title=_text())))]
    )


def _file(writer: PdfWriter) -> None:
    writer.add_attachment(f"{CANARY}.txt", CANARY.encode())


def _bookmarks(writer: PdfWriter) -> None:
    writer.add_outline_item(title=CANARY, page_number=0)


def _alternates(path: Path) -> None:
    draw(path, more=lambda canvas: canvas.drawImage(ImageReader(picture("Endoskopie")), 30, 40, 150, 30))
    writer = PdfWriter(clone_from=str(path))
    images: Any = writer.pages[0]["/Resources"]["/XObject"]  # type: ignore[index]
    for item in images.values():
        other = writer._add_object(_stream())
        item.get_object()[NameObject("/Alternates")] = ArrayObject([_dictionary(Image=other)])
        item.get_object()[NameObject("/OPI")] = _dictionary(F=_text())
    writer.write(str(path))


_ACTION = _dictionary(S=NameObject("/JavaScript"), JS=create_string_object(f"app.alert('{CANARY}')"))
_LINK = _dictionary(S=NameObject("/URI"), URI=create_string_object(f"https://example.org/{CANARY}"))


def _scripts() -> ArrayObject:
    return ArrayObject([_text(), _ACTION])


#: Number of the class in the list and what it is → how to make such a report.
CLASSES: dict[str, Make] = {
    "01 information": edited(_metadata),
    "02 metadata of the document": _in_catalog("Metadata", _xmp),
    "03 metadata of a page": _on_page("Metadata", _xmp),
    "04 trailer": _trailer,
    "05 private data of programs": _on_page(
        "PieceInfo", lambda w: _dictionary(App=_dictionary(Private=_text()))
    ),
    "06 earlier revision": _revision,
    "07 orphan": edited(lambda w: w._add_object(_dictionary(Patient=_text()))),
    "08 before and after": _around,
    "09 under a box": drawn(_under_box),
    "10 white, transparent, tiny": drawn(_faint),
    "11 invisible": drawn(_invisible),
    "12 outside the page": _outside,
    "13 covered and clipped picture": drawn(_covered_picture),
    "14 masked picture": drawn(_masked_picture),
    "14 alternate pictures": _alternates,
    "15 inside a JPEG": _jpeg_with_more,
    "16 thumbnail": _on_page("Thumb", lambda w: w._add_object(_stream(Subtype=NameObject("/Image")))),
    "17 note": _annotation(Subtype=NameObject("/Text"), Contents=_text(), T=_text(), RC=_text()),
    "17 mark not applied": _annotation(Subtype=NameObject("/Redact"), OverlayText=_text(), Contents=_text()),
    "18 link": _annotation(Subtype=NameObject("/Link"), A=_LINK),
    "19 form field": drawn(_form_field),
    "20 signature": _in_catalog("AcroForm", _signature),
    "21 attachment": edited(_file),
    "23 bookmark": edited(_bookmarks),
    "24 named destination": edited(lambda w: w.add_named_destination(CANARY, 0)),
    "25 page label": _in_catalog(
        "PageLabels", lambda w: _dictionary(Nums=ArrayObject([NumberObject(0), _dictionary(P=_text())]))
    ),
    "26 article": _in_catalog("Threads", _threads),
    "27 layer switched off": edited(_layers),
    "28 script": _in_catalog("Names", lambda w: _dictionary(JavaScript=_dictionary(Names=_scripts()))),
    "28 action on opening": _in_catalog("OpenAction", lambda w: _ACTION),
    "29 structure": edited(_marked),
    "30 glyphs that mean something else": _recoded,
    "31 font": edited(_font_name),
    "32 form and inline picture": drawn(_nested),
    "33 rich media": _annotation(
        Subtype=NameObject("/RichMedia"), RichMediaContent=_dictionary(Name=_text())
    ),
    "34 search index": _in_catalog("PieceInfo", lambda w: _dictionary(SearchIndex=_dictionary(Data=_text()))),
    "35 viewer preferences and legal": _in_catalog("Legal", lambda w: _dictionary(Attestation=_text())),
    "36 object stream": _object_stream,
    "37 owner password": _owner_password,
    "38 turned, cropped, other units": _turned,
    "40 code, stamp, signature, portrait": drawn(_codes_and_drawings),
}
