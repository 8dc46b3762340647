"""Composite keys: tenants cannot be mixed, whoever writes and however."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from billing.factories import (
    JANUARY,
    BillingDetailsFactory,
    ContentPurchaseFactory,
    InvoiceFactory,
    PaymentFactory,
    UsageDayFactory,
)
from billing.models import CreditNote, DunningStep, Invoice, InvoiceLine, Meter, Refund
from permissions.constraints import CompositeForeignKey
from teams import services
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    TeamFactory,
)
from teams.models import (
    AccessReview,
    Account,
    AccountUserGrant,
    ApiKey,
    Campaign,
    Contact,
    ContactExport,
    ContactImport,
    CustomField,
    Delivery,
    GroupedSubaccount,
    ImportedRow,
    Invitation,
    InvitedSubaccount,
    InvitedTeam,
    ListMembership,
    MailingList,
    ManagedGroup,
    ManagedSubaccount,
    Membership,
    MessageTemplate,
    ReviewLine,
    SavedRow,
    Segment,
    SubaccountGroup,
    SubaccountUserGrant,
    Suppression,
    Webhook,
    WebhookDelivery,
)
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


def segment(place: Any) -> Segment:
    return Segment.objects.create(account=place.account, subaccount=place, slug="s", name="s")


class Cast:
    """Two accounts, and something of everything in each."""

    def __init__(self) -> None:
        self.w, self.rival = world("sailthru"), world("sailthru")
        self.mine, self.theirs = self.things(self.w), self.things(self.rival)

    def job(self) -> dict[str, Any]:
        return {"account": self.w.account, "subaccount": self.w.north, "created_by": self.w.owner}

    def line(self, **bent: Any) -> dict[str, Any]:
        """Return the fields of a line of our draft, some of them bent."""
        mine = {
            "account": self.w.account,
            "invoice": self.mine["draft"],
            "position": 1,
            "meter": Meter.BASE,
            "quantity": 1,
            "amount": 1,
            "starts_on": JANUARY,
            "ends_on": date(2026, 2, 1),
        }
        return mine | bent

    @staticmethod
    def things(w: World) -> dict[str, Any]:
        north, south = w.north, w.south
        return {
            "role": w.custom(),
            "member": w.member("reports_only"),
            "manager": w.manager(role="account_admin"),
            "list": MailingListFactory(subaccount=north),
            "south list": MailingListFactory(subaccount=south),
            "template": MessageTemplateFactory(subaccount=north),
            "south template": MessageTemplateFactory(subaccount=south),
            "contact": ContactFactory(subaccount=north),
            "campaign": CampaignFactory(subaccount=north),
            "segment": segment(north),
            "south segment": segment(south),
            "team": TeamFactory(account=w.account),
            "group": SubaccountGroup.objects.create(account=w.account, name="Coast"),
            "bill": InvoiceFactory(account=w.account),
            "draft": Invoice.objects.create(
                account=w.account, month=date(2026, 2, 1), currency="EUR"
            ),
            "invitation": Invitation.objects.create(
                account=w.account,
                address="ana@new.example",
                subaccount=north,
                role="reports_only",
                expires_at=timezone.now(),
            ),
            "import": ContactImport.objects.create(
                account=w.account, subaccount=north, created_by=w.owner, original_name="a.csv"
            ),
        }


@pytest.fixture
def cast() -> Cast:
    return Cast()


def permission(model: str) -> Permission:
    return Permission.objects.get(codename="export_contacts", content_type__model=model)


#: constraint -> the ways a row may be bent over to another account, subaccount or person
def review_of(account: Account) -> AccessReview:
    return AccessReview.objects.create(account=account, name="x", due_at=timezone.now())


BENT: dict[str, list[Callable[[Cast], Any]]] = {
    "apikey_same_account": [
        lambda c: ApiKey.objects.create(
            account=c.w.account, subaccount=c.rival.north, name="x", prefix="x", digest="x"
        ),
    ],
    "accessreview_same_account": [
        lambda c: AccessReview.objects.create(
            account=c.w.account, subaccount=c.rival.north, name="x", due_at=timezone.now()
        ),
    ],
    "reviewline_same_account": [
        lambda c: ReviewLine.objects.create(account=c.w.account, review=review_of(c.rival.account)),
    ],
    "reviewline_same_place": [
        lambda c: ReviewLine.objects.create(
            account=c.w.account, review=review_of(c.w.account), subaccount=c.rival.north
        ),
    ],
    "webhookdelivery_same_account": [
        lambda c: WebhookDelivery.objects.create(
            account=c.w.account, webhook=Webhook.objects.create(account=c.rival.account), sequence=1
        ),
    ],
    "mailinglist_same_account": [
        lambda c: MailingList.objects.bulk_create(
            [MailingList(account=c.w.account, subaccount=c.rival.north, slug="x", name="x")]
        ),
        lambda c: MailingList.objects.filter(pk=c.mine["list"].pk).update(subaccount=c.rival.north),
        lambda c: MailingList.objects.filter(pk=c.mine["list"].pk).update(account=c.rival.account),
        lambda c: type(c.w.north).objects.filter(pk=c.w.north.pk).update(account=c.rival.account),
    ],
    "messagetemplate_same_account": [
        lambda c: MessageTemplate.objects.bulk_create(
            [MessageTemplate(account=c.w.account, subaccount=c.rival.north, slug="x", name="x")]
        ),
        lambda c: MessageTemplate.objects.filter(pk=c.mine["template"].pk).update(
            account=c.rival.account
        ),
    ],
    "contact_same_account": [
        lambda c: Contact.objects.bulk_create(
            [Contact(account=c.w.account, subaccount=c.rival.north, email="a@b.example")]
        ),
        lambda c: Contact.objects.filter(pk=c.mine["contact"].pk).update(account=c.rival.account),
    ],
    "campaign_same_account": [
        lambda c: Campaign.objects.bulk_create(
            [Campaign(account=c.w.account, subaccount=c.rival.north, slug="x", name="x")]
        ),
        lambda c: Campaign.objects.filter(pk=c.mine["campaign"].pk).update(account=c.rival.account),
    ],
    "campaign_same_list": [
        lambda c: Campaign.objects.filter(pk=c.mine["campaign"].pk).update(
            mailing_list=c.theirs["list"]
        ),
        lambda c: Campaign.objects.filter(pk=c.mine["campaign"].pk).update(
            mailing_list=c.mine["south list"]
        ),
        lambda c: CampaignFactory(subaccount=c.w.south, mailing_list=c.mine["list"]),
    ],
    "campaign_same_template": [
        lambda c: Campaign.objects.filter(pk=c.mine["campaign"].pk).update(
            template=c.theirs["template"]
        ),
        lambda c: Campaign.objects.filter(pk=c.mine["campaign"].pk).update(
            template=c.mine["south template"]
        ),
    ],
    "customfield_same_account": [
        lambda c: CustomField.objects.bulk_create(
            [CustomField(account=c.w.account, subaccount=c.rival.north, codename="x", label="x")]
        ),
    ],
    "segment_same_account": [
        lambda c: Segment.objects.bulk_create(
            [Segment(account=c.w.account, subaccount=c.rival.north, slug="x", name="x")]
        ),
    ],
    "savedrow_same_account": [
        lambda c: SavedRow.objects.bulk_create(
            [SavedRow(account=c.w.account, subaccount=c.rival.north, slug="x", name="x")]
        ),
    ],
    "contactimport_same_account": [
        lambda c: ContactImport.objects.bulk_create(
            [ContactImport(account=c.w.account, subaccount=c.rival.north, created_by=c.w.owner)]
        ),
    ],
    "contactexport_same_account": [
        lambda c: ContactExport.objects.bulk_create(
            [ContactExport(account=c.w.account, subaccount=c.rival.north, created_by=c.w.owner)]
        ),
    ],
    "contactimport_same_list": [
        lambda c: ContactImport.objects.create(**c.job(), mailing_list=c.theirs["list"]),
        lambda c: ContactImport.objects.create(**c.job(), mailing_list=c.mine["south list"]),
    ],
    "contactexport_same_list": [
        lambda c: ContactExport.objects.create(**c.job(), mailing_list=c.theirs["list"]),
        lambda c: ContactExport.objects.create(**c.job(), mailing_list=c.mine["south list"]),
    ],
    "contactexport_same_segment": [
        lambda c: ContactExport.objects.create(**c.job(), segment=c.theirs["segment"]),
        lambda c: ContactExport.objects.create(**c.job(), segment=c.mine["south segment"]),
    ],
    "segment_same_list": [
        lambda c: Segment.objects.filter(pk=c.mine["segment"].pk).update(
            mailing_list=c.theirs["list"]
        ),
        lambda c: Segment.objects.filter(pk=c.mine["segment"].pk).update(
            mailing_list=c.mine["south list"]
        ),
    ],
    "campaign_same_segment": [
        lambda c: Campaign.objects.filter(pk=c.mine["campaign"].pk).update(
            segment=c.theirs["segment"]
        ),
        lambda c: Campaign.objects.filter(pk=c.mine["campaign"].pk).update(
            segment=c.mine["south segment"]
        ),
    ],
    "delivery_same_campaign": [
        lambda c: Delivery.objects.create(
            subaccount=c.w.north, campaign=c.theirs["campaign"], contact=c.mine["contact"]
        ),
    ],
    "delivery_same_contact": [
        lambda c: Delivery.objects.create(
            subaccount=c.w.north, campaign=c.mine["campaign"], contact=c.theirs["contact"]
        ),
    ],
    "importedrow_same_import": [
        lambda c: ImportedRow.objects.create(
            subaccount=c.w.north, contact_import=c.theirs["import"], contact=c.mine["contact"]
        ),
    ],
    "importedrow_same_contact": [
        lambda c: ImportedRow.objects.create(
            subaccount=c.w.north, contact_import=c.mine["import"], contact=c.theirs["contact"]
        ),
    ],
    "suppression_same_account": [
        lambda c: Suppression.objects.create(
            account=c.w.account, subaccount=c.rival.north, digest="0" * 64
        ),
    ],
    "listmembership_same_contact": [
        lambda c: ListMembership.objects.bulk_create(
            [
                ListMembership(
                    subaccount=c.rival.north,
                    contact=c.mine["contact"],
                    mailing_list=c.theirs["list"],
                )
            ]
        ),
    ],
    "listmembership_same_list": [
        lambda c: ListMembership.objects.create(
            subaccount=c.w.north, contact=c.mine["contact"], mailing_list=c.mine["south list"]
        ),
        lambda c: ListMembership.objects.create(
            subaccount=c.w.north, contact=c.mine["contact"], mailing_list=c.theirs["list"]
        ),
    ],
    "membership_same_account_subaccount": [
        lambda c: Membership.objects.filter(pk=c.mine["member"].pk).update(
            subaccount=c.rival.north
        ),
        lambda c: Membership.objects.filter(pk=c.mine["member"].pk).update(account=c.rival.account),
        lambda c: Membership.objects.bulk_create(
            [
                Membership(
                    user=c.rival.owner,
                    account=c.w.account,
                    subaccount=c.rival.north,
                    role="reports_only",
                )
            ]
        ),
    ],
    "membership_same_account_role": [
        lambda c: Membership.objects.filter(pk=c.mine["member"].pk).update(
            role="", custom_role=c.theirs["role"]
        ),
    ],
    "managedsubaccount_same_account_membership": [
        lambda c: ManagedSubaccount.objects.create(
            account=c.rival.account, membership=c.mine["manager"], subaccount=c.rival.north
        ),
    ],
    "managedsubaccount_same_account_subaccount": [
        lambda c: ManagedSubaccount.objects.create(
            account=c.w.account, membership=c.mine["manager"], subaccount=c.rival.north
        ),
    ],
    "groupedsubaccount_same_account_group": [
        lambda c: GroupedSubaccount.objects.create(
            account=c.w.account, group=c.theirs["group"], subaccount=c.w.north
        ),
    ],
    "groupedsubaccount_same_account_subaccount": [
        lambda c: GroupedSubaccount.objects.create(
            account=c.w.account, group=c.mine["group"], subaccount=c.rival.north
        ),
    ],
    "managedgroup_same_account_membership": [
        lambda c: ManagedGroup.objects.create(
            account=c.rival.account, membership=c.mine["manager"], group=c.theirs["group"]
        ),
    ],
    "managedgroup_same_account_group": [
        lambda c: ManagedGroup.objects.create(
            account=c.w.account, membership=c.mine["manager"], group=c.theirs["group"]
        ),
        lambda c: (
            ManagedGroup.objects.create(
                account=c.w.account, membership=c.mine["manager"], group=c.mine["group"]
            ),
            SubaccountGroup.objects.filter(pk=c.mine["group"].pk).update(account=c.rival.account),
        ),
    ],
    "invitation_same_account_subaccount": [
        lambda c: Invitation.objects.filter(pk=c.mine["invitation"].pk).update(
            subaccount=c.rival.north
        ),
        lambda c: Invitation.objects.filter(pk=c.mine["invitation"].pk).update(
            account=c.rival.account
        ),
    ],
    "invitation_same_account_role": [
        lambda c: Invitation.objects.filter(pk=c.mine["invitation"].pk).update(
            role="", custom_role=c.theirs["role"]
        ),
    ],
    "invitedsubaccount_same_account_invitation": [
        lambda c: InvitedSubaccount.objects.create(
            account=c.w.account, invitation=c.theirs["invitation"], subaccount=c.w.north
        ),
    ],
    "invitedsubaccount_same_account_subaccount": [
        lambda c: InvitedSubaccount.objects.create(
            account=c.w.account, invitation=c.mine["invitation"], subaccount=c.rival.north
        ),
    ],
    "invitedteam_same_account_invitation": [
        lambda c: InvitedTeam.objects.create(
            account=c.w.account, invitation=c.theirs["invitation"], team=c.mine["team"]
        ),
    ],
    "invitedteam_same_account_team": [
        lambda c: InvitedTeam.objects.create(
            account=c.w.account, invitation=c.mine["invitation"], team=c.theirs["team"]
        ),
    ],
    "accountusergrant_own_membership": [
        lambda c: AccountUserGrant.objects.create(
            content_object=c.rival.account,
            membership=c.mine["manager"],
            user=c.mine["manager"].user,
            permission=permission("account"),
        ),
        lambda c: AccountUserGrant.objects.create(
            content_object=c.w.account,
            membership=c.mine["manager"],
            user=c.mine["member"].user,
            permission=permission("account"),
        ),
    ],
    "subaccountusergrant_own_membership": [
        lambda c: SubaccountUserGrant.objects.create(
            content_object=c.w.south,
            membership=c.mine["member"],
            user=c.mine["member"].user,
            permission=permission("subaccount"),
        ),
        lambda c: SubaccountUserGrant.objects.create(
            content_object=c.rival.north,
            membership=c.mine["member"],
            user=c.mine["member"].user,
            permission=permission("subaccount"),
        ),
        lambda c: SubaccountUserGrant.objects.create(
            content_object=c.w.north,
            membership=c.mine["member"],
            user=c.mine["manager"].user,
            permission=permission("subaccount"),
        ),
    ],
    # billing
    "usageday_same_account": [
        lambda c: UsageDayFactory(account=c.w.account, subaccount=c.rival.north),
    ],
    "billingdetails_same_account": [
        lambda c: BillingDetailsFactory(account=c.w.account, subaccount=c.rival.north),
    ],
    "invoice_same_account": [
        lambda c: Invoice.objects.create(
            account=c.w.account, subaccount=c.rival.north, month=JANUARY, currency="EUR"
        ),
    ],
    "invoiceline_same_invoice": [
        lambda c: InvoiceLine.objects.create(**c.line(invoice=c.theirs["draft"])),
    ],
    "invoiceline_same_account": [
        lambda c: InvoiceLine.objects.create(**c.line(subaccount=c.rival.north)),
    ],
    "contentpurchase_same_account": [
        lambda c: ContentPurchaseFactory(account=c.w.account, subaccount=c.rival.north),
    ],
    "creditnote_same_invoice": [
        lambda c: CreditNote.objects.create(
            account=c.w.account,
            invoice=c.theirs["bill"],
            number=1,
            label="C1",
            subtotal=1,
            tax=0,
            total=1,
            issued_on=JANUARY,
        ),
    ],
    "dunningstep_same_invoice": [
        lambda c: DunningStep.objects.create(
            account=c.w.account, invoice=c.theirs["bill"], step=DunningStep.Step.REMINDER
        ),
    ],
    "payment_same_invoice": [
        lambda c: PaymentFactory(account=c.w.account, invoice=c.theirs["bill"]),
    ],
    "refund_same_payment": [
        lambda c: Refund.objects.create(
            account=c.w.account,
            payment=PaymentFactory(invoice=c.theirs["bill"]),
            amount=1,
            reference="R1",
        ),
    ],
}
CASES = [
    pytest.param(act, id=f"{name}-{number}")
    for name, acts in BENT.items()
    for number, act in enumerate(acts)
]


def declared() -> dict[str, type[models.Model]]:
    return {
        constraint.name: model
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, CompositeForeignKey)
    }


def test_every_composite_key_has_a_case() -> None:
    assert set(BENT) == set(declared())


@pytest.mark.parametrize("act", CASES)
def test_database_refuses_to_mix_tenants(cast: Cast, act: Callable[[Cast], Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        act(cast)


def test_raw_insert_is_refused_at_once(cast: Cast) -> None:
    """Not at the end of the transaction, where it would be too late to say which write it was."""
    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO teams_managedsubaccount (account_id, membership_id, subaccount_id)"
            " VALUES (%s, %s, %s)",
            [cast.w.account.pk, cast.mine["manager"].pk, cast.rival.north.pk],
        )


def test_nothing_is_checked_where_a_column_is_null(cast: Cast) -> None:
    Campaign.objects.filter(pk=cast.mine["campaign"].pk).update(mailing_list=None, template=None)
    CampaignFactory(subaccount=cast.w.south, mailing_list=None)


def test_full_clean_says_it_in_words(cast: Cast) -> None:
    campaign = cast.mine["campaign"]
    campaign.mailing_list = cast.theirs["list"]
    with pytest.raises(ValidationError) as caught:
        campaign.full_clean()
    assert caught.value.messages == [
        "These do not belong together: choose them from the same account."
    ]


def names_in_database(model: type[models.Model]) -> set[str]:
    """Return the composite keys the database itself knows of ``model``."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [model._meta.db_table])
            sql = cursor.fetchone()[0]
            return {name for name in declared() if f'CONSTRAINT "{name}"' in sql}
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
        return set(found) & set(declared())


