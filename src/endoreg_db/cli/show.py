"""``endoreg show``: all about one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endoreg_db.cli.output import Output, details, indented, printable, shell_word

if TYPE_CHECKING:
    from datetime import datetime

    from endoreg_db.models import MediaFile
    from endoreg_db.services.details import AttemptSummary, EventSummary, RecordDetails
    from endoreg_db.services.store import Store


def show(
    output: Output,
    uuid: Annotated[str, typer.Argument(metavar="UUID", help="The record.", show_default=False)],
    identity: Annotated[
        bool,
        typer.Option(
            "--identity", help="Also print what was read of the patient. That you looked is recorded."
        ),
    ] = False,
) -> None:
    """Show one record: where it stands and why, every attempt, and who did what to it."""
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.services.catalog import find_record
    from endoreg_db.services.details import details as details_of

    record = find_record(uuid)
    values = _read_identity(store, record) if identity else {}
    found = details_of(store, record)
    output.result({**_as_json(found), **values}, _as_text(found, values))


def _read_identity(store: Store, record: MediaFile) -> Mapping[str, str | None]:
    """Every field of the identity, None where it was not read; the look is recorded."""
    from endoreg_db.deid.identity import Identity
    from endoreg_db.services import identity_records

    sensitive = identity_records.show_identity(store.sealer, record)
    return {**Identity().values(), **({} if sensitive is None else sensitive.values)}


def _as_json(found: RecordDetails) -> dict[str, Any]:
    return {
        **found.summary.as_json(),
        "center": found.center,
        "pseudonym": found.pseudonym,
        "processor": found.processor,
        "device_source": found.device_source,
        "proposal": None if found.proposal is None else str(found.proposal),
        "frames": found.frames,
        "pages": found.pages,
        "duration": found.duration,
        "encoder": found.encoder,
        "original_kept": found.original_kept,
        "findings": found.summary.findings,
        "history": [_plain(asdict(attempt)) for attempt in found.attempts],
        "events": [_plain(asdict(event)) for event in found.events],
    }


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with times in ISO 8601 and paths as text."""
    return {
        name: value if value is None or isinstance(value, str | int | dict) else _text_of(value)
        for name, value in fields.items()
    }


def _text_of(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def _as_text(found: RecordDetails, identity: Mapping[str, str | None]) -> str:
    summary = found.summary
    blocks = [
        f"{summary.kind} {summary.uuid}: {summary.state}",
        details(
            [
                ("safe file", summary.output),
                ("source", summary.source),
                ("center", found.center),
                ("pseudonym", found.pseudonym),
                ("processor", _device(found)),
                ("proposal", found.proposal),
                ("pictures", found.frames),
                ("pages", found.pages),
                ("seconds", None if found.duration is None else f"{found.duration:.2f}"),
                ("encoder", found.encoder),
                ("original", "kept, encrypted" if found.original_kept else "not kept"),
                ("sha256", summary.sha256),
            ]
        ),
    ]
    if identity:
        read = [(name.replace("_", " "), value or "not read") for name, value in identity.items()]
        blocks += ["read of the patient (that you looked is recorded)", details(read)]
    if summary.findings:
        blocks += ["findings", indented(*map(_finding_line, summary.findings))]
    blocks += ["attempts", indented(*map(_attempt_line, found.attempts))]
    if found.events:
        blocks += ["events", indented(*map(_event_line, found.events))]
    if next_steps := _next_steps(found):
        blocks += ["next", indented(*next_steps)]
    return "\n".join(blocks)


def _device(found: RecordDetails) -> str | None:
    """The device, and how it is known unless somebody named it."""
    if found.device_source == "recognised":
        return f"{found.processor} (recognised from the picture)"
    return "not recognised, a profile is proposed" if found.device_source == "proposed" else found.processor


def _finding_line(finding: Mapping[str, Any]) -> str:
    start, end = finding.get("start"), finding.get("end")
    when = "" if start is None else f" ({start:.1f} s)"
    if start is not None and end is not None:
        when = f" ({start:.1f} to {end:.1f} s)"
    return printable(f"{finding['severity']}: {finding['detail']}{when}")


def _attempt_line(attempt: AttemptSummary) -> str:
    line = f"{_moment(attempt.started_at)}  {attempt.outcome} on {attempt.host}"
    if attempt.error is not None:
        line += f", {attempt.error['type']} in {attempt.step}: {attempt.error['message']}"
    return printable(line)


def _event_line(event: EventSummary) -> str:
    detail = f": {event.detail}" if event.detail else ""
    return printable(f"{_moment(event.at)}  {event.action} by {event.actor}{detail}")


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _next_steps(found: RecordDetails) -> list[str]:
    state, uuid = found.summary.state, found.summary.uuid
    reject = f"endoreg reject {uuid} --reason TEXT"
    if state == "needs_review":
        steps = [f"endoreg approve {uuid}", reject]
        if found.proposal is not None:
            checked = f"endoreg device add {shell_word(found.proposal)}   (once you have checked it)"
            steps = [checked, f"endoreg retry {uuid}   (with that profile)", *steps]
        return steps
    if state == "published":
        return [f"endoreg approve {uuid}   (release it for export)", reject]
    return [f"endoreg retry {uuid}"] if state in ("failed", "quarantined", "rejected") else []
