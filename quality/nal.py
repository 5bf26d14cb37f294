"""Writes what encoders and devices put between the pictures of a stream: SEI, user data, comments.

Rules: H.264 annex D and 7.3.2.3, H.265 annex D, H.262 6.2.2.2.2, ATSC A/53 part 4 (captions),
ITU-T T.81 B.2.4.5 (comments in JPEG).
"""

from __future__ import annotations

import re

_START = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
_DEVICE = bytes.fromhex("6d2d8f7a11ec4c0fa1b2c3d4e5f60718")  # uuid of the unregistered data, of no maker


def unregistered(text: str) -> bytes:
    """An SEI payload of type 5 (user data, unregistered), in Latin-1."""
    return _payload(5, _DEVICE + text.encode("latin-1"))


def caption(text: str) -> bytes:
    """An SEI payload of type 4 with CEA-608 captions: two letters a triplet, each with odd parity."""
    letters = text.encode("ascii") + b"\x00" * (len(text) % 2)
    triplets = b"".join(
        b"\xfc" + bytes(map(_odd, pair)) for pair in zip(letters[::2], letters[1::2], strict=True)
    )
    head = b"\xb5\x00\x31GA94\x03" + bytes([0x40 | len(letters) // 2, 0xFF])
    return _payload(4, head + triplets + b"\xff")


def with_sei(packet: bytes, payload: bytes, *, hevc: bool = False) -> bytes:
    """The Annex B packet with an SEI unit before its first picture."""
    header = b"\x4e\x01" if hevc else b"\x06"
    unit = b"\x00\x00\x00\x01" + header + _protected(payload + b"\x80")
    at = _first_picture(packet, hevc=hevc)
    return packet[:at] + unit + packet[at:]


def with_user_data(packet: bytes, text: str, *, mpeg4: bool = False) -> bytes:
    """The MPEG-2 (or MPEG-4) packet with user data before its first slice (or its picture)."""
    for found in _START.finditer(packet):
        code = found[1][0]
        if (code == 0xB6) if mpeg4 else (1 <= code <= 0xAF):
            unit = b"\x00\x00\x01\xb2" + text.encode("latin-1")
            return packet[: found.start()] + unit + packet[found.start() :]
    return packet


def with_comment(packet: bytes, text: str) -> bytes:
    """The JPEG with a comment right behind its start."""
    body = text.encode("utf-8")
    return packet[:2] + b"\xff\xfe" + (len(body) + 2).to_bytes(2, "big") + body + packet[2:]


def _payload(kind: int, body: bytes) -> bytes:
    size = b"\xff" * (len(body) // 255) + bytes([len(body) % 255])
    return bytes([kind]) + size + body


def _protected(body: bytes) -> bytes:
    """Nothing in the unit may look like the start of another (H.264, 7.4.1)."""
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", body)


def _first_picture(packet: bytes, *, hevc: bool) -> int:
    for found in _START.finditer(packet):
        kind = found[1][0] >> 1 & 63 if hevc else found[1][0] & 31
        if (kind < 32) if hevc else (1 <= kind <= 5):
            start = found.start()
            return start - 1 if start and packet[start - 1] == 0 else start
    return 0


def _odd(letter: int) -> int:
    return letter | 0x80 if letter.bit_count() % 2 == 0 else letter
