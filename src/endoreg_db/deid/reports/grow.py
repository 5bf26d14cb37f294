"""What belongs to a name that was found: particles, nobility, second names, the rest of an address."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from endoreg_db.deid.reports.codes import is_medical_code
from endoreg_db.deid.reports.marks import Mark
from endoreg_db.deid.reports.names import LEADING, is_particle, is_title
from endoreg_db.deid.reports.places import is_sign, is_sort
from endoreg_db.deid.reports.sheets import Sheet, Token
from endoreg_db.deid.reports.vocabulary import (
    cue_keys,
    is_clinical,
    is_eponym,
    is_first_name,
    is_listed,
    is_loose_compound,
    is_only_clinical,
    is_role,
    name_risk,
)

_NOBLE: Final = cue_keys("noble")
_PREPOSITIONS: Final = frozenset({"von", "vom", "auf", "und"})
_ONCE: Final = cue_keys("once_named")
_FORMERLY: Final = cue_keys("formerly")
_BEFORE_PLACES: Final = cue_keys("before_places")
_INSIDE: Final = cue_keys("inside_places")
_INSIDE_TOWNS: Final = cue_keys("inside_towns")
_TOWN_ENDS: Final = cue_keys("town_ends")
_FIRM_ENDS: Final = cue_keys("firm_ends")
_COMPANIES: Final = cue_keys("companies")
_HOUSES_OF: Final = cue_keys("houses_of")
_CALLED: Final = cue_keys("called")
_OPENINGS: Final = cue_keys("surname_openings") - {"am", "im", "beim"}
_VERBS: Final = ("ete", "ierte", "elte", "erte", "gte")
_DOERS: Final = frozenset({"von", "durch", "by"})
_WHENCE: Final = frozenset({"aus", "auf", "an", "vor", "am", "vom"})
_BEFORE_LETTERS: Final = ("i.", "a.", "b.", "o.", "v.")
_BY_WATERS: Final = frozenset({"am", "ob"})  # ``Oberwil am See``
_WEEKDAYS: Final = cue_keys("weekdays")
_UNITS: Final = cue_keys("units")
_HOUSE: Final = re.compile(r"\d{1,4}(?:/\d{1,2})?\s?[a-hA-H]?[.,;)]*")
_CODE: Final = re.compile(r"[A-ZÄÖÜ]{1,3}[\-.]?\d{1,3}[a-zA-Z]?|\d{1,3}[A-Za-z]")
_CODE_INSIDE: Final = re.compile(r"[A-ZÄÖÜ]{1,2}[\-.]?\d{1,3}[a-zA-Z]?|\d{1,2}(?:[A-Za-z]|\.\d{1,2})")
_LONGEST_STREET: Final = 4  # words of a street's name
_LONGEST_ITEM: Final = 2  # words of an item of a list
_LONGEST_GAP: Final = 2  # tokens inside a name that are no part of it by themselves (``Hof am Rhein``)


def grown_marks(sheets: Sequence[Sheet], marked: Collection[tuple[int, int]]) -> list[Mark]:
    """Words that belong to others that are marked.

    Args:
        sheets: the pages.
        marked: page (its index) and word of everything that was found.
    """
    return [
        Mark("name", page, (flow[n],), flow[n].core, 0.5, "grown")
        for page, sheet in enumerate(sheets)
        for flow, end in _flows(sheet)
        for n in _grown(flow, end, {n for n, token in enumerate(flow) if _is_marked(page, token, marked)})
    ]


def _is_marked(page: int, token: Token, marked: Collection[tuple[int, int]]) -> bool:
    return any((page, word) in marked for word in token.words)


def _flows(sheet: Sheet) -> Iterator[tuple[tuple[Token, ...], int]]:
    """Each line with the ends of those before and behind that it continues, and where it ends itself."""
    for row in sheet.rows:
        above, following = sheet.before(row), sheet.continuation(row)
        lead = above.tokens[-_LONGEST_GAP:] if above is not None else ()
        more = following.tokens[:_LONGEST_GAP] if following is not None else ()
        yield (*lead, *row.tokens, *more), len(lead) + len(row.tokens)


def _grown(flow: Sequence[Token], end: int, marked: set[int]) -> set[int]:
    grown: set[int] = set()
    while more := {
        n
        for n in range(len(flow))
        if n not in marked | grown
        and (_belongs(flow, n, marked | grown) or _is_ward(flow, n, marked | grown, end))
    }:
        grown |= more
    return grown


def _belongs(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    token = flow[n]
    if not token.key or token.text.endswith(":"):
        return False
    behind = n + 1 in named and flow[n + 1].is_capitalised and not token.ends_clause
    ahead = n - 1 in named and (not flow[n - 1].ends_clause or flow[n - 1].key in _BEFORE_PLACES)
    if n + 1 in named and token.is_initial and not is_title(token) and not is_sort(flow, n):
        return True
    if (behind and _may_stand_before(token)) or (ahead and _follows(flow, n)):
        return True
    return any(belongs(flow, n, named) for belongs in _KINDS_OF_BELONGING)


def _follows(flow: Sequence[Token], n: int) -> bool:
    """Whether a word belongs to the name that stands right before it."""
    token, before = flow[n], flow[n - 1]
    if before.key in _BEFORE_PLACES and before.text.endswith(".") and token.is_name_shaped:
        return True  # ``St. Georgen``
    if token.key in _NOBLE or (token.key in _ONCE and _is_named(flow, n + 1)):
        return True
    if before.key in _ONCE and token.is_capitalised:
        return True
    return _is_called(flow, n) or _is_suffix(flow, n)


def _is_of_firm(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Busch & Partner``: what stands behind the sign between the names of a firm."""
    if n and n - 1 in named and flow[n].key in _COMPANIES and flow[n].is_capitalised:
        return flow[n - 1].is_name_shaped and flow[n - 1].text[-1:].isalpha()  # ``Ford Motor Company``
    if n < 2 or n - 2 not in named or not flow[n].is_capitalised:
        return False
    if flow[n - 1].text == "·":  # ``BAG Kratzer · Wende``
        return flow[n - 2].text[-1:].isalpha() and not is_only_clinical(flow[n].core)
    return flow[n - 1].text in ("&", "+") or (flow[n - 1].key in ("und", "and") and flow[n].key in _FIRM_ENDS)


