"""``endoreg approve`` and ``endoreg reject``: a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from endoreg_db.cli.output import Output, details

if TYPE_CHECKING:
    from endoreg_db.models import MediaFile
    from endoreg_db.services.store import Store


def approve(
    output: Output,
    uuid: Annotated[
        str, typer.Argument(metavar="UUID", help="A record that you have looked at.", show_default=False)
    ],
) -> None:
    """Approve a record: what waited for review is published, what is published is released for export."""
    store, record = _find(uuid)
    from endoreg_db.services import review
    from endoreg_db.services.identity_records import current_actor

    _report(output, store, review.approve(store, record, actor=current_actor()))


def reject(
    output: Output,
    uuid: Annotated[str, typer.Argument(metavar="UUID", help="The record.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with your name.")],
) -> None:
    """Reject a record: its output is destroyed; the original stays, encrypted, if it was kept."""
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    store, record = _find(uuid)
    from endoreg_db.services import review
    from endoreg_db.services.identity_records import current_actor

    _report(output, store, review.reject(store, record, actor=current_actor(), reason=reason))


def _find(uuid: str) -> tuple[Store, MediaFile]:
    from endoreg_db.cli.session import open_session

    store = open_session()
    from endoreg_db.services import catalog

    return store, catalog.find_record(uuid)


def _report(output: Output, store: Store, record: MediaFile) -> None:
    from endoreg_db.services import catalog

    summary = catalog.summary(store, record)
    if output.flags.as_json:
        output.result(summary.as_json())
    else:
        output.say(f"{summary.state}: {summary.uuid}")
        if summary.output is not None:
            output.say(details([("safe file", summary.output)]))
