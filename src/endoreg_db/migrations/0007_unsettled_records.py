"""An index of the records that are not finished, so that the others need not be looked at one by one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endoreg_db", "0006_video_encoder")]

    operations = [
        migrations.AddIndex(
            model_name="mediafile",
            index=models.Index(
                fields=["uuid"],
                name="media_unsettled",
                condition=models.Q(state__in=["failed", "processing", "quarantined", "received"]),
            ),
        ),
    ]
