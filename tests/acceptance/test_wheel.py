"""The wheel alone: complete, and content with the dependencies that it declares."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import av
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Built from a copy of what is checked out, as no build may leave anything behind there."""
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture
def clean_python(tmp_path: Path, wheel: Path) -> Path:
    """The interpreter of an environment with nothing but the wheel and what it declares."""
    folder = tmp_path / "clean"
    venv.create(folder, with_pip=False, symlinks=True)
    (site_packages,) = (folder / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    for dependency in _closure(Distribution.at(next(site_packages.glob("*.dist-info")))):
        _link(dependency, site_packages)
    return folder / "bin" / "python"


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


def _link(dependency: Distribution, site_packages: Path) -> None:
    """Link the files of a distribution that lie in its own site-packages."""
    for file in dependency.files or []:
        source = Path(str(file.locate()))
        if ".." in file.parts or file.suffix == ".pyc" or not source.is_file():
            continue
        target = site_packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():  # namespaces are shared
            target.symlink_to(source)


@pytest.mark.slow
def test_the_wheel_alone_passes_the_demo(tmp_path: Path, clean_python: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(ROOT / "tools" / "demo.py", elsewhere)
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ENDOREG_", "PYTHON"))}
    environ.pop("DJANGO_SETTINGS_MODULE", None)

    def run(*arguments: str) -> str:
        ended = subprocess.run(
            [str(clean_python), *arguments],
            cwd=elsewhere,
            env=environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    where = run("-c", "import endoreg_db; print(endoreg_db.__file__)").strip()
    assert Path(where).is_relative_to(clean_python.parent.parent)
    assert "py.typed" in {path.name for path in Path(where).parent.iterdir()}
    assert "1 imported, 1 duplicate" in run("demo.py", "demo")

    (safe,) = (elsewhere / "demo" / "data" / "published").glob("*.mp4")
    with av.open(str(safe)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frames = sum(1 for _ in container.decode(video=0))
        assert frames == container.streams.video[0].frames == 100
