from __future__ import annotations

import pytest

from endoreg_db.models.states import REACHABLE, SETTLED, TRANSITIONS, State, may_follow, sources_of


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(State)


def test_a_record_becomes_published_only_by_an_attempt_or_by_a_person_in_review() -> None:
    assert sources_of(State.PUBLISHED) == {State.PROCESSING, State.NEEDS_REVIEW}


def test_a_published_record_is_never_worked_on_again() -> None:
    assert not any(may_follow(state, State.PROCESSING) for state in REACHABLE)


def test_release_needs_publication_first() -> None:
    assert sources_of(State.RELEASED) == {State.PUBLISHED}


def test_erasure_is_final() -> None:
    assert not TRANSITIONS[State.ERASED]
    assert all(may_follow(state, State.ERASED) for state in set(State) - {State.ERASED, State.PROCESSING})


@pytest.mark.parametrize("state", [State.FAILED, State.QUARANTINED, State.RECEIVED])
def test_what_went_wrong_is_not_settled(state: State) -> None:
    assert state not in SETTLED
    assert may_follow(state, State.PROCESSING)
