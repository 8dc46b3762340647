import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import permissions.constraints
import teams.models.invitation


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("teams", "0004_lists_contacts_campaigns"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=254, verbose_name="address")),
                ("role", models.CharField(blank=True, max_length=40, verbose_name="role")),
                (
                    "all_subaccounts",
                    models.BooleanField(
                        default=False, verbose_name="all current and future subaccounts"
                    ),
                ),
                ("toggles", models.JSONField(blank=True, default=list, verbose_name="switched on")),
                (
                    "ends_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="access ends"),
                ),
                ("exclusive", models.BooleanField(default=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("accepted", "Accepted"),
                            ("withdrawn", "Withdrawn"),
                            ("void", "Void"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                (
                    "nonce",
                    models.CharField(
                        default=teams.models.invitation.new_nonce, editable=False, max_length=60
                    ),
                ),
                (
                    "invited_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="invited"),
                ),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="last sent")),
                ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="settled")),
            ],
            options={
                "verbose_name": "invitation",
                "verbose_name_plural": "invitations",
            },
        ),
        migrations.CreateModel(
            name="InvitedSubaccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="InvitedTeam",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("about", models.CharField(max_length=80)),
                ("ends_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name": "reminder",
                "verbose_name_plural": "reminders",
            },
        ),
        migrations.AddField(
            model_name="account",
            name="seat_limit",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="seats"),
        ),
        migrations.AddField(
            model_name="account",
            name="second_factor",
            field=models.JSONField(blank=True, default=list, verbose_name="second factor asked of"),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(fields=("account", "id"), name="team_account_id"),
        ),
        migrations.AddField(
            model_name="invitation",
            name="accepted_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="invitations",
                to="teams.account",
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="custom_role",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="invitations",
                to="teams.role",
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="invited_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="subaccount",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="invitations",
                to="teams.subaccount",
            ),
        ),
        migrations.AddField(
            model_name="invitedsubaccount",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.account"
            ),
        ),
        migrations.AddField(
            model_name="invitedsubaccount",
            name="invitation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="reach",
                to="teams.invitation",
            ),
        ),
        migrations.AddField(
            model_name="invitedsubaccount",
            name="subaccount",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.subaccount"
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="managed",
            field=models.ManyToManyField(
                related_name="+", through="teams.InvitedSubaccount", to="teams.subaccount"
            ),
        ),
        migrations.AddField(
            model_name="invitedteam",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.account"
            ),
        ),
        migrations.AddField(
            model_name="invitedteam",
            name="invitation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="into",
                to="teams.invitation",
            ),
        ),
        migrations.AddField(
            model_name="invitedteam",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="teams",
            field=models.ManyToManyField(
                related_name="+", through="teams.InvitedTeam", to="teams.team"
            ),
        ),
        migrations.AddField(
            model_name="reminder",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.account"
            ),
        ),
        migrations.AddField(
            model_name="reminder",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="invitedsubaccount",
            constraint=models.UniqueConstraint(
                fields=("invitation", "subaccount"), name="invitedsubaccount_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="invitedteam",
            constraint=models.UniqueConstraint(
                fields=("invitation", "team"), name="invitedteam_once"
            ),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(fields=["account", "status"], name="invitation_account_status"),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(fields=["invited_by"], name="invitation_invited_by"),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                fields=("account", "id"), name="invitation_account_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("address"),
                django.db.models.functions.comparison.Coalesce("subaccount", models.Value(0)),
                models.F("role"),
                django.db.models.functions.comparison.Coalesce("custom_role", models.Value(0)),
                condition=models.Q(("status", "pending")),
                name="invitation_pending_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("address"),
                django.db.models.functions.comparison.Coalesce("subaccount", models.Value(0)),
                condition=models.Q(("exclusive", True), ("status", "pending")),
                name="invitation_pending_place",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("custom_role__isnull", False), ("role", "")),
                    models.Q(models.Q(("role", ""), _negated=True), ("custom_role__isnull", True)),
                    _connector="OR",
                ),
                name="invitation_one_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("all_subaccounts", False), ("subaccount__isnull", True), _connector="OR"
                ),
                name="invitation_all_at_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "accepted", "withdrawn", "void"])),
                name="invitation_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.UniqueConstraint(
                fields=("account", "user", "about", "ends_at"), name="reminder_once"
            ),
        ),
        # a composite key refers to a unique pair, which must be there first
        migrations.AddConstraint(
            model_name="invitedsubaccount",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "invitation"),
                name="invitedsubaccount_same_account_invitation",
                to_columns=("account_id", "id"),
                to_table="teams_invitation",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitedsubaccount",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "subaccount"),
                name="invitedsubaccount_same_account_subaccount",
                to_columns=("account_id", "id"),
                to_table="teams_subaccount",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitedteam",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "invitation"),
                name="invitedteam_same_account_invitation",
                to_columns=("account_id", "id"),
                to_table="teams_invitation",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitedteam",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "team"),
                name="invitedteam_same_account_team",
                to_columns=("account_id", "id"),
                to_table="teams_team",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=permissions.constraints.CompositeForeignKey(
                cascade=True,
                fields=("account", "subaccount"),
                name="invitation_same_account_subaccount",
                to_columns=("account_id", "id"),
                to_table="teams_subaccount",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=permissions.constraints.CompositeForeignKey(
                fields=("account", "custom_role"),
                name="invitation_same_account_role",
                to_columns=("account_id", "id"),
                to_table="teams_role",
            ),
        ),
    ]
