"""What a recording's bytes are made of: packets, units, boxes of the container."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from endoreg_db.deid.video.join import retimed
from endoreg_db.deid.video.mp4boxes import unexpected_content
from endoreg_db.deid.video.probe import sniff
from endoreg_db.deid.video.region import ActivityMeter
from endoreg_db.deid.video.spool import EncodedPacket, read_packets, write_packet
from endoreg_db.deid.video.transcode import SegmentResult
from endoreg_db.deid.video.units import UnitDigest, length_prefixed, parameter_sets, start_coded

# ---- packets


def test_spooled_packets_come_back_and_a_torn_file_is_noticed(tmp_path: Path) -> None:
    packets = [EncodedPacket(-3, -5, 1, True, b"abc"), EncodedPacket(2**40, 7, 0, False, b"")]
    path = tmp_path / "spool"
    with path.open("wb") as file:
        for packet in packets:
            write_packet(file, packet)

    assert list(read_packets(path)) == packets

    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(EOFError):
        list(read_packets(path))


def test_decoding_times_rise_over_the_border_of_two_segments(tmp_path: Path) -> None:
    """With a variable rate, the encoders' own decoding times of two segments overlap."""
    shown = [(0, 10, 20, 30), (40, 400, 900, 1000)]
    results = []
    for number, times in enumerate(shown):
        path = tmp_path / str(number)
        with path.open("wb") as file:
            for position in (0, 3, 1, 2):  # one P frame ahead of two B frames
                write_packet(file, EncodedPacket(times[position], 0, 0, position == 0, b"x"))
        still = ActivityMeter(1, 1, lit_from=0).activity()
        results.append(SegmentResult(number, str(path), times, 0, (), 2, b"", (), False, still))

    packets = list(retimed(results))

    decoding = [packet.dts for packet in packets]
    assert decoding == sorted(set(decoding))
    assert all(packet.dts <= packet.pts for packet in packets)
    assert sorted(packet.pts for packet in packets) == [0, 10, 20, 30, 40, 400, 900, 1000]
    assert {packet.pts: packet.duration for packet in packets}[40] == 360


# ---- units


def test_units_are_the_same_bytes_between_start_codes_and_behind_lengths() -> None:
    units = [b"\x67abc", b"\x68\0\0\3\1", b"\x65" + bytes(2) + b"\3" + b"x" * 300]
    coded = b"\0\0\0\1" + units[0] + b"\0\0\1" + units[1] + b"\0\0\0\1" + units[2]
    sized = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)

    assert list(start_coded(coded)) == list(length_prefixed(sized)) == units


@pytest.mark.parametrize("changed", [b"\0\0\0\2a", b"\0\0\0\1b", b"\0\0\0\1a\0", b""])
def test_a_digest_tells_one_sequence_of_units_from_another(changed: bytes) -> None:
    one, other = UnitDigest(), UnitDigest()
    one.add(length_prefixed(b"\0\0\0\1a"))
    other.add(length_prefixed(changed))

    assert (one.hexdigest() == other.hexdigest()) == (changed == b"\0\0\0\2a")


def test_parameter_sets_are_found_in_either_form() -> None:
    sps, pps, sei = b"\x67\x64\0\x28\xac", b"\x68\xee\x3c", b"\x06\5x264"
    coded = b"".join(b"\0\0\0\1" + unit for unit in (sps, pps, sei))
    record = b"\1\x64\0\x28\xff\xe1\0\5" + sps + b"\1\0\3" + pps + b"\xfd\xf8\xf8\0"

    assert parameter_sets(coded) == parameter_sets(record) == (sps, pps)
    assert parameter_sets(record[:12]) != (sps, pps)


# ---- containers


@pytest.mark.parametrize(
    ("head", "demuxer"),
    [
        (b"\0\0\0\x20ftypisom", "mov"),
        (b"\x1a\x45\xdf\xa3\x01", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"\0\0\0\0\0\0\0\0AVI LIST", None),
        (b"\x47" + bytes(187) + b"\x47" + bytes(187) + b"\x47" + bytes(187), "mpegts"),
        (b"\x47" + bytes(600), None),
        (b"\0\0\x01\xba\x44", "mpeg"),
        (b"#EXTM3U\n", None),
        (b"ffconcat version 1.0", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_the_first_bytes_name_the_only_demuxer_that_may_try(head: bytes, demuxer: str | None) -> None:
    assert sniff(head) == demuxer


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


HEADER = box(b"mvhd", bytes(100))
PLAIN = box(b"ftyp", b"isom") + box(b"moov", HEADER) + box(b"mdat", b"picture")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (PLAIN, None),
        (PLAIN + box(b"free", bytes(8)), None),
        (PLAIN + box(b"free", b"Mustermann"), "free"),
        (PLAIN + box(b"uuid", bytes(16)), "uuid"),
        (box(b"ftyp") + box(b"moov", HEADER + box(b"udta", box(b"name", b"M"))), "udta"),
        (box(b"ftyp") + box(b"moov", box(b"mvhd", bytes(4) + b"\1\2\3\4" + bytes(90))), "date"),
        (PLAIN + b"Mustermann, Erika", "broken"),
        (PLAIN + b"abc", "broken"),
    ],
)
def test_every_byte_of_the_output_belongs_to_an_expected_box(
    tmp_path: Path, content: bytes, what: str | None
) -> None:
    path = tmp_path / "output.mp4"
    path.write_bytes(content)

    odd = unexpected_content(path)

    assert (odd == []) if what is None else (len(odd) == 1 and what in odd[0])
