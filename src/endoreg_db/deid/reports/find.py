"""Finding identity in a report: the story of all rules, from pages to hits.

Order does not matter for safety: every rule looks at every word, and one rule is enough. It matters
for what is known: the labels are read first, and what they name is then looked for everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Finding
from endoreg_db.deid.reports.day_lists import day_list_marks
from endoreg_db.deid.reports.doubts import kept_doubts
from endoreg_db.deid.reports.formats import format_marks
from endoreg_db.deid.reports.grow import grown_marks
from endoreg_db.deid.reports.headers import headed_values
from endoreg_db.deid.reports.house import house_marks
from endoreg_db.deid.reports.label_values import PEOPLE
from endoreg_db.deid.reports.labels import Labelled, labelled_marks, labels_of
from endoreg_db.deid.reports.marks import Mark, merged
from endoreg_db.deid.reports.people import people_marks
from endoreg_db.deid.reports.phrases import phrase_marks
from endoreg_db.deid.reports.propagate import Known, gather, known_marks
from endoreg_db.deid.reports.reading import read_identity
from endoreg_db.deid.reports.recognisers import Recogniser, load_recogniser, recogniser_marks
from endoreg_db.deid.reports.sheets import Sheet, lay_out
from endoreg_db.deid.reports.stickers import sticker_values
from endoreg_db.deid.reports.strangers import stranger_marks
from endoreg_db.deid.reports.words import FindIdentity, Findings, KnownIdentity, Page
from endoreg_db.deid.reports.zones import zone_marks

_NUMBERS = frozenset(
    [
        "case_number",
        "patient_number",
        "order_number",
        "insurance_number",
        "insurer_number",
        "tax_number",
        "staff_number",
        "serial_number",
        "iban",
    ]
)
#: Rules whose finds are sure enough to be looked for everywhere else.
_TEACHERS = frozenset({"salutation", "first_name", "cue", "day_list"})


def finder(recogniser: str) -> FindIdentity:
    """:func:`find_identity` with the recogniser of that name, or without it if it is not to be had.

    Raises:
        ValueError: there is no recogniser of that name.
    """
    loaded, trouble = load_recogniser(recogniser)

    def find(pages: Sequence[Page], known: KnownIdentity) -> Findings:
        findings = find_identity(pages, known, recogniser=loaded)
        return replace(findings, doubts=(*trouble, *findings.doubts))

    return find


def find_identity(
    pages: Sequence[Page], known: KnownIdentity, *, recogniser: Recogniser | None = None
) -> Findings:
    """Find everything in a report that identifies anybody.

    Pure but for the recogniser. Not guaranteed: names of relatives that stand in a sentence without any
    cue and are in no list; such words raise the doubt ``unknown_words`` instead.

    Args:
        pages: the whole report.
        known: what is known from elsewhere.
        recogniser: an entity recogniser that looks beside the built-in rules; if it fails, they stand
            alone, and a doubt says so.
    """
    seen = [lay_out(page) for page in pages]
    sheets = [*seen, *(sheet for page in pages if (sheet := lay_out(page, hidden=True)).rows)]
    labels = [labels_of(sheet) for sheet in sheets]
    labelled = [*labelled_marks(sheets, labels), *sticker_values(sheets, labels)]
    labelled += headed_values(sheets, labels, labelled)
    people = [*people_marks(sheets), *day_list_marks(sheets)]
    identity, doubts = read_identity(labelled, sheets, labels)
    marks = [*(found.mark for found in labelled), *format_marks(sheets), *people, *zone_marks(sheets, labels)]
    marks += phrase_marks(sheets)
    marks += house_marks(sheets, known.house)
    recognised, failed = recogniser_marks(sheets, recogniser)
    marks += recognised
    marks += known_marks(sheets, _known(labelled, people, identity, known))
    strangers, unsure = stranger_marks(sheets, _places(marks))
    marks += strangers
    marks += grown_marks(sheets, _places(marks))
    kept = kept_doubts(seen, labels, _places(marks))
    doubts = (*doubts, *failed, *_unsure_words(seen, unsure), *kept)
    return Findings(merged(marks, sheets), identity, doubts)


def _known(
    labelled: Sequence[Labelled], people: Sequence[Mark], identity: Identity, known: KnownIdentity
) -> Known:
    names = [found.mark.value for found in labelled if found.label in PEOPLE]
    names += [mark.value for mark in people if mark.kind == "name" and mark.reason in _TEACHERS]
    numbers = [found.mark.value for found in labelled if found.mark.kind in _NUMBERS]
    read = identity.values()
    patients = [(read["first_name"] or "", read["last_name"] or "")]
    return gather(names, numbers, known, patients)


def _places(marks: Sequence[Mark]) -> frozenset[tuple[int, int]]:
    """Page and word of everything that is marked."""
    return frozenset((mark.page, word) for mark in marks for token in mark.tokens for word in token.words)


def _unsure_words(sheets: Sequence[Sheet], unsure: Mapping[int, int]) -> list[Finding]:
    """A doubt for each page on which capitalised words stay that are in no list."""
    return [
        Finding(
            "unknown_words",
            "review",
            f"Page {sheets[page].page.number} keeps {count} capitalised words that are in no list.",
        )
        for page, count in unsure.items()
        if page < len(sheets)  # what is hidden stays nowhere
    ]
