"""The leak hunter: finds planted words in any file, however they are written. It trusts nobody.

It shares no code with the de-identification (``endoreg_db.deid``), so that no mistake is made twice:
bytes, streams, boxes, text layers and pictures are read here by other means.
"""

from quality.hunter.hunt import Hunter, Report
from quality.hunter.tokens import Hit, Token

__all__ = ["Hit", "Hunter", "Report", "Token"]
