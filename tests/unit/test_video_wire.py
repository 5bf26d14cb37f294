from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.identity import Identity, Reading
from endoreg_db.deid.messages import (
    Done,
    EncodeSettings,
    Failed,
    Finding,
    FoundDevice,
    Probed,
    Progress,
    Proposed,
    ProposeTask,
    ReportDone,
    ReportTask,
    ReportVerification,
    Verification,
    VideoFacts,
    VideoTask,
)
from endoreg_db.deid.profiles import shipped_profiles
from endoreg_db.deid.wire import MAX_LINE, WireError, message_from_line, task_from_line, to_line

FACTS = VideoFacts("mov", "h264", 1920, 1080, "yuv420p", Fraction(1, 12800), Fraction(25), 4.0, None)
IDENTITY = Identity(last_name=Reading("Çelik", 0.93, b"\x89PNG\0\xff"), birth_date=Reading("1961-02-03", 1.0))
DONE = Done(
    candidate="/attempt/candidate.mp4",
    facts=FACTS,
    frames_decoded=100,
    frames_damaged=0,
    identity=IDENTITY,
    findings=(Finding("layout_mismatch", "review", "blanked", 1.5, 2.0),),
    verification=Verification(100, 4.0, 2, 3, ()),
    timings={"encode": 1.25},
)
REPORT_DONE = ReportDone(
    candidate="/attempt/candidate.pdf",
    text="/attempt/candidate.txt",
    pages=2,
    pages_scanned=1,
    words_removed=12,
    identity=IDENTITY,
    findings=(Finding("hidden_text", "note", "Page 1"),),
    verification=ReportVerification(2, 300, 40, 0, ()),
    timings={"read": 1.5},
)


@pytest.mark.parametrize(
    "message",
    [
        Probed(FACTS),
        Progress("encode", 12, None),
        Finding("a", "note", "ü"),
        DONE,
        replace(DONE, found=FoundDevice(shipped_profiles()[0], proposed=False)),
        Proposed(FACTS, FoundDevice(shipped_profiles()[1], True, (Box(1, 2, 3, 4),)), None, "/attempt/a.png"),
        Failed("unknown_device", "nothing moves"),
        REPORT_DONE,
        Failed("corrupt", "cut off"),
        Failed("unsupported", "protected", "Give the password."),
    ],
)
def test_every_message_arrives_as_it_was_sent(message: Any) -> None:
    assert message_from_line(to_line(message)) == message


@pytest.mark.parametrize("profile", shipped_profiles(), ids=lambda profile: profile.name)
def test_a_task_arrives_with_its_profile(profile: Any) -> None:
    task = VideoTask("/in/ä.mp4", "/work", profile, EncodeSettings("fast", 23), 2, read_text=False)

    assert task_from_line(to_line(task)) == task


@pytest.mark.parametrize(
    "task",
    [
        VideoTask("/in", "/work", None, EncodeSettings(), 1, known=tuple(shipped_profiles())),
        ProposeTask("/in", "/work", (), picture=True),
    ],
)
def test_a_task_without_a_named_device_arrives_as_it_was_sent(task: Any) -> None:
    assert task_from_line(to_line(task)) == task


@pytest.mark.parametrize("password", [None, "geheim"])
def test_a_task_for_a_report_arrives_with_what_is_known(password: str | None) -> None:
    task = ReportTask(
        "/in/ä.pdf", "/work", "Müller.pdf", password, ("Müller, Erika",), ("1961-02-03",), ("77",)
    )

    assert task_from_line(to_line(task)) == task


def test_a_task_is_no_answer() -> None:
    with pytest.raises(WireError):
        message_from_line(to_line(ReportTask("/in/a.pdf", "/work")))


def altered(**changes: Any) -> bytes:
    line = json.loads(to_line(DONE))
    for path, value in changes.items():
        target, keys = line["body"], path.split("__")
        for key in keys[:-1]:
            target = target[int(key)] if isinstance(target, list) else target[key]
        target[keys[-1]] = value
    return json.dumps(line).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"frames_decoded": -1},
        {"frames_decoded": True},
        {"frames_decoded": 1.0},
        {"frames_decoded": 2**60},
        {"frames_decoded": None},
        {"candidate": 7},
        {"candidate": "a\nb"},
        {"candidate": "\x1b[2J"},
        {"candidate": "x" * 5000},
        {"facts__time_base": [1, 0]},
        {"facts__time_base": [1]},
        {"facts__duration": "long"},
        {"identity__last_name__confidence": 1.01},
        {"identity__last_name__picture": "not base64!"},
        {"identity__nickname": None},
        {"findings": [{"code": "x"}]},
        {"findings__0__severity": "fine"},
        {"timings": [1, 2]},
        {"timings": {"encode": -0.1}},
    ],
    ids=str,
)
def test_what_does_not_fit_to_the_letter_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        message_from_line(altered(**changes))


def test_numbers_that_json_does_not_know_are_refused() -> None:
    line = to_line(DONE).replace(b'"encode":1.25', b'"encode":NaN')
    with pytest.raises(WireError):
        message_from_line(line)


def test_a_refusal_names_the_place_but_never_the_content() -> None:
    with pytest.raises(WireError, match=r"Done\.candidate") as caught:
        message_from_line(altered(candidate="Erika Mustermann\n"))
    assert "Mustermann" not in str(caught.value)


def test_tasks_and_answers_are_not_taken_for_each_other() -> None:
    with pytest.raises(WireError):
        task_from_line(to_line(DONE))
    task = VideoTask("/in", "/work", shipped_profiles()[0], EncodeSettings(), 1)
    with pytest.raises(WireError):
        message_from_line(to_line(task))


def test_too_long_a_message_is_neither_sent_nor_read() -> None:
    huge = replace(IDENTITY, first_name=Reading("x", 0.5, bytes(MAX_LINE)))
    with pytest.raises(WireError):
        to_line(replace(DONE, identity=huge))
    with pytest.raises(WireError):
        message_from_line(b" " * (MAX_LINE + 1))


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_rubbish_is_always_refused_as_such(line: bytes) -> None:
    with pytest.raises(WireError):
        message_from_line(line)


def test_deeply_nested_json_is_refused() -> None:
    with pytest.raises(WireError):
        message_from_line(b'{"kind": "Done", "body": ' + b"[" * 100_000)