@pytest.mark.parametrize("model", sorted(set(declared().values()), key=lambda m: m.__name__))
def test_database_has_what_the_model_declares(model: type[models.Model]) -> None:
    assert names_in_database(model) == {n for n, m in declared().items() if m is model}


@pytest.mark.django_db(transaction=True)
def test_composite_keys_survive_a_table_rebuild() -> None:
    """SQLite alters a column by building the table anew."""
    old = Campaign._meta.get_field("subject")
    new = old.clone()
    new.max_length = 250
    new.set_attributes_from_name("subject")
    new.model = Campaign
    with connection.schema_editor() as editor:
        editor.alter_field(Campaign, old, new, strict=True)
    try:
        assert names_in_database(Campaign) == {
            "campaign_same_account",
            "campaign_same_list",
            "campaign_same_segment",
            "campaign_same_template",
        }
        cast = Cast()
        for act in BENT["campaign_same_list"]:
            with pytest.raises(IntegrityError), transaction.atomic():
                act(cast)
    finally:
        with connection.schema_editor() as editor:
            editor.alter_field(Campaign, new, old, strict=True)


def test_there_is_nothing_to_migrate() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    ("fields", "to_columns"), [(("a",), ("b",)), (("a", "b"), ("c",)), ((), ())]
)
def test_a_key_over_fewer_than_two_columns_is_refused(
    fields: tuple[str, ...], to_columns: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="at least two"):
        CompositeForeignKey(fields=fields, to_table="t", to_columns=to_columns, name="n")


