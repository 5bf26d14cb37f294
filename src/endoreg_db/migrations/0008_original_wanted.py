"""Whether the vault shall hold an original, so that a retry stores one that a failed import had not."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def as_it_is(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What was wished for is not known of earlier records: an original that is not kept stays so."""
    apps.get_model("endoreg_db", "MediaFile").objects.filter(original_kept=False).update(original_wanted=False)


class Migration(migrations.Migration):
    dependencies = [("endoreg_db", "0007_unsettled_records")]

    operations = [
        migrations.AddField(
            model_name="mediafile", name="original_wanted", field=models.BooleanField(default=True)
        ),
        migrations.RunPython(as_it_is, migrations.RunPython.noop),
    ]
