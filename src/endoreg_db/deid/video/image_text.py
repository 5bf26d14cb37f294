"""Text inside the endoscopic image: what counts as text, and what is blanked because of it.

OCR looks at distinct scenes of the output, not at every frame. Text that one look finds may have
come right after the look before, and may stay until right before the next: that is how long it is
blanked. Too much is blanked for a few seconds then; too little would be published. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from endoreg_db.deid.geometry import Box
from endoreg_db.deid.messages import Finding, Severity
from endoreg_db.deid.ocr import FoundText
from endoreg_db.deid.text_rules import looks_like_identity, matches_known, same_name
from endoreg_db.deid.video.condense import condensed
from endoreg_db.deid.video.covers import Cover, fitted, hull
from endoreg_db.deid.video.scenes import LOOK_SECONDS

Picture = NDArray[np.uint8]  # H×W luma

#: Text counts from this confidence on; what has the shape of a name or a date already from a lower.
_SURE = 0.80
_SUSPICIOUS = 0.60
_LETTERS = 4  # letters and digits; OCR makes shorter "words" of folds and highlights
_SHORT = 2  # of what stands beside other text: "Uwe" in a form is a word

#: Lines of text from which a picture is a screen (a form, a worklist) and no image with text in it: where
#: so many are read, one between them or right beside may not have been.
_SCREEN = 4
_LINES_BESIDE = 2  # heights of a line that are blanked above and below a screen's text

#: Correlation of the strokes of two pictures from which they may be the same text. Drawn mucosa with noise
#: stays below 0.07; text of 4 grey levels gives 0.14 beside a bright one, of 8 levels 0.2 beside one of 40.
_TRACE = 0.12

#: Pixels blanked around text: its shadow and what OCR's box cuts off. A macroblock, so that the text
#: itself lies beyond the ringing of what is next to it, and must be constant in the output.
TEXT_MARGIN = 16


@dataclass(frozen=True, slots=True)
class ImageText:
    """One line of text inside the image. Stays in the cell."""

    box: Box  # in pixels of the picture that was looked at
    text: str
    kind: str  # "words", or what of identity it looks like
    known: bool  # whether it was also read in the overlay


@dataclass(frozen=True, slots=True)
class SceneReading:
    """What one look at the output found."""

    piece: int  # number of the piece that was looked at
    at: float  # seconds from the start of the recording
    texts: tuple[ImageText, ...]
    aside: bool = False  # whether only the picture after it was worth a look, and it was read because of that


@dataclass(frozen=True, slots=True)
class Sight:
    """How the pictures that were looked at lie in the source."""

    left: int  # of their upper left corner, in pixels of the source
    top: int
    kept: Box  # the kept image, in pixels of the source
    zero: int  # presentation time at which the recording begins, in ticks of the source
    first: int  # of the first frame that could be decoded; later where a group of frames is cut
    last: int  # of the last frame
    time_base: Fraction  # seconds per tick of the source

    def tick(self, at: float) -> int:
        """The source's time ``at`` seconds from the start of the recording."""
        return self.zero + round(at / self.time_base)

    def covering(self, box: Box) -> Box | None:
        """What to blank because of text in ``box`` of a picture; None if nothing of it is kept."""
        moved = Box(box.x + self.left, box.y + self.top, box.width, box.height)
        return fitted(moved, TEXT_MARGIN, self.kept)

    def beside(self, lines: Sequence[Box]) -> Box:
        """All of the kept image that is at the height of the lines, and a little above and below."""
        around, more = hull(lines), _LINES_BESIDE * max(line.height for line in lines)
        top = max(0, around.y - more)
        return Box(self.kept.x - self.left, top, self.kept.width, around.bottom + more - top)


def texts_in(found: Iterable[FoundText], tokens: Collection[str]) -> tuple[ImageText, ...]:
    """Which of the lines that OCR found in a picture of the output are text.

    Short words count where something else in the picture is text.

    Args:
        found: the lines, whatever their confidence.
        tokens: what was read about the patient.
    """
    lines = [line for line in found if line.confidence >= _SUSPICIOUS]
    kinds = [looks_like_identity(line.text) for line in lines]
    matching = [matches_known(line.text, tokens) for line in lines]
    # OCR has to be sure of what is text only by its length.
    letters = [_letters_of(line) if line.confidence >= _SURE else 0 for line in lines]
    judged = list(zip(lines, kinds, matching, letters, strict=True))
    if not any(kind or known or count >= _LETTERS for _, kind, known, count in judged):
        return ()
    return tuple(
        ImageText(line.box, line.text, kind or "words", known)
        for line, kind, known, count in judged
        if kind or known or count >= _SHORT
    )


