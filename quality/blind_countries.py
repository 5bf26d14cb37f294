"""How a country writes what blind letters hold: telephone numbers, addresses, days, numbers of the insured.

Patterns are read sign by sign: ``#`` is a digit, ``%`` a digit but nought, ``@`` a capital letter. Everything
is invented; numbers that have a check digit in life have a right one here.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

_PHONES: Final[Mapping[str, Sequence[str]]] = {
    "de": (
        "0%###/#####-##", "0%### #####", "+49 (0) %## ### ###", "(0%##) ## ## ##", "0%##.######",
        "0%###-######", "+49 %### ####-0", "0%## / ## ## ##-0", "0049 %## #######",
    ),
    "at": ("+43 %## ###-####", "0%##/####-##", "+43 (0)%### #####", "0%### / ####", "(0%##) ###-####"),
    "ch": ("+41 %# %## ## ##", "0%# %## ## ##", "0041 %# %## ## ##"),
    "gb": ("01### ######", "020 %### ####", "+44 (0)1### ######", "01###-%#####"),
    "ie": ("01 %## ####", "(09#) ######", "+353 %# %## ####", "0%# %## ####"),
    "us": ("(%##) 555-####", "%##-555-####", "%##.555.####", "1-%##-555-####"),
}  # fmt: skip
_MOBILES: Final[Mapping[str, Sequence[str]]] = {
    "de": ("015# #######", "016#/%######", "017#-%######", "017########", "+49 17# ## ## ## #"),
    "at": ("0664 %######", "0676/%## ## ##", "+43 699 ########"),
    "ch": ("079 %## ## ##", "+41 78 %## ## ##", "076 %######"),
    "gb": ("07### ######", "07###-######", "+44 7### ######"),
    "ie": ("087 %## ####", "086-%######", "+353 85 %## ####"),
    "us": ("%##-555-####", "(%##) 555-#### (cell)"),
}
_IBANS: Final[Mapping[str, str]] = {
    "de": "DE## #### #### #### #### ##",
    "at": "AT## #### #### #### ####",
    "ch": "CH## #### #### #### #### #",
    "gb": "GB## @@@@ #### #### #### ##",
    "ie": "IE## @@@@ #### #### #### ##",
    "us": "#########",
}
_INSURED: Final[Mapping[str, str]] = {"gb": "%##/######/@", "ie": "@%######", "us": "@@@%########"}
_PREFIXES: Final[Mapping[str, Sequence[str]]] = {
    "de": ("", "", "", "", "", "D-"),
    "at": ("", "", "A-"),
    "ch": ("", "", "", "CH-"),
}
_FULL: Final[Mapping[str, str]] = {"gb": "%d/%m/%Y", "ie": "%d/%m/%Y", "us": "%m/%d/%Y"}
_SHORT: Final[Mapping[str, str]] = {"gb": "%d/%m/%y", "ie": "%d/%m/%y", "us": "%m/%d/%y"}
_POST_LETTERS: Final = "BDEHLNPRSTW"


def patterned(rng: random.Random, pattern: str) -> str:
    """The pattern with its signs drawn."""
    drawn = {"#": string.digits, "%": "123456789", "@": string.ascii_uppercase}
    return "".join(rng.choice(drawn.get(sign, sign)) for sign in pattern)


def phone(rng: random.Random, country: str) -> str:
    """A number of the fixed network."""
    return patterned(rng, rng.choice(_PHONES[country]))


def mobile(rng: random.Random, country: str) -> str:
    """A number of a mobile telephone."""
    return patterned(rng, rng.choice(_MOBILES[country]))


def account(rng: random.Random, country: str) -> str:
    """The number of an account at a bank."""
    return patterned(rng, _IBANS[country])


def town_line(rng: random.Random, country: str, town: str, region: str) -> str:
    """A town with its postal code, and with its county or state where people write it."""
    if country in _PREFIXES:
        code = f"{rng.randint(1067, 99998):05}" if country == "de" else patterned(rng, "%###")
        return f"{rng.choice(_PREFIXES[country])}{code} {town}"
    if country == "us":
        return f"{town}, {region} {patterned(rng, '%####')}"
    letters = "".join(rng.choices(_POST_LETTERS, k=4))
    if country == "ie":
        return (
            f"{town}, Co. {region}, {letters[0]}{patterned(rng, '%#')} {letters[1:3]}{patterned(rng, '##')}"
        )
    return f"{town} {letters[:2]}{rng.randint(1, 28)} {rng.randint(1, 9)}{letters[2:]}"


def street_line(rng: random.Random, country: str, street: str) -> str:
    """A street with the number of a house."""
    number = rng.randint(1, 240)
    if country == "us":
        return f"{number * 7} {street}{rng.choice(('', '', '', f', Apt {rng.randint(1, 40)}'))}"
    if country in ("gb", "ie"):
        return f"{number}{rng.choice(('', '', '', 'a'))} {street}"
    if country == "at":
        return f"{street} {number}{rng.choice(('', '', '/2', f'/{rng.randint(1, 9)}/{rng.randint(1, 30)}'))}"
    return (
        f"{street} {number % 120 + 1}{rng.choice(('', '', '', '', 'a', ' b', '-' + str(number % 120 + 3)))}"
    )


def written(rng: random.Random, country: str, day: date, months: Sequence[str], *, often: bool) -> str:
    """A day in figures; one in four that are written ``often`` is shorter or has the name of its month."""
    if not often or rng.random() < 0.75:
        return f"{day:{_FULL.get(country, '%d.%m.%Y')}}"
    if country in ("de", "at", "ch"):
        return rng.choice(
            (f"{day.day}.{day.month}.{day:%y}", f"{day:%d.%m.%y}", f"{day.day}.{day.month}.{day.year}")
        )
    month = months[day.month - 1]
    if country == "us":
        return rng.choice((f"{day.month}/{day.day}/{day:%y}", f"{month[:3]} {day.day}, {day.year}"))
    return rng.choice((f"{day:%d/%m/%y}", f"{day:%d.%m.%Y}", f"{day.day} {month[:3]} {day.year}"))


def short(country: str, day: date) -> str:
    """A day in six figures."""
    return f"{day:{_SHORT.get(country, '%d.%m.%y')}}"


def long(country: str, day: date, months: Sequence[str]) -> str:
    """A day with the name of its month."""
    month = months[day.month - 1]
    if country == "us":
        return f"{month} {day.day}, {day.year}"
    return f"{day.day}{'' if country in ('gb', 'ie') else '.'} {month} {day.year}"


def insured(rng: random.Random, country: str, born: date) -> str:
    """The number of somebody who is insured."""
    if country == "de":
        return _german_insured(rng)
    if country == "at":
        return f"{patterned(rng, '%###')} {born:%d%m%y}"
    if country == "ch":
        return _swiss_insured(rng)
    return patterned(rng, _INSURED[country])


def health_service(rng: random.Random) -> str:
    """A number of the British health service."""
    while True:
        digits = patterned(rng, "%########")
        check = -sum(int(digit) * (10 - place) for place, digit in enumerate(digits)) % 11
        if check < 10:
            return f"{digits[:3]} {digits[3:6]} {digits[6:]}{check}"


def _german_insured(rng: random.Random) -> str:
    letter = rng.choice(string.ascii_uppercase)
    digits = f"{rng.randrange(10**8):08}"
    whole = f"{ord(letter) - 64:02}{digits}"
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(whole))
    return f"{letter}{digits}{sum(value // 10 + value % 10 for value in doubled) % 10}"


def _swiss_insured(rng: random.Random) -> str:
    digits = f"756{rng.randrange(10**9):09}"
    check = -sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(digits)) % 10
    return f"{digits[:3]}.{digits[3:7]}.{digits[7:11]}.{digits[11]}{check}"