def test_a_constraint_is_equal_to_what_its_migration_rebuilds() -> None:
    for model in set(declared().values()):
        for constraint in model._meta.constraints:
            if isinstance(constraint, CompositeForeignKey):
                _, args, kwargs = constraint.deconstruct()
                assert CompositeForeignKey(*args, **kwargs) == constraint
                assert hash(CompositeForeignKey(**kwargs)) == hash(constraint)
                assert constraint != CompositeForeignKey(**{**kwargs, "name": "other"})


# deleting takes everything along, in whatever order Django chooses


def populated() -> tuple[World, Membership, Membership]:
    w = world("emma_corporate")
    member = w.member("full", toggles=("export_contacts",))
    manager = w.manager(w.north, toggles=("billing",))
    CampaignFactory(
        subaccount=w.north,
        mailing_list=MailingListFactory(subaccount=w.north),
        template=MessageTemplateFactory(subaccount=w.north),
    )
    services.give_guest_access(
        actor=w.owner, user=member.user, obj=w.south, permissions=["access_audience"]
    )
    return w, member, manager


@pytest.mark.parametrize("which", ["member", "manager"])
def test_deleting_a_login_leaves_no_right_of_theirs(which: str) -> None:
    _, member, manager = populated()
    user = (member if which == "member" else manager).user
    pk = user.pk

    user.delete()

    assert not Membership.objects.filter(user=pk).exists()
    assert not SubaccountUserGrant.objects.filter(user=pk).exists()
    assert not AccountUserGrant.objects.filter(user=pk).exists()


def test_deleting_a_subaccount_leaves_no_right_in_it() -> None:
    w, *_ = populated()
    Campaign.objects.filter(subaccount=w.north).delete()  # protects its list and template

    pk = w.north.pk

    w.north.delete()

    assert not Membership.objects.filter(subaccount=pk).exists()
    assert not MailingList.objects.filter(subaccount=pk).exists()
    assert not SubaccountUserGrant.objects.exclude(content_object=w.south).exists()


def test_deleting_an_account_leaves_nothing() -> None:
    w, *_ = populated()
    Campaign.objects.all().delete()

    w.account.delete()

    for model in (Membership, SubaccountUserGrant, AccountUserGrant, MailingList):
        assert not model._default_manager.exists()
