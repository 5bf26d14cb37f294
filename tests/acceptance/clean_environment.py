"""An environment in which nothing is installed but the wheel and the dependencies that it declares."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def clean_python(folder: Path) -> Path:
    """Make the environment in ``folder``; returns its interpreter."""
    folder.mkdir()
    wheel = _build_wheel(folder / "checkout")
    place = folder / "clean"
    venv.create(place, with_pip=False, symlinks=True)
    (site_packages,) = (place / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    owners = packages_distributions()
    for dependency in _closure(Distribution.at(next(site_packages.glob("*.dist-info")))):
        _link(dependency, site_packages, owners)
    return place / "bin" / "python"


def _build_wheel(copy: Path) -> Path:
    """Build it from a copy of what is checked out, as no build may leave anything behind there."""
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (built,) = (copy / "dist").glob("*.whl")
    return built


def _closure(top: Distribution) -> Iterator[Distribution]:
    """Every distribution that ``top`` needs here, directly or not; extras only where they are asked for."""
    waiting = [(requirement, "") for requirement in top.requires or []]
    seen: set[tuple[str, str]] = set()
    yielded: set[str] = set()
    while waiting:
        text, extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        found = distribution(name)
        if name not in yielded:
            yielded.add(name)
            yield found
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(needed, wanted) for needed in found.requires or []]


def _link(dependency: Distribution, site_packages: Path, owners: Mapping[str, Collection[str]]) -> None:
    """Link what lies in its own site-packages: whole folders, but file by file where others have a part."""
    files = [file for file in dependency.files or [] if ".." not in file.parts]
    shared = {file.parts[0] for file in files if len(owners.get(file.parts[0], ())) > 1}
    for name in {file.parts[0] for file in files} - shared - {"__pycache__"}:
        (site_packages / name).symlink_to(str(dependency.locate_file(name)))
    for file in files:
        if file.parts[0] in shared and file.suffix != ".pyc":
            target = site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(str(file.locate()))
