"""The report pass, told step by step: read every page, find identity, rebuild, look again.

One page is worked on at a time. What is kept in memory of the others is their words and boxes; their
pictures are drawn anew when they are written, so that memory does not grow with the pages.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import cv2
import pypdfium2 as pdfium

from endoreg_db.deid.messages import Finding, Message, Progress, ReportDone, ReportTask
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.document import is_whole, open_report, user_units
from endoreg_db.deid.pdf.plain_text import PAGE_BREAK, page_text
from endoreg_db.deid.pdf.read import Sheet, draw_beneath, draw_sheet, read_page
from endoreg_db.deid.pdf.rebuild import Plan, new_page, plan_page
from endoreg_db.deid.pdf.unpacked import has_damaged_parts
from endoreg_db.deid.pdf.verify import tells, verify
from endoreg_db.deid.pdf.writer import PdfWriter
from endoreg_db.deid.reports.date_shift import MovedWords, moved_words
from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.vocabulary import is_mere_word
from endoreg_db.deid.reports.words import FindIdentity, Findings, KnownIdentity
from endoreg_db.errors import CorruptMediaError, DeidentificationError

Say = Callable[[Message], None]

CANDIDATE, TEXT = "candidate.pdf", "candidate.txt"


def deidentify_report(
    task: ReportTask,
    say: Say,
    find: FindIdentity,
    *,
    reader: TextReader | None = None,
    on_open: Callable[[int], None] | None = None,
    days_of: Callable[[Findings], int | None] | None = None,
) -> ReportDone:
    """Read, blank and rebuild one report, and look at the result.

    Args:
        task: what to do.
        say: told how far it is.
        find: finds identity in the words of the pages.
        reader: an OCR engine; one of its own if not given.
        on_open: told the number of pages before any of them is read.
        days_of: asked by how many days the patient's dates are moved; None removes them, as they are if it
            is not given.

    Raises:
        UnsupportedMediaError, CorruptMediaError: the PDF cannot be worked on; says why.
    """
    cv2.setNumThreads(1)
    timings: dict[str, float] = {}
    work_dir = Path(task.work_dir)
    with ExitStack() as opened:
        with _timed(timings, "probe"):
            document = opened.enter_context(open_report(task.source, task.password))
            count, units = len(document), user_units(task.source)
            of_file = tuple(_of_file(task, count, len(units)))
        if on_open is not None:
            on_open(count)
        reader = reader or TextReader()
        with _timed(timings, "read"):
            sheets = list(_read(document, reader, say))
        _check_readable(sheets)
        with _timed(timings, "find"):
            say(Progress("find", 0, len(sheets)))
            findings = find([sheet.page for sheet in sheets], _known(task, sheets))
            tokens = tokens_of(findings, (*task.names, *task.dates, *task.numbers))
            plans, of_dates = _planned(sheets, findings, tokens, days_of)
        with _timed(timings, "rebuild"):
            _rebuild(document, plans, units, work_dir / CANDIDATE, say)
            _write_text(plans, findings, work_dir / TEXT)
        with _timed(timings, "verify"):
            say(Progress("verify", 0, len(plans)))
            files = (work_dir / CANDIDATE, work_dir / TEXT)
            verification = verify(*files, plans, tokens, reader, partial(draw_sheet, document))
    return ReportDone(
        candidate=str(work_dir / CANDIDATE),
        text=str(work_dir / TEXT),
        pages=count,
        pages_scanned=sum(sheet.scanned for sheet in sheets),
        words_removed=sum(len(plan.hit) for plan in plans),
        identity=findings.identity,
        findings=(*of_file, *_of_pages(sheets), *findings.doubts, *of_dates),
        verification=verification,
        timings=timings,
    )


def _read(document: pdfium.PdfDocument, reader: TextReader, say: Say) -> Iterator[Sheet]:
    total = len(document)
    for index in range(total):
        say(Progress("read", index, total))
        yield read_page(document, index, reader)


def _of_file(task: ReportTask, count: int, counted: int) -> Iterator[Finding]:
    """What a person should know about the file, in which PDFium counts so many pages and pypdf so many."""
    if counted not in (0, count):  # 0: pypdf cannot read it
        text = f"The file has {count} pages or {counted}, depending on who counts; some may be missing"
        yield Finding("pages_unsure", "review", text)
    if not is_whole(task.source):
        yield Finding("cut_off", "review", "The file has lost its end; pages may be missing")
    if has_damaged_parts(task.source):
        yield Finding(
            "damaged_part", "review", "A part of the file is damaged; what it showed may be missing"
        )


def _check_readable(sheets: Sequence[Sheet]) -> None:
    """A report without a word is not anonymous but unread."""
    if not any(word.source != "hidden" for sheet in sheets for word in sheet.page.words):
        raise CorruptMediaError(
            "No word can be read in the report: its pages are blank or their pictures unreadable",
            advice="Look at the file; scan it again, or export it from the program that made it.",
        )


def _known(task: ReportTask, sheets: Sequence[Sheet]) -> KnownIdentity:
    """What is known beforehand; what a bar code says is a number of the case or of the patient."""
    codes = tuple(code for sheet in sheets for code in sheet.codes)
    return KnownIdentity(task.names, task.dates, (*task.numbers, *codes), task.file_name, task.house)


def _moved(
    sheets: Sequence[Sheet], findings: Findings, days: int, tokens: Collection[str]
) -> Mapping[int, list[MovedWords]]:
    """Number of a page → dates that are moved on it."""
    moved: defaultdict[int, list[MovedWords]] = defaultdict(list)
    pages = [sheet.page for sheet in sheets]
    for date in moved_words(pages, findings, days, lambda text: tells(text, tokens)):
        moved[date.page].append(date)
    return moved


def _planned(
    sheets: Sequence[Sheet],
    findings: Findings,
    tokens: Collection[str],
    days_of: Callable[[Findings], int | None] | None,
) -> tuple[list[Plan], tuple[Finding, ...]]:
    """What happens to each page, and what a person should know about the dates."""
    if days_of is None:
        return _plans(sheets, findings, {}), ()
    days = days_of(findings)
    if days is None:
        text = "It is not sure enough whom the report is about, so its dates were removed, not moved"
        return _plans(sheets, findings, {}), (Finding("dates_removed", "note", text),)
    plans = _plans(sheets, findings, _moved(sheets, findings, days, tokens))
    count = sum(len(plan.moved) for plan in plans)
    return plans, (
        Finding("dates_moved", "note", f"Moved by the patient's own number of days: {count} dates"),
    )


def _plans(
    sheets: Sequence[Sheet], findings: Findings, moved: Mapping[int, Sequence[MovedWords]]
) -> list[Plan]:
    hits: defaultdict[int, set[int]] = defaultdict(set)
    for hit in findings.hits:
        hits[hit.page].update(hit.words)
    plans = []
    for sheet in sheets:
        words = hits.pop(sheet.page.number, set())
        if words and not 0 <= min(words) <= max(words) < len(sheet.page.words):
            raise DeidentificationError("The finder named words that are not there")
        plans.append(plan_page(sheet, words, moved.get(sheet.page.number, ())))
    if hits:
        raise DeidentificationError("The finder named pages that are not there")
    return plans


def _rebuild(
    document: pdfium.PdfDocument, plans: Sequence[Plan], units: Sequence[float], target: Path, say: Say
) -> None:
    fitting = units if len(units) == len(plans) else [1.0] * len(plans)
    with target.open("xb") as file:
        with PdfWriter(file) as writer:
            for index, plan in enumerate(plans):
                say(Progress("rebuild", index, len(plans)))
                beneath = draw_beneath(document, plan.sheet) if plan.crossed else None
                writer.add(new_page(plan, draw_sheet(document, plan.sheet), beneath, fitting[index]))
        _sync(file.fileno(), file.flush)


def _write_text(plans: Sequence[Plan], findings: Findings, target: Path) -> None:
    kinds: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for hit in findings.hits:
        kinds[hit.page].update(dict.fromkeys(hit.words, hit.kind))
    with target.open("x", encoding="utf-8", newline="\n") as file:
        file.write(PAGE_BREAK.join(page_text(plan, _of_page(kinds, plan)) for plan in plans))
        _sync(file.fileno(), file.flush)


def _of_page(kinds: Mapping[int, dict[int, str]], plan: Plan) -> dict[int, str]:
    return kinds.get(plan.sheet.page.number, {})


def _sync(descriptor: int, flush: Callable[[], None]) -> None:
    flush()
    os.fsync(descriptor)


def tokens_of(findings: Findings, known: Sequence[str] = ()) -> frozenset[str]:
    """What the finished file is searched for: names, days, and everything with at least six digits.

    What the caller has ``known`` is searched for whether or not it was found. What bar codes say is not: it
    may be any words.

    Not the words of addresses and institutions: some of them (Klinik, Weg) stand in any report. Nor those
    beside a name that are nobody's (``Ihre Patienten``).
    """
    read = {name: reading.value for name, reading in findings.identity.readings()}
    tokens = {read[name] for name in ("first_name", "last_name", "birth_date", "case_number") if name in read}
    for hit in findings.hits:
        words = hit.value.split()
        if "name" in hit.kind:
            tokens.add(" ".join(word for word in words if not is_mere_word(word)))
        if sum(c.isdigit() for c in hit.value) >= 6:
            tokens.add(" ".join(word for word in words if any(map(str.isdigit, word))))
        days = (day for day in find_days(hit.value) if day.kind == "full")
        tokens.update(reading.isoformat() for day in days for reading in day.readings)
    tokens.update(known)
    return frozenset(token for token in tokens if token.strip())


def _of_pages(sheets: Sequence[Sheet]) -> Iterator[Finding]:
    """One finding of each kind: a report of 500 pages has no use for 500 equal notes."""
    groups: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in (finding for sheet in sheets for finding in sheet.findings):
        groups[finding.code, finding.severity].append(finding)
    for same in groups.values():
        more = f" (and {len(same) - 1} more pages)" if len(same) > 1 else ""
        yield Finding(same[0].code, same[0].severity, f"{same[0].detail}{more}")


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - start
