"""What was issued, paid or metered stays as it is, whoever writes and by whatever way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations import Migration
from django.db.models.signals import pre_migrate
from django.utils import timezone

from billing.factories import (
    ContentPurchaseFactory,
    InvoiceFactory,
    PaymentFactory,
    UsageDayFactory,
)
from billing.models import (
    ContentPurchase,
    CreditNote,
    Invoice,
    InvoiceLine,
    MeteredDay,
    Payment,
    Refund,
    UsageDay,
)
from permissions import audit, locks
from teams.factories import SubaccountFactory, UserFactory
from tests.concurrency.racing import AMPLE, errors, together

NOW = timezone.now()
DAY = date(2026, 2, 2)


def sql(statement: str, *values: Any) -> Callable[[], Any]:
    """Return the act of running ``statement`` as it is."""

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)

    return run


def refused(act: Callable[[], Any]) -> str:
    """Return how the database refuses ``act``; "" if it does not. Nothing of it stays."""
    try:
        with transaction.atomic():
            act()
            transaction.set_rollback(True)
    except IntegrityError as error:
        return str(error).splitlines()[0]
    return ""


def other(field: models.Field[Any, Any]) -> Any:
    """Return a value for ``field`` that no row of the tests has."""
    match field:
        case models.ForeignKey():
            return 987_654
        case models.DecimalField():
            return Decimal("0.125")
        case models.DateTimeField():
            return NOW
        case models.DateField():
            return date(2031, 1, 1)
        case models.BooleanField():
            return False
        case models.JSONField():
            return {"name": "Somebody else"}
        case models.UUIDField():
            return "00000000-0000-4000-8000-000000000000"
        case models.IntegerField():
            return 987_654
        case _:
            return "zzz"


def check_columns(row: Any, *, free: set[str], said: str) -> None:
    """Check of every column of ``row``, by raw SQL, that it changes if it is free and else not."""
    table = row._meta.db_table
    for field in row._meta.local_concrete_fields:
        if field.name in free or field.primary_key:
            continue
        value = field.get_db_prep_save(other(field), connection)
        act = sql(f"UPDATE {table} SET {field.column} = %s WHERE id = %s", value, row.pk)
        assert said in refused(act), f"{table}.{field.column} can be changed"
        by_orm = row._meta.model.objects.filter(pk=row.pk)
        assert said in refused(lambda f=field, q=by_orm: q.update(**{f.attname: other(f)}))


def issued() -> Invoice:
    return InvoiceFactory(paid=Decimal(10), subaccount=None)


def test_of_an_issued_invoice_only_where_it_stands_changes(db: None) -> None:
    invoice, said = issued(), "an issued invoice stays as it is"

    check_columns(invoice, free={"status", "paid", "credited", "settled_at"}, said=said)
    invoice.status, invoice.settled_at = Invoice.Status.PAID, NOW
    invoice.paid, invoice.credited = invoice.total, Decimal(1)
    invoice.save()
    for act in (
        invoice.delete,
        lambda: Invoice.objects.filter(pk=invoice.pk)._raw_delete("default"),
        sql("DELETE FROM billing_invoice WHERE id = %s", invoice.pk),
    ):
        assert "stay as they are" in refused(act) or said in refused(act)
    assert said in refused(sql("UPDATE billing_invoice SET status = 'draft', total = 1"))
    invoice.billed_to = {"name": "Somebody else"}
    with pytest.raises(IntegrityError, match=said), transaction.atomic():
        invoice.save()


def test_lines_of_an_issued_invoice_stay(db: None) -> None:
    invoice, said = issued(), "the lines of an issued invoice stay as they are"
    line = invoice.lines.get()
    draft = InvoiceFactory(account=invoice.account, status="draft", month=date(2026, 2, 1))
    loose = draft.lines.get()

    check_columns(line, free={"account"}, said=said)

    def copy() -> None:
        InvoiceLine.objects.bulk_create([copied])

    copied = invoice.lines.get()
    copied.pk, copied.position = None, 2
    move = "UPDATE billing_invoiceline SET invoice_id = %s, position = 9 WHERE id = %s"
    for act in (
        line.delete,
        invoice.lines.all().delete,
        sql("DELETE FROM billing_invoiceline WHERE id = %s", line.pk),
        copy,
        sql(move, invoice.pk, loose.pk),
        sql(move, draft.pk, line.pk),
        sql("UPDATE billing_invoiceline SET amount = 0"),
    ):
        assert said in refused(act)
    draft.lines.update(amount=3)
    draft.delete()
    assert InvoiceLine.objects.get() == line


def test_drafts_change_and_go(db: None) -> None:
    draft = InvoiceFactory(status="draft")

    draft.lines.update(amount=Decimal(7))
    draft.total = draft.subtotal = Decimal(7)
    draft.save()
    assert refused(draft.delete) == ""


def test_credit_notes_and_what_came_stay(db: None) -> None:
    invoice = issued()
    clerk = UserFactory()
    note = CreditNote.objects.create(
        account=invoice.account, invoice=invoice, number=1, label="C1", reason="A mistake",
        subtotal=1, tax=0, total=1, issued_on=DAY, issued_by=clerk,
    )  # fmt: skip
    payment = PaymentFactory(invoice=invoice, started_by=clerk, status="succeeded")
    refund = Refund.objects.create(
        account=invoice.account, payment=payment, amount=1, reference="R1"
    )
    free = {"status", "settled_at", "problem", "redirect_url"}

    check_columns(note, free=set(), said="a credit note stays as it is")
    check_columns(payment, free=free, said="a payment that came stays as it is")
    check_columns(refund, free=set(), said="a refund stays as it is")
    for row in (refund, note, payment):
        table = row._meta.db_table
        assert "stays as it is" in refused(sql(f"DELETE FROM {table} WHERE id = %s", row.pk))
        assert "stays as it is" in refused(
            lambda r=row: type(r).objects.all()._raw_delete("default")
        )
    # a login that is deleted is forgotten, and only that
    assert clerk.delete()[0] == 1
    note.refresh_from_db()
    payment.refresh_from_db()
    assert (note.issued_by, payment.started_by) == (None, None)
    by = UserFactory()
    assert "stays" in refused(lambda: CreditNote.objects.update(issued_by=by))


def test_a_payment_that_has_not_come_may_change(db: None) -> None:
    for status in ("pending", "failed", "cancelled"):
        payment = PaymentFactory(status=status)
        Payment.objects.filter(pk=payment.pk).update(amount=1, reference=f"later {status}")
        assert refused(payment.delete) == ""
    for status in ("succeeded", "surplus", "returned"):
        payment = PaymentFactory(status=status)
        # also not in two steps: back to where it might change
        for change in ({"amount": 1}, *({"status": s} for s in ("pending", "failed", "cancelled"))):
            assert "a payment that came" in refused(
                lambda p=payment, c=change: Payment.objects.filter(pk=p.pk).update(**c)
            )


def test_what_was_metered_stays(db: None) -> None:
    north = SubaccountFactory()
    day = UsageDayFactory(subaccount=north, contacts=7, sends=8)
    other_day = UsageDayFactory(subaccount=SubaccountFactory())
    metered = MeteredDay.objects.create(account=north.account, day=DAY, seats=3)

    check_columns(day, free=set(), said="the usage of a day stays as it is")
    check_columns(metered, free=set(), said="a metered day stays as it is")
    for act in (
        metered.delete,
        MeteredDay.objects.all().delete,
        sql("DELETE FROM billing_meteredday"),
    ):
        assert "a metered day stays" in refused(act)
    north.delete()
    assert UsageDay.objects.get() == other_day


def test_what_was_bought_stays(db: None) -> None:
    bought = ContentPurchaseFactory(bought_by=UserFactory())
    check_columns(bought, free=set(), said="what was bought stays as it is")
    for act in (bought.delete, sql("DELETE FROM billing_contentpurchase")):
        assert "what was bought stays" in refused(act)
    bought.bought_by.delete()
    bought.refresh_from_db()
    assert bought.bought_by is None


def test_tables_cannot_be_emptied(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    issued()
    sql("SET CONSTRAINTS ALL IMMEDIATE")()
    for model in (
        Invoice,
        InvoiceLine,
        CreditNote,
        Payment,
        Refund,
        UsageDay,
        MeteredDay,
        ContentPurchase,
    ):
        refusal = refused(sql(f"TRUNCATE {model._meta.db_table} CASCADE"))
        assert "as it is" in refusal or "as they are" in refusal


def before_migrating(plan: list[Any]) -> None:
    """Let happen what ``migrate`` lets happen first."""
    pre_migrate.send(
        sender=apps.get_app_config("permissions"),
        using="default",
        plan=plan,
        apps=apps,
        verbosity=0,
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="REPLACE is SQLite's own")
def test_nothing_is_replaced_in_disguise(db: None) -> None:
    """SQLite asks no trigger of deletion for what REPLACE deletes, unless it is told to."""
    invoice = InvoiceFactory()
    audit.record(root="x", actor=None, action="made", subject=invoice)
    for table in ("billing_invoice", "permissions_auditevent"):

        def replace(table: str = table) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")

        assert refused(replace), table


@pytest.mark.django_db(transaction=True)
def test_no_line_slips_in_while_an_invoice_is_issued() -> None:
    draft = InvoiceFactory(status="draft")
    late = draft.lines.get()
    late.pk, late.position = None, 2
    issuing = threading.Event()

    def issue() -> None:
        with transaction.atomic():
            Invoice.objects.filter(pk=draft.pk).update(
                status="open", number=1, label="X", issued_on=DAY, due_on=DAY
            )
            issuing.set()
            time.sleep(0.2)

    def add() -> None:
        assert issuing.wait(AMPLE)
        late.save(force_insert=True)

    (refusal,) = errors(together(issue, add))
    assert "the lines of an issued invoice stay as they are" in str(refusal)


@pytest.mark.django_db(transaction=True)
def test_a_rebuilt_table_is_locked_again() -> None:
    """SQLite drops triggers with the table, and a trigger that looks at a table in the making
    would stop the migration."""
    invoice = issued()
    line = invoice.lines.get()

    def changed() -> tuple[str, str]:
        return (
            refused(lambda: Invoice.objects.update(label="X")),
            refused(lambda: InvoiceLine.objects.filter(pk=line.pk).update(amount=0)),
        )

    try:
        if connection.vendor == "sqlite":
            before_migrating([(Migration("9999_next", "billing"), False)])
            with connection.schema_editor() as editor:
                editor._remake_table(Invoice)
            assert changed() == ("", "")
    finally:
        locks.lock_down("default")
        locks.lock_down("default")  # safe to repeat
    assert all(changed())


def test_a_migrate_without_migrations_lifts_nothing(db: None) -> None:
    issued()
    before_migrating([])
    assert refused(lambda: Invoice.objects.update(label="X"))
