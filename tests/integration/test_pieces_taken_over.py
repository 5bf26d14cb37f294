"""A piece that was finished before is taken over if it is what would be made now, and never else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.video.covers import Cover
from endoreg_db.deid.video.manifest import (
    Manifest,
    fits,
    is_name,
    manifest_path,
    read_manifest,
    write_manifest,
)
from endoreg_db.deid.video.pieces import Piece, make_piece, maker, recipe
from endoreg_db.deid.video.spool import read_packets, write_packet
from endoreg_db.deid.video.transcode import SegmentJob
from tests.integration.video_clips import SMALL, jobs_of, numbered, write_clip


def jobs_for(source: Path, folder: Path) -> list[SegmentJob]:
    """Its pieces, whose manifests name the code that makes them."""
    return [replace(job, maker="this code") for job in jobs_of(source, folder)]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two of four seconds at ten frames a second, of the same structure; what they show differs."""
    folder = tmp_path_factory.mktemp("clips")
    for name, first in (("one.mp4", 0), ("other.mp4", 500)):
        frames = (numbered(first + n) for n in range(40))
        write_clip(folder / name, frames, rate=10, options={"preset": "ultrafast", "g": "10"})
    return folder / "one.mp4", folder / "other.mp4"


@pytest.fixture
def job(recordings: tuple[Path, Path], tmp_path: Path) -> SegmentJob:
    return jobs_for(recordings[0], tmp_path)[1]


def make(job: SegmentJob) -> Piece:
    return make_piece(job, lambda: None)


def test_a_piece_that_is_there_is_not_encoded_and_is_told_of_as_if_it_were(job: SegmentJob) -> None:
    first = make(job)
    written = Path(job.spool).stat()
    ticks: list[None] = []

    again = make_piece(job, lambda: ticks.append(None))

    assert (first.taken_over, again.taken_over) == (False, True)
    assert Path(job.spool).stat().st_mtime_ns == written.st_mtime_ns
    assert len(ticks) == len(first.made.times) == 20
    for name in ("times", "damaged", "blanked", "reorder", "extradata", "restless", "appearances", "source"):
        assert getattr(again.made, name) == getattr(first.made, name), name
    assert [(look.field, look.at) for look in again.made.overlay] == [
        (look.field, look.at) for look in first.made.overlay
    ]
    assert again.made.motion is not None and first.made.motion is not None
    assert (again.made.motion.active == first.made.motion.active).all()
    assert again.seen == first.seen


def test_the_source_may_lie_elsewhere_now(job: SegmentJob, tmp_path: Path) -> None:
    make(job)
    moved = Path(shutil.copy(job.source, tmp_path / "moved.mp4"))

    assert make(replace(job, source=str(moved))).taken_over


