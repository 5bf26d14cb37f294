"""The store as the services see it: folders, vault, sealer and publisher with one key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from endoreg_db.bootstrap import prepare
from endoreg_db.conf import Config
from endoreg_db.intake import sightings
from endoreg_db.storage.keys import MasterKey, load_key
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.pieces import SealedPieces
from endoreg_db.storage.publish import Publisher
from endoreg_db.storage.sealing import Sealer
from endoreg_db.storage.signing import ensure_signing_key
from endoreg_db.storage.source import SourceFingerprint
from endoreg_db.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Store:
    """Where bytes go."""

    folder: DataFolder
    vault: Vault
    sealer: Sealer
    publisher: Publisher
    key: MasterKey

    def sighting_of(self, path: Path, seen: SourceFingerprint) -> bytes:
        """The keyed digest under which this state of this source file is remembered."""
        return sightings.digest(self.sightings_key, path, seen)

    @property
    def pieces(self) -> SealedPieces:
        """What interrupted imports had finished."""
        return SealedPieces(self.folder.pieces, self.key)

    @property
    def sightings_key(self) -> bytes:
        """The key under which source files are remembered."""
        return self.key.derive("sightings")


def open_store(config: Config) -> Store:
    """Open the store below the data folder; makes folder, key and database schema at first use.

    Raises:
        ConfigurationError: folder or key cannot be used as they are; says why.
        InsufficientStorageError: there is no room for them.
    """
    folder = prepare(config)
    key = load_key(folder.keys)
    ensure_signing_key(folder.keys)
    return Store(folder, Vault(folder.vault, key), Sealer(key), Publisher(folder), key)
