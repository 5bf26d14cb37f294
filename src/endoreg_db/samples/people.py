"""People who do not exist: names of many origins, so that every letter the font has is tried."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta

# Every letter below is in Bitstream Vera, the font that samples are drawn with; a test checks it.
FIRST_NAMES = (
    "Erika", "Jürgen", "Zoë", "André", "Łucja", "Marie-Núria", "Søren", "Åse", "Çağla", "İbrahim",
    "Žofia", "Björn", "Marie-Luise", "Karl-Heinz", "François", "Dörte", "Anaïs", "Anđela", "Šárka",
    "Michał", "Günther", "Ayşe", "Inês", "Thomas", "Ursula", "Hans-Jörg", "Sinéad", "Matthias",
    "Ella", "Mehmet", "Aleksandra", "Jo", "Maximiliane", "Uwe", "Gül", "Ildikó",
)  # fmt: skip
LAST_NAMES = (
    "Müller", "Groß", "Özdemir", "Kowalczyk", "von der Heide", "Meyer-Lüdenscheid", "de la Cruz",
    "van den Berg", "Jurić", "Çelik", "Ångström", "O'Connor", "Weißenfels", "Žagar-Nowak",
    "Łukaszewicz", "Jørgensen", "Peña", "Strauß-Förster", "Ng", "Yılmaz", "Schäfer",
    "zu Löwenstein", "Lefèvre", "Kaya", "Schmidt", "Hübner-Kraft", "d'Angelo", "Großmann", "Bäcker",
    "Wójcik", "al-Hamadi", "Şahin", "Benoît", "Krüger", "Hofmann", "Köhler-Brandt",
)  # fmt: skip

_ADULT_DAYS = (18 * 365, 98 * 365)


@dataclass(frozen=True, slots=True)
class Patient:
    """An invented patient."""

    first_name: str
    last_name: str
    birth_date: date
    case_number: str  # as a hospital information system writes it: digits only

    @property
    def full_name(self) -> str:
        """``Last, First``, as overlays and report headers write it."""
        return f"{self.last_name}, {self.first_name}"

    @property
    def identity(self) -> dict[str, str]:
        """Identity field → normalised value, as far as recordings and reports show it alike."""
        return {
            "last_name": self.last_name,
            "first_name": self.first_name,
            "birth_date": self.birth_date.isoformat(),
        }


def invent_patient(rng: random.Random, *, on: date = date(2025, 6, 30)) -> Patient:
    """An adult who was born 18 to 98 years before the day ``on``."""
    return Patient(
        first_name=rng.choice(FIRST_NAMES),
        last_name=rng.choice(LAST_NAMES),
        birth_date=on - timedelta(days=rng.randint(*_ADULT_DAYS)),
        case_number=str(rng.randint(10_000_000, 99_999_999)),
    )


def invent_examination(rng: random.Random) -> datetime:
    """A moment within the working hours of some day in 2023 to mid 2025."""
    day = datetime(2023, 1, 2) + timedelta(days=rng.randrange(900))
    return day + timedelta(hours=7, seconds=rng.randrange(11 * 3600))
