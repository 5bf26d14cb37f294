"""A word of running text and what stands around it: what the rules about names ask of its neighbours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from endoreg_db.deid.reports.sheets import Token
from endoreg_db.deid.reports.vocabulary import cue_keys, is_eponym, is_role

_SORTS: Final = cue_keys("sorts")
_ENGLISH_ROLES: Final = cue_keys("english_roles")
_SHIFTS: Final = cue_keys("shifts")
_NAMED_AFTER: Final = cue_keys("named_after")
_LONGEST_SIGN: Final = 6  # letters of an abbreviation of capitals


@dataclass(frozen=True, slots=True)
class Place:
    """A word of running text, and what stands around it."""

    flow: Sequence[Token]
    index: int
    named: Collection[int]  # indices into the flow of tokens that are taken for names
    sure: Collection[int]  # of these, the ones that something said to be names

    @property
    def token(self) -> Token:
        """The word itself."""
        return self.flow[self.index]

    @property
    def before(self) -> Token | None:
        """The token before it in the same clause; None at the beginning of a sentence."""
        before = self.flow[self.index - 1] if self.index else None
        return None if before is None or ends_sentence(before) else before

    @property
    def after(self) -> Token | None:
        """The token behind it in the same clause."""
        ends = self.token.ends_clause or self.index + 1 == len(self.flow)
        return None if ends else self.flow[self.index + 1]

    @property
    def is_behind_initial(self) -> bool:
        """Whether a first name's initial stands before it (``P. Weiß``), and not ``M. Crohn``."""
        before = self.before
        return (
            before is not None
            and before.is_initial
            and before.text.endswith(".")
            and not (before.core == "M" and is_eponym(self.token.core))
            and not is_sort(self.flow, self.index - 1)
        )

    @property
    def is_behind_role(self) -> bool:
        """Whether it stands directly behind what a person is (``Pastor Horn``, ``Nachbarin Weiß``)."""
        before = self.before
        if before is None or not before.text[-1:].isalpha():
            return False
        return is_role(before.core) or before.key in _ENGLISH_ROLES | _SHIFTS

    @property
    def is_named_after(self) -> bool:
        """Whether it stands directly behind what is called after somebody or some place (``Labor Kern``)."""
        before = self.before
        return before is not None and before.text[-1:].isalpha() and before.key in _NAMED_AFTER

    @property
    def beside_name(self) -> bool:
        """Whether what is taken for a name stands directly before or behind it."""
        return self._beside(self.named)

    @property
    def beside_sure_name(self) -> bool:
        """Whether what something said to be a name stands directly before or behind it."""
        return self._beside(self.sure)

    @property
    def ends_name(self) -> bool:
        """Whether it stands directly behind a name, with nothing between."""
        before = self.before
        return before is not None and self.index - 1 in self.named and before.text[-1:].isalpha()

    @property
    def is_listed(self) -> bool:
        """Whether names stand before it in the same list: ``mit Graf, Kern und Stein``."""
        before = self.before
        if before is None:
            return False
        if before.key in ("und", "sowie", "and"):
            return self.index - 2 in self.named
        return before.text.endswith(",") and self.index - 1 in self.named and self.index - 2 not in self.named

    def _beside(self, named: Collection[int]) -> bool:
        last = self.token.text[-1:]
        behind = self.index + 1 in named and (last.isalpha() or last in ",./")
        ahead = self.index - 1 in named and self.before is not None
        return behind or (ahead and not self.flow[self.index - 1].text.endswith((";", ":")))


def ends_sentence(token: Token) -> bool:
    """Whether what follows begins anew, so that its capital says nothing."""
    return token.ends_clause or token.text.endswith(":") or token.text in ("-", "–", "•", "*", "|", "·")


def is_sort(flow: Sequence[Token], index: int) -> bool:
    """Whether a single letter says which sort something is (``Vitamin D.``, ``Typ B``), and is no initial."""
    return index > 0 and flow[index - 1].key in _SORTS


def is_sign(token: Token) -> bool:
    """Whether it is an abbreviation of capitals, as ``EKG`` or ``SpO``."""
    letters = [c for c in token.core if c.isalpha()]
    capitals = sum(c.isupper() for c in letters)
    return len(letters) <= _LONGEST_SIGN and capitals >= 2 and capitals >= len(letters) - 1
