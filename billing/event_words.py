"""What happened to plans, invoices and payments, in words for the record."""

from __future__ import annotations

from collections.abc import Mapping

from permissions.models import AuditEvent
from teams.event_changes import Writer, moment, text
from teams.event_names import Names
from teams.event_sentences import Told

#: the kind of change that all of it is: how an address names it, its label, and how actions begin
AREA = (
    "billing",
    "Billing",
    (
        "billing_details.",
        "rate_plan.",
        "invoice.",
        "payment.",
        "content.",
        "account.single_bill_set",
        "account.read_only",
        "account.writable",
        "subaccount.direct_billing_set",
    ),
)

#: by the step that was taken; what an older record calls otherwise is told in general
_DUNNED = {
    "reminder": "reminded of the invoice {}, which is overdue.",
    "last_reminder": "reminded for the last time of the invoice {}, which is overdue.",
    "read_only": "closed the account to changes until the invoice {}, which is overdue, is paid.",
}


def _dunned(names: Names, event: AuditEvent) -> str:
    said = _DUNNED.get(str(event.data.get("step")), "took a step: the invoice {} is overdue.")
    return said.format(names.subject(event))


#: what is recorded in a tenant's audit and changes nobody's access
HARMLESS: Mapping[str, Told] = {
    "billing_details.changed": "changed the billing details of {subject}.",
    "billing_details.taxed": "set the tax of {subject}.",
    "rate_plan.changed": "changed the rate plan of {subject}.",
    "rate_plan.change_withdrawn": "withdrew a change of the rate plan of {subject}.",
    "content.purchased": "bought {subject} for {place}.",
    "content.fetched": "fetched {subject} again, which had been bought for {place}.",
    "invoice.issued": "issued the invoice {subject}.",
    "invoice.credited": "credited the invoice {subject}.",
    "invoice.paid": "settled the invoice {subject}.",
    "invoice.dunned": _dunned,
    "payment.started": "started a payment. {subject}.",
    "payment.succeeded": "received a payment. {subject}.",
    "payment.failed": "saw a payment fail. {subject}.",
    "payment.cancelled": "cancelled a payment. {subject}.",
    "payment.mismatched": "received another amount than was asked for. {subject}.",
    "payment.surplus": "received a payment that nobody owed any more. {subject}.",
    "payment.returned": "sent a payment back. {subject}.",
    "payment.refunded": "sent back what had been credited. {subject}.",
}
SENTENCES: Mapping[str, Told] = {
    **HARMLESS,
    "account.single_bill_set": "changed whether {subject} is on single bill.",
    "subaccount.direct_billing_set": "changed who pays for {subject}.",
    # about the plans and the content on offer: no tenant's
    "rate_plan.created": "wrote the rate plan {subject}.",
    "rate_plan.edited": "changed the terms of the rate plan {subject}.",
    "rate_plan.renamed": "renamed the rate plan {before} to {after}.",
    "rate_plan.offered": "offered the rate plan {subject} to accounts.",
    "rate_plan.withdrawn": "no longer offers the rate plan {subject} to accounts.",
    "content.created": "put {subject} on the shelf of content.",
    "content.repriced": "changed the price of {subject}.",
    "content.offered": "offers {subject} to accounts.",
    "content.withdrawn": "no longer offers {subject} to accounts.",
}


def _on_bill(_names: Names, value: object) -> str:
    return "Yes" if value else "No"


def _pays(_names: Names, value: object) -> str:
    return "The subaccount itself" if value else "The account"


def _step(_names: Names, value: object) -> str:
    return str(value).replace("_", " ").capitalize()


SINGLE: Mapping[str, tuple[str, Writer]] = {
    "account.single_bill_set": ("On single bill", _on_bill),
    "subaccount.direct_billing_set": ("Who pays", _pays),
    "rate_plan.changed": ("Rate plan", text),
}
SAID: Mapping[str, tuple[str, Writer]] = {
    "invoice": ("Invoice", text),
    "credit_note": ("Credit note", text),
    "amount": ("Amount", text),
    "price": ("Price", text),
    "came": ("Came", text),
    "refunded": ("Sent back", text),
    "total": ("Total", text),
    "currency": ("Currency", text),
    "month": ("Month", moment),
    "due_on": ("Due", moment),
    "starts_on": ("From", moment),
    "plan": ("Rate plan", text),
    "withdrawn": ("Withdrawn", text),
    "step": ("Step", _step),
    "reference": ("Reference", text),
}
