"""Factories for tests and demo data: rows as they are stored, no rights checked.

Needs the ``demo`` extra (factory-boy). Names are believable and deterministic; everything that is
unique is numbered.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import cache
from typing import Any

import factory
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone
from factory.django import DjangoModelFactory

from teams import keys
from teams.editions import get
from teams.models import (
    Account,
    ApiKey,
    Campaign,
    Contact,
    CustomField,
    Invitation,
    MailingList,
    Membership,
    MessageTemplate,
    Role,
    SavedRow,
    Segment,
    Subaccount,
    Team,
    TeamMembership,
)

PASSWORD = "demo"  # noqa: S105  (demo and tests only; seed_demo refuses to run in production)


class UserFactory(DjangoModelFactory[Any]):
    """A login with the password ``demo``."""

    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda o: f"{o.username}@people.example")
    first_name = "Kim"
    last_name = factory.Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["password"] = hashed(kwargs.get("password", PASSWORD))
        return super()._create(model_class, *args, **kwargs)


@cache
def hashed(password: str) -> str:
    """Return the hash of a demo password, made once: hashing is slow on purpose."""
    return make_password(password)


class AccountFactory(DjangoModelFactory[Account]):
    """An account of Emma HQ unless told otherwise."""

    class Meta:
        model = Account

    slug = factory.Sequence(lambda n: f"account-{n}")
    name = factory.Sequence(lambda n: f"Account {n}")
    edition = "emma_hq"
    owner = factory.SubFactory(UserFactory)


class SubaccountFactory(DjangoModelFactory[Subaccount]):
    """An active subaccount."""

    class Meta:
        model = Subaccount

    account = factory.SubFactory(AccountFactory)
    slug = factory.Sequence(lambda n: f"subaccount-{n}")
    name = factory.Sequence(lambda n: f"Subaccount {n}")


class MembershipFactory(DjangoModelFactory[Membership]):
    """A membership; pass ``subaccount`` or leave it out for the account level.

    ``reach`` lists the subaccounts one at account level manages. The owner gave it.
    """

    class Meta:
        model = Membership
        skip_postgeneration_save = True

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory)
    role = "full"
    given_by = factory.LazyAttribute(lambda o: o.account.owner)
    exclusive = factory.LazyAttribute(lambda o: not get(o.account.edition).roles_add_up)

    @factory.post_generation
    def reaching(self: Any, create: bool, extracted: Any, **_: Any) -> None:
        """Add the managed subaccounts."""
        for subaccount in extracted or ():
            self.reach.create(subaccount=subaccount, account=self.account)


class RoleFactory(DjangoModelFactory[Role]):
    """A custom role without any permission."""

    class Meta:
        model = Role

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda n: f"Role {n}")
    permissions = factory.LazyFunction(list)


class TeamFactory(DjangoModelFactory[Team]):
    """An empty team with its group."""

    class Meta:
        model = Team

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda n: f"Team {n}")
    group = factory.LazyFunction(lambda: Group.objects.create(name=f"team:{uuid.uuid4()}"))


class TeamMembershipFactory(DjangoModelFactory[TeamMembership]):
    """One person in one team."""

    class Meta:
        model = TeamMembership

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    added_by = factory.LazyAttribute(lambda o: o.team.account.owner)


def _account_of(subaccount: Subaccount) -> Account:
    return subaccount.account


class InSubaccountFactory(DjangoModelFactory[Any]):
    """What everything in a subaccount shares."""

    class Meta:
        abstract = True

    subaccount = factory.SubFactory(SubaccountFactory)
    account = factory.LazyAttribute(lambda o: _account_of(o.subaccount))


class MailingListFactory(InSubaccountFactory):
    """A primary list."""

    class Meta:
        model = MailingList

    slug = factory.Sequence(lambda n: f"list-{n}")
    name = factory.Sequence(lambda n: f"List {n}")


class MessageTemplateFactory(InSubaccountFactory):
    """A template."""

    class Meta:
        model = MessageTemplate

    slug = factory.Sequence(lambda n: f"template-{n}")
    name = factory.Sequence(lambda n: f"Template {n}")


class SavedRowFactory(InSubaccountFactory):
    """A saved row."""

    class Meta:
        model = SavedRow

    slug = factory.Sequence(lambda n: f"row-{n}")
    name = factory.Sequence(lambda n: f"Row {n}")
    html = "<p>Kept for later</p>"


class CampaignFactory(InSubaccountFactory):
    """A draft; one with the status ``sent`` was sent just now."""

    class Meta:
        model = Campaign

    slug = factory.Sequence(lambda n: f"campaign-{n}")
    name = factory.Sequence(lambda n: f"Campaign {n}")
    status = Campaign.Status.DRAFT
    sent_at = factory.LazyAttribute(
        lambda o: timezone.now() if o.status == Campaign.Status.SENT else None
    )


class CustomFieldFactory(InSubaccountFactory):
    """A field for text."""

    class Meta:
        model = CustomField

    codename = factory.Sequence(lambda n: f"field_{n}")
    label = factory.Sequence(lambda n: f"Field {n}")


class SegmentFactory(InSubaccountFactory):
    """Who is subscribed, of a whole subaccount."""

    class Meta:
        model = Segment

    slug = factory.Sequence(lambda n: f"segment-{n}")
    name = factory.Sequence(lambda n: f"Segment {n}")
    rules = factory.LazyFunction(
        lambda: {
            "match": "all",
            "rules": [{"field": "status", "test": "is", "value": "subscribed"}],
        }
    )


class ContactFactory(InSubaccountFactory):
    """A subscriber."""

    class Meta:
        model = Contact

    email = factory.Sequence(lambda n: f"contact{n}@readers.example")
    first_name = "Robin"
    last_name = factory.Sequence(lambda n: f"Reader {n}")


class InvitationFactory(DjangoModelFactory[Invitation]):
    """A pending invitation as it is stored; places as for a membership, no mail."""

    class Meta:
        model = Invitation
        skip_postgeneration_save = True

    account = factory.SubFactory(AccountFactory)
    address = factory.Sequence(lambda n: f"invited{n}@people.example")
    role = "editor"
    exclusive = factory.LazyAttribute(lambda o: not get(o.account.edition).roles_add_up)
    sent_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=15))

    @factory.post_generation
    def reaching(self: Any, create: bool, extracted: Any, **_: Any) -> None:
        """Add the subaccounts it reaches."""
        for subaccount in extracted or ():
            self.reach.create(subaccount=subaccount, account=self.account)


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """A key of the account's owner with every scope they could put into it; ``text`` is the key
    itself, which nobody sees again."""

    class Meta:
        model = ApiKey

    subaccount = factory.SubFactory(SubaccountFactory)
    account = factory.LazyAttribute(lambda o: _account_of(o.subaccount))
    created_by = factory.LazyAttribute(lambda o: o.account.owner)
    name = factory.Sequence(lambda n: f"Key {n}")
    scopes = factory.LazyAttribute(lambda o: keys.scopes_for(o.created_by, o.subaccount))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        issued = keys.issue()
        kwargs |= {"prefix": issued.prefix, "digest": issued.digest}
        made = super()._create(model_class, *args, **kwargs)
        made.text = issued.text
        return made
