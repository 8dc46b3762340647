"""Who sends the invoices, as it stands on them, and how many days there are to pay."""

from config.environment import env

BILLING_SELLER_NAME = env.str("BILLING_SELLER_NAME", "")
# The lines under the name, separated by "|".
BILLING_SELLER_ADDRESS = env.str("BILLING_SELLER_ADDRESS", "")
BILLING_SELLER_TAX_ID = env.str("BILLING_SELLER_TAX_ID", "")
# What stands at the end of each invoice: how to pay, what the law wants said.
BILLING_SELLER_NOTE = env.str("BILLING_SELLER_NOTE", "")
BILLING_DUE_DAYS = env.int("BILLING_DUE_DAYS", 14)
