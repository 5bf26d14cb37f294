"""What makes a rebuilt report a file for the archive, PDF/A-2b (ISO 19005-2): the same for every report.

An archive wants to know what its files are (XMP metadata) and what their colours mean (an output intent
with an ICC profile). Both are constants, which say nothing of any report; the verification demands these
very bytes. The identifier of a file is a digest of what is in it.
"""

from __future__ import annotations

import struct
from typing import Final

#: ISO 19005-2, 6.6.4: part and level of conformance, and not a word more.
XMP: Final = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<pdfaid:part>2</pdfaid:part>
<pdfaid:conformance>B</pdfaid:conformance>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>
"""

#: The entries of the output intent (ISO 19005-2, 6.2.3) but for its profile.
INTENT: Final = {
    "/Type": "/OutputIntent",
    "/S": "/GTS_PDFA1",
    "/OutputConditionIdentifier": "sRGB IEC61966-2.1",
    "/Info": "sRGB IEC61966-2.1",
}
#: Components of its colour space.
COMPONENTS: Final = 3
#: Hexadecimal digits of a file's identifier.
_IDENTIFIER = 32
#: ISO 32000-1, 14.11.2 and ISO 19005-2, 6.1.13: the least and the greatest side of a page, in its units.
_SIDES = (3.0, 14_400.0)


def identifier(digest: str) -> str:
    """A file's identifier (ISO 19005-2, 6.1.3) from the digest of what stands before its cross-references."""
    return digest[:_IDENTIFIER]


def unit_of(width: float, height: float) -> float:
    """How many points the unit of a page of this size (points) has to be, so that its sides are in bounds."""
    least, greatest = _SIDES
    return max(1.0, width / greatest, height / greatest) * min(1.0, width / least, height / least)


def _srgb() -> bytes:
    """The ICC profile (ISO 15076-1, version 4.2) of IEC 61966-2-1, from its numbers.

    Written here and not taken from a library, whose versions would make other files of the same report.
    """
    white = (0.9642, 1.0, 0.8249)  # D50, to which the primaries are adapted
    primaries = (
        (0.43607, 0.22249, 0.01392),
        (0.38515, 0.71687, 0.09708),
        (0.14307, 0.06061, 0.71410),
    )
    adaptation = (1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00923, 0.01508, 0.75168)
    # ((X + 0.055) / 1.055) ** 2.4 from 0.04045 on, and X / 12.92 below
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    red, green, blue = (b"XYZ \0\0\0\0" + _fixed(*primary) for primary in primaries)
    tags = {
        b"desc": _text("sRGB IEC61966-2.1"),
        b"cprt": _text("Public domain"),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*white),
        b"chad": b"sf32\0\0\0\0" + _fixed(*adaptation),
        b"rXYZ": red,
        b"gXYZ": green,
        b"bXYZ": blue,
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, data = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    for name, content in tags.items():
        if content not in places:
            places[content] = begin + len(data)
            data += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    made = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # any day, always the same
    return (
        struct.pack(">I4xI", begin + len(data), 0x04200000)
        + b"mntrRGB XYZ "
        + made
        + b"acsp"
        + bytes(28)
        + _fixed(*white)
        + bytes(48)
        + table
        + data
    )


def _fixed(*values: float) -> bytes:
    """Numbers as ICC profiles write them: 16 bits before and after the point."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(text: str) -> bytes:
    """A text in one language."""
    return (
        b"mluc"
        + struct.pack(">III", 0, 1, 12)
        + b"enUS"
        + struct.pack(">II", 2 * len(text), 28)
        + (text.encode("utf-16-be"))
    )


#: The profile of the output intent.
SRGB: Final = _srgb()