def _letters_of(line: FoundText) -> int:
    return sum(c.isalnum() for c in line.text)


def has_traces(before: Picture, picture: Picture, found: Iterable[FoundText]) -> bool:
    """Whether the text that was found in a picture may be, however faint, in the one right before as well.

    Strokes come out where a pixel differs from both its sides. Where those of the two pictures are alike
    in a box, the text may be there already, fainter than anybody can read; or both show the same tissue.

    Args:
        before: H×W luma.
        picture: the same of the picture that OCR has read.
        found: the lines that were found in ``picture``, whatever their confidence.
    """
    boxes = (line.box for line in found if line.confidence >= _SUSPICIOUS)
    return before.shape != picture.shape or any(_alike(before[b.slices], picture[b.slices]) for b in boxes)


def _alike(part: Picture, other: Picture) -> bool:
    one, two = (_strokes(p.astype(np.float32)) for p in (part, other))
    if not one.size:
        return True  # too narrow to say
    size = float(np.sqrt((one * one).sum() * (two * two).sum()))
    return size > 0 and float((one * two).sum()) > _TRACE * size


def _strokes(part: NDArray[np.float32]) -> NDArray[np.float32]:
    return 2 * part[:, 2:-2] - part[:, 4:] - part[:, :-4]


def text_covers(readings: Sequence[SceneReading], sight: Sight) -> tuple[Cover, ...]:
    """Blanks each text from the look before it to the look after it; all that is beside it on a screen.

    Text that is at another place in the next look has moved: everything between the two is blanked.
    """
    covers = []
    for reading, since, until in _with_neighbours(readings, sight):
        found = [text.box for text in reading.texts]
        boxes = map(sight.covering, [sight.beside(found)] if len(found) >= _SCREEN else found)
        covers += [Cover(box, since, until) for box in boxes if box is not None]
    # A text is not taken for gone because it was not found right before another was.
    for one, other in pairwise(look for look in _in_order(readings) if look.texts or not look.aside):
        for box in _ways(one, other):
            if (way := sight.covering(box)) is not None:
                covers.append(Cover(way, sight.tick(one.at), sight.tick(other.at)))
    return tuple(covers)


def whole_covers(readings: Sequence[SceneReading], sight: Sight) -> tuple[Cover, ...]:
    """Blanks the whole image from the look before any text to the look after it."""
    return tuple(
        Cover(None, since, until)
        for reading, since, until in _with_neighbours(readings, sight)
        if reading.texts
    )


def text_findings(readings: Iterable[SceneReading], done: str, severity: Severity) -> tuple[Finding, ...]:
    """What was found and ``done`` about it, in words that do not repeat it."""
    found = [_finding(reading, done, severity) for reading in readings if reading.texts]
    return condensed(found, gap=1.5 * LOOK_SECONDS)


def _finding(reading: SceneReading, done: str, severity: Severity) -> Finding:
    if any(text.known for text in reading.texts):
        detail = f"Text that was read in the overlay is also inside the image; {done}"
        return Finding("identity_in_image", severity, detail, start=reading.at)
    # A date says more than the words beside it.
    kinds = sorted({text.kind for text in reading.texts}, key=lambda kind: (kind == "words", kind))
    return Finding(
        "text_in_image", severity, f"There is text inside the image ({kinds[0]}); {done}", start=reading.at
    )


def _in_order(readings: Iterable[SceneReading]) -> list[SceneReading]:
    return sorted(readings, key=lambda reading: reading.at)


def _with_neighbours(
    readings: Sequence[SceneReading], sight: Sight
) -> Iterator[tuple[SceneReading, int, int]]:
    """Each look with the times of the looks before and after it."""
    looks = _in_order(readings)
    times = [sight.first, *(sight.tick(look.at) for look in looks), sight.last]
    for number, look in enumerate(looks):
        yield look, times[number], times[number + 2]


def _ways(one: SceneReading, other: SceneReading) -> Iterator[Box]:
    """Where text was between two looks that saw it at different places."""
    for text in one.texts:
        for later in other.texts:
            if not text.box.overlaps(later.box) and same_name(text.text, later.text):
                yield hull((text.box, later.box))
