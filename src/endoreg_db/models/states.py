"""The states of a record and the only transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db import models


class State(models.TextChoices):
    """Where a record stands; see the contract's safety rule."""

    RECEIVED = "received", "known, not worked on"
    PROCESSING = "processing", "an attempt holds the lease"
    PUBLISHED = "published", "de-identified, verified, output written"
    RELEASED = "released", "approved for export"
    NEEDS_REVIEW = "needs_review", "work done but unsure: a protected candidate waits for a person"
    REJECTED = "rejected", "a person decided against it"
    FAILED = "failed", "may be retried"
    QUARANTINED = "quarantined", "not retried until it changes or a person says so"
    ERASED = "erased", "content and identity removed on request"


#: From each state to those that may follow. ``processing`` follows itself when a new worker takes
#: over from one that died: the record never left the state, only the fencing token has grown.
TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.RECEIVED: frozenset({State.PROCESSING, State.FAILED, State.QUARANTINED, State.ERASED}),
        State.PROCESSING: frozenset(
            {
                State.PROCESSING,
                State.PUBLISHED,
                State.NEEDS_REVIEW,
                State.FAILED,
                State.QUARANTINED,
            }
        ),
        # ``failed`` only when recovery finds the published file gone: it can be made again.
        State.PUBLISHED: frozenset({State.RELEASED, State.REJECTED, State.FAILED, State.ERASED}),
        State.RELEASED: frozenset({State.REJECTED, State.FAILED, State.ERASED}),
        State.NEEDS_REVIEW: frozenset(
            {State.PUBLISHED, State.REJECTED, State.PROCESSING, State.FAILED, State.ERASED}
        ),
        State.REJECTED: frozenset({State.PROCESSING, State.ERASED}),
        State.FAILED: frozenset({State.PROCESSING, State.QUARANTINED, State.FAILED, State.ERASED}),
        State.QUARANTINED: frozenset({State.PROCESSING, State.FAILED, State.QUARANTINED, State.ERASED}),
        State.ERASED: frozenset(),
    }
)

#: The only states in which a published file may exist.
REACHABLE = frozenset({State.PUBLISHED, State.RELEASED})

#: A new import of known content in one of these states ends at once with the existing record.
SETTLED = frozenset({State.PUBLISHED, State.RELEASED, State.NEEDS_REVIEW, State.REJECTED, State.ERASED})

#: In the others there is something to do.
UNSETTLED = frozenset(State) - SETTLED


def may_follow(current: State, new: State) -> bool:
    """Whether a record in state ``current`` may move to ``new``."""
    return new in TRANSITIONS[current]


def sources_of(new: State) -> frozenset[State]:
    """The states from which ``new`` can be reached in one step."""
    return frozenset(state for state, following in TRANSITIONS.items() if new in following)
