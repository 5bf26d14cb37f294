"""What the look at an output covered, so that a certificate can still say it after a review."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endoreg_db", "0003_reports")]

    operations = [
        migrations.AddField(
            model_name="mediafile", name="verification", field=models.JSONField(default=dict)
        ),
    ]
