"""No address is two logins', however it is written; and the table that limits are counted in."""

from django.core.management import CommandError, call_command
from django.db import migrations
from django.db.models import Count, Q, UniqueConstraint
from django.db.models.functions import Lower

ONE_LOGIN = UniqueConstraint(
    Lower("email"), condition=~Q(email=""), name="auth_user_one_login_per_address"
)


def make_unique(apps, schema_editor):
    """Make auth_user.email unique in small letters, or stop and name what is in the way."""
    people = apps.get_model("auth", "User")
    rows = people.objects.using(schema_editor.connection.alias).exclude(email="")
    small = rows.annotate(small=Lower("email")).values_list("small")
    twice = small.annotate(logins=Count("pk")).filter(logins__gt=1).order_by("small")
    found = [address for address, _ in twice]
    if found:
        raise CommandError(
            "Nothing was migrated: each of these addresses is that of more than one login: "
            f"{', '.join(found)}. Give every login an address of its own, or none, then migrate "
            "again."
        )
    schema_editor.add_constraint(people, ONE_LOGIN)


def allow_twice(apps, schema_editor):
    """Take the rule away."""
    schema_editor.remove_constraint(apps.get_model("auth", "User"), ONE_LOGIN)


def create_cache(apps, schema_editor):
    """Create the table of the cache, unless it is there."""
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


def drop_cache(apps, schema_editor):
    """Drop the table of the cache."""
    schema_editor.execute("DROP TABLE config_cache")


class Migration(migrations.Migration):
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.RunPython(make_unique, allow_twice),
        migrations.RunPython(create_cache, drop_cache),
    ]
