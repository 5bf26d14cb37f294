"""A sealed value opens only unchanged, with its key and in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endoreg_db.errors import ConfigurationError, CorruptStoreError
from endoreg_db.storage.keys import MasterKey
from endoreg_db.storage.sealing import Sealer

SEALER = Sealer(MasterKey(bytes(range(32))))


@given(plaintext=st.binary(max_size=2000), context=st.text("abÄß€: 1-", max_size=50))
def test_what_was_sealed_is_unsealed(plaintext: bytes, context: str) -> None:
    sealed = SEALER.seal(plaintext, context)
    assert len(sealed) == len(plaintext) + 37
    assert SEALER.unseal(sealed, context) == plaintext


def test_sealing_twice_gives_different_bytes_without_the_plaintext() -> None:
    one, two = (SEALER.seal(b"Mustermann", "identity") for _ in range(2))
    assert one != two
    assert b"Mustermann" not in one


def test_a_value_moved_to_another_row_does_not_open() -> None:
    sealed = SEALER.seal(b"Mustermann", "identity of 1")
    with pytest.raises(CorruptStoreError, match="identity of 2"):
        SEALER.unseal(sealed, "identity of 2")


def test_another_key_is_told_from_damage() -> None:
    sealed = SEALER.seal(b"Mustermann", "identity")
    with pytest.raises(ConfigurationError, match="another key"):
        Sealer(MasterKey(bytes(32))).unseal(sealed, "identity")


def test_every_flipped_byte_is_noticed() -> None:
    sealed = SEALER.seal(b"Mustermann", "identity")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x01
        with pytest.raises((CorruptStoreError, ConfigurationError)):
            SEALER.unseal(bytes(changed), "identity")


def test_every_truncation_and_an_appended_byte_are_noticed() -> None:
    sealed = SEALER.seal(b"Mustermann", "identity")
    for changed in [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0"]:
        with pytest.raises((CorruptStoreError, ConfigurationError)):
            SEALER.unseal(changed, "identity")
