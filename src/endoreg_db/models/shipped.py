"""What exists after the first start: the shipped device profiles and a centre to try things with."""

from __future__ import annotations

from endoreg_db.deid.profiles import shipped_profiles
from endoreg_db.models.center import Center
from endoreg_db.models.processor import EndoscopyProcessor

TEST_CENTER = "test_center"


def load_shipped_data(using: str = "default") -> None:
    """Load them; does nothing that is done already."""
    Center.objects.using(using).get_or_create(name=TEST_CENTER)
    for profile in shipped_profiles():
        EndoscopyProcessor.register(profile, shipped=True, using=using)
