"""``endoreg status`` and ``endoreg review``: what is where, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from endoreg_db.cli.output import Output, printable, table

if TYPE_CHECKING:
    from endoreg_db.services.catalog import RecordSummary


def status(
    output: Output,
    state: Annotated[
        str | None,
        typer.Option("--state", help="Only records in this state, e.g. `failed`.", show_default=False),
    ] = None,
) -> None:
    """List all records: where each stands, where its safe file is, and why there is none."""
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.models import State
    from endoreg_db.services import catalog

    if state is not None and state not in State.values:
        raise typer.BadParameter(f"{state!r} is no state; there are {', '.join(State.values)}")
    found = catalog.summaries(store, state=None if state is None else State(state))
    if output.flags.as_json:
        for summary in found:
            output.result(summary.as_json())
        return
    rows = [(s.state, s.kind, s.uuid, s.source or "-", s.output or why(s)) for s in found]
    if rows:
        output.result({}, table(("STATE", "KIND", "UUID", "SOURCE", "OUTPUT, OR WHY NONE"), rows))
    else:
        output.say("No records." if state is None else f"No records are {state}.")


def review(output: Output) -> None:
    """List what waits for a person's decision, and why the intake was not sure."""
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.models import State
    from endoreg_db.services import catalog

    waiting = list(catalog.summaries(store, state=State.NEEDS_REVIEW))
    for summary in waiting:
        data: dict[str, Any] = {**summary.as_json(), "findings": summary.findings}
        reasons = "\n".join(f"    {printable(reason)}" for reason in reasons_of(summary))
        output.result(data, f"{summary.uuid}  {printable(summary.source or '-')}\n{reasons}")
    if waiting:
        output.say(
            "\nLook: endoreg show UUID. Decide: endoreg approve UUID, or endoreg reject UUID --reason TEXT."
        )
    else:
        output.say("Nothing waits for review.")


def why(summary: RecordSummary) -> str:
    """Why a record has no published file, in one line."""
    if summary.state == "needs_review":
        return "; ".join(reasons_of(summary)) or "-"
    return "-" if summary.error is None else summary.error["message"]


def reasons_of(summary: RecordSummary) -> list[str]:
    """What a person has to look at."""
    return [finding["detail"] for finding in summary.findings if finding["severity"] != "note"]
