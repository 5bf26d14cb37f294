"""Pseudonyms through the installed command: shown with a record, made anew with a new key."""

from __future__ import annotations

from pathlib import Path

from endoreg_db.certificate import certificate_path
from tests.acceptance.command_line import Endoreg


def test_a_report_shows_its_pseudonym_and_rotating_gives_it_another(endoreg: Endoreg, tmp_path: Path) -> None:
    assert endoreg("sample", tmp_path / "inbox", "--seconds", 0.2).code == 0
    (report,) = (tmp_path / "inbox").glob("*.pdf")
    (line,) = endoreg("import", report, "--center", "test_center", "--json").lines
    (shown,) = endoreg("show", line["uuid"], "--json").lines
    assert len(shown["pseudonym"]) == 25 and shown["pseudonym"].startswith("P")
    assert shown["pseudonym"] in endoreg("show", line["uuid"]).out
    assert shown["pseudonym"] not in certificate_path(Path(line["output"])).read_text("utf-8")

    key = tmp_path / "pseudonym.key"
    key.write_bytes(bytes(range(32)))
    (done,) = endoreg("pseudonyms", "rotate", "--key-file", key, "--json").lines
    assert (done["renewed"], done["without"]) == (1, 0)
    (again,) = endoreg("show", line["uuid"], "--json").lines
    assert again["pseudonym"] != shown["pseudonym"]
    assert endoreg("pseudonyms", "renew").out.startswith("0 pseudonyms made")

    key.write_bytes(b"short")
    refused = endoreg("pseudonyms", "rotate", "--key-file", key)
    assert (refused.code, refused.out) == (2, "") and "32 bytes" in refused.err
