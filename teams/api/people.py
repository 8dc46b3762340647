"""Members of the key's subaccount, and invitations into it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from permissions.audit import label_of
from permissions.errors import NotFound
from teams import selectors, services
from teams.api.base import Rows, key_of
from teams.api.description import operation, page_of
from teams.api.fields import Address, Body, Flag, Moment, Nothing, Text, read
from teams.api.pagination import PARAMETERS
from teams.catalogue import MANAGE_MEMBERS
from teams.editions import get
from teams.models import (
    AccountUserGrant,
    Invitation,
    Membership,
    Role,
    SubaccountUserGrant,
)

_CUSTOM = "custom:"
_ROLE_HELP = "A built-in role by its short name, or `custom:` and the key of a custom one."


class MemberShape(serializers.Serializer):
    """Somebody's role in the subaccount."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    address = serializers.CharField(allow_blank=True)
    role = serializers.CharField(help_text=_ROLE_HELP)
    role_label = serializers.CharField()
    toggles = serializers.ListField(child=serializers.CharField(), help_text="What is switched on.")
    status = serializers.ChoiceField(Membership.Status.choices)
    is_primary_contact = serializers.BooleanField()
    added_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class MemberChange(Body):
    """What may be changed of a member; what is not named stays."""

    role = Text(required=False, max_length=60, help_text=_ROLE_HELP)
    toggles = serializers.DictField(
        child=Flag(), required=False, help_text="Switches by short name: true is on."
    )


class InvitationShape(serializers.Serializer):
    """A role offered to an address."""

    id = serializers.IntegerField()
    address = serializers.CharField()
    role = serializers.CharField(help_text=_ROLE_HELP)
    role_label = serializers.CharField()
    toggles = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(Invitation.Status.choices)
    invited_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class NewInvitation(Body):
    """A role to offer in the key's subaccount."""

    address = Address(max_length=254)
    role = Text(max_length=60, help_text=_ROLE_HELP)
    toggles = serializers.ListField(child=Text(max_length=60), required=False, max_length=40)
    ends_at = Moment(required=False, allow_null=True)


class PeopleRows(Rows):
    """What members and invitations share: roles, written and read."""

    def role_of(self, row: Any) -> tuple[str, str]:
        """Return how a role is written, and what it is called."""
        if row.custom_role is not None:
            return f"{_CUSTOM}{row.custom_role_id}", row.custom_role.name
        spec = get(self.account.edition).find_role(row.role)
        return row.role, str(spec.label) if spec else row.role

    def role_named(self, text: str) -> Any:
        """Return the role that is written so. Raises NotFound for an unknown custom one, for keys
        that give roles: to any other it is not told which there are."""
        if not text.startswith(_CUSTOM):
            return text
        self.require(*sorted(get(self.account.edition).changes_subaccount), act="give a role")
        pk = key_of(text.removeprefix(_CUSTOM))
        found = Role.objects.filter(account=self.account, pk=pk).first() if pk else None
        if found is None:
            raise NotFound("There is no such role.")
        return found


class MemberRows(PeopleRows):
    """Members of the subaccount, to keys that see its people."""

    def rows(self) -> QuerySet[Membership]:
        """Return the roles held in the subaccount."""
        if self.subaccount.pk not in selectors.people_places(self.profile, self.account.pk):
            self.require(MANAGE_MEMBERS, act="look at members")
        toggles = (
            Prefetch(name, queryset=table._default_manager.select_related("permission"))
            for name, table in (
                ("account_toggles", AccountUserGrant),
                ("subaccount_toggles", SubaccountUserGrant),
            )
        )
        found = selectors.memberships_of(self.actor).filter(subaccount=self.subaccount)
        return found.select_related("user", "custom_role").prefetch_related(*toggles)

    def shown(self, row: Membership) -> dict[str, Any]:
        """Return a member."""
        role, label = self.role_of(row)
        return {
            "id": row.pk,
            "name": label_of(row.user),
            "address": getattr(row.user, "email", "") or "",
            "role": role,
            "role_label": label,
            "toggles": sorted(self.toggles_on(row)),
            "status": row.status,
            "is_primary_contact": row.is_primary_contact,
            "added_at": row.added_at,
            "ends_at": row.ends_at,
        }

    def toggles_on(self, row: Membership) -> set[str]:
        """Return the switches that are on and have not ended."""
        spec = get(self.account.edition).find_role(row.role)
        now = timezone.now()
        given = (*row.account_toggles.all(), *row.subaccount_toggles.all())
        on = (g for g in given if g.ends_at is None or g.ends_at > now)
        found = (spec.toggle_of(g.permission.codename) if spec else None for g in on)
        return {toggle for toggle in found if toggle}


class Members(MemberRows):
    """All members."""

    query: ClassVar[tuple[str, ...]] = PARAMETERS

    @operation(
        "members_list", "List members", "Members", page_of(MemberShape, "Member"), is_list=True
    )
    def get(self, request: Request) -> Response:
        """Answer a page of members."""
        return self.listed(self.rows())