CHANGES: dict[str, Callable[[SegmentJob], SegmentJob]] = {
    "quality": lambda job: replace(job, encode=replace(job.encode, crf=17)),
    "preset": lambda job: replace(job, encode=replace(job.encode, preset="superfast")),
    "analysis": lambda job: replace(job, encode=replace(job.encode, analysis="whole_blocks")),
    "profile": lambda job: replace(
        job, profile=replace(job.profile, image=job.profile.image.grown(-2, 999, 999))
    ),
    "cover": lambda job: replace(job, covers=(Cover(Box(150, 60, 40, 40), 0, 10**9),)),
    "segment": lambda job: replace(job, segment=replace(job.segment, frames=19)),
    "code": lambda job: replace(job, maker="other code"),
    "time base": lambda job: replace(job, look=replace(job.look, time_base=Fraction(1, 1000))),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_piece_that_would_be_made_in_another_way_is_encoded(job: SegmentJob, what: str) -> None:
    make(job)
    changed = CHANGES[what](job)
    assert recipe(changed) != recipe(job)

    assert not make(changed).taken_over
    assert make(changed).taken_over, "and is the one that is kept from then on"


def test_a_piece_of_another_recording_is_encoded(
    recordings: tuple[Path, Path], job: SegmentJob, tmp_path: Path
) -> None:
    """All that can be said beforehand is the same of both; only the source's packets differ."""
    other = jobs_for(recordings[1], tmp_path)[1]
    make(job)
    of_the_other = Path(job.spool).read_bytes()
    assert recipe(other) == recipe(job)

    piece = make(other)

    assert not piece.taken_over
    assert Path(job.spool).read_bytes() != of_the_other
    assert piece.seen.times == piece.made.times


def test_nothing_is_kept_or_taken_where_nobody_says_which_code_it_is(job: SegmentJob) -> None:
    make(replace(job, maker=""))
    assert not manifest_path(Path(job.spool)).exists()
    make(job)
    assert not make(replace(job, maker="")).taken_over


# ------------------------------------------------------------------------ what is damaged or forged


def spoil_a_byte(spool: Path) -> None:
    whole = bytearray(spool.read_bytes())
    whole[len(whole) // 2] ^= 1
    spool.write_bytes(whole)


def cut_off(spool: Path) -> None:
    spool.write_bytes(spool.read_bytes()[:-1])


def put_a_link(spool: Path) -> None:
    spool.rename(spool.with_name("elsewhere"))
    spool.symlink_to(spool.with_name("elsewhere"))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "changed": spoil_a_byte,
    "torn": cut_off,
    "empty": lambda spool: spool.write_bytes(b""),
    "gone": Path.unlink,
    "a link": put_a_link,
    "no manifest": lambda spool: manifest_path(spool).unlink(),
    "torn manifest": lambda spool: manifest_path(spool).write_bytes(manifest_path(spool).read_bytes()[:-9]),
    "long manifest": lambda spool: manifest_path(spool).write_bytes(b"[" * 100_000),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_piece_is_encoded_again_to_the_same_bytes(job: SegmentJob, how: str) -> None:
    make(job)
    spool = Path(job.spool)
    before = spool.read_bytes()

    DAMAGES[how](spool)

    assert not make(job).taken_over
    assert spool.read_bytes() == before


def forge(job: SegmentJob, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change what is in the packets, and make a manifest that fits."""
    spool = Path(job.spool)
    told = read_manifest(spool)
    assert told is not None
    packets = list(read_packets(spool))
    data = change([packet.data for packet in packets])
    with spool.open("wb") as file:
        for packet, new in zip(packets, data, strict=False):
            write_packet(file, replace(packet, data=new))
    write_manifest(spool, told.recipe, told.source)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: [*data[:7], data[7][: len(data[7]) // 2], *data[8:]],
        lambda data: [b"\0" * len(one) for one in data],
    ],
    ids=["a frame less", "half a frame", "no pictures"],
)
def test_a_forged_piece_that_does_not_stand_the_look_is_encoded_again(
    job: SegmentJob, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    make(job)
    before = Path(job.spool).read_bytes()
    forge(job, change)

    assert not make(job).taken_over
    assert Path(job.spool).read_bytes() == before
    assert not [path for path in Path(job.spool).parent.glob("*.npy") if "-scene-" not in path.name]


def test_a_forged_piece_that_shows_more_than_the_image_is_encoded_again(job: SegmentJob) -> None:
    make(job)
    before = Path(job.spool).read_bytes()
    told = read_manifest(Path(job.spool))
    assert told is not None
    wide = replace(job.profile, image=Box(0, 0, SMALL.frame_width, SMALL.frame_height))
    make(replace(job, profile=wide, spool=str(Path(job.spool).with_name("leaky.packets"))))
    Path(job.spool).with_name("leaky.packets").replace(job.spool)
    write_manifest(Path(job.spool), told.recipe, told.source)

    assert not make(job).taken_over
    assert Path(job.spool).read_bytes() == before


# ------------------------------------------------------------------------------------- the manifest


def test_a_manifest_says_nothing_but_digests_and_a_size(job: SegmentJob) -> None:
    make(job)
    manifest = read_manifest(Path(job.spool))
    assert manifest is not None and fits(Path(job.spool), manifest)
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    assert len(manifest.to_bytes()) < 300
    assert not any(part in manifest.to_bytes() for part in (b"mp4", b"/", b"small", b"cv_1500"))


@pytest.mark.parametrize(
    "untrusted",
    [
        b"",
        b"{}",
        b"null",
        b'{"recipe": "00", "source": "00", "sha256": "00", "size": 1}',
        b'{"recipe": 1, "source": 1, "sha256": 1, "size": 1}',
        b'{"recipe": "%b", "source": "%b", "sha256": "%b", "size": -1}' % ((b"a" * 64,) * 3),
        b'{"recipe": "%b", "source": "%b", "sha256": "%b", "size": true}' % ((b"a" * 64,) * 3),
        b'{"recipe": "%b", "source": "%b", "sha256": "../%b", "size": 1}' % ((b"a" * 64,) * 3),
        b"\xff\xfe",
    ],
)
def test_what_is_no_manifest_is_refused(untrusted: bytes) -> None:
    with pytest.raises(ValueError):
        Manifest.from_bytes(untrusted)


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("segment-00000", True),
        ("segment-00012-3", True),
        ("whole", True),
        ("whole-12", True),
        ("h264_nvenc-segment-00012-3", True),
        ("../segment-00000", False),
        ("segment-0", False),
        ("segment-00000\n", False),
        ("candidate", False),
        ("", False),
    ],
)
def test_only_the_names_that_the_pass_gives_are_taken_for_pieces(name: str, fine: bool) -> None:
    assert is_name(name) is fine


def test_the_code_that_makes_pieces_has_one_digest() -> None:
    assert maker() == maker() and len(maker()) == 64
