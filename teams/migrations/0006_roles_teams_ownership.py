import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import permissions.constraints


class Migration(migrations.Migration):
    dependencies = [
        ("teams", "0005_people_come_and_go"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SubaccountGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subaccount_groups",
                        to="teams.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "subaccount group",
                "verbose_name_plural": "subaccount groups",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "id"), name="subaccountgroup_account_id"
                    ),
                    models.UniqueConstraint(
                        models.F("account"),
                        django.db.models.functions.text.Lower("name"),
                        name="subaccountgroup_account_name",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GroupedSubaccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="teams.account",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="contents",
                        to="teams.subaccountgroup",
                    ),
                ),
                (
                    "subaccount",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="in_groups",
                        to="teams.subaccount",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("group", "subaccount"), name="groupedsubaccount_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ManagedGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="teams.account",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="managing",
                        to="teams.subaccountgroup",
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="managed_groups",
                        to="teams.membership",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("membership", "group"), name="managedgroup_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OwnershipTransfer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "owner_leaves",
                    models.BooleanField(default=False, verbose_name="former owner leaves"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("accepted", "Accepted"),
                            ("withdrawn", "Withdrawn"),
                            ("declined", "Declined"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                (
                    "offered_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="offered"),
                ),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                (
                    "settled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="settled"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="transfers",
                        to="teams.account",
                    ),
                ),
                (
                    "heir",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "ownership transfer",
                "verbose_name_plural": "ownership transfers",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "pending")),
                        fields=("account",),
                        name="ownershiptransfer_pending_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["pending", "accepted", "withdrawn", "declined"])
                        ),
                        name="ownershiptransfer_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("owner", models.F("heir")), _negated=True),
                        name="ownershiptransfer_two_people",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="membership",
            name="given_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveIndex(model_name="subaccount", name="subaccount_special"),
        migrations.AddField(
            model_name="subaccount",
            name="features_off",
            field=models.CharField(blank=True, max_length=200, verbose_name="switched off"),
        ),
        migrations.AddIndex(
            model_name="subaccount",
            index=models.Index(
                condition=models.Q(
                    ("is_home", True),
                    ("archived_at__isnull", False),
                    ("billed_directly", True),
                    ("features_off__gt", ""),
                    _connector="OR",
                ),
                fields=["account"],
                name="subaccount_special",
            ),
        ),
        migrations.AddField(
            model_name="team",
            name="archived_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="archived"),
        ),
        migrations.RemoveConstraint(model_name="team", name="team_account_name"),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(
                models.F("account"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("archived_at", None)),
                name="team_account_name",
            ),
        ),
        # last: what they refer to must be there
        migrations.AddConstraint(
            model_name="groupedsubaccount",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "group"),
                name="groupedsubaccount_same_account_group",
                to_columns=("account_id", "id"),
                to_table="teams_subaccountgroup",
            ),
        ),
        migrations.AddConstraint(
            model_name="groupedsubaccount",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "subaccount"),
                name="groupedsubaccount_same_account_subaccount",
                to_columns=("account_id", "id"),
                to_table="teams_subaccount",
            ),
        ),
        migrations.AddConstraint(
            model_name="managedgroup",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "membership"),
                name="managedgroup_same_account_membership",
                to_columns=("account_id", "id"),
                to_table="teams_membership",
            ),
        ),
        migrations.AddConstraint(
            model_name="managedgroup",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "group"),
                name="managedgroup_same_account_group",
                to_columns=("account_id", "id"),
                to_table="teams_subaccountgroup",
            ),
        ),
    ]
