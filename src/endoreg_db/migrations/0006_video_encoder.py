"""What encoded a recording's output: its certificate names it, also after a review."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endoreg_db", "0005_pseudonyms")]

    operations = [
        migrations.AddField(
            model_name="videofile", name="encoder", field=models.CharField(blank=True, default="", max_length=30)
        ),
    ]
