"""The pseudonym of a record's patient, and which key it was made with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endoreg_db", "0004_certificates")]

    operations = [
        migrations.AddField(
            model_name="mediafile",
            name="pseudonym",
            field=models.CharField(blank=True, default="", max_length=25),
        ),
        migrations.AddField(
            model_name="mediafile",
            name="pseudonym_key_id",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
        migrations.AddIndex(
            model_name="mediafile",
            index=models.Index(fields=["pseudonym"], name="media_by_pseudonym"),
        ),
    ]
