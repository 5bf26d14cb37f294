"""Sums the judgements up: shares with bounds, as a table, as JSON, and as a page with pictures."""

from __future__ import annotations

import html
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from quality.bench import Judgement
from quality.intake import Leak
from quality.statistics import Share

_PUBLISHED = ("imported", "duplicate")


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run."""

    recordings: int
    control: Share  # canaries that the hunter found in the untouched files
    leak_free: Share  # files
    leaks: dict[str, int]  # label of the token → files
    leak_free_candidates: Share  # of those under review, had a person let them pass unseen
    fields_right: Share  # on confirmed devices
    fields: dict[str, Share]
    review: Share  # of all files
    needless_review: Share  # of files of confirmed devices in which nothing happens
    refused: Share  # failed or quarantined
    blanked: Share  # clean frames
    psnr: float | None  # decibel, median
    room_seconds: float
    import_seconds: float  # for a second of recording, median

    def lines(self) -> Iterator[tuple[str, str]]:
        """What is printed: name and value."""
        yield "recordings", str(self.recordings)
        yield "control: canaries found in the untouched files", str(self.control)
        yield "leak-free files", str(self.leak_free)
        yield "leaks by class (files)", _listed(self.leaks)
        yield "leak-free candidates, had nobody looked", str(self.leak_free_candidates)
        yield "identity fields right, confirmed devices", str(self.fields_right)
        for name, share in self.fields.items():
            yield f"  {name}", str(share)
        yield "sent to review", str(self.review)
        yield "of these without need (nothing happens in the file)", str(self.needless_review)
        yield "failed or quarantined", str(self.refused)
        yield "frames blanked without need", str(self.blanked)
        yield (
            "PSNR inside the image (median)",
            "none measured" if self.psnr is None else f"{self.psnr:.1f} dB",
        )
        yield "seconds of rooms in published or approved files", f"{self.room_seconds:.2f}"
        yield "import, seconds for a second of recording (median)", f"{self.import_seconds:.2f}"


def summarise(judgements: Sequence[Judgement]) -> Summary:
    """The figures over all the judgements."""
    known = [j for j in judgements if j.confirmed and j.fields]
    quiet = [j for j in judgements if j.confirmed and not j.happens]
    held = [j for j in judgements if j.status == "needs_review"]
    names = sorted({name for j in known for name in j.fields})
    psnr = [j.psnr for j in judgements if j.psnr is not None]
    return Summary(
        recordings=len(judgements),
        control=_share(label not in j.control_missed for j in judgements for label in j.planted),
        leak_free=_share(not j.leaks for j in judgements),
        leaks=dict(sorted(Counter(label for j in judgements for label in _labels(j.leaks)).items())),
        leak_free_candidates=_share(not j.leaks_if_approved for j in held),
        fields_right=_share(right for j in known for right in j.fields.values()),
        fields={name: _share(j.fields[name] for j in known if name in j.fields) for name in names},
        review=_share(j.status == "needs_review" for j in judgements),
        needless_review=_share(j.status == "needs_review" for j in quiet),
        refused=_share(j.status in ("failed", "quarantined") for j in judgements),
        blanked=Share(sum(j.blanked_frames for j in judgements), sum(j.clean_frames for j in judgements)),
        psnr=median(psnr) if psnr else None,
        room_seconds=math.fsum(j.room_seconds for j in judgements),
        import_seconds=median(j.import_seconds / j.seconds for j in judgements),
    )


def as_json(summary: Summary) -> str:
    """The figures as a JSON object; shares with count, total and bounds."""
    fields = {name: _plain(getattr(summary, name)) for name in summary.__dataclass_fields__}
    return json.dumps(fields, indent=1, ensure_ascii=False)


def as_table(summary: Summary) -> str:
    """The figures as lines of text."""
    lines = list(summary.lines())
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def write_page(path: Path, summary: Summary, judgements: Sequence[Judgement], *, pictures: str) -> None:
    """Write the page: the figures, then every recording that is not as it should be.

    Args:
        path: the HTML file to write.
        summary: the figures.
        judgements: all of them.
        pictures: folder of the pictures, relative to the page.
    """
    figures = "".join(f"<tr><td>{_safe(name)}<td>{_safe(value)}" for name, value in summary.lines())
    failures = "".join(_failure(j, pictures) for j in judgements if j.leaks or j.control_missed or _wrong(j))
    path.write_text(
        "<!doctype html><meta charset=utf-8><title>Quality bench</title>"
        "<style>body{font:15px sans-serif;margin:2em;max-width:70em}td{padding:.2em 1em .2em 0}"
        "img{max-width:45em;display:block}h2{margin-top:2em}</style>"
        f"<h1>Quality bench</h1><p>Everybody named here is invented.</p><table>{figures}</table>{failures}\n",
        encoding="utf-8",
    )


def _failure(judgement: Judgement, pictures: str) -> str:
    head = f"Seed {judgement.seed}: {judgement.status}, {judgement.processor}, {judgement.codec}"
    notes = [
        f"happens: {', '.join(judgement.happens) or 'nothing'}",
        f"findings: {', '.join(judgement.findings)}",
    ]
    notes += [f"read wrong or not at all: {name}" for name in _wrong(judgement)]
    notes += [f"the hunter did not find: {label}" for label in judgement.control_missed]
    notes += [f"LEAK {leak.label}: {leak.where} ({leak.how}): {leak.excerpt}" for leak in judgement.leaks]
    shown = dict.fromkeys(leak.picture for leak in judgement.leaks if leak.picture)
    images = "".join(f'<img src="{_safe(pictures)}/{_safe(name)}" alt="frame">' for name in shown if name)
    return f"<h2>{_safe(head)}</h2><ul>{''.join(f'<li>{_safe(note)}' for note in notes)}</ul>{images}"


def _wrong(judgement: Judgement) -> list[str]:
    return [name for name, right in judgement.fields.items() if not right] if judgement.confirmed else []


def _labels(leaks: Iterable[Leak]) -> set[str]:
    return {leak.label for leak in leaks}


def _share(facts: Iterable[bool]) -> Share:
    counted = list(facts)
    return Share(sum(counted), len(counted))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{label}: {count}" for label, count in counts.items()) or "none"


def _plain(value: object) -> object:
    if isinstance(value, Share):
        low, high = value.bounds if value.total else (None, None)
        return {"count": value.count, "total": value.total, "low": low, "high": high}
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
