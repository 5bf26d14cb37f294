"""The key of the pseudonyms: a file of its own, so that centres can share it and replace it.

It is not derived from the key of the vault: that one never leaves its centre, whereas this one is given to
those who are to recognise the same patients. Like it, it is made at the first start, with mode 0600.
Whoever has it can try out names on pseudonyms: pass it on as carefully as a list of the patients.
"""

from __future__ import annotations

import os
from pathlib import Path

from endoreg_db.errors import ConfigurationError
from endoreg_db.storage.durable import write_durably
from endoreg_db.storage.keys import (
    KEY_SIZE,
    PSEUDONYM_KEY_FILE,
    MasterKey,
    load_key,
    load_or_create_key,
    store_unless_there,
)


def load_pseudonym_key(folder: Path, *, may_create: bool) -> MasterKey:
    """The key of the pseudonyms in the folder of keys.

    Args:
        folder: where the keys lie.
        may_create: whether a missing key is made. False where records already have pseudonyms: a new key
            would give their patients other ones, and nobody would notice.

    Raises:
        ConfigurationError: the key is missing and may not be made, or cannot be used.
        StorageFailedError: the folder cannot be read or written.
    """
    return (
        load_or_create_key(folder, PSEUDONYM_KEY_FILE) if may_create else load_key(folder, PSEUDONYM_KEY_FILE)
    )


def replace_pseudonym_key(folder: Path, material: bytes | None = None) -> MasterKey:
    """Put a new key in the place of the old one, which stays beside it under its id.

    Afterwards new pseudonyms are of the new key; whoever stores pseudonyms has to make them anew.

    Args:
        folder: where the keys lie.
        material: the 32 bytes of the key of another centre; random ones unless given.

    Raises:
        ConfigurationError: the material does not have 32 bytes, or the old key cannot be used.
        StorageFailedError: the folder cannot be written.
    """
    if material is not None and len(material) != KEY_SIZE:
        raise ConfigurationError(
            f"A key of pseudonyms has {KEY_SIZE} bytes, not {len(material)}",
            advice="Give the key file of the other centre as it is.",
        )
    old = load_key(folder, PSEUDONYM_KEY_FILE)
    new = MasterKey(os.urandom(KEY_SIZE) if material is None else material)
    if new == old:
        return old
    store_unless_there(folder / f"pseudonym-{old.key_id.hex()}.key", old.material)
    write_durably(folder / PSEUDONYM_KEY_FILE, new.material)
    return new
