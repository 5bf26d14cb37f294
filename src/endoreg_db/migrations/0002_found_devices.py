"""Recordings whose device nobody named: it is recognised from the picture, or a profile is proposed."""

import django.db.models.deletion
from django.db import migrations, models


def name_the_known(apps, schema_editor):
    """Until now every recording was imported with the name of its device."""
    videos = apps.get_model("endoreg_db", "VideoFile").objects.using(schema_editor.connection.alias)
    videos.update(device_source="named")


class Migration(migrations.Migration):

    dependencies = [
        ('endoreg_db', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='videofile',
            name='device_source',
            field=models.CharField(blank=True, choices=[('named', 'named by who imported it'), ('recognised', 'recognised from the picture'), ('proposed', 'not recognised; a profile is proposed')], default='', max_length=10),
        ),
        migrations.AddField(
            model_name='videofile',
            name='proposal',
            field=models.JSONField(null=True),
        ),
        migrations.AlterField(
            model_name='videofile',
            name='processor',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='videos', to='endoreg_db.endoscopyprocessor'),
        ),
        migrations.RunPython(name_the_known, migrations.RunPython.noop),
    ]
