"""VM templates and their versions."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0017_locks_that_take_turns"),
        ("compute", "0016_host_failure"),
    ]

    operations = [
        migrations.CreateModel(
            name="VmTemplate",
            fields=[
                (
                    "resource",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        related_name="as_%(class)s",
                        serialize=False,
                        to="lifecycle.resource",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
            ],
            options={"verbose_name": "VM template", "verbose_name_plural": "VM templates"},
            bases=("lifecycle.resource",),
        ),
        migrations.CreateModel(
            name="VmTemplateVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("choices", models.JSONField(default=dict)),
                ("names", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("created_by", models.CharField(blank=True, default="", max_length=150)),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="compute.vmtemplate",
                    ),
                ),
            ],
            options={
                "verbose_name": "VM template version",
                "verbose_name_plural": "VM template versions",
                "ordering": ["-number"],
            },
        ),
        migrations.AddConstraint(
            model_name="vmtemplateversion",
            constraint=models.UniqueConstraint(
                fields=("template", "number"), name="one_vm_template_version_per_number"
            ),
        ),
    ]
