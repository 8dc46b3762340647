"""What happened to plans, invoices and payments, in words for the feed."""

from __future__ import annotations

from teams.admin import feed

feed.register(
    {
        "billing_details.changed": "changed the billing details of {subject}.",
        "billing_details.taxed": "set the tax of {subject}.",
        "account.single_bill_set": "changed whether {subject} is on single bill.",
        "subaccount.direct_billing_set": "changed who pays for {subject}.",
        "rate_plan.changed": "changed the rate plan of {subject}.",
        "rate_plan.change_withdrawn": "withdrew a change of the rate plan of {subject}.",
        "invoice.issued": "issued the invoice {subject}.",
        "invoice.credited": "credited the invoice {subject}.",
        "invoice.paid": "settled the invoice {subject}.",
        "invoice.dunned": "took a step because the invoice {subject} is overdue.",
        "payment.started": "started a payment. {subject}.",
        "payment.succeeded": "received a payment. {subject}.",
        "payment.failed": "saw a payment fail. {subject}.",
        "payment.cancelled": "cancelled a payment. {subject}.",
        "payment.mismatched": "received another amount than was asked for. {subject}.",
        "payment.surplus": "received a payment that nobody owed any more. {subject}.",
        "payment.returned": "sent a payment back. {subject}.",
        "payment.refunded": "sent back what had been credited. {subject}.",
    }
)
