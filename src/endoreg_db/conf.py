"""Settings, read once at the edge and passed down as one frozen object.

Inner code takes the two values that it needs; nothing below the services reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import platformdirs
from dotenv import dotenv_values

from endoreg_db.errors import ConfigurationError

PREFIX = "ENDOREG_"

X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)

#: What encodes recordings: software, or hardware by FFmpeg's name. Whether it is there, and works, is
#: found out for each recording; software takes its place where it does not.
VIDEO_ENCODERS = ("libx264", "h264_nvenc", "h264_qsv", "h264_amf", "h264_vaapi")

#: What looks for names in reports beside the built-in rules; ``builtin`` is these rules alone.
REPORT_RECOGNISERS = ("builtin", "presidio", "lx_anonymizer")

#: Who lets reports out: a person who has looked, or the verification alone.
REPORT_RELEASES = ("review", "verified")

#: What becomes of dates in reports: removed, or moved by each patient's own number of days.
REPORT_DATES = ("remove", "shift")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that an operator can set; the defaults work."""

    data_dir: Path  # database, vault, published files, quarantine and keys lie below it
    database_url: str  # ``sqlite:///…`` or ``postgresql://…``
    stale_lock_seconds: float | None  # None: the service's own ``STALE_LOCK_SECONDS``
    workers: int  # one-threaded encoders that run at once
    video_preset: str  # x264 preset
    video_crf: int  # x264 constant rate factor
    video_encoder: str  # one of :data:`VIDEO_ENCODERS`
    report_recogniser: str  # one of :data:`REPORT_RECOGNISERS`
    report_release: str  # one of :data:`REPORT_RELEASES`
    report_dates: str  # one of :data:`REPORT_DATES`
    report_house_file: Path | None = None  # lists what the house calls its own, as TOML
    report_password: str | None = None  # opens reports that are protected by one


def config_from(values: Mapping[str, Any]) -> Config:
    """Build the configuration from ``ENDOREG_…`` values; unknown keys are ignored.

    Raises:
        ConfigurationError: a value cannot be used; names the setting and what it may be.
    """
    data_dir = _path(values, "DATA_DIR") or _user_data_dir()
    stale = _text(values, "STALE_LOCK_SECONDS")
    return Config(
        data_dir=data_dir,
        database_url=_database_url(values) or _url_of(data_dir / "endoreg.sqlite3"),
        stale_lock_seconds=_number(values, "STALE_LOCK_SECONDS", 1, 1e7) if stale else None,
        workers=_whole_number(values, "WORKERS", 1, 256, default=len(os.sched_getaffinity(0))),
        video_preset=_choice(values, "VIDEO_PRESET", X264_PRESETS, default="veryfast"),
        video_crf=_whole_number(values, "VIDEO_CRF", 0, 51, default=20),
        video_encoder=_choice(values, "VIDEO_ENCODER", VIDEO_ENCODERS, default="libx264"),
        report_recogniser=_choice(values, "REPORT_RECOGNISER", REPORT_RECOGNISERS, default="builtin"),
        report_release=_choice(values, "REPORT_RELEASE", REPORT_RELEASES, default="review"),
        report_dates=_choice(values, "REPORT_DATES", REPORT_DATES, default="remove"),
        report_house_file=_path(values, "REPORT_HOUSE_FILE"),
        report_password=_text(values, "REPORT_PASSWORD") or None,
    )


def plain_config() -> Config:
    """The configuration of this process where no host project has a say: the environment, then ``.env``.

    Raises:
        ConfigurationError: a value cannot be used; says why.
    """
    return config_from({**from_dotenv(current_folder()), **from_environment(os.environ)})


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The ``ENDOREG_…`` values of an environment."""
    return {key: value for key, value in environ.items() if key.startswith(PREFIX)}


def from_dotenv(folder: Path) -> dict[str, str]:
    """The ``ENDOREG_…`` values of the file ``.env`` in ``folder``; none if there is no such file.

    Raises:
        ConfigurationError: there is one that cannot be read.
    """
    file = folder / ".env"
    try:
        values = dotenv_values(file)
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigurationError(
            f"The settings in {file} cannot be read: {why}",
            advice="Save the file as UTF-8, where this user may read it.",
        ) from None
    return from_environment({key: value for key, value in values.items() if value is not None})


def current_folder() -> Path:
    """The folder that this process works in, where ``.env`` is looked for.

    Raises:
        ConfigurationError: somebody has removed it.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigurationError(
            f"The current folder cannot be used: {error.strerror}",
            advice="Change to a folder that exists, then run it again.",
        ) from None


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(PREFIX + name, "") or "").strip()


def _path(values: Mapping[str, Any], name: str) -> Path | None:
    text = _text(values, name)
    try:
        return Path(text).expanduser().absolute() if text else None
    except RuntimeError:
        raise ConfigurationError(f"{PREFIX}{name} is {text!r}; this user's home is not known") from None


def _user_data_dir() -> Path:
    return Path(platformdirs.user_data_dir("endoreg")).expanduser().absolute()


def _database_url(values: Mapping[str, Any]) -> str:
    """The URL, empty if none is given. Of a wrong one nothing is quoted: it may hold a password."""
    url = _text(values, "DATABASE_URL")
    if url and not _leads_to_a_database(url):
        raise ConfigurationError(
            f"{PREFIX}DATABASE_URL cannot be used; "
            "it may be sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME",
            advice="Correct it; in a password # is %23, % is %25, / is %2F, : is %3A, ? is %3F and @ is %40.",
        )
    return url


def _url_of(file: Path) -> str:
    # What ends a path in a URL may be part of a folder's name. Letters stay: not all are UTF-8.
    return "sqlite:///" + str(file).replace("%", "%25").replace("?", "%3F").replace("#", "%23")


def _leads_to_a_database(url: str) -> bool:
    """Whether it names a file, or a database of a server, as the settings will read it."""
    try:
        database = dj_database_url.parse(url)
    except ValueError:
        return False
    parts, name = urlsplit(url), database["NAME"]
    if parts.fragment:  # all after the # of a password that was not quoted
        return False
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # What lies in memory is empty again for the next command.
        return not parts.netloc and not name.startswith((":memory:", "file:"))
    named = bool(name) or "service" in database.get("OPTIONS", {})
    return database["ENGINE"] == "django.db.backends.postgresql" and named


def _choice(values: Mapping[str, Any], name: str, choices: tuple[str, ...], *, default: str) -> str:
    text = _text(values, name) or default
    if text not in choices:
        raise ConfigurationError(f"{PREFIX}{name} is {text!r}; it may be {', '.join(choices)}")
    return text


def _whole_number(values: Mapping[str, Any], name: str, low: int, high: int, *, default: int) -> int:
    number = _number(values, name, low, high) if _text(values, name) else default
    if number != int(number):
        raise ConfigurationError(
            f"{PREFIX}{name} is {_text(values, name)!r}; it may be a whole number from {low} to {high}"
        )
    return int(number)


def _number(values: Mapping[str, Any], name: str, low: float, high: float) -> float:
    text = _text(values, name)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise ConfigurationError(f"{PREFIX}{name} is {text!r}; it may be a number from {low:g} to {high:g}")
    return number
