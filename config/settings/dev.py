"""Development: runs from a bare clone, with nothing configured."""

from config.environment import env
from config.settings.base import *

DEBUG = env.bool("DEBUG", True)
# Known to everybody, so that a bare clone starts. Production refuses it.
SECRET_KEY = env.str("SECRET_KEY", "insecure-development-key-that-production-refuses-to-use")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# Somebody has to stand on the invoices.
BILLING_SELLER_NAME = BILLING_SELLER_NAME or "Subaccounts Demo Ltd"
BILLING_SELLER_ADDRESS = BILLING_SELLER_ADDRESS or "1 Example Street|Exampleton"
BILLING_BANK_ACCOUNT = BILLING_BANK_ACCOUNT or [
    BILLING_SELLER_NAME,
    "IBAN XX00 0000 0000 0000",
    "Example Bank",
]

# The benchmark is a command of whoever develops this; nothing else knows of it.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.bench"]
