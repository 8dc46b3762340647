"""How many days after an invoice was due what happens. Checked at start-up: each later than the
one before."""

from config.environment import env

BILLING_REMINDER_DAYS = env.int("BILLING_REMINDER_DAYS", 1)
BILLING_LAST_REMINDER_DAYS = env.int("BILLING_LAST_REMINDER_DAYS", 14)
BILLING_READ_ONLY_DAYS = env.int("BILLING_READ_ONLY_DAYS", 30)
