"""What a log line carries besides its sentence."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from endoreg_db.logging import correlation, get_logger

log = get_logger("endoreg_db.tests")


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "endoreg_db")


def test_fields_travel_beside_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    log.warning("Kept %s: %s", "a.mp4", "100 % sure", action="kept")
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "Kept a.mp4: 100 % sure")
    assert vars(record)["action"] == "kept"
    assert Path(record.pathname) == Path(__file__)


def test_a_sentence_without_values_may_hold_a_percent_sign(caplog: pytest.LogCaptureFixture) -> None:
    log.info("100 % sure")
    assert caplog.messages == ["100 % sure"]


def test_a_name_that_is_no_text_can_be_written_to_any_log_file(caplog: pytest.LogCaptureFixture) -> None:
    log.error("No such file: %s", "m\udcfcller.mp4")
    assert caplog.messages == ["No such file: m\\udcfcller.mp4"]


def test_lines_within_one_call_have_one_correlation_id_and_others_have_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with correlation() as first:
        log.info("one")
        with correlation() as inner:
            log.info("two")
    with correlation() as second:
        log.info("three")
    log.info("four")
    assert first == inner != second
    found = [getattr(record, "correlation_id", None) for record in caplog.records]
    assert found == [first, first, second, None]


def test_a_traceback_is_there_if_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        log.warning("It failed", exc_info=True)
    assert "ValueError: broken" in caplog.text
