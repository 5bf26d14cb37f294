from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from endoreg_db.conf import config_from, from_dotenv, from_environment
from endoreg_db.errors import ConfigurationError


def test_the_defaults_work(tmp_path: Path) -> None:
    config = config_from({"ENDOREG_DATA_DIR": str(tmp_path)})
    assert config.database_url == f"sqlite:///{tmp_path}/endoreg.sqlite3"
    assert (config.video_preset, config.video_crf, config.stale_lock_seconds) == ("veryfast", 20, None)
    assert config.video_encoder == "libx264"
    assert config.workers >= 1


def test_an_unknown_encoder_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigurationError, match="it may be libx264, h264_nvenc, h264_qsv, h264_amf, h264_vaapi"
    ):
        config_from({"ENDOREG_VIDEO_ENCODER": "hevc_nvenc"})


@pytest.mark.parametrize("value", ["3", "3.0", 3, 3.0])
def test_a_whole_number_may_be_written_as_any(value: object) -> None:
    assert config_from({"ENDOREG_WORKERS": value}).workers == 3


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ENDOREG_VIDEO_CRF=30\nENDOREG_WORKERS=3\nOTHER=1\n")
    values = {**from_dotenv(tmp_path), **from_environment({"ENDOREG_VIDEO_CRF": "23", "HOME": "/"})}
    assert values == {"ENDOREG_VIDEO_CRF": "23", "ENDOREG_WORKERS": "3"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("WORKERS", "1.9"),
        ("VIDEO_CRF", "20.7"),
        ("VIDEO_CRF", "52"),
        ("VIDEO_CRF", "nan"),
        ("VIDEO_PRESET", "fastest"),
        ("VIDEO_ENCODER", "h264_quantum"),
        ("REPORT_RECOGNISER", "guess"),
        ("REPORT_RELEASE", "keep"),
        ("STALE_LOCK_SECONDS", "-1"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ENDOREG_{name} is '{value}'"):
        config_from({f"ENDOREG_{name}": value})


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////srv/endoreg/records.sqlite3",
        "sqlite:///records.sqlite3",
        "postgresql://u:p@localhost:5432/endoreg",
        "postgresql://u:%23%40%2F@localhost/endoreg?sslmode=require",
        "postgresql://u:@/endoreg?host=/run/postgresql",
        "postgresql://?service=endoreg",
        "postgres://u:p@localhost/endoreg",
    ],
)
def test_a_database_may_be_a_file_or_one_of_a_server(url: str) -> None:
    assert config_from({"ENDOREG_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "/srv/records.sqlite3",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://:memory:",
        "sqlite:///file::memory:?cache=shared",
        "sqlite://srv/records.sqlite3",
        "mysql://u:se-cret@localhost/endoreg",
        "postgis://u:se-cret@localhost/endoreg",
        "postgresql://u:se-cret@localhost",
        "postgresql://u:se-cret@localhost:port/endoreg",
        "postgresql://u:se-cret@localhost:99999/endoreg",
        "postgresql://u:se-cret@[localhost/endoreg",
        "postgresql://u:se-cret#1@localhost/endoreg",
        "postgresql://u:12#se-cret@localhost/endoreg",
        "postgresql://u:se-cret/1@localhost/endoreg",
    ],
)
def test_any_other_database_is_refused_without_a_word_of_its_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ENDOREG_DATABASE_URL cannot be used") as refused:
        config_from({"ENDOREG_DATABASE_URL": url})
    assert "se-cret" not in "".join(traceback.format_exception(refused.value))
