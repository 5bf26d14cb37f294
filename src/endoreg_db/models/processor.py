"""Endoscopy processors: the devices whose overlay is read and blanked."""

from __future__ import annotations

from django.db import models

from endoreg_db.deid.profiles import DeviceProfile, profile_from_dict


class EndoscopyProcessor(models.Model):
    """A device profile as registered in this intake; see :mod:`endoreg_db.deid.profiles`."""

    name = models.CharField(max_length=200, unique=True)
    title = models.CharField(max_length=200)
    confirmed = models.BooleanField(default=False)
    shipped = models.BooleanField(default=False)
    layout = models.JSONField()
    digest = models.CharField(max_length=64)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.title

    @property
    def profile(self) -> DeviceProfile:
        """The profile that the de-identification works with."""
        return profile_from_dict(self.layout)

    @classmethod
    def register(cls, profile: DeviceProfile, *, shipped: bool = False, using: str = "default") -> bool:
        """Add or replace the profile under its name; returns whether anything changed."""
        known = cls.objects.using(using).filter(name=profile.name).values_list("digest", flat=True).first()
        if known == profile.digest:
            return False
        cls.objects.using(using).update_or_create(
            name=profile.name,
            defaults={
                "title": profile.title,
                "confirmed": profile.confirmed,
                "shipped": shipped,
                "layout": profile.as_dict(),
                "digest": profile.digest,
            },
        )
        return True
