"""Centres and endoscopy processors by name, with help for who mistypes one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from endoreg_db.deid.profiles import DeviceProfile, profile_from_toml
from endoreg_db.errors import ConfigurationError, UnknownCenterError, UnknownProcessorError
from endoreg_db.models import Center, EndoscopyProcessor
from endoreg_db.models.prepared import Prepared, given

_CENTER = Prepared(lambda: Center.objects.filter(name=given(Center, "name")))
_PROCESSORS = Prepared(lambda: EndoscopyProcessor.objects.all())


def find_center(name: str) -> Center:
    """The centre of that name.

    Raises:
        UnknownCenterError: there is none; the message names the nearest known names.
    """
    found: list[Center] = _CENTER.objects(name=name)
    if not found:
        known = Center.objects.values_list("name", flat=True)
        raise UnknownCenterError(f"Unknown center: {name!r}. {_nearest(name, known)}")
    return found[0]


def find_processor(name: str, among: Iterable[EndoscopyProcessor]) -> EndoscopyProcessor:
    """The endoscopy processor of that name among those given, usually :func:`processors`.

    Raises:
        UnknownProcessorError: there is none; the message names the nearest known names.
    """
    by_name = {processor.name: processor for processor in among}
    if name not in by_name:
        raise UnknownProcessorError(f"Unknown processor: {name!r}. {_nearest(name, by_name)}")
    return by_name[name]


def center_names() -> list[str]:
    """Every registered centre, by name."""
    return list(Center.objects.values_list("name", flat=True))


def processors() -> tuple[EndoscopyProcessor, ...]:
    """Every registered endoscopy processor, by name."""
    return tuple(_PROCESSORS.objects())


def add_center(name: str) -> bool:
    """Register a centre; False if it exists already.

    Raises:
        ConfigurationError: the name is empty or too long.
    """
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise ConfigurationError("A center's name has 1 to 200 characters")
    return Center.objects.get_or_create(name=name)[1]


def add_processor(toml_file: Path) -> tuple[DeviceProfile, bool]:
    """Register the device profile in a TOML file; returns it and whether anything changed.

    Raises:
        ConfigurationError: the file cannot be read, is not a profile, or names a shipped one.
    """
    try:
        profile = profile_from_toml(toml_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Device profile {toml_file} cannot be read: {error}") from error
    if EndoscopyProcessor.objects.filter(name=profile.name, shipped=True).exists():
        raise ConfigurationError(
            f"The processor {profile.name!r} comes with the intake and cannot be replaced",
            advice="Give your profile a name of its own, e.g. with the centre's name added.",
        )
    return profile, EndoscopyProcessor.register(profile)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    return f"Known: {', '.join(names) or 'none'}"
