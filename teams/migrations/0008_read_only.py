from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("teams", "0007_givers_of_roles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="read_only_because",
            field=models.CharField(
                blank=True,
                choices=[("unpaid", "An invoice has not been paid")],
                max_length=10,
                verbose_name="read-only",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(("read_only_because__in", ["", "unpaid"])),
                name="account_read_only_known",
            ),
        ),
    ]