def _is_once_named(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Klein gen.`` before ``Holtmann``."""
    token = flow[n]
    if token.key in _ONCE and token.text.endswith(".") and not token.ends_clause:
        return n > 0 and flow[n - 1].is_name_shaped and n + 1 in named and flow[n + 1].is_capitalised
    return n + 2 in named and flow[n + 1].key in _ONCE and token.is_name_shaped and flow[n + 2].is_capitalised


def _is_former(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Aigner, früher Pollard.``: what somebody was called, or lived of."""
    if n < 2 or flow[n - 1].key not in _FORMERLY or n - 2 not in named or not flow[n - 2].text.endswith(","):
        return False
    ends = n + 1 == len(flow) or not flow[n].text[-1:].isalpha()
    return ends and flow[n].is_name_shaped and not is_only_clinical(flow[n].core)


def _is_item(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Team: Friend; Gupta; Nils Fehér``: an item of a list in which the one beside it is somebody."""
    start = n
    while start and not _ends_item(flow, start - 1):
        start -= 1
    end = n + 1
    while end < len(flow) and not _ends_item(flow, end - 1):
        end += 1
    item = flow[start:end]
    if len(item) > _LONGEST_ITEM or not all(t.is_name_shaped and not is_only_clinical(t.core) for t in item):
        return False
    following = end < len(flow) and flow[end - 1].text.endswith(";") and _is_somebody_at(flow, end, named)
    last = start - 1
    return following or (start > 0 and flow[last].text.endswith(";") and _is_somebody_at(flow, last, named))


def _ends_item(flow: Sequence[Token], n: int) -> bool:
    return flow[n].text[-1:] in ";:"


def _is_somebody_at(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """Whether a word of an item is part of a name that was found, and no number or place of many words."""
    return n in named and flow[n].is_name_shaped and not is_clinical(flow[n].core)


def _is_home_of(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Tante Zoran in Rosengarten``: a word that may be a place, behind somebody and ``in``."""
    token = flow[n]
    if n < 2 or flow[n - 1].key not in ("in", "aus") or n - 2 not in named or flow[n - 2].ends_clause:
        return False
    if not token.is_name_shaped or is_clinical(token.core):
        return False
    return bool(name_risk(token.core) or is_loose_compound(token.core) or not is_listed(token.core))


def _may_stand_before(token: Token) -> bool:
    """Whether a word belongs to the name behind it: ``Bad``, ``Graf``, ``Labor``, ``AWO``."""
    if token.key in _BEFORE_PLACES | _NOBLE | _HOUSES_OF:
        return True
    return is_sign(token) and not is_listed(token.core) and token.text[-1:].isalpha()


def _is_town_of(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Praxis Dr. Sokolow, Leiberstung``: a word of no list behind somebody and a comma, ending a clause."""
    token = flow[n]
    if n - 1 not in named or not flow[n - 1].text.endswith(",") or not token.is_name_shaped:
        return False
    ends = n + 1 == len(flow) or token.text[-1:] in ",.;)"
    return ends and not is_sign(token) and not is_listed(token.core) and not is_clinical(token.core)


def _tells_town(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Kirchdorf i. W.``: the letters that tell a town from others of its name."""
    if n - 1 not in named:
        return False
    if flow[n].key in _BY_WATERS and flow[n - 1].is_capitalised and flow[n - 1].text[-1:].isalpha():
        return n + 1 < len(flow) and flow[n + 1].is_name_shaped and not is_clinical(flow[n + 1].core)
    if flow[n - 1].key in _BY_WATERS and n - 2 in named and flow[n - 2].is_capitalised:
        return flow[n].is_name_shaped and not is_clinical(flow[n].core)
    if flow[n].text in _BEFORE_LETTERS and flow[n - 1].is_capitalised and flow[n - 1].text[-1:].isalpha():
        return n + 1 < len(flow) and flow[n + 1].is_initial and flow[n + 1].core.isupper()
    return flow[n - 1].text in _BEFORE_LETTERS and flow[n].is_initial


def _opens_surname(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``(vom Stein)``, ``leitete die Bont``: a small word where a name begins, and nothing else can.

    No sentence begins with a small letter (``… of kin. in der Schmitten was told``).
    """
    token = flow[n]
    name = next((m for m in range(n + 1, min(len(flow), n + 3)) if flow[m].key not in _OPENINGS), n)
    if token.key not in _OPENINGS or token.ends_clause or name not in named or not flow[name].is_capitalised:
        return False
    before = flow[n - 1] if n else None
    if (
        before is None
        or before.key in _OPENINGS
        or (before.text.endswith(".") and before.core.islower() and token.core.islower())
        or token.text.startswith("(")
        or before.text.endswith(("(", ":", "/", "·"))
    ):
        return True
    if before.key in _DOERS and token.key in _WHENCE:
        return True  # ``von aus dem Moore``
    if before.text.endswith(")") and any(is_title(other) for other in flow[max(0, n - 4) : n - 1]):
        return True  # ``Dr. (RO) aus dem Moore``
    announced = is_role(before.core) or is_title(before) or (before.is_initial and before.text.endswith("."))
    return before.key.endswith(_VERBS) or announced


def _is_suffix(flow: Sequence[Token], n: int) -> bool:
    """``Koch II``, ``Koch sen.``, ``Ahornweg 7``: what only goes with what is before it."""
    token, before = flow[n], flow[n - 1]
    if (
        token.key in _TOWN_ENDS
        and token.is_capitalised
        and before.is_capitalised
        and before.text[-1:].isalpha()
    ):
        return True
    if re.fullmatch(r"[IVX]{1,3}[.,;]?|sen\.|jun\.|jr\.?|sr\.?", token.text):
        return True
    if before.text.isdigit() and re.fullmatch(r"[a-h][.,;)]*", token.text):
        return True  # ``I 3 b``
    number = re.fullmatch(r"\d{6,}", before.text) is not None and n == len(flow) - 1 == 1
    return (before.is_capitalised and _is_house_number(flow, n)) or (number and token.is_capitalised)


def _is_before_title(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Labor Dr. Quast``: a house that is called after somebody with a title, and that title."""
    if is_title(flow[n]) and n + 1 in named and n:
        return flow[n - 1].key in _HOUSES_OF and flow[n - 1].is_capitalised
    titled = n + 2 in named and is_title(flow[n + 1])
    return titled and flow[n].key in _HOUSES_OF and flow[n].is_capitalised


def _is_called(flow: Sequence[Token], n: int) -> bool:
    """``Lakeview Endoscopy``: what a house does, behind its name."""
    return flow[n].key in _CALLED and flow[n].is_capitalised and flow[n - 1].text[-1:].isalpha()


def _is_named(flow: Sequence[Token], n: int) -> bool:
    return n < len(flow) and flow[n].is_name_shaped and not flow[n].text.endswith(":")


def _is_in_address(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Weber, Siedlung Ost 19, Kehl``: a street with its number behind a name, and the town behind that."""
    token = flow[n]
    start = n
    while start and not flow[start - 1].text.endswith((",", "(", "·")):
        start -= 1
    if not start or n - start > _LONGEST_STREET or (start - 1 not in named and flow[start - 1].text != "·"):
        return False
    if _HOUSE.fullmatch(flow[start - 1].text):  # a number went before: this is the town
        before = all(m in named or flow[m].key in _INSIDE | _INSIDE_TOWNS for m in range(start, n))
        clinical = is_eponym(token.core) or is_only_clinical(token.core)
        return before and token.is_name_shaped and not clinical and not is_sign(token)
    end = n
    while end < len(flow) - 1 and end - start <= _LONGEST_STREET and not _HOUSE.fullmatch(flow[end].text):
        end += 1
    street = flow[start:end]
    return (
        end > start
        and bool(_HOUSE.fullmatch(flow[end].text))
        and (flow[end].text[-1:] in ",.;)" or (end + 1 < len(flow) and flow[end + 1].key == "in"))
        and all(word.is_capitalised or word.key in _INSIDE | _INSIDE_TOWNS for word in street)
        and street[0].is_capitalised
        and not any(is_sign(word) for word in street)
        and not any(is_only_clinical(word.core) for word in street)
    )


def _is_house_number(flow: Sequence[Token], n: int) -> bool:
    before, token = flow[n - 1], flow[n]
    if not _HOUSE.fullmatch(token.text) or is_title(before) or before.text.endswith((",", ";", ":", ")")):
        return False
    short = len(before.core) <= 2  # ``Na 138``
    if short or is_eponym(before.core) or is_sign(before) or is_medical_code(before.core):
        return False
    return n + 1 == len(flow) or token.text[-1:] in ".,;)" or flow[n + 1].key not in _UNITS


def _is_ward(flow: Sequence[Token], n: int, named: Collection[int], end: int) -> bool:
    """``Weber, 7a``, ``Weber, 4.2, um``: a code behind a name, at the end of a line or before a comma."""
    if n - 1 not in named or not flow[n - 1].text.endswith(",") or not flow[n - 1].is_name_shaped:
        return False
    if n + 1 == end:
        return bool(_CODE.fullmatch(flow[n].core))
    return flow[n].text.endswith(",") and bool(_CODE_INSIDE.fullmatch(flow[n].core))


def _is_particle_of(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``von der`` before a name that was found, down to the one that begins it."""
    end = n
    while end < len(flow) and is_particle(flow[end]) and not flow[end].ends_clause:
        end += 1
    if end == n or end not in named or not flow[end].is_capitalised:
        return False
    start = n
    while start and is_particle(flow[start - 1]):
        start -= 1
    if not any(token.key in LEADING or token.is_capitalised for token in flow[start : n + 1]):
        return False
    if n > start or not start or any(token.key not in _PREPOSITIONS for token in flow[start:end]):
        return True
    before = flow[start - 1]  # ``von`` alone is a particle only behind what announces a name
    announced = is_title(before) or before.is_initial or is_role(before.core) or is_first_name(before.core)
    return announced or start - 1 in named


def _fills_gap(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``am`` in ``Rottenburg am Neckar``: small words of a place between two parts of it."""
    inside = _INSIDE | _INSIDE_TOWNS
    if flow[n].key not in inside:
        return False
    left = next((m for m in range(n - 1, max(-1, n - 1 - _LONGEST_GAP), -1) if flow[m].key not in inside), -1)
    right = next(
        (m for m in range(n + 1, min(len(flow), n + 1 + _LONGEST_GAP)) if flow[m].key not in inside),
        len(flow),
    )
    if right == len(flow) or not flow[right].is_capitalised or right not in named:
        return False
    return left in named and flow[left].text[-1:].isalpha()


def _is_in_brackets(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``(Harz)`` behind a town: a word that is none of the trade, in brackets right behind a name."""
    token = flow[n]
    opened = token.text.startswith("(") or (n > 0 and flow[n - 1].text == "(")
    before = n - 2 if n > 0 and flow[n - 1].text == "(" else n - 1
    if not (opened and before in named and flow[before].text[-1:].isalpha() and token.is_name_shaped):
        return False
    clinical = is_only_clinical(token.core)
    return ")" in token.text and not clinical


def _is_weekday_of(flow: Sequence[Token], n: int, named: Collection[int]) -> bool:
    """``Do, 9. 3.``, ``Friday the 9th``: the day of the week before a day that goes."""
    if flow[n].key not in _WEEKDAYS or not flow[n].is_capitalised:
        return False
    following = n + 1
    while following < len(flow) and flow[following].key in ("the", "den", "dem", "am"):
        following += 1
    return following in named and flow[following].has_digit


_KINDS_OF_BELONGING: Final = (
    _is_weekday_of,
    _is_in_address,
    _is_of_firm,
    _is_item,
    _is_once_named,
    _is_former,
    _is_before_title,
    _is_home_of,
    _opens_surname,
    _is_town_of,
    _tells_town,
    _is_particle_of,
    _fills_gap,
    _is_in_brackets,
)
