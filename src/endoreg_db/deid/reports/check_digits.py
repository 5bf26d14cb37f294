"""Check digits of German and international numbers.

They only ever raise a confidence: OCR misreads digits, so a number that fails its check still counts.
"""

from __future__ import annotations

import re


def kvnr_is_valid(text: str) -> bool:
    """Whether the check digit of a health insurance number (a letter and nine digits) is right.

    The letter counts as its place in the alphabet in two digits; weights 1, 2 alternate; the sum of
    the digit sums modulo 10 is the last digit (§ 290 SGB V, annex on the number's structure).
    """
    compact = re.sub(r"\s", "", text).upper()
    if not re.fullmatch(r"[A-Z]\d{9}", compact):
        return False
    digits = f"{ord(compact[0]) - 64:02}{compact[1:9]}"
    return _alternating_sum(digits, first=1) % 10 == int(compact[9])


def ik_is_valid(text: str) -> bool:
    """Whether the check digit of an institution's number (nine digits) is right.

    Digits three to eight with the weights 2, 1 alternating, digit sums, modulo 10.
    """
    compact = re.sub(r"\s", "", text)
    return bool(re.fullmatch(r"\d{9}", compact)) and _alternating_sum(compact[2:8], first=2) % 10 == int(
        compact[8]
    )


def _alternating_sum(digits: str, *, first: int) -> int:
    weights = (first, 3 - first)
    return sum(sum(divmod(int(digit) * weights[n % 2], 10)) for n, digit in enumerate(digits))


def iban_is_valid(text: str) -> bool:
    """Whether an IBAN's check digits are right (ISO 13616: modulo 97 is 1)."""
    compact = re.sub(r"\s", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return False
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1
