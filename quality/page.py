"""Figures as text, as JSON, and as a page that shows every failure with its picture."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quality.statistics import Share

_STYLE = (
    "body{font:15px sans-serif;margin:2em;max-width:70em}td{padding:.2em 1em .2em 0}"
    "img{max-width:45em;display:block}h3{margin-top:2em}"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one kind of files."""

    title: str
    lines: tuple[tuple[str, str], ...]  # name and value

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.lines)
        return "\n".join([self.title, *(f"  {name:<{width}}  {value}" for name, value in self.lines)])


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that is not as it should be."""

    title: str
    notes: tuple[str, ...]
    pictures: tuple[str, ...] = ()  # paths relative to the page


def write_page(path: Path, figures: Iterable[Figures], failures: Iterable[Failure]) -> None:
    """Write the page, in HTML: the figures, then every failure."""
    tables = "".join(
        f"<h2>{_safe(part.title)}</h2><table>"
        + "".join(f"<tr><td>{_safe(name)}<td>{_safe(value)}" for name, value in part.lines)
        + "</table>"
        for part in figures
    )
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>Quality bench</title><style>{_STYLE}</style>"
        f"<h1>Quality bench</h1><p>Everybody named here is invented.</p>{tables}"
        f"{''.join(map(_failure, failures))}\n",
        encoding="utf-8",
    )


def as_json(summaries: Mapping[str, Any]) -> str:
    """Figures by name as a JSON object; shares with count, total and bounds."""
    return json.dumps(
        {
            name: {field: _plain(getattr(summary, field)) for field in summary.__dataclass_fields__}
            for name, summary in summaries.items()
        },
        indent=1,
        ensure_ascii=False,
    )


def _failure(failure: Failure) -> str:
    notes = "".join(f"<li>{_safe(note)}" for note in failure.notes)
    images = "".join(f'<img src="{_safe(name)}" alt="frame">' for name in failure.pictures)
    return f"<h3>{_safe(failure.title)}</h3><ul>{notes}</ul>{images}"


def _plain(value: object) -> object:
    if isinstance(value, Share):
        low, high = value.bounds if value.total else (None, None)
        return {"count": value.count, "total": value.total, "low": low, "high": high}
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def in_words(counts: Mapping[str, int]) -> str:
    """How often each of several things was counted."""
    return ", ".join(f"{label}: {count}" for label, count in counts.items()) or "none"
