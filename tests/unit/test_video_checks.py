"""The pure parts of the look at frames and at the finished file."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.video.condense import MOST_OF_A_KIND, condensed
from endoreg_db.deid.video.finished import Outline, compare_times
from endoreg_db.deid.video.join import retimed
from endoreg_db.deid.video.layout import LayoutGuard, Mismatch
from endoreg_db.deid.video.mp4boxes import unexpected_content
from endoreg_db.deid.video.probe import sniff
from endoreg_db.deid.video.region import ActivityMeter
from endoreg_db.deid.video.scenes import LOOK_SECONDS, SceneWatcher
from endoreg_db.deid.video.spool import EncodedPacket, read_packets, write_packet
from endoreg_db.deid.video.transcode import BlankRun, OverlayWatch, Runs, SegmentResult
from endoreg_db.deid.video.units import UnitDigest, length_prefixed, parameter_sets, start_coded
from endoreg_db.deid.video.verify import (
    SceneCollector,
    VerifyJob,
    VerifyResult,
    blank_areas,
    blank_residue,
)
from endoreg_db.samples import Recording, Script, scaled, shipped_profile

PROFILE = shipped_profile()
Plane = NDArray[np.uint8]
Planes = list[Plane]


@pytest.fixture(scope="module")
def examination() -> Planes:
    return list(Recording(21).planes(0))


@pytest.fixture(scope="module")
def worklist() -> Planes:
    return list(Recording(21, script=Script(form=(0, 1))).planes(0))


@pytest.fixture
def guard() -> LayoutGuard:
    return LayoutGuard(PROFILE, full_range=False)


def black_frame() -> Planes:
    return [np.full((1080, 1920), 16, np.uint8), *(np.full((540, 960), 128, np.uint8) for _ in range(2))]


@pytest.mark.parametrize("seed", range(6))
def test_the_devices_own_frames_fit(guard: LayoutGuard, seed: int) -> None:
    recording = Recording(seed)

    assert all(guard.fits(recording.planes(number)) for number in (0, 40, 333))


def test_a_dark_frame_fits(guard: LayoutGuard) -> None:
    assert guard.fits(black_frame())


def test_a_white_balance_fits(guard: LayoutGuard) -> None:
    """Every examination begins by looking at something white."""
    frame = black_frame()
    frame[0][20:1060, 570:1880] = np.linspace(190, 225, 1310).astype(np.uint8)

    assert guard.fits(frame)


def test_a_worklist_does_not_fit(guard: LayoutGuard, worklist: Planes) -> None:
    assert guard.mismatch(worklist) == "form"


def test_a_dark_worklist_does_not_fit(guard: LayoutGuard, worklist: Planes) -> None:
    luma = np.where(worklist[0] < 90, 200, 16).astype(np.uint8)

    assert guard.mismatch([luma, *worklist[1:]]) == "form"


def test_a_form_inside_the_image_only_does_not_fit(
    guard: LayoutGuard, worklist: Planes, examination: Planes
) -> None:
    image = PROFILE.image.slices
    frame = black_frame()
    frame[0][:, :540] = examination[0][:, :540]
    frame[0][image] = worklist[0][image]

    assert guard.mismatch(frame) == "form"


@pytest.mark.parametrize("place", [Box(0, 0, 1920, 1080), PROFILE.image], ids=["everywhere", "in the image"])
def test_colour_bars_do_not_fit(guard: LayoutGuard, place: Box) -> None:
    frame = black_frame()
    bars = ((180, 162, 131, 112, 84, 65), (128, 44, 156, 72, 184, 100), (128, 142, 44, 58, 198, 212))
    for plane, values, step in zip(frame, bars, (1, 2, 2), strict=True):
        for number, value in enumerate(values):
            left, right = (place.x + place.width * n // 6 for n in (number, number + 1))
            plane[place.y // step : place.bottom // step, left // step : right // step] = value

    assert guard.mismatch(frame) == "colour_bars"


def test_a_second_picture_beside_the_image_does_not_fit(guard: LayoutGuard, examination: Planes) -> None:
    frame = [plane.copy() for plane in examination]
    frame[0][300:1000, 30:520] = examination[0][300:1000, 900:1390]

    assert guard.mismatch(frame) == "second_picture"


def test_a_picture_that_fills_the_frame_does_not_fit(guard: LayoutGuard, examination: Planes) -> None:
    wide = [
        np.tile(p[100 // s : 980 // s, 800 // s : 1760 // s], (2, 2))
        for p, s in zip(examination, (1, 2, 2), strict=True)
    ]

    filled = [plane[: 1080 // s, : 1920 // s] for plane, s in zip(wide, (1, 2, 2), strict=True)]
    assert guard.mismatch(filled) == "other_layout"


@pytest.mark.parametrize("shift", [-200, -40, 80])
def test_a_picture_in_another_place_does_not_fit(guard: LayoutGuard, examination: Planes, shift: int) -> None:
    """Another device, or a switched layout: part of its picture would be cut, and its overlay kept."""
    moved = [
        np.roll(plane, shift // step, axis=1) for plane, step in zip(examination, (1, 2, 2), strict=True)
    ]

    assert guard.mismatch(moved) in ("beyond_edge", "other_layout")


def test_frames_in_full_range_are_judged_alike(worklist: Planes, examination: Planes) -> None:
    guard = LayoutGuard(PROFILE, full_range=True)
    full = [
        np.clip((plane.astype(np.float32) - 16) * 255 / 219, 0, 255).astype(np.uint8)
        for plane in (examination[0], worklist[0])
    ]

    assert guard.fits([full[0], *examination[1:]])
    assert not guard.fits([full[1], *worklist[1:]])


def test_a_strange_picture_that_stands_still_is_told_from_a_film() -> None:
    still, film = Runs(), Runs()
    for number in range(12):
        still.add(number * 40, number, "other_layout", np.full((64, 64), 90, np.uint8))
        film.add(number * 40, number, "other_layout", np.full((64, 64), 90 + 5 * number, np.uint8))

    assert still.runs() == (BlankRun(0, 440, 12, "still_picture"),)
    assert film.runs() == (BlankRun(0, 440, 12, "other_layout"),)


def test_frames_that_do_not_fit_for_different_reasons_are_different_runs() -> None:
    runs = Runs()
    for number, reason in (
        (3, "form"),
        (4, "form"),
        (5, "colour_bars"),
        (8, "colour_bars"),
        (9, "other_size"),
    ):
        runs.add(number * 10, number, cast(Mismatch, reason), None)

    assert runs.runs() == (
        BlankRun(30, 40, 2, "form"),
        BlankRun(50, 50, 1, "colour_bars"),
        BlankRun(80, 80, 1, "colour_bars"),
        BlankRun(90, 90, 1, "other_size"),
    )


# ---- the blank area


KEPT = Box(40, 0, 60, 80)


def test_blank_areas_are_all_but_the_kept_box_and_its_margin() -> None:
    covered = np.zeros((80, 120), int)
    for area in blank_areas(120, 80, KEPT):
        covered[area.slices] += 1

    assert set(np.unique(covered[:, :24])) == {1}
    assert not covered[:, 24:116].any()
    assert set(np.unique(covered[:, 116:])) == {1}


def test_a_kept_box_as_large_as_the_frame_leaves_nothing_to_check() -> None:
    assert blank_areas(60, 80, Box(0, 0, 60, 80)) == ()


@pytest.mark.parametrize(("plane", "row", "column"), [(0, 79, 23), (0, 0, 119), (1, 39, 0), (2, 0, 59)])
def test_one_pixel_in_the_blank_area_is_found(plane: int, row: int, column: int) -> None:
    planes = [np.full((80, 120), 16, np.uint8), *(np.full((40, 60), 128, np.uint8) for _ in range(2))]
    areas = blank_areas(120, 80, KEPT)
    assert blank_residue(planes, areas, (16, 128, 128)) == 0

    planes[plane][row, column] += 9

    assert blank_residue(planes, areas, (16, 128, 128)) == 9


def test_a_blank_area_that_is_even_but_not_black_is_found() -> None:
    planes = [np.full((80, 120), 60, np.uint8), *(np.full((40, 60), 128, np.uint8) for _ in range(2))]

    assert blank_residue(planes, blank_areas(120, 80, KEPT), (16, 128, 128)) == 44


def looked_at(*times: int, damaged: int = 0) -> VerifyResult:
    return VerifyResult(0, times, damaged, 0, None, (), False, len(times), "")


def finished(*times: int) -> Outline:
    return Outline(times, Fraction(1, 12800), (), ())


@pytest.mark.parametrize(
    ("looks", "times", "codes"),
    [
        ([looked_at(5, 6), looked_at(7)], (0, 512, 1024), []),
        ([looked_at(5, 6)], (0, 512, 1024), ["frames_differ"]),
        ([looked_at(5, 6, 7)], (0, 512), ["frames_differ"]),
        ([looked_at(5, 6, 7, 8)], (0, 512, 1024, 1536), ["frames_differ"]),
        ([looked_at(5, 6, 7)], (0, 512, 1025), ["times_differ"]),
        ([looked_at(5, 6, 8)], (0, 512, 1024), ["times_differ"]),
        ([looked_at(5, 6, 7, damaged=1)], (0, 512, 1024), ["output_damaged"]),
    ],
)
def test_frames_in_are_frames_out(
    looks: list[VerifyResult], times: tuple[int, ...], codes: list[str]
) -> None:
    findings = compare_times(looks, finished(*times), [5, 6, 7], Fraction(512))

    assert [finding.code for finding in findings] == codes
    assert all(finding.severity == "fatal" for finding in findings)


# ---- scenes


def test_a_quiet_scene_is_looked_at_every_ten_seconds(examination: Planes) -> None:
    image = examination[0][PROFILE.image.slices]
    watcher = SceneWatcher()

    looks = [second / 2 for second in range(60) if watcher.wants(image, second / 2)]

    assert looks == [0.0, LOOK_SECONDS, 2 * LOOK_SECONDS]


def test_print_in_the_image_is_looked_at_even_if_it_flashes_for_one_frame() -> None:
    plain, written = Recording(22), Recording(22, script=Script(note=(0.0, 9.0)))
    watcher = SceneWatcher()

    looks = []
    for number in range(8):
        planes = (written if number == 5 else plain).planes(number)
        if watcher.wants(planes[0][PROFILE.image.slices], number / 25):
            looks.append(number)

    assert looks == [0, 5]


@pytest.mark.parametrize("height", [1080, 576])
@pytest.mark.parametrize("shown_at", [1, 5])
def test_the_faintest_print_that_can_be_read_is_looked_at_when_it_comes(height: int, shown_at: int) -> None:
    profile = scaled(shipped_profile(), height / 1080)
    image, recording = profile.image, Recording(22, profile=profile)
    font = ImageFont.load_default(round(28 * height / 1080))
    watcher = SceneWatcher()

    looks = []
    for number in range(8):
        luma = recording.planes(number)[0][image.slices].copy()
        if number == shown_at:
            ink = Image.new("L", (image.width, image.height))
            ImageDraw.Draw(ink).text((image.width // 3, image.height // 2), "Kaya 07.09.1992", 255, font)
            luma = np.minimum(luma + 22 * (np.asarray(ink) / 255), 255).astype(np.uint8)
        if watcher.wants(luma, number / 25):
            looks.append(number)

    assert shown_at in looks and len(looks) <= 3


def test_a_picture_with_something_new_in_every_frame_is_called_restless() -> None:
    watcher = SceneWatcher()

    looks = 0
    for number in range(100):
        luma = np.full((480, 400), 60, np.uint8)
        y, x = number // 10 * 40, number % 10 * 40
        luma[y : y + 40, x : x + 40 : 4] = 200
        looks += watcher.wants(luma, number / 25)

    assert looks == 80 and watcher.restless


def _flickering(number: int) -> Plane:
    """Something as fine as print, each time in another place."""
    luma = np.full((480, 400), 60, np.uint8)
    y, x = number // 10 * 40, number % 10 * 40
    luma[y : y + 40, x : x + 40 : 4] = 200
    return luma


def test_looks_that_come_regularly_use_up_nothing_of_a_recording_that_cannot_be_cut() -> None:
    """Such a recording is one piece: after 80 looks, a quarter of an hour, print was still to come."""
    still, watcher = np.full((480, 400), 60, np.uint8), SceneWatcher()

    regular = [second for second in range(0, 900, 10) if watcher.wants(still, float(second))]
    watcher.wants(still, 901.0)

    assert len(regular) == 90
    assert watcher.wants(_flickering(0), 901.04) and not watcher.restless


def test_a_flicker_late_in_a_long_piece_is_called_restless_too() -> None:
    still, watcher = np.full((480, 400), 60, np.uint8), SceneWatcher()
    for second in range(0, 900, 10):
        watcher.wants(still, float(second))

    looks = sum(watcher.wants(_flickering(number), 900.0 + number / 25) for number in range(100))

    assert looks == 80 and watcher.restless


def test_a_clock_may_tick_for_as_long_as_a_recording_lasts() -> None:
    """A clock is looked at every ten seconds: after half an hour that was called a moving picture."""
    watch = OverlayWatch(PROFILE)
    box = PROFILE.boxes["examination_time"]
    for look in range(250):
        luma = np.full((PROFILE.frame_height, PROFILE.frame_width), 16, np.uint8)
        luma[box.y + 4 : box.bottom - 4, box.x + 4 + look % 2 * 40 :: 7][:, :6] = 235
        watch.see(luma, 10.5 * look)

    assert len([look for look in watch.looks if look.field == "examination_time"]) == 250
    assert not watch.restless


def test_boxes_that_change_all_the_time_are_called_restless() -> None:
    watch, noise = OverlayWatch(PROFILE), np.random.default_rng(1)
    for number in range(48):
        coarse = noise.choice(np.array([16, 235], np.uint8), (PROFILE.frame_height // 8, 240))
        watch.see(coarse.repeat(8, axis=0).repeat(8, axis=1), 0.205 * number)

    assert watch.restless and 200 <= len(watch.looks) < 210


def test_what_comes_with_one_frame_is_told_from_what_is_looked_at_in_turn() -> None:
    still, watcher = np.full((480, 400), 60, np.uint8), SceneWatcher()

    sudden = []
    for at, luma in ((0.0, still), (0.04, still), (0.08, _flickering(0)), (0.12, still), (10.2, still)):
        watcher.wants(luma, at)
        sudden.append(watcher.sudden)

    assert sudden == [False, False, True, False, False]


def test_the_picture_right_before_a_sudden_one_is_kept_for_a_look(tmp_path: Path) -> None:
    job = VerifyJob(
        number=0,
        spool="",
        extradata=b"",
        size=(400, 480),
        kept=Box(0, 0, 400, 480),
        full_range=False,
        time_base=Fraction(1, 25),
        zero=0,
        covers=(),
        scenes=str(tmp_path / "piece"),
        is_last=True,
    )
    collector = SceneCollector(job)
    for at, luma in enumerate((np.full((480, 400), 60, np.uint8), np.full((480, 400), 61, np.uint8))):
        collector.see(luma, at / 25)

    collector.see(_flickering(0), 0.08)
    collector.see(_flickering(1), 0.12)

    first, second, third = collector.finish()
    assert first.before is None and third.before is None, "what is before the third is the second"
    assert second.before is not None and second.before.at == 0.04
    assert np.load(second.before.path)[0, 0] == 61
    assert {str(path) for path in tmp_path.iterdir()} == {*first.paths, *second.paths, *third.paths}


def test_a_sudden_change_of_scene_is_looked_at() -> None:
    one, other = np.full((400, 400), 60, np.uint8), np.full((400, 400), 160, np.uint8)
    watcher = SceneWatcher()

    assert [watcher.wants(one, 0.0), watcher.wants(one, 2.0), watcher.wants(other, 2.04)] == [
        True,
        False,
        True,
    ]


# ---- findings


def test_neighbouring_findings_become_one_span() -> None:
    moments = [Finding("a", "review", "x", t / 25, t / 25) for t in (0, 1, 2, 50, 51)]

    spans = [(f.start, f.end) for f in condensed(moments, gap=0.5)]

    assert spans == [(0.0, 2 / 25), (2.0, 51 / 25)]


def test_findings_are_never_too_many_to_send() -> None:
    moments = [Finding("a", "review", "x", float(2 * t)) for t in range(5000)]

    spans = condensed(moments, gap=0.5)

    assert len(spans) == MOST_OF_A_KIND and spans[-1].end == 9998.0


def test_findings_of_different_kinds_stay_apart() -> None:
    mixed = [
        Finding("a", "review", "x", 1.0),
        Finding("b", "review", "x", 1.0),
        Finding("a", "review", "y", 1.1),
    ]

    assert set(condensed(mixed, gap=9.0)) == set(mixed)


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


def test_a_profile_with_an_odd_image_keeps_whole_colour_samples_only() -> None:
    from endoreg_db.deid.video.mask import kept_box, kept_in_output, output_size

    odd = replace(PROFILE, image=Box(551, 1, 1301, 1001))

    assert kept_box(odd) == Box(552, 2, 1300, 1000)
    assert output_size(odd, 1921, 1081) == (1922, 1082)
    cropped = replace(odd, output="crop")
    assert (output_size(cropped, 1921, 1081), kept_in_output(cropped)) == (
        (1300, 1000),
        Box(0, 0, 1300, 1000),
    )
