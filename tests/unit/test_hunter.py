"""The leak hunter finds what leaks: every encoding, every place, on files that do."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pypdf
import pytest
from PIL import Image, ImageDraw
from pypdf.generic import DictionaryObject, NameObject, NullObject, PdfObject, TextStringObject
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.samples.layout import font
from quality.hunter import Hit, Hunter, Token
from quality.hunter.boxes import box_times, captions, group_times
from quality.hunter.documents import undo_lzw
from quality.hunter.reading import Needles, without_frame
from quality.hunter.tokens import spellings

NAME = Token("Weißenfels-Šárka", "last_name")
BIRTH = Token("1984-08-06", "birth_date")
NOISE = np.random.default_rng(7).integers(0, 256, 100_000, np.uint8).tobytes()


def hits(path: Path, *tokens: Token, pictures: bool = False) -> tuple[Hit, ...]:
    return Hunter().hunt(path, tokens, pictures=pictures).hits


def file_with(tmp_path: Path, data: bytes, name: str = "file.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "cp1250", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("spelled", [str, str.upper, str.lower])
def test_a_name_in_noise_is_found_in_every_encoding_and_case(
    tmp_path: Path, encoding: str, spelled: Callable[[str], str]
) -> None:
    written = spelled("Weißenfels-Šárka").encode(encoding)

    (hit, *_) = hits(file_with(tmp_path, NOISE + written + NOISE), NAME)

    assert hit.token is NAME and hit.how.startswith(encoding.split("-")[0])


@pytest.mark.parametrize(
    "written",
    ["weissenfels-sarka", "WEISSENFELS SARKA", "Weissenfels_Sarka", "weißenfelsšárka", "Weißenfels^Šárka"],
)
def test_a_name_is_found_without_its_accents_and_with_other_joints(tmp_path: Path, written: str) -> None:
    assert hits(file_with(tmp_path, NOISE + written.encode() + NOISE), NAME)


def test_umlauts_are_found_as_two_letters(tmp_path: Path) -> None:
    assert hits(file_with(tmp_path, b"Schaefer-Goekmen"), Token("Schäfer-Gökmen"))


@pytest.mark.parametrize(
    "written",
    [
        "1984-08-06",
        "06.08.1984",
        "6.8.1984",
        "08/06/1984",
        "19840806",
        "06.08.84",
        "6. August 1984",
        "Aug 6, 1984",
    ],
)
def test_a_date_is_found_however_it_is_written(tmp_path: Path, written: str) -> None:
    assert hits(file_with(tmp_path, f"born {written}, seen".encode()), BIRTH)


UTF8 = NAME.text.encode()
WRAPPED = {
    "hex": UTF8.hex().encode(),
    "hex, spaced and shifted": b"7" + UTF8.hex(" ").upper().encode(),
    "escapes, octal": "".join(f"\\{byte:03o}" for byte in NAME.text.encode("cp1250")).encode(),
    "escapes, link": b"Wei%C3%9Fenfels-%C5%A0%C3%A1rka",
    "escapes, JSON": json.dumps(NAME.text).encode(),
    "escapes, HTML": b"Wei&szlig;enfels-&Scaron;&aacute;rka",
    "zlib": zlib.compress(UTF8 * 2),
    "zlib, cut off": zlib.compress(UTF8 * 2)[:-3],
    "gzip": gzip.compress(UTF8, mtime=0),
    "deflate": zlib.compress(UTF8 * 4, wbits=-15),
    "base64, gzip": base64.b64encode(gzip.compress(UTF8, mtime=0)),
}


@pytest.mark.parametrize("how", WRAPPED)
def test_a_name_is_found_inside_what_hides_bytes(tmp_path: Path, how: str) -> None:
    found = hits(file_with(tmp_path, NOISE[:2000] + b"\n" + WRAPPED[how] + b"\n" + NOISE[:2000]), NAME)

    assert any(how.split(",")[0] in hit.how for hit in found)


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_base64_is_found_at_every_alignment(tmp_path: Path, shift: int) -> None:
    wrapped = base64.b64encode(b"x" * shift + NAME.text.encode() + b" and more")

    assert any("base64" in hit.how for hit in hits(file_with(tmp_path, b"data:" + wrapped), NAME))


def test_a_stream_is_inflated_though_what_stands_before_it_looks_like_the_beginning_of_one(
    tmp_path: Path,
) -> None:
    path = file_with(tmp_path, NOISE + b"x" + zlib.compress(UTF8 * 2) + NOISE)

    assert any("zlib" in hit.how for hit in hits(path, NAME))


@pytest.mark.parametrize("before", range(5))
def test_a_name_is_found_on_the_border_of_two_stretches(tmp_path: Path, before: int) -> None:
    stretch = NOISE * 11
    data = stretch[: 2**20 - before] + b" Ng, Weissenfels-Sarka " + NOISE

    assert hits(file_with(tmp_path, data), NAME)


def test_a_hunt_may_end_when_everything_was_found(tmp_path: Path) -> None:
    for name in ("1", "2"):
        file_with(tmp_path, UTF8, name)

    found = Hunter().hunt(tmp_path, [NAME], until_found=True)
    other = Hunter().hunt(tmp_path, [NAME, BIRTH], until_found=True)

    assert found.files == 1 and found.tokens == {NAME}
    assert other.files == 2 and other.tokens == {NAME}


def test_only_what_has_one_colour_is_cut_off_a_picture() -> None:
    picture = np.full((400, 600), 16, np.uint8)
    picture[100:140, 200:500] = 17

    part = without_frame(picture)

    assert part.shape == (40 + 2 * 48, 300 + 2 * 48) and (part == 17).sum() == 40 * 300
    assert without_frame(np.stack([picture] * 3, axis=2)).shape == (*part.shape, 3)
    assert without_frame(picture[:100]).size > 0
    touching = picture[100:140, 200:500]
    assert without_frame(np.pad(touching, ((0, 30), (0, 0)))).shape == (70, 300)


def test_a_zip_entry_is_inflated(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("letter.txt", NAME.text * 9)

    assert any("zip entry" in hit.how for hit in hits(tmp_path / "a.zip", NAME))


def test_short_names_are_no_part_of_words_and_no_chance_in_noise(tmp_path: Path) -> None:
    short = Token("Ng", "last_name")

    assert not hits(file_with(tmp_path, b"Ingenieur, encoding, ng1\n" + NOISE * 5), short)
    assert hits(file_with(tmp_path, NOISE + b"The patient's name is Ng, her first name Jo." + NOISE), short)


def test_few_digits_inside_a_longer_number_are_another_one(tmp_path: Path) -> None:
    short, long = Token("2019-11-06", "date"), Token("12345678", "case_number")
    glyphs = b"/F0 14.76 Tf <20201f1d0010010611191a0104> Tj"
    assert not hits(file_with(tmp_path, glyphs), short)  # 061119 in hexadecimal
    assert hits(file_with(tmp_path, b"seen DOB061119, sent home"), short)
    assert hits(file_with(tmp_path, b"case 0012345678 of the house"), long)


def test_noise_holds_no_names(tmp_path: Path) -> None:
    tokens = [Token(name) for name in ("Kaya", "Gül", "Uwe", "Müller", "Thomas", "Çelik")]

    assert not hits(file_with(tmp_path, NOISE * 40), *tokens, BIRTH)


def test_names_of_files_and_folders_count(tmp_path: Path) -> None:
    folder = tmp_path / "weissenfels_sarka"
    folder.mkdir()
    (folder / "1.mp4").write_bytes(b"")

    assert {hit.where for hit in hits(tmp_path, NAME)} == {"file name"}


def test_rows_of_a_database_are_read(tmp_path: Path) -> None:
    database = tmp_path / "records"
    connection = sqlite3.connect(database)
    connection.execute("create table media (note text, sealed blob)")
    connection.execute("insert into media values (?, ?)", ("nothing", zlib.compress(NAME.text.encode() * 2)))
    connection.commit()
    connection.close()

    assert any("media.sealed in row 1" in hit.where for hit in hits(database, NAME))


def test_names_of_tables_that_only_meet_in_the_file_are_no_word(tmp_path: Path) -> None:
    database = tmp_path / "records"
    connection = sqlite3.connect(database)
    connection.execute("create table endo_processor (note text)")
    connection.commit()
    connection.close()

    assert not hits(database, Token("Søren"))
    assert hits(database, Token("Processor"))


def written(line: str, *, size: int = 24, ink: int = 235, paper: int = 16) -> Image.Image:
    picture = Image.new("L", (700, 160), paper)
    ImageDraw.Draw(picture).text((90, 70), line, font=font(size), fill=ink)
    return picture


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_text_in_a_thumbnail_is_read(tmp_path: Path, kind: str) -> None:
    written("Wojciechowska, Elżbieta").save(tmp_path / "thumbnail", format=kind)

    assert {hit.how for hit in hits(tmp_path, Token("Wojciechowska"), pictures=True)} == {"ocr"}


@pytest.mark.parametrize(
    ("line", "token"), [("0zdemlr", "Özdemir"), ("Weibenfels", "Weißenfels"), ("Ng, Jo", "Ng")]
)
def test_readings_may_be_a_little_wrong(line: str, token: str) -> None:
    assert list(Needles.of([Token(token)]).found_in([line]))


def test_other_names_are_not_taken_for_it() -> None:
    needles = Needles.of([Token("Özdemir"), Token("Ng"), Token("Müller"), BIRTH])

    assert not list(needles.found_in(["Endoscopy", "Ingenieur", "Mucosa", "07.08.1984", "WLI A5 C1"]))


def pdf(tmp_path: Path) -> Path:
    canvas = Canvas(str(tmp_path / "plain.pdf"), pagesize=(400, 200))
    canvas.drawString(40, 100, "Befund ohne Auffälligkeiten")
    canvas.save()
    return tmp_path / "plain.pdf"


def rewritten(tmp_path: Path, change: Callable[[pypdf.PdfWriter], None]) -> Path:
    writer = pypdf.PdfWriter(clone_from=str(pdf(tmp_path)))
    change(writer)
    with (tmp_path / "leaky.pdf").open("wb") as file:
        writer.write(file)
    return tmp_path / "leaky.pdf"


def add_to_catalog(writer: pypdf.PdfWriter, key: str, value: PdfObject) -> None:
    writer.root_object[NameObject(key)] = writer._add_object(value)


SCRIPT = DictionaryObject(
    {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("say('Wojciechowska')")}
)
PLACES = {
    "information": lambda writer: writer.add_metadata({"/Title": "Wojciechowska"}),
    "attachment": lambda writer: writer.add_attachment("a.txt", b"Wojciechowska"),
    "script": lambda writer: add_to_catalog(writer, "/OpenAction", SCRIPT),
    "name of a key": lambda writer: add_to_catalog(writer, "/Wojciechowska", NullObject()),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_document_is_taken_apart(tmp_path: Path, place: str) -> None:
    assert hits(rewritten(tmp_path, PLACES[place]), Token("Wojciechowska"))


def test_objects_that_no_page_uses_are_found(tmp_path: Path) -> None:
    body = zlib.compress(b"BT (Wojciechowska) Tj ET")
    orphan = b"99 0 obj\n<</Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        len(body),
        body,
    )
    ascii85 = (
        b"98 0 obj\n<</Filter[/A85]>>\nstream\n"
        + base64.a85encode(b"Elzbieta-Maria")
        + b"~>\nendstream\nendobj\n"
    )
    path = pdf(tmp_path)
    path.write_bytes(path.read_bytes() + orphan + ascii85)

    assert {hit.token.text for hit in hits(path, Token("Wojciechowska"), Token("Elzbieta-Maria"))} == {
        "Wojciechowska",
        "Elzbieta-Maria",
    }


def test_print_on_a_page_is_read_and_extracted(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "page.pdf"), pagesize=(400, 200))
    canvas.drawString(40, 100, "Patientin: Wojciechowska")
    canvas.save()

    ways = {hit.how for hit in hits(tmp_path / "page.pdf", Token("Wojciechowska"), pictures=True)}

    assert {"text", "ocr"} <= ways


def test_lzw_of_a_pdf_is_undone() -> None:
    # The example of ISO 32000-1, 7.4.4.2.
    assert undo_lzw(bytes.fromhex("800B6050220C0C8501")) == bytes([45, 45, 45, 45, 45, 65, 45, 45, 45, 66])


def test_a_picture_inside_a_stream_is_read(tmp_path: Path) -> None:
    packed = io.BytesIO()
    written("Wojciechowska").save(packed, format="jpeg")

    path = file_with(tmp_path, b"{" + base64.b64encode(packed.getvalue()) + b"}")

    assert "ocr" in {hit.how for hit in hits(path, Token("Wojciechowska"), pictures=True)}


def test_times_in_boxes_are_read() -> None:
    seconds = (2025 - 1904) * 365 * 86400 + 31 * 86400  # 30 leap days in between, then 1 January 2025 + 1
    header = (108).to_bytes(4, "big") + b"mvhd" + bytes(4) + seconds.to_bytes(4, "big") + bytes(92)
    moov = (8 + len(header)).to_bytes(4, "big") + b"moov" + header

    assert list(box_times(moov)) == [("mvhd", "2025-01-01 00:00:00")]


def test_time_codes_and_captions_are_read() -> None:
    code = 9 << 26 | 12 << 20 | 1 << 19 | 33 << 13
    assert list(group_times(b"\x00\x00\x01\xb8" + code.to_bytes(4, "big"))) == ["09:12:33"]
    pairs = b"".join(b"\xfc" + bytes([a | 0x80, b]) for a, b in zip(b"Muell", b"3r45!", strict=True))
    assert captions(b"\xb5\x00\x31GA94\x03" + bytes([0x40 | 5, 0xFF]) + pairs) == "M3ure4l5l!"


def test_a_date_has_no_two_equal_spellings() -> None:
    assert len(spellings(BIRTH)) == len(set(spellings(BIRTH))) > 20


def test_the_command_says_what_it_found_and_where(tmp_path: Path) -> None:
    path = file_with(tmp_path, b"title=Wojciechowska")
    command = [sys.executable, "-m", "quality.hunter", str(path), "--no-pictures", "--token"]
    root = Path(__file__).parents[2]

    found = subprocess.run([*command, "Wojciechowska"], cwd=root, capture_output=True, text=True)
    clean = subprocess.run([*command, "Mustermann"], cwd=root, capture_output=True, text=True)

    assert (found.returncode, clean.returncode) == (1, 0)
    assert found.stdout.startswith(f"{path}: bytes (utf-8)") and clean.stdout == ""
