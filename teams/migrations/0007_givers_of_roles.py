from django.db import migrations, models


def remember_givers(apps, schema_editor):
    """Write down who gave a role: of those there are, whoever added the person is all we know."""
    memberships = apps.get_model("teams", "Membership")._default_manager
    memberships.using(schema_editor.connection.alias).update(given_by=models.F("added_by"))


class Migration(migrations.Migration):
    dependencies = [("teams", "0006_roles_teams_ownership")]

    operations = [
        migrations.RunPython(remember_givers, migrations.RunPython.noop, elidable=True),
    ]
