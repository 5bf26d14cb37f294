"""Where identity is planted in a report's file: the numbered places of the leak list, one by one.

Numbers are those of the list of PDF places in ``docs/quality.md``. A plant makes the file: it has the
report drawn, with more on its first page where it needs that, and changes what was written.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
)
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.samples.layout import font, font_path

#: Draws more on the first page of a report.
More = Callable[[Canvas], None]
#: Writes the report to a path, as if nothing were planted but what ``more`` draws.
Draw = Callable[[Path, More | None], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What a plant is asked to make."""

    path: Path  # of the file
    draw: Draw  # writes the report there
    canary: str  # what is to be hidden in it

    def with_name(self, canvas: Canvas) -> None:
        """Draw the canary as a patient's name, for everybody to see."""
        canvas.drawString(30, 100, f"Patient: {self.canary}")


#: Makes the file that it is asked for.
Plant = Callable[[Order], None]


def picture(text: str, size: tuple[int, int] = (400, 80)) -> Image.Image:
    """Black letters on white."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((10, 15), text, font=font(40), fill="black")
    return image


def portrait() -> Image.Image:
    """Something like a face."""
    image = Image.new("RGB", (200, 200), (90, 120, 160))
    pen = ImageDraw.Draw(image)
    pen.ellipse((50, 30, 150, 170), fill=(224, 172, 140))
    pen.ellipse((75, 80, 90, 90), fill=(60, 40, 30))
    pen.ellipse((110, 80, 125, 90), fill=(60, 40, 30))
    pen.arc((80, 110, 120, 140), 10, 170, fill=(150, 60, 60), width=4)
    return image


# ---------------------------------------------------------------------- objects, and where they go


def _text(value: str) -> TextStringObject:
    return TextStringObject(value)


def _dictionary(**entries: Any) -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{name}"): value for name, value in entries.items()})


def _stream(content: bytes, **entries: Any) -> DecodedStreamObject:
    stream = DecodedStreamObject()
    stream.set_data(content)
    stream.update({NameObject(f"/{name}"): value for name, value in entries.items()})
    return stream


def _edited(edit: Callable[[PdfWriter, str], object]) -> Plant:
    """A report whose objects were changed."""

    def make(order: Order) -> None:
        order.draw(order.path, None)
        writer = PdfWriter(clone_from=str(order.path))
        edit(writer, order.canary)
        writer.write(str(order.path))

    return make


def _drawn(more: Callable[[Canvas, str], None]) -> Plant:
    """A report with something drawn on it."""
    return lambda order: order.draw(order.path, lambda canvas: more(canvas, order.canary))


def _in_catalog(name: str, make: Callable[[PdfWriter, str], Any]) -> Plant:
    def edit(writer: PdfWriter, canary: str) -> None:
        writer.root_object[NameObject(f"/{name}")] = make(writer, canary)

    return _edited(edit)


def _on_page(name: str, make: Callable[[PdfWriter, str], Any]) -> Plant:
    def edit(writer: PdfWriter, canary: str) -> None:
        writer.pages[0][NameObject(f"/{name}")] = make(writer, canary)

    return _edited(edit)


def _annotation(subtype: str, entries: Callable[[str], Mapping[str, Any]]) -> Plant:
    def note(writer: PdfWriter, canary: str) -> ArrayObject:
        fixed = {
            "Type": NameObject("/Annot"),
            "Subtype": NameObject(f"/{subtype}"),
            "Rect": RectangleObject((30, 20, 200, 60)),
        }
        return ArrayObject([writer._add_object(_dictionary(**fixed, **entries(canary)))])

    return _on_page("Annots", note)


# ------------------------------------------------------------------------------------- the places


def _metadata(writer: PdfWriter, canary: str) -> None:
    keys = ("Title", "Author", "Subject", "Keywords", "Creator", "Producer", "Patient")
    writer.add_metadata({f"/{key}": canary for key in keys})


def _xmp(writer: PdfWriter, canary: str) -> Any:
    packet = f"<x:xmpmeta><dc:title>{canary}</dc:title></x:xmpmeta>".encode()
    return writer._add_object(_stream(packet, Type=NameObject("/Metadata"), Subtype=NameObject("/XML")))


def _trailer(order: Order) -> None:
    order.draw(order.path, None)
    named = f"trailer\n<< /Patient ({order.canary})".encode()
    order.path.write_bytes(order.path.read_bytes().replace(b"trailer\n<<", named))


def _revision(order: Order) -> None:
    """Visible in the first revision, gone from the second."""
    order.draw(order.path, order.with_name)
    writer = PdfWriter(str(order.path), incremental=True)
    page = writer.pages[0]
    content = page.get_contents()
    assert content is not None
    kept = content.get_data().replace(order.canary.encode(), b"-")
    page[NameObject("/Contents")] = writer._add_object(_stream(kept))
    updated = io.BytesIO()
    writer.write(updated)
    order.path.write_bytes(updated.getvalue())


def _around(order: Order) -> None:
    order.draw(order.path, None)
    before, after = f"% {order.canary}\n".encode(), f"\n{order.canary}\n".encode()
    order.path.write_bytes(before + order.path.read_bytes() + after)


def _under_box(canvas: Canvas, canary: str) -> None:
    canvas.drawString(30, 100, canary)
    canvas.rect(25, 92, 150, 20, fill=1)


def _faint(canvas: Canvas, canary: str) -> None:
    canvas.setFillColorRGB(1, 1, 1)
    canvas.drawString(30, 100, canary)
    canvas.setFillColorRGB(0, 0, 0)
    canvas.setFillAlpha(0)
    canvas.drawString(30, 80, canary)
    canvas.setFillAlpha(1)
    canvas.setFont("Helvetica", 1)
    canvas.drawString(30, 60, canary)


def _invisible(canvas: Canvas, canary: str) -> None:
    text = canvas.beginText(30, 100)
    text.setTextRenderMode(3)
    text.textOut(canary)
    canvas.drawText(text)


def _outside(order: Order) -> None:
    def off(canvas: Canvas) -> None:
        canvas.drawString(canvas._pagesize[0] + 80, 100, order.canary)
        canvas.drawString(30, 8, order.canary)

    order.draw(order.path, off)
    writer = PdfWriter(clone_from=str(order.path))
    page = writer.pages[0]
    page.cropbox = RectangleObject((0, 40, float(page.mediabox.width), float(page.mediabox.height)))
    writer.write(str(order.path))


def _covered_picture(canvas: Canvas, canary: str) -> None:
    canvas.drawImage(ImageReader(picture(canary)), 30, 50, 100, 20)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.rect(29, 49, 102, 22, fill=1, stroke=0)
    canvas.saveState()
    outline = canvas.beginPath()
    outline.rect(200, 50, 20, 20)
    canvas.clipPath(outline, stroke=0)
    canvas.drawImage(ImageReader(picture(canary)), 195, 50, 100, 20)
    canvas.restoreState()


def _masked_picture(canvas: Canvas, canary: str) -> None:
    shown = picture(canary).convert("RGBA")
    shown.putalpha(0)
    canvas.drawImage(ImageReader(shown), 30, 50, 100, 20, mask="auto")


def _alternates(order: Order) -> None:
    order.draw(
        order.path, lambda canvas: canvas.drawImage(ImageReader(picture("Endoskopie")), 30, 40, 150, 30)
    )
    writer = PdfWriter(clone_from=str(order.path))
    images: Any = writer.pages[0]["/Resources"]["/XObject"]  # type: ignore[index]
    for item in images.values():
        other = writer._add_object(_stream(order.canary.encode()))
        item.get_object()[NameObject("/Alternates")] = ArrayObject([_dictionary(Image=other)])
        item.get_object()[NameObject("/OPI")] = _dictionary(F=_text(order.canary))
    writer.write(str(order.path))


def _jpeg_with_more(order: Order) -> None:
    jpeg, name = order.path.with_suffix(".jpg"), order.canary.encode()
    exif = Image.Exif()
    exif[0x010E] = order.canary
    picture("Endoskopie").save(jpeg, exif=exif, comment=name, icc_profile=name * 20)
    order.draw(order.path, lambda canvas: canvas.drawImage(str(jpeg), 30, 40, 150, 30))
    jpeg.unlink()


def _form_field(canvas: Canvas, canary: str) -> None:
    canvas.acroForm.textfield(name=canary, tooltip=canary, value=canary, x=30, y=60, width=150, height=24)


def _signature(writer: PdfWriter, canary: str) -> Any:
    name = _text(canary)
    signed = _dictionary(Type=NameObject("/Sig"), Name=name, Reason=name, Location=name)
    field = _dictionary(FT=NameObject("/Sig"), T=name, V=writer._add_object(signed))
    forms = writer._add_object(_stream(canary.encode()))
    return _dictionary(Fields=ArrayObject([writer._add_object(field)]), XFA=forms)


def _layers(writer: PdfWriter, canary: str) -> None:
    layer = writer._add_object(_dictionary(Type=NameObject("/OCG"), Name=_text(canary)))
    off = _dictionary(OFF=ArrayObject([layer]))
    writer.root_object[NameObject("/OCProperties")] = _dictionary(OCGs=ArrayObject([layer]), D=off)
    page: Any = writer.pages[0]
    page["/Resources"][NameObject("/Properties")] = _dictionary(L0=layer)
    hidden = f"\n/OC /L0 BDC BT /F1 12 Tf 30 100 Td ({canary}) Tj ET EMC".encode()
    page[NameObject("/Contents")] = writer._add_object(_stream(page.get_contents().get_data() + hidden))


def _marked(writer: PdfWriter, canary: str) -> None:
    page: Any = writer.pages[0]
    span = f"/Span << /ActualText ({canary}) /Alt ({canary}) >> BDC\n".encode()
    marked = _stream(span + page.get_contents().get_data() + b"\nEMC")
    page[NameObject("/Contents")] = writer._add_object(marked)
    name = _text(canary)
    element = writer._add_object(_dictionary(S=NameObject("/P"), T=name, Alt=name, E=name))
    writer.root_object[NameObject("/StructTreeRoot")] = _dictionary(K=element)


def _recoded(order: Order) -> None:
    """The text layer says something harmless; what the glyphs show is the canary."""
    pdfmetrics.registerFont(TTFont("Recoded", str(font_path())))

    def more(canvas: Canvas) -> None:
        canvas.setFont("Recoded", 14)
        canvas.drawString(30, 100, f"Patient {order.canary}")

    order.draw(order.path, more)
    writer = PdfWriter(clone_from=str(order.path))
    fonts: Any = writer.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    for item in fonts.values():
        described = item.get_object()
        if "/ToUnicode" in described and "Vera" in described["/BaseFont"]:
            cmap = described["/ToUnicode"].get_data()
            shifted = re.sub(rb"<00([46][0-9A-Fa-f])>", lambda m: b"<0079>", cmap)
            described[NameObject("/ToUnicode")] = writer._add_object(_stream(shifted))
    writer.write(str(order.path))


def _font_name(writer: PdfWriter, canary: str) -> None:
    fonts: Any = writer.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    for item in fonts.values():
        item.get_object()[NameObject("/Name")] = NameObject(f"/{canary}")


def _nested(canvas: Canvas, canary: str) -> None:
    canvas.beginForm("hidden")
    canvas.setFillColorRGB(1, 1, 1)
    canvas.drawString(30, 100, canary)
    canvas.endForm()
    canvas.doForm("hidden")
    width = len(canary)
    canvas._code.append(f"q 1 0 0 1 300 5 cm BI /W {width} /H 1 /BPC 8 /CS /G ID {canary} EI Q")


def _owner_password(order: Order) -> None:
    order.draw(order.path, order.with_name)
    writer = PdfWriter(clone_from=str(order.path))
    _metadata(writer, order.canary)
    writer.encrypt(user_password="", owner_password="owner", algorithm="AES-256")
    writer.write(str(order.path))


def _turned(order: Order) -> None:
    """Pages turned, cropped, in another unit and of another size, each with the name on it."""
    order.draw(order.path, order.with_name)
    writer = PdfWriter()
    for _ in range(5):
        writer.append(str(order.path))
    for page, angle in zip(writer.pages, (90, 180, 270), strict=False):
        page.rotate(angle)
    page = writer.pages[3]
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    page.mediabox = RectangleObject((-20, -30, width + 20, height + 20))
    page.cropbox = RectangleObject((10, 40, width - 20, height - 10))
    writer.pages[4][NameObject("/UserUnit")] = FloatObject(2)
    writer.write(str(order.path))


def _codes_and_drawings(canvas: Canvas, canary: str) -> None:
    code = np.asarray(zxingcpp.create_barcode(canary, zxingcpp.BarcodeFormat.QRCode).to_image(scale=5))
    canvas.drawImage(ImageReader(Image.fromarray(code)), 220, 80, 80, 80)
    canvas.setLineWidth(1.5)  # a signature
    canvas.bezier(30, 40, 60, 90, 70, 10, 90, 60)
    canvas.bezier(90, 60, 110, 10, 120, 80, 140, 40)
    canvas.drawImage(ImageReader(portrait()), 160, 20, 50, 50)
    canvas.drawImage(ImageReader(picture(f"Dr. {canary}")), 30, 80, 100, 20)  # a stamp


def _threads(writer: PdfWriter, canary: str) -> Any:
    thread = _dictionary(Type=NameObject("/Thread"), I=_dictionary(Title=_text(canary)))
    return ArrayObject([writer._add_object(thread)])


def _page_labels(_writer: PdfWriter, canary: str) -> Any:
    return _dictionary(Nums=ArrayObject([NumberObject(0), _dictionary(P=_text(canary))]))


def _script(canary: str) -> DictionaryObject:
    return _dictionary(S=NameObject("/JavaScript"), JS=_text(f"app.alert('{canary}')"))


def _scripts(_writer: PdfWriter, canary: str) -> Any:
    return _dictionary(JavaScript=_dictionary(Names=ArrayObject([_text(canary), _script(canary)])))


#: Number of the place in the list and what it is → how to make a report with something hidden there.
PLANTS: Mapping[str, Plant] = {
    "01 information": _edited(_metadata),
    "02 metadata of the document": _in_catalog("Metadata", _xmp),
    "03 metadata of a page": _on_page("Metadata", _xmp),
    "04 trailer": _trailer,
    "05 private data of programs": _on_page(
        "PieceInfo", lambda _, canary: _dictionary(App=_dictionary(Private=_text(canary)))
    ),
    "06 earlier revision": _revision,
    "07 orphan": _edited(lambda writer, canary: writer._add_object(_dictionary(Patient=_text(canary)))),
    "08 before and after": _around,
    "09 under a box": _drawn(_under_box),
    "10 white, transparent, tiny": _drawn(_faint),
    "11 invisible": _drawn(_invisible),
    "12 outside the page": _outside,
    "13 covered and clipped picture": _drawn(_covered_picture),
    "14 masked picture": _drawn(_masked_picture),
    "14 alternate pictures": _alternates,
    "15 inside a JPEG": _jpeg_with_more,
    "16 thumbnail": _on_page(
        "Thumb",
        lambda writer, canary: writer._add_object(_stream(canary.encode(), Subtype=NameObject("/Image"))),
    ),
    "17 note": _annotation("Text", lambda c: {"Contents": _text(c), "T": _text(c), "RC": _text(c)}),
    "17 mark not applied": _annotation("Redact", lambda c: {"OverlayText": _text(c), "Contents": _text(c)}),
    "18 link": _annotation(
        "Link",
        lambda c: {"A": _dictionary(S=NameObject("/URI"), URI=_text(f"https://example.org/{c}"))},
    ),
    "19 form field": _drawn(_form_field),
    "20 signature": _in_catalog("AcroForm", _signature),
    "21 attachment": _edited(lambda writer, c: writer.add_attachment(f"{c}.txt", c.encode())),
    "23 bookmark": _edited(lambda writer, canary: writer.add_outline_item(title=canary, page_number=0)),
    "24 named destination": _edited(lambda writer, canary: writer.add_named_destination(canary, 0)),
    "25 page label": _in_catalog("PageLabels", _page_labels),
    "26 article": _in_catalog("Threads", _threads),
    "27 layer switched off": _edited(_layers),
    "28 script": _in_catalog("Names", _scripts),
    "28 action on opening": _in_catalog("OpenAction", lambda _, canary: _script(canary)),
    "29 structure": _edited(_marked),
    "30 glyphs that mean something else": _recoded,
    "31 font": _edited(_font_name),
    "32 form and inline picture": _drawn(_nested),
    "33 rich media": _annotation("RichMedia", lambda c: {"RichMediaContent": _dictionary(Name=_text(c))}),
    "34 search index": _in_catalog(
        "PieceInfo", lambda _, canary: _dictionary(SearchIndex=_dictionary(Data=_text(canary)))
    ),
    "35 viewer preferences and legal": _in_catalog(
        "Legal", lambda _, canary: _dictionary(Attestation=_text(canary))
    ),
    "37 owner password": _owner_password,
    "38 turned, cropped, other units": _turned,
    "40 code, stamp, signature, portrait": _drawn(_codes_and_drawings),
}

#: Those that take part in what is drawn; a scan, which is one picture, has no room for them.
IN_THE_DRAWING = frozenset(
    name
    for name in PLANTS
    if int(name[:2]) in {6, 9, 10, 11, 12, 13, 14, 15, 19, 27, 29, 30, 31, 32, 37, 38, 40}
)
#: Those whose canary only reading finds: it is drawn, or lies in a picture.
IN_PICTURES = frozenset(name for name in PLANTS if int(name[:2]) in {13, 14, 30, 40})