class Member(MemberRows):
    """One member."""

    @operation("members_get", "Show a member", "Members", MemberShape)
    def get(self, request: Request, pk: int) -> Response:
        """Answer one member."""
        return Response(self.shown(self.found(pk)))

    @operation(
        "members_change",
        "Change the role or the switches of a member",
        "Members",
        MemberShape,
        body=MemberChange,
        changes=True,
        example={"role": "editor", "toggles": {"export_contacts": False}},
        note="All of it is done or nothing. What is so already is left alone.",
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named."""
        said = read(MemberChange, request)

        def act() -> Response:
            row = self.found(pk)
            if "role" in said and said["role"] != self.role_of(row)[0]:
                role = self.role_named(said["role"])
                services.change_role(actor=self.actor, membership=row, role=role)
                row = self.found(pk)
            on = self.toggles_on(row)
            switches = {k: v for k, v in said.get("toggles", {}).items() if v != (k in on)}
            if switches:
                services.set_toggles(actor=self.actor, membership=row, switches=switches)
            return self.answer(row)

        return self.once("change_member", act)

    @operation(
        "members_remove",
        "Remove a member from the subaccount",
        "Members",
        None,
        status=204,
        changes=True,
        note="Their roles elsewhere stay.",
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Take the role away."""

        def act() -> Response:
            services.remove_member(actor=self.actor, membership=self.found(pk))
            return Response(status=204)

        return self.once("remove_member", act)


class InvitationRows(PeopleRows):
    """Invitations into the subaccount, to keys that change its members."""

    def rows(self) -> QuerySet[Invitation]:
        """Return the invitations the key may change."""
        needed = sorted(get(self.account.edition).changes_subaccount)
        self.require(*needed, act="look at invitations")
        found = selectors.invitations_of(self.actor).filter(subaccount=self.subaccount)
        return found.select_related("custom_role")

    def shown(self, row: Invitation) -> dict[str, Any]:
        """Return an invitation."""
        role, label = self.role_of(row)
        return {
            "id": row.pk,
            "address": row.address,
            "role": role,
            "role_label": label,
            "toggles": list(row.toggles),
            "status": row.status,
            "invited_at": row.invited_at,
            "sent_at": row.sent_at,
            "expires_at": row.expires_at,
            "ends_at": row.ends_at,
        }


class Invitations(InvitationRows):
    """All invitations."""

    query: ClassVar[tuple[str, ...]] = ("status", *PARAMETERS)

    @operation(
        "invitations_list",
        "List invitations",
        "Invitations",
        page_of(InvitationShape, "Invitation"),
        is_list=True,
        query=[OpenApiParameter("status", str, enum=Invitation.Status.values)],
    )
    def get(self, request: Request) -> Response:
        """Answer a page of invitations."""
        status = self.chosen("status", Invitation.Status.values)
        rows = self.rows()
        return self.listed(rows if status is None else rows.filter(status=status))

    @operation(
        "invitations_create",
        "Invite somebody into the subaccount",
        "Invitations",
        InvitationShape,
        status=201,
        body=NewInvitation,
        changes=True,
        is_new=True,
        example={"address": "lena@example.com", "role": "editor"},
        note="The mail goes out by itself.",
    )
    def post(self, request: Request) -> Response:
        """Offer a role."""
        said = read(NewInvitation, request)

        def act() -> Response:
            made = services.invite_member(
                actor=self.actor,
                account=self.account,
                address=said["address"],
                role=self.role_named(said["role"]),
                subaccount=self.subaccount,
                toggles=said.get("toggles", []),
                ends_at=said.get("ends_at"),
            )
            return self.answer(made, 201)

        return self.once("invite_member", act)


class OneInvitation(InvitationRows):
    """One invitation."""

    @operation("invitations_get", "Show an invitation", "Invitations", InvitationShape)
    def get(self, request: Request, pk: int) -> Response:
        """Answer one invitation."""
        return Response(self.shown(self.found(pk)))


class Resend(InvitationRows):
    """Sends an invitation anew."""

    @operation(
        "invitations_resend",
        "Send an invitation anew",
        "Invitations",
        InvitationShape,
        body=Nothing,
        changes=True,
        is_new=True,
        note="Earlier links no longer count.",
    )
    def post(self, request: Request, pk: int) -> Response:
        """Send it."""
        read(Nothing, request)

        def act() -> Response:
            found = self.found(pk)
            return self.answer(services.resend_invitation(actor=self.actor, invitation=found))

        return self.once("resend_invitation", act)


class Withdraw(InvitationRows):
    """Takes an invitation back."""

    @operation(
        "invitations_withdraw",
        "Withdraw an invitation",
        "Invitations",
        InvitationShape,
        body=Nothing,
        changes=True,
        is_new=True,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Withdraw it."""
        read(Nothing, request)

        def act() -> Response:
            found = self.found(pk)
            services.withdraw_invitation(actor=self.actor, invitation=found)
            return self.answer(found)

        return self.once("withdraw_invitation", act)
