from __future__ import annotations

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


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ENDOREG_VIDEO_CRF=30\nENDOREG_WORKERS=3\nOTHER=1\n")
    values = {**from_dotenv(tmp_path), **from_environment({"ENDOREG_VIDEO_CRF": "23", "HOME": "/"})}
    assert values == {"ENDOREG_VIDEO_CRF": "23", "ENDOREG_WORKERS": "3"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "many"),
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
