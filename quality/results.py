"""Sums the judgements of recordings up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from quality.bench import Judgement
from quality.intake import Leak
from quality.page import Failure, in_words
from quality.statistics import Share, share_of


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
        yield "leaks by class (files)", in_words(self.leaks)
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
        control=share_of(label not in j.control_missed for j in judgements for label in j.planted),
        leak_free=share_of(not j.leaks for j in judgements),
        leaks=dict(sorted(Counter(label for j in judgements for label in _labels(j.leaks)).items())),
        leak_free_candidates=share_of(not j.leaks_if_approved for j in held),
        fields_right=share_of(right for j in known for right in j.fields.values()),
        fields={name: share_of(j.fields[name] for j in known if name in j.fields) for name in names},
        review=share_of(j.status == "needs_review" for j in judgements),
        needless_review=share_of(j.status == "needs_review" for j in quiet),
        refused=share_of(j.status in ("failed", "quarantined") for j in judgements),
        blanked=Share(sum(j.blanked_frames for j in judgements), sum(j.clean_frames for j in judgements)),
        psnr=median(psnr) if psnr else None,
        room_seconds=math.fsum(j.room_seconds for j in judgements),
        import_seconds=median(j.import_seconds / j.seconds for j in judgements),
    )


def failures(judgements: Sequence[Judgement], pictures: str) -> Iterator[Failure]:
    """Every recording that is not as it should be.

    Args:
        judgements: all of them.
        pictures: folder of the pictures, relative to the page.
    """
    for judgement in judgements:
        if notes := _faults(judgement):
            happens = f"happens: {', '.join(judgement.happens) or 'nothing'}"
            findings = f"findings: {', '.join(judgement.findings)}"
            shown = dict.fromkeys(leak.picture for leak in judgement.leaks if leak.picture)
            yield Failure(
                f"Recording {judgement.seed}: {judgement.status}, {judgement.processor}, {judgement.codec}",
                (happens, findings, *notes),
                tuple(f"{pictures}/{name}" for name in shown),
            )


def _faults(judgement: Judgement) -> list[str]:
    wrong = judgement.misread if judgement.confirmed else {}
    runs = judgement.blanked_runs
    return [
        *(
            f"{name} was read as {value}" if value else f"{name} was not read"
            for name, value in wrong.items()
        ),
        *(f"frames {first} to {first + count - 1} blanked without need" for first, count in runs),
        *(f"the hunter did not find: {label}" for label in judgement.control_missed),
        *(str(leak) for leak in judgement.leaks),
    ]


def _labels(leaks: Iterable[Leak]) -> set[str]:
    return {leak.label for leak in leaks}
