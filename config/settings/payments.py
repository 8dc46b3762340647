"""How people pay: where they transfer money to, and Stripe for cards."""

from config.environment import env

# The lines that name the account, separated by "|": whose it is, its number, the bank.
BILLING_BANK_ACCOUNT = [
    line.strip() for line in env.str("BILLING_BANK_ACCOUNT", "").split("|") if line.strip()
]

# Cards are offered once both are set. STRIPE_API_BASE is for tests against another server.
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com")
