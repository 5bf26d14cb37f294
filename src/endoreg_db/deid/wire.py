"""Messages of the cell as JSON lines, checked strictly on the way in.

The cell is not trusted, so nothing here unpickles, imports or calls by name: a line is parsed as
JSON, and the parsed value must fit the type annotations of the message's dataclass to the letter.
Every number must be finite and not negative, every text and list has a limit.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import types
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from endoreg_db.deid.messages import (
    Done,
    Failed,
    Finding,
    HouseTerm,
    Identified,
    Message,
    Probed,
    Progress,
    Proposed,
    ProposeTask,
    ReportDone,
    ReportTask,
    Shift,
    Task,
    VideoTask,
)
from endoreg_db.deid.profiles import DeviceProfile, profile_from_dict
from endoreg_db.errors import ConfigurationError

#: Longest line either side accepts, in bytes: room for eight pictures of overlay boxes.
MAX_LINE = 8 * 1024 * 1024
MAX_TEXT = 4096  # characters of one string
MAX_BLOB = 1024 * 1024  # bytes of one picture
MAX_ITEMS = 1000  # of one list or mapping
MAX_HOUSE_TERMS = 20_000  # of what a house calls its own: its staff, its wards, its neighbours
MAX_NUMBER = 2**53  # what JSON's numbers carry exactly

_TASKS = (VideoTask, ProposeTask, ReportTask)
_ENDS = (Done, Proposed, ReportDone, Failed)
_KINDS: Mapping[str, type] = types.MappingProxyType(
    {kind.__name__: kind for kind in (Probed, Progress, Finding, Identified, *_ENDS, Shift, *_TASKS)}
)


class WireError(ValueError):
    """A line is not a message. The text names the place in the message, never its content."""


def to_line(message: Message | Task | Shift) -> bytes:
    """One message as one line of ASCII JSON, newline included.

    Raises:
        WireError: the message is longer than :data:`MAX_LINE`.
    """
    body = {"kind": type(message).__name__, "body": _plain(message)}
    line = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
    if len(line) > MAX_LINE:
        raise WireError(f"a {type(message).__name__} of {len(line)} bytes is too long to send")
    return line


def message_from_line(line: bytes) -> Message:
    """What the cell said.

    Raises:
        WireError: the line is too long, not JSON, or does not fit any message to the letter.
    """
    message = _from_line(line)
    if isinstance(message, Task | Shift):
        raise WireError("only the parent says so")
    return message


def task_from_line(line: bytes) -> Task:
    """What the parent asks for.

    Raises:
        WireError: the line is not a task.
    """
    message = _from_line(line)
    if not isinstance(message, Task):
        raise WireError("an answer is not a task")
    return message


def shift_from_line(line: bytes) -> Shift:
    """What the parent answers to :class:`~endoreg_db.deid.messages.Identified`.

    Raises:
        WireError: the line is not that answer; an empty one: the parent is gone.
    """
    message = _from_line(line)
    if not isinstance(message, Shift):
        raise WireError("that is not the answer")
    return message


def is_last(message: Message) -> bool:
    """Whether nothing follows this message."""
    return isinstance(message, _ENDS)


def _from_line(line: bytes) -> Message | Task | Shift:
    if len(line) > MAX_LINE:
        raise WireError("the line is too long")
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError("the line is not JSON") from error
    if not isinstance(parsed, dict) or parsed.keys() != {"kind", "body"}:
        raise WireError("the line is not a message")
    kind = _KINDS.get(parsed["kind"]) if isinstance(parsed["kind"], str) else None
    if kind is None:
        raise WireError("the kind of message is not known")
    message: Message | Task | Shift = _dataclass(kind, parsed["body"], kind.__name__)
    return message


def _plain(value: Any) -> Any:
    """A value in JSON's own types."""
    if isinstance(value, DeviceProfile):
        return value.as_dict()
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _typed(wanted: Any, value: Any, place: str) -> Any:
    """``value`` as the annotation ``wanted`` asks for; :class:`WireError` names ``place`` if it is not."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _optional(wanted, value, place)
    if origin is Literal:
        return _must(value in get_args(wanted) and isinstance(value, str), value, place)
    if origin is tuple:
        kind = get_args(wanted)[0]
        most = MAX_HOUSE_TERMS if kind is HouseTerm else MAX_ITEMS
        _must(isinstance(value, list) and len(value) <= most, value, place)
        return tuple(_typed(kind, item, f"{place}[]") for item in value)
    if origin is dict:
        _must(isinstance(value, dict) and len(value) <= MAX_ITEMS, value, place)
        return {_text(k, place): _typed(get_args(wanted)[1], v, f"{place}{{}}") for k, v in value.items()}
    if dataclasses.is_dataclass(wanted):
        return _profile(value, place) if wanted is DeviceProfile else _dataclass(wanted, value, place)
    return _READERS[wanted](value, place)


def _optional(wanted: Any, value: Any, place: str) -> Any:
    if value is None:
        return _must(type(None) in get_args(wanted), None, place)
    (some,) = (option for option in get_args(wanted) if option is not type(None))
    return _typed(some, value, place)


def _dataclass(kind: Any, value: Any, place: str) -> Any:
    names = {field.name for field in dataclasses.fields(kind)}
    _must(isinstance(value, dict) and value.keys() == names, value, place)
    hints = get_type_hints(kind)
    read = {name: _typed(hints[name], item, f"{place}.{name}") for name, item in value.items()}
    if "confidence" in read:
        _must(read["confidence"] <= 1, None, f"{place}.confidence")
    try:
        return kind(**read)
    except ValueError as error:
        raise WireError(f"{place} is out of range") from error


def _profile(value: Any, place: str) -> DeviceProfile:
    try:
        return profile_from_dict(_must(isinstance(value, dict), value, place))
    except ConfigurationError as error:
        raise WireError(f"{place} is not a device profile") from error


def _text(value: Any, place: str) -> str:
    fine = isinstance(value, str) and len(value) <= MAX_TEXT
    # Control characters would let a cell write lines of its own into a log or a terminal.
    return str(_must(fine and all(c.isprintable() for c in value), value, place))


def _flag(value: Any, place: str) -> bool:
    return bool(_must(isinstance(value, bool), value, place))


def _whole(value: Any, place: str) -> int:
    return int(_must(type(value) is int and 0 <= value <= MAX_NUMBER, value, place))


def _number(value: Any, place: str) -> float:
    fine = type(value) in (int, float) and math.isfinite(value) and 0 <= value <= MAX_NUMBER
    return float(_must(fine, value, place))


def _ratio(value: Any, place: str) -> Fraction:
    fine = isinstance(value, list) and len(value) == 2 and all(type(n) is int and n > 0 for n in value)
    return Fraction(*_must(fine and max(value) <= MAX_NUMBER, value, place))


def _blob(value: Any, place: str) -> bytes:
    try:
        blob = base64.b64decode(_must(isinstance(value, str), value, place), validate=True)
    except ValueError as error:
        raise WireError(f"{place} is not what it should be") from error
    return bytes(_must(len(blob) <= MAX_BLOB, blob, place))


def _must(fine: bool, value: Any, place: str) -> Any:
    if not fine:
        raise WireError(f"{place} is not what it should be")
    return value


_READERS: Mapping[Any, Any] = types.MappingProxyType(
    {str: _text, bool: _flag, int: _whole, float: _number, Fraction: _ratio, bytes: _blob}
)
